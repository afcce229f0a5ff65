/**
 * What Prometheus scrapes, as text. Hides the two formats (Prometheus 0.0.4, and OpenMetrics with exemplars where the
 * scraper asks for it) and that rendering pauses often, since the main thread does nothing for long.
 */
import { setImmediate as turn } from "node:timers/promises";
import { errorType } from "./error-types.ts";
import {
  type CounterFamily,
  type DaemonFamily,
  daemonFamilies,
  type HistogramFamily,
  type MetricSet,
  type SeriesFamily,
  seriesFamilies,
} from "./metric-families.ts";
import {
  type Exemplar,
  type Histogram,
  histogramBounds,
  type MetricSnapshot,
  type Series,
  seriesLabels,
} from "./metric-store.ts";
import { stageFamilies, stageText } from "./stage-metrics.ts";
import type { StageHistogram } from "./stages.ts";

export type DaemonName = keyof typeof daemonFamilies;
/** Values of the daemon's own families: label values in the family's order. */
export type DaemonSamples = Readonly<
  Record<DaemonName, readonly (readonly [labels: readonly string[], value: number])[]>
>;

export type MetricNames = {
  key(id: string): { readonly id: string; readonly name: string };
  /** Of a team or customer, by public id. */
  owner(id: string): string;
};

export type RenderOptions = {
  readonly snapshot: MetricSnapshot;
  readonly daemon: DaemonSamples;
  readonly stages: readonly StageHistogram[];
  readonly names: MetricNames;
  readonly sets: ReadonlySet<MetricSet>;
  /** Names of tags that are labels, `tag_<name>`. */
  readonly tags: readonly string[];
  readonly openMetrics: boolean;
};

/** Series rendered before the event loop gets its turn: about a millisecond. */
const seriesPerTurn = 40;

export const contentTypes = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
} as const;

export function wantsOpenMetrics(accept: string | undefined): boolean {
  return accept?.includes("application/openmetrics-text") ?? false;
}

export async function* renderMetrics(options: RenderOptions): AsyncGenerator<string> {
  for (const [name, family] of Object.entries(daemonFamilies) as [DaemonName, DaemonFamily][]) {
    if (options.sets.has(family.set)) yield daemonText(family, options.daemon[name], options.openMetrics);
  }
  for (const family of stageFamilies) if (options.sets.has(family.set)) yield stageText(family, options.stages);
  let headed = "";
  for (const family of seriesFamilies) {
    if (!options.sets.has(family.set)) continue;
    // Families that share a name stand one after the other, under one head.
    if (headed !== family.name) yield head(family, options.openMetrics);
    headed = family.name;
    const summed = await sumUp(family, options);
    let text = "";
    let count = 0;
    for (const [labels, series] of summed) {
      text +=
        family.type === "counter"
          ? counterText(family, labels, series)
          : histogramText(family, labels, series, options);
      if (++count % seriesPerTurn !== 0) continue;
      yield text;
      text = "";
      await turn();
    }
    if (text !== "") yield text;
  }
  if (options.openMetrics) yield "# EOF\n";
}

type Summed = { value: number; readonly histogram: Histogram | undefined; exemplar: Exemplar | undefined };

/** Series of the store that agree in the family's labels are one series here. */
async function sumUp(family: SeriesFamily, options: RenderOptions): Promise<ReadonlyMap<string, Summed>> {
  const summed = new Map<string, Summed>();
  let count = 0;
  for (const series of options.snapshot.series) {
    if (++count % (seriesPerTurn * 10) === 0) await turn();
    const label = (name: string): string => labelOf(series, name, options);
    if (family.only?.(series, label) === false) continue;
    const labels = renderLabels(family, series, label, options.tags);
    let into = summed.get(labels);
    if (into === undefined) {
      into = {
        value: 0,
        histogram: family.type === "histogram" ? emptyHistogram(family) : undefined,
        exemplar: undefined,
      };
      summed.set(labels, into);
    }
    if (family.type === "counter") into.value += family.value(series);
    else addHistogram(into.histogram!, series.histograms[family.of]);
    if (series.exemplar !== undefined && (into.exemplar?.at ?? 0) < series.exemplar.at) into.exemplar = series.exemplar;
  }
  return summed;
}

