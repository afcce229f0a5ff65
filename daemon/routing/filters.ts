/**
 * Which targets a caller's preferences leave. Labels are what the config says of a provider; where it says nothing the
 * worst is assumed: it may keep what it is sent, and its numbers may be of any size. Hides OpenRouter's field names.
 */
import type { RoutePreferences } from "./preferences.ts";
import type { Hop } from "./resolve.ts";
import { rowOf } from "./routing.ts";
import type { Choice } from "./strategies.ts";

type Note = { target: string; note: string };

export function filterHops(
  hops: readonly Hop[],
  preferences: RoutePreferences | undefined,
  choice: Choice,
  notes: Note[],
): readonly Hop[] {
  if (preferences?.provider === undefined && preferences?.credential === undefined) return hops;
  const left = hops.filter((hop) => {
    const why = refusal(hop, preferences, choice);
    if (why === undefined) return true;
    notes.push({ target: hop.target.name, note: why });
    return false;
  });
  const slow = left.filter((hop) => isSlow(hop, preferences, choice));
  return slow.length === 0 || slow.length === left.length
    ? left
    : [...left.filter((hop) => !slow.includes(hop)), ...slow];
}

/** Why a target is left out; undefined: it is not. */
function refusal(
  { target }: Hop,
  { provider: wishes = {}, credential }: RoutePreferences,
  choice: Choice,
): string | undefined {
  const { name, data, credentials } = target.provider;
  const { labels } = data;
  if (credential !== undefined && !credentials.some(({ id }) => id === credential)) return `has no key "${credential}"`;
  if (wishes.only !== undefined && !wishes.only.includes(name)) return "not among `only`";
  if (wishes.ignore?.includes(name) === true) return "ignored";
  if (wishes.dataCollection === "deny" && labels["data_collection"] !== "deny" && labels["zdr"] !== true)
    return "may keep what it is sent";
  if (wishes.zdr === true && labels["zdr"] !== true) return "not labelled zdr";
  if (wishes.quantizations !== undefined && !wishes.quantizations.includes(String(labels["quantization"] ?? "unknown")))
    return `quantization ${String(labels["quantization"] ?? "unknown")}`;
  return tooDear(target, wishes.maxPrice, choice);
}

/** Dollars a million tokens are millions of pico-dollars a token. */
const picoPerDollarMillion = 1_000_000;
const picoPerDollar = 1e12;

function tooDear(
  { provider, model, free }: Hop["target"],
  max: NonNullable<RoutePreferences["provider"]>["maxPrice"],
  { generation, nowMs }: Choice,
): string | undefined {
  if (max === undefined || free) return undefined;
  const price = generation.catalog.price(provider.name, model, nowMs);
  if (price === undefined) return "its price is not known";
  const over = (rate: number | undefined, most: number | undefined, unit: number): boolean =>
    most !== undefined && rate !== undefined && rate > most * unit;
  const isOver =
    over(price.input, max.prompt, picoPerDollarMillion) ||
    over(price.output, max.completion, picoPerDollarMillion) ||
    over(price.request, max.request, picoPerDollar) ||
    over(price.image, max.image, picoPerDollar);
  return isOver ? "dearer than max_price" : undefined;
}

/** Soft: a slow one comes last. */
function isSlow({ target }: Hop, { provider: wishes }: RoutePreferences, { routing, nowMs }: Choice): boolean {
  if (wishes?.preferredMaxLatency === undefined && wishes?.preferredMinThroughput === undefined) return false;
  const row = rowOf(target, routing);
  const first = routing.outcomes.firstByteMs(row, nowMs);
  const each = routing.outcomes.perTokenMs(row, nowMs);
  if (wishes.preferredMaxLatency !== undefined && first !== undefined && first > wishes.preferredMaxLatency * 1000)
    return true;
  return (
    wishes.preferredMinThroughput !== undefined && each !== undefined && 1000 / each < wishes.preferredMinThroughput
  );
}
