/**
 * Reads sums from the roll-ups. Hides which grain answers what: whole days from days, what is left at the edges from
 * hours and minutes, as far as those are still kept.
 */
import type { Database } from "./database.ts";
import { addPacked, bucketCount } from "./histogram.ts";
import { sumColumn, sumColumns } from "./rollup-groups.ts";
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

/** The buckets of one value, each looked up: how many other values there are does not matter. */
export function* buckets(
  database: Database,
  span: Span,
  dimension: number,
  facet: number,
): Generator<{ readonly at: number; readonly sums: RawSums }> {
  const series = seriesNumber(span.grain, dimension);
  const columns = `SELECT at, ${sumColumns.join(", ")}, latency, ttft FROM rollups WHERE series = ?`;
  const step = grainMs[span.grain];
  // The total has no other values to pass by: one walk instead of a thousand look-ups.
  const rows = (
    dimension === 0
      ? database.prepare(`${columns} AND at >= ? AND at < ? ORDER BY at`).iterate(series, span.from, span.to)
      : database
          .prepare(`${columns} AND facet = ? AND at IN (SELECT value FROM json_each(?)) ORDER BY at`)
          .iterate(
            series,
            facet,
            JSON.stringify(
              Array.from({ length: Math.ceil((span.to - span.from) / step) }, (_, index) => span.from + index * step),
            ),
          )
  ) as IterableIterator<Record<string, number> & { latency: Buffer; ttft: Buffer }>;
  for (const row of rows) {
    const sums = emptySums();
    for (const [index, name] of sumColumns.entries()) sums.sums[index] = row[name]!;
    addPacked(sums.latency, row.latency);
    addPacked(sums.ttft, row.ttft);
    yield { at: row["at"]!, sums };
  }
}

export function sumOf(database: Database, spans: readonly Span[], dimension: number, facet: number): RawSums {
  const total = emptySums();
  for (const span of spans) for (const { sums } of buckets(database, span, dimension, facet)) addSums(total, sums);
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

/** For each facet what the order goes by, and how many requests that were. */
export function totalsOf(
  database: Database,
  spans: readonly Span[],
  dimension: number,
  order: Order,
): Map<number, [weight: number, divisor: number]> {
  const totals = new Map<number, [weight: number, divisor: number]>();
  const [weight_, divisor] = orderColumns[order];
  for (const span of spans) {
    const rows = database
      .prepare(
        `SELECT facet, sum(${weight_}), sum(${divisor}) FROM rollups WHERE series = ? AND at >= ? AND at < ? GROUP BY facet LIMIT ${rankedMax}`,
      )
      .raw()
      .iterate(seriesNumber(span.grain, dimension), span.from, span.to) as IterableIterator<[number, number, number]>;
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
