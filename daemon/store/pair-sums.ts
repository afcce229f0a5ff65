/**
 * Sums for who and what at once, a key's requests to one provider or each team's to one target, from the roll-ups of
 * pairs. Hides which pairs those are, and that the hours at both ends are counted from the rows where that is quick.
 */
import type { Database } from "./database.ts";
import { facetCharactersMax, otherFacet } from "./facets.ts";
import { type LogFilter, listOf } from "./log-filter.ts";
import type { SumsAnswer, SumsQuestion } from "./log-sums.ts";
import { type DimensionName, dimensionNumber, type PairName } from "./rollup-groups.ts";
import { grainMs, seriesNumber } from "./rollup-writer.ts";
import {
  addBucket,
  addSums,
  type Bucket,
  ceil,
  eachBucket,
  emptySums,
  facetNumber,
  floor,
  type Span,
  split,
  totalsOf,
} from "./rollups.ts";
import { addRows, answerOf, entry, type Found } from "./row-sums.ts";

type Who = "key" | "team" | "customer";
type What = "target" | "provider";
/** What a filter and `by` ask for, if that is who and what. */
type Asked = {
  readonly pair: PairName;
  /** Any of them; absent: all. */
  readonly who: readonly string[] | undefined;
  readonly what: { readonly kind: What; readonly values: readonly string[] } | undefined;
};

/** Rows of a broken hour that are counted one by one, in 3 µs each. */
const edgeRowsMax = 20_000;
/** So few are counted whatever the time: an edge that was left out would be missing without a word. */
const allOfThem = Number.POSITIVE_INFINITY;
/** Look-ups of single buckets; where all values would take more, they are ranked first. */
const lookupsMax = 15_000;
/** From here on an hour more or less at the ends does not matter. */
const longMs = 86_400_000;

/** undefined: the pairs do not have this. */
export function readPairs(database: Database, question: SumsQuestion): SumsAnswer | undefined {
  const asked = readAsked(database, question);
  if (asked === undefined || question.grain === "minute") return undefined;
  const pair = dimensionNumber[asked.pair];
  const ends = endsOf(database, question, pair);
  const ids = ends && idsOf(database, asked, question.by);
  if (ends === undefined || ids === undefined) return undefined;
  const { from, to } = ends;
  const spans = question.grain === "hour" ? [{ grain: "hour", from, to } as const] : split(from, to);
  const found: Found = new Map();
  const chosen = largest(database, question, spans, pair, ids);
  const nameOf = new Map([...chosen].flatMap(([value, own]) => own.map((id) => [id, value] as const)));
  for (const span of spans)
    eachBucket(database, span, pair, [...nameOf.keys()], (bucket) => {
      addTo(found, nameOf.get(bucket[1])!, question.grain, bucket);
    });
  for (const { total, buckets } of found.values()) for (const sums of buckets.values()) addSums(total, sums);
  for (const edge of ends.edges) addRows(database, { ...question, ...edge }, found, undefined, allOfThem);
  if (chosen.size < ids.size) for (const value of found.keys()) if (!chosen.has(value)) found.delete(value);
  return { ...answerOf(found, question), values: Math.max(found.size, ids.size), partial: false };
}

function addTo(found: Found, value: string, grain: SumsQuestion["grain"], bucket: Bucket): void {
  const into = entry(found, value);
  if (grain === undefined) {
    addBucket(into.total, bucket);
    return;
  }
  const at = floor(bucket[0], grain);
  let sums = into.buckets.get(at);
  if (sums === undefined) {
    sums = emptySums();
    into.buckets.set(at, sums);
  }
  addBucket(sums, bucket);
}

function readAsked(database: Database, { filter, by }: SumsQuestion): Asked | undefined {
  const { sinceMs: _since, untilMs: _until, ...rest } = filter;
  const given = Object.entries(rest).filter(([, value]) => value !== undefined) as [keyof LogFilter, unknown][];
  let who: { readonly kind: Who; readonly values: readonly string[] } | undefined;
  let what: Asked["what"];
  for (const [name, value] of given) {
    const values = [...new Set(listOf(value).map(String))];
    if (name === "keyId" || name === "team" || name === "customer") {
      if (who !== undefined) return undefined;
      who = { kind: name === "keyId" ? "key" : name, values };
    } else if (name === "target" || name === "provider" || areTargets(database, name, values)) {
      if (what !== undefined) return undefined;
      what = { kind: name === "provider" ? "provider" : "target", values };
    } else return undefined;
  }
  const kind = who?.kind ?? (isWho(by) ? by : undefined);
  if (kind === undefined || !(by === undefined || by === kind || isWhat(by))) return undefined;
  if (by !== undefined && !isWhat(by) && what === undefined) return undefined;
  return { pair: `${kind}_target`, who: who?.values, what };
}

/** A model is a target where it was one; as it was asked for, no pair has it, and several may be of one request. */
function areTargets(database: Database, name: keyof LogFilter, values: readonly string[]): boolean {
  const [value, ...more] = values;
  if (name !== "model" || value === undefined || more.length > 0) return false;
  return facetNumber(database, dimensionNumber.target, value) !== undefined;
}

const isWho = (by: DimensionName | undefined): by is Who => by === "key" || by === "team" || by === "customer";
const isWhat = (by: DimensionName): by is What => by === "target" || by === "provider";

type Ends = {
  readonly from: number;
  readonly to: number;
  readonly edges: readonly { readonly sinceMs: number; readonly untilMs: number }[];
};

