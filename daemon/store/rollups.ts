/**
 * Reads sums from the roll-ups. Hides which grain answers what: whole days from days, what is left at the edges from
 * hours and minutes, as far as those are still kept.
 */
import type { Database } from "./database.ts";
import { addPacked, bucketCount } from "./histogram.ts";
import { dimensionNumber, sumColumn, sumColumns } from "./rollup-groups.ts";
import { type GrainName, grainMs, grains, seriesNumber } from "./rollup-writer.ts";

/** Sums with their histograms, still by column. */
export type RawSums = { readonly sums: number[]; readonly latency: number[]; readonly ttft: number[] };
export type Span = { readonly grain: GrainName; readonly from: number; readonly to: number };
export type Order = "requests" | "errors" | "tokens" | "cost" | "latency";

/** Values of one dimension that are looked at for a ranking; the largest beyond are still found, since sums come first. */
const rankedMax = 200_000;

export function emptySums(): RawSums {
  const zeros = (length: number): number[] => new Array<number>(length).fill(0);
  return { sums: zeros(sumColumns.length), latency: zeros(bucketCount), ttft: zeros(bucketCount) };
}

export function addSums(into: RawSums, from: RawSums): void {
  for (const part of ["sums", "latency", "ttft"] as const) {
    for (let index = 0; index < into[part].length; index++) into[part][index]! += from[part][index]!;
  }
}

/** The pieces whose sums together are those of [since, until), rounded to whole minutes, or to what is still kept. */
export function spansOf(database: Database, sinceMs: number, untilMs: number): readonly Span[] {
  let from = floor(sinceMs, "minute");
  let to = ceil(untilMs, "minute");
  const oldest = database.prepare("SELECT min(at) FROM rollups WHERE series = ?").pluck();
  for (const [finer, coarser] of [
    ["minute", "hour"],
    ["hour", "day"],
  ] as const) {
    const kept = (oldest.get(seriesNumber(finer, 0)) as number | null) ?? 0;
    if (from < kept) from = floor(from, coarser);
    if (to < kept) to = ceil(to, coarser);
  }
  return split(from, to);
}

export function split(from: number, to: number, level = grains.length - 1): readonly Span[] {
  if (from >= to) return [];
  const grain = grains[level]!;
  if (level === 0) return [{ grain, from, to }];
  const first = ceil(from, grain);
  const last = floor(to, grain);
  if (first >= last) return split(from, to, level - 1);
  return [...split(from, first, level - 1), { grain, from: first, to: last }, ...split(last, to, level - 1)];
}

export function floor(at: number, grain: GrainName): number {
  return at - (at % grainMs[grain]);
}

export function ceil(at: number, grain: GrainName): number {
  return floor(at + grainMs[grain] - 1, grain);
}

export function facetNumber(database: Database, dimension: number, value: string): number | undefined {
  return database.prepare("SELECT id FROM facets WHERE dimension = ? AND value = ?").pluck().get(dimension, value) as
    | number
    | undefined;
}

/** A row of `rollups`: at, facet, sums in the order of `sumColumns`, and the two histograms. */
export type Bucket = readonly [at: number, facet: number, ...rest: (number | Buffer)[]];
const firstSum = 2;
const bucketColumns = `at, facet, ${sumColumns.join(", ")}, latency, ttft`;

/**
 * Shows the buckets of these values to `take`, each looked up: how many other values there are does not matter. What
 * they are added to is the caller's: a thousand buckets that make one sum cost no thousand sums on the way.
 */
export function eachBucket(
  database: Database,
  span: Span,
  dimension: number,
  facets: readonly number[],
  take: (bucket: Bucket) => void,
): void {
  const series = seriesNumber(span.grain, dimension);
  const columns = `SELECT ${bucketColumns} FROM rollups WHERE series = ?`;
  // The total has no other values to pass by: one walk instead of a thousand look-ups.
  const rows = (
    dimension === dimensionNumber.total
      ? database.prepare(`${columns} AND at >= ? AND at < ? ORDER BY at`).raw().iterate(series, span.from, span.to)
      : database
          .prepare(`${columns} AND ${amongTimes} AND facet IN (SELECT value FROM json_each(?)) ORDER BY at`)
          .raw()
          .iterate(series, timesOf(span), JSON.stringify(facets))
  ) as IterableIterator<Bucket>;
  for (const row of rows) take(row);
}

const amongTimes = "at IN (SELECT value FROM json_each(?))";

