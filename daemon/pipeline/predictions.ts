/** What Google's `:predict` is asked for: pictures, or vectors where its instances are texts. */

type Fields = Readonly<Record<string, unknown>>;

/** As many as Imagen makes where nothing says. */
const picturesUsual = 4;
const picturesMax = 100;

/** How many pictures; undefined: vectors, which are billed by their tokens. */
export function predictedPictures(body: Buffer | undefined): number | undefined {
  const { instances, parameters } = JSON.parse(body?.toString("utf8") ?? "{}") as Fields;
  const all = (Array.isArray(instances) ? instances : []) as readonly (Fields | null)[];
  if (all.length > 0 && all.every((each) => typeof each?.["content"] === "string")) return undefined;
  const { sampleCount, sample_count: count = sampleCount } = (parameters ?? {}) as Fields;
  const each = Number(count ?? picturesUsual);
  const usual = Number.isInteger(each) && each > 0 && each <= picturesMax ? each : picturesMax;
  return usual * Math.max(1, all.length);
}