/** Whole hours, and what is left at both ends; undefined: too many rows are left to count, or pairs are not that old. */
function endsOf(database: Database, { sinceMs, untilMs }: SumsQuestion, pair: number): Ends | undefined {
  const number = (sql: string, ...values: (string | number)[]): number | undefined =>
    (database
      .prepare(sql)
      .pluck()
      .get(...values) as number | null | undefined) ?? undefined;
  const since = number("SELECT at FROM kept_since WHERE what = 'pairs'");
  const oldest = number("SELECT min(at) FROM rollups WHERE series = ?", seriesNumber("day", dimensionNumber.total));
  if (since === undefined || Math.max(sinceMs, oldest ?? 0) < since) return undefined;
  if (facetNumber(database, pair, otherFacet) !== undefined) return undefined; // some have no name of their own
  const hours = number("SELECT min(at) FROM rollups WHERE series = ?", seriesNumber("hour", pair)) ?? 0;
  const newest = number("SELECT max(at) FROM rollups WHERE series = ?", seriesNumber("minute", dimensionNumber.total));
  const edges: { sinceMs: number; untilMs: number }[] = [];
  let [from, to] = [ceil(sinceMs, "hour"), floor(untilMs, "hour")];
  if (newest === undefined || newest < untilMs)
    to = ceil(untilMs, "hour"); // nothing is later
  else if (to < untilMs) edges.push({ sinceMs: Math.max(to, sinceMs), untilMs });
  if (sinceMs < hours) from = floor(sinceMs, "day");
  else if (sinceMs < from) edges.push({ sinceMs, untilMs: Math.min(from, untilMs) });
  if (untilMs < hours) to = ceil(untilMs, "day");
  if (from >= to) return undefined;
  const count = edges.reduce((sum, edge) => sum + rowsOfHour(database, edge.sinceMs), 0);
  if (count <= edgeRowsMax) return { from, to, edges };
  return untilMs - sinceMs < longMs
    ? undefined
    : { from: Math.min(from, floor(sinceMs, "hour")), to: Math.max(to, ceil(untilMs, "hour")), edges: [] };
}

function rowsOfHour(database: Database, at: number): number {
  const total = dimensionNumber.total;
  const facet = facetNumber(database, total, "") ?? -1;
  const row = database
    .prepare("SELECT requests FROM rollups WHERE series = ? AND at = ? AND facet = ?")
    .pluck()
    .get(seriesNumber("hour", total), floor(at, "hour"), facet);
  return (row as number | undefined) ?? 0;
}

type Ids = ReadonlyMap<string, readonly number[]>;

/** Which pairs belong to which value of `by` (`""` without one). */
function idsOf(database: Database, { pair, who, what }: Asked, by: DimensionName | undefined): Ids {
  const ids = new Map<string, number[]>();
  const wanted = what && new Set(what.values);
  for (const [id, value] of pairsOf(database, pair, who)) {
    const bar = value.indexOf("|");
    const [whose, target] = [value.slice(0, bar), value.slice(bar + 1)];
    const provider = target.slice(0, target.indexOf("/"));
    if (what !== undefined && wanted !== undefined && !isOneOf(wanted, what, whose, target, provider)) continue;
    const name = by === undefined ? "" : by === "target" ? target : by === "provider" ? provider : whose;
    const own = ids.get(name);
    if (own === undefined) ids.set(name, [id]);
    else own.push(id);
  }
  return ids;
}

function* pairsOf(
  database: Database,
  pair: PairName,
  who: readonly string[] | undefined,
): Iterable<[id: number, value: string]> {
  // A bar ends who; a brace is the next character.
  const ranges = who === undefined ? [["", "\u{10ffff}"]] : who.map((each) => [`${each}|`, `${each}}`]);
  const between = database
    .prepare("SELECT id, value FROM facets WHERE dimension = ? AND value >= ? AND value < ?")
    .raw();
  for (const range of ranges)
    yield* between.iterate(dimensionNumber[pair], ...range) as IterableIterator<[id: number, value: string]>;
}

/** A long target is told apart by its beginning. */
function isOneOf(
  wanted: ReadonlySet<string>,
  { kind, values }: NonNullable<Asked["what"]>,
  whose: string,
  target: string,
  provider: string,
): boolean {
  const own = kind === "target" ? target : provider;
  if (wanted.has(own)) return true;
  const most = longest(whose);
  return values.some((value) => value.length > most && value.slice(0, most) === own);
}

/** How much of a target is told apart beside this name. */
function longest(whose: string): number {
  return facetCharactersMax - whose.length - 1;
}

/** The values whose sums are read: all of them, or, where those are too many, the largest. */
function largest(
  database: Database,
  { by, top, order }: SumsQuestion,
  spans: readonly Span[],
  pair: number,
  ids: Ids,
): Ids {
  const steps = spans.reduce((sum, { grain, from, to }) => sum + (to - from) / grainMs[grain], 0);
  const pairs = [...ids.values()].reduce((sum, own) => sum + own.length, 0);
  if (by === undefined || ids.size <= top || pairs * steps <= lookupsMax) return ids;
  const totals = totalsOf(database, spans, pair, order, [...ids.values()].flat());
  const size = ([, own]: [string, readonly number[]]): number => {
    let [sum, count] = [0, 0];
    for (const id of own) {
      sum += totals.get(id)?.[0] ?? 0;
      count += totals.get(id)?.[1] ?? 0;
    }
    return order === "latency" ? sum / Math.max(1, count) : sum;
  };
  return new Map([...ids].toSorted((a, b) => size(b) - size(a)).slice(0, top));
}
