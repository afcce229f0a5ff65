/**
 * Writes providers/catalog/data.json from the prices that @pydantic/genai-prices carries inside: `node tools/make-catalog.ts 2026-11-20`,
 * where the date is the day the package was published. Run it when the package's version changes and read the diff.
 *
 * The package itself stays out of the daemon: importing it costs 57 ms and 20 MB of memory, most of it for extractors
 * and descriptions that nobody reads. It does no network on import, and its refresh (`updatePrices`) is never called.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { runInNewContext } from "node:vm";
import { findProvider } from "@pydantic/genai-prices";

type SourceMatch = { readonly [kind: string]: string | readonly SourceMatch[] };
type SourcePrices = Readonly<Record<string, number | { base: number; tiers: { start: number; price: number }[] }>>;
type SourceConstraint = { type: string; start_date?: string; start_time?: string; end_time?: string };
type SourceModel = {
  id: string;
  match: SourceMatch;
  context_window?: number;
  prices: SourcePrices | { constraint?: SourceConstraint; prices: SourcePrices }[];
};
type SourceProvider = { id: string; fallback_model_providers?: string[]; models: SourceModel[] };
type Rates = Record<string, unknown>;

/** Their unit → ours, and how many pico-dollars a piece one dollar of theirs is. */
const units: Readonly<Record<string, readonly [string, number]>> = {
  input_mtok: ["input", 1e6],
  output_mtok: ["output", 1e6],
  cache_read_mtok: ["cacheRead", 1e6],
  cache_write_mtok: ["cacheWrite5m", 1e6],
  cache_write_1h_mtok: ["cacheWrite1h", 1e6],
  input_audio_mtok: ["audioInput", 1e6],
  output_audio_mtok: ["audioOutput", 1e6],
  cache_audio_read_mtok: ["audioCacheRead", 1e6],
  input_image_mtok: ["imageInput", 1e6],
  output_image_mtok: ["imageOutput", 1e6],
  cache_image_read_mtok: ["imageCacheRead", 1e6],
  output_reasoning_mtok: ["reasoning", 1e6],
  requests_kcount: ["request", 1e9],
  web_searches_kcount: ["serverTool", 1e9],
  audio_hours: ["audioHour", 1e12],
};

const matchSigns: Readonly<Record<string, string>> = {
  equals: "=",
  starts_with: "^",
  contains: "*",
  ends_with: "$",
  regex: "/",
};

main();

function main(): void {
  const date = process.argv[2] ?? "";
  if (!/^\d{4}-\d\d-\d\d$/.test(date))
    throw new Error("usage: node tools/make-catalog.ts <date of publication, YYYY-MM-DD>");
  const manifest = JSON.parse(read("../node_modules/@pydantic/genai-prices/package.json")) as { version: string };
  const providers = sourceProviders();
  const lines = providers.map((provider) => `${JSON.stringify(provider.id)}: ${providerText(provider)}`);
  const text = `{
"source": "@pydantic/genai-prices ${manifest.version}, MIT licence, pico-dollars a token",
"date": "${date}",
"dateMs": ${Date.parse(`${date}T00:00:00Z`)},
"providers": {
${lines.join(",\n")}
}
}
`;
  JSON.parse(text);
  writeFileSync(new URL("../providers/catalog/data.json", import.meta.url), text);
  const models = providers.reduce((sum, provider) => sum + provider.models.length, 0);
  process.stdout.write(`${providers.length} providers, ${models} models, ${text.length} bytes\n`);
}

/** The package does not export its table: it is the first literal of its bundle, checked against its public look-up. */
function sourceProviders(): SourceProvider[] {
  const literal = /^const E = (\[[\s\S]*?\n\])/.exec(read("../node_modules/@pydantic/genai-prices/dist/index.js"))?.[1];
  if (literal === undefined) throw new Error("the bundle of @pydantic/genai-prices no longer begins with its table");
  const providers = JSON.parse(JSON.stringify(runInNewContext(literal))) as SourceProvider[];
  for (const provider of providers) {
    const known = JSON.parse(JSON.stringify(findProvider({ providerId: provider.id }) ?? null)) as unknown;
    if (!isDeepStrictEqual(known, provider)) throw new Error(`the table and the package disagree about ${provider.id}`);
  }
  return providers;
}