function timesOf({ grain, from, to }: Span): string {
  const step = grainMs[grain];
  return JSON.stringify(Array.from({ length: Math.ceil((to - from) / step) }, (_, index) => from + index * step));
}

export function addBucket(into: RawSums, bucket: Bucket): void {
  const { sums, latency, ttft } = into;
  for (let index = 0; index < sums.length; index++) sums[index]! += bucket[firstSum + index] as number;
  addPacked(latency, bucket[firstSum + sums.length] as Buffer);
  addPacked(ttft, bucket[firstSum + sums.length + 1] as Buffer);
}

export function sumOf(
  database: Database,
  spans: readonly Span[],
  dimension: number,
  facets: readonly number[],
): RawSums {
  const total = emptySums();
  for (const span of spans)
    eachBucket(database, span, dimension, facets, (bucket) => {
      addBucket(total, bucket);
    });
  return total;
}

/** The largest values of a dimension; `values` counts all. Only what the order goes by is summed for all of them. */
export function rank(
  database: Database,
  spans: readonly Span[],
  dimension: number,
  order: Order,
  limit: number,
): { readonly values: number; readonly ranked: readonly { readonly facet: number; readonly value: string }[] } {
  const totals = totalsOf(database, spans, dimension, order);
  const size = ([sum, count]: [number, number]): number => (order === "latency" ? sum / Math.max(1, count) : sum);
  const name = database.prepare("SELECT value FROM facets WHERE id = ?").pluck();
  const ranked = [...totals]
    .toSorted((a, b) => size(b[1]) - size(a[1]))
    .slice(0, limit)
    .map(([facet]) => ({ facet, value: (name.get(facet) as string | undefined) ?? "" }));
  return { values: totals.size, ranked };
}

/**
 * For each facet what the order goes by, and how many requests that were.
 * @param facets only these, each looked up
 */
export function totalsOf(
  database: Database,
  spans: readonly Span[],
  dimension: number,
  order: Order,
  facets?: readonly number[],
): Map<number, [weight: number, divisor: number]> {
  const totals = new Map<number, [weight: number, divisor: number]>();
  const [weight_, divisor] = orderColumns[order];
  const sums = `SELECT facet, sum(${weight_}), sum(${divisor}) FROM rollups WHERE series = ?`;
  for (const span of spans) {
    const series = seriesNumber(span.grain, dimension);
    const rows = (
      facets === undefined
        ? database
            .prepare(`${sums} AND at >= ? AND at < ? GROUP BY facet LIMIT ${rankedMax}`)
            .raw()
            .iterate(series, span.from, span.to)
        : database
            .prepare(`${sums} AND ${amongTimes} AND facet IN (SELECT value FROM json_each(?)) GROUP BY facet`)
            .raw()
            .iterate(series, timesOf(span), JSON.stringify(facets))
    ) as IterableIterator<[number, number, number]>;
    for (const [facet, more, count] of rows) {
      const total = totals.get(facet);
      if (total === undefined) totals.set(facet, [more, count]);
      else {
        total[0] += more;
        total[1] += count;
      }
    }
  }
  return totals;
}

const orderColumns: Readonly<Record<Order, readonly [weight: string, divisor: string]>> = {
  requests: ["requests", "requests"],
  errors: ["errors", "requests"],
  tokens: ["tokens_in + tokens_out", "requests"],
  cost: ["cost_nano", "requests"],
  latency: ["latency_ms", "requests"],
};

export function weight(sums: readonly number[], order: Order): number {
  const of = (name: keyof typeof sumColumn): number => sums[sumColumn[name]]!;
  switch (order) {
    case "requests":
      return of("requests");
    case "errors":
      return of("errors");
    case "tokens":
      return of("tokens_in") + of("tokens_out");
    case "cost":
      return of("cost_nano");
    case "latency":
      return of("requests") === 0 ? 0 : of("latency_ms") / of("requests");
  }
}

export type FacetRow = { readonly value: string; readonly lastAt: number };

/** Values of a dimension, last seen first, without a look at rows or sums. */
export function readFacets(
  database: Database,
  dimension: number,
  match: string | undefined,
  limit: number,
): readonly FacetRow[] {
  const pattern = match === undefined ? "%" : `%${match.replaceAll(/[\\%_]/g, "\\$&")}%`;
  return database
    .prepare(
      "SELECT value, last_at AS lastAt FROM facets WHERE dimension = ? AND value LIKE ? ESCAPE '\\' ORDER BY last_at DESC LIMIT ?",
    )
    .all(dimension, pattern, limit) as FacetRow[];
}