function labelOf(series: Series, name: string, { names }: RenderOptions): string {
  const own = (label: string): string => series.labels[seriesLabels.indexOf(label as never)] ?? "";
  switch (name) {
    case "key":
      return own("key_id") === "" ? "" : names.key(own("key_id")).name;
    case "key_id":
      return own("key_id") === "" ? "" : names.key(own("key_id")).id;
    case "team_name":
      return own("team") === "" ? "" : names.owner(own("team"));
    case "customer_name":
      return own("customer") === "" ? "" : names.owner(own("customer"));
    case "error_type":
      return errorType(own("error"), own("status"));
    case "exception":
      return own("error");
    case "target":
      return `${own("provider")}/${own("model")}`;
    case "method":
      return "POST";
    default:
      return own(name);
  }
}

/** `{a="b",c="d"}`; a label without a value is left out, which is the same to Prometheus. */
function renderLabels(
  family: SeriesFamily,
  series: Series,
  label: (name: string) => string,
  tags: readonly string[],
): string {
  const parts: string[] = [];
  for (const [name, source] of Object.entries(family.labels)) {
    const value = source.startsWith("=") ? source.slice(1) : label(source);
    if (value !== "") parts.push(`${name}="${escapeLabel(value)}"`);
  }
  // Only where requests are told apart by key anyway; everywhere, tags would multiply every histogram.
  if (family.type === "counter" && Object.values(family.labels).includes("key")) {
    for (const [index, tag] of tags.entries()) {
      const value = series.labels[seriesLabels.length + index] ?? "";
      if (value !== "") parts.push(`tag_${tag}="${escapeLabel(value)}"`);
    }
  }
  return parts.join(",");
}

function escapeLabel(value: string): string {
  return value.replaceAll(/[\\"\n]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`));
}

function head(family: { readonly name: string; readonly type: string; readonly help: string }, open: boolean): string {
  // OpenMetrics names the family of a counter without its suffix.
  const name = open && family.type === "counter" ? family.name.replace(/_total$/, "") : family.name;
  return `# HELP ${name} ${family.help}\n# TYPE ${name} ${family.type}\n`;
}

function counterText(family: CounterFamily, labels: string, { value }: Summed): string {
  return `${family.name}${braced(labels)} ${value}\n`;
}

function histogramText(family: HistogramFamily, labels: string, summed: Summed, options: RenderOptions): string {
  const { counts, sum } = summed.histogram!;
  const scale = family.scale ?? 1;
  const limits = histogramBounds[family.of];
  const prefix = labels === "" ? "" : `${labels},`;
  let text = "";
  let cumulative = 0;
  let exemplar = options.openMetrics && family.of === "latency" ? summed.exemplar : undefined;
  for (let bucket = 0; bucket <= limits.length; bucket++) {
    cumulative += counts[bucket]!;
    const limit = limits[bucket];
    const bound = limit === undefined ? "+Inf" : String(Number((limit * scale).toPrecision(12)));
    text += `${family.name}_bucket{${prefix}le="${bound}"} ${cumulative}`;
    if (exemplar !== undefined && (limit === undefined || exemplar.seconds <= limit)) {
      text += exemplarText(exemplar);
      exemplar = undefined;
    }
    text += "\n";
  }
  return `${text}${family.name}_sum${braced(labels)} ${sum * scale}\n${family.name}_count${braced(labels)} ${cumulative}\n`;
}

function exemplarText({ request, trace, seconds, at }: Exemplar): string {
  const labels = trace === null ? `request_id="${request}"` : `trace_id="${trace}",request_id="${request}"`;
  return ` # {${labels}} ${seconds} ${(at / 1_000).toFixed(3)}`;
}

function daemonText(family: DaemonFamily, samples: DaemonSamples[DaemonName], open: boolean): string {
  const lines = samples.map(([values, value]) => {
    const labels = family.labels.map((name, index) => `${name}="${escapeLabel(values[index] ?? "")}"`).join(",");
    return `${family.name}${braced(labels)} ${value}\n`;
  });
  return lines.length === 0 ? "" : head(family, open) + lines.join("");
}

function braced(labels: string): string {
  return labels === "" ? "" : `{${labels}}`;
}

function emptyHistogram(family: HistogramFamily): Histogram {
  return { counts: new Array<number>(histogramBounds[family.of].length + 1).fill(0), sum: 0 };
}

function addHistogram(into: Histogram, from: Histogram): void {
  for (let bucket = 0; bucket < into.counts.length; bucket++) into.counts[bucket]! += from.counts[bucket]!;
  into.sum += from.sum;
}