function providerText(provider: SourceProvider): string {
  // Text inside text: a provider's rows are parsed when somebody asks for it, not in every thread that starts.
  const models = provider.models.map((model) => JSON.stringify(JSON.stringify(modelLine(model))));
  const others = JSON.stringify(provider.fallback_model_providers ?? []);
  return `{"others":${others},"models":[\n${models.join(",\n")}\n]}`;
}

/** id, match rules, context window, price, later or hourly prices. Trailing blanks are cut. */
function modelLine(model: SourceModel): unknown[] {
  const schedule = Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }];
  const [first, ...changes] = schedule;
  if (first === undefined || ("constraint" in first && first.constraint !== undefined))
    throw new Error(`${model.id}: no first price`);
  const line: unknown[] = [
    model.id,
    alternatives(model.match),
    model.context_window ?? 0,
    rates(first.prices),
    changes.map((change) => ({ ...when(change.constraint), ...rates(change.prices) })),
  ];
  if (changes.length === 0) line.pop();
  return line;
}

function alternatives(match: SourceMatch): unknown[] {
  return Array.isArray(match["or"]) ? match["or"].map(rule) : [rule(match)];
}

/** One rule is a string, its sign first; a list of rules must all hold. */
function rule(match: SourceMatch): unknown {
  const [kind, value] = Object.entries(match)[0] ?? [];
  if (kind === "and" && Array.isArray(value)) {
    const all = value.map((each: SourceMatch) =>
      Array.isArray(each["or"]) ? { or: each["or"].map(rule) } : rule(each),
    );
    return all;
  }
  const sign = matchSigns[kind ?? ""];
  if (sign === undefined || typeof value !== "string") throw new Error(`unknown match rule ${JSON.stringify(match)}`);
  return sign + (kind === "regex" ? value : value.toLowerCase());
}

function when(constraint: SourceConstraint | undefined): Rates {
  if (constraint?.type === "start_date") return { from: Date.parse(`${constraint.start_date}T00:00:00Z`) };
  if (constraint?.type === "time_of_date")
    return { daily: [timeMs(constraint.start_time), timeMs(constraint.end_time)] };
  throw new Error(`unknown price constraint ${JSON.stringify(constraint)}`);
}

function timeMs(time: string | undefined): number {
  const [, hours, minutes, seconds] = /^(\d\d):(\d\d):(\d\d)Z$/.exec(time ?? "") ?? [];
  if (seconds === undefined) throw new Error(`unknown time of day ${time}`);
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}

/** What is priced by the page or message alone has no rate here, and is unpriced; nor is half a price one. */
function rates(prices: SourcePrices): Rates {
  if ("input_text_messages_kcount" in prices) return {};
  const result: Rates = {};
  const tiers = new Map<number, Rates>();
  for (const [unit, price] of Object.entries(prices)) {
    const [name, scale] = units[unit] ?? [];
    if (name === undefined || scale === undefined) continue;
    result[name] = pico(typeof price === "number" ? price : price.base, scale);
    for (const tier of typeof price === "number" ? [] : price.tiers) {
      const rates = tiers.get(tier.start) ?? { above: tier.start };
      rates[name] = pico(tier.price, scale);
      tiers.set(tier.start, rates);
    }
  }
  if (tiers.size > 0) result["tiers"] = [...tiers.values()].sort((a, b) => Number(a["above"]) - Number(b["above"]));
  return result;
}

/** Six prices of 0.1.8 are thirds of a pico-dollar; they are rounded to the nearest, at most half a pico-dollar a token. */
function pico(dollars: number, scale: number): number {
  return Math.round(dollars * scale);
}

function read(path: string): string {
  return readFileSync(new URL(path, import.meta.url), "utf8");
}
