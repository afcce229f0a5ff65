/**
 * Sums for a filter: from the roll-ups where the filter is one dimension or none, else from the rows, for as long as
 * there is time. Hides which of the two it was but for `partial`.
 */
import type { Database } from "./database.ts";
import { bucketOf } from "./histogram.ts";
import { type LogFilter, whereAnd } from "./log-filter.ts";
import { type DimensionName, dimensionNumber, facetsOf, type Group, groupRows } from "./rollup-groups.ts";
import type { GrainName } from "./rollup-writer.ts";
import {
  addSums,
  buckets,
  emptySums,
  facetNumber,
  floor,
  type Order,
  type RawSums,
  rank,
  spansOf,
  sumOf,
  weight,
} from "./rollups.ts";
import { requestColumns } from "./rows.ts";
import type { RowValue } from "./sender.ts";
import { strides } from "./strides.ts";

export type SumsQuestion = {
  readonly filter: LogFilter;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Buckets of this length as well as the total. */
  readonly grain?: GrainName | undefined;
  /** A series for each of the largest values. */
  readonly by?: DimensionName | undefined;
  readonly top: number;
  readonly order: Order;
};
export type SumsSeries = {
  readonly value: string | null;
  readonly total: RawSums;
  readonly buckets: readonly { readonly at: number; readonly sums: RawSums }[];
};
export type SumsAnswer = { readonly series: readonly SumsSeries[]; readonly values: number; readonly partial: boolean };

export function readSums(database: Database, question: SumsQuestion): SumsAnswer {
  const single = singleDimension(database, question.filter);
  if (single === undefined || (question.by !== undefined && single.dimension !== dimensionNumber.total))
    return sumsOfRows(database, question);
  const spans = spansOf(database, question.sinceMs, question.untilMs);
  if (question.by === undefined) {
    const { dimension, facet } = single;
    return { series: [series(database, question, spans, null, dimension, facet)], values: 1, partial: false };
  }
  const dimension = dimensionNumber[question.by];
  const { values, ranked } = rank(database, spans, dimension, question.order, question.top);
  return {
    series: ranked.map(({ value, facet }) => series(database, question, spans, value, dimension, facet)),
    ...{ values, partial: false },
  };
}

function series(
  database: Database,
  { grain, sinceMs, untilMs }: SumsQuestion,
  spans: ReturnType<typeof spansOf>,
  value: string | null,
  dimension: number,
  facet: number,
): SumsSeries {
  const total = sumOf(database, spans, dimension, facet);
  if (grain === undefined) return { value, total, buckets: [] };
  const span = { grain, from: floor(sinceMs, grain), to: untilMs };
  return { value, total, buckets: [...buckets(database, span, dimension, facet)] };
}

/** The one value that the filter names, or the total; undefined: no roll-up has this. A value never seen is facet -1. */
function singleDimension(
  database: Database,
  { sinceMs: _since, untilMs: _until, ...filter }: LogFilter,
): { readonly dimension: number; readonly facet: number } | undefined {
  const given = Object.entries(filter).filter(([, value]) => value !== undefined);
  const found = (name: DimensionName, value: string) => {
    const dimension = dimensionNumber[name];
    return { dimension, facet: facetNumber(database, dimension, value) ?? -1 };
  };
  if (given.length === 0) return found("total", "");
  const { statusMin, statusMax } = filter;
  if (given.length === 2 && statusMin !== undefined && statusMax === statusMin + 99 && statusMin % 100 === 0)
    return found("status", `${statusMin / 100}xx`);
  if (given.length !== 1) return undefined;
  const [name, value] = given[0]!;
  switch (name as keyof typeof filter) {
    case "keyId":
      return found("key", String(value));
    case "model": {
      const target = found("target", String(value));
      return target.facet === -1 ? found("model", String(value)) : target;
    }
    case "team":
    case "customer":
    case "user":
    case "provider":
    case "target":
    case "route":
    case "tag":
      return found(name as DimensionName, String(value));
    case "error":
      return value === "*" ? undefined : found("error", String(value));
    default:
      return undefined;
  }
}

function sumsOfRows(database: Database, question: SumsQuestion): SumsAnswer {
  const found = new Map<string, { total: RawSums; buckets: Map<number, RawSums> }>();
  const filter = { ...question.filter, sinceMs: question.sinceMs, untilMs: question.untilMs };
  const { sql, values } = whereAnd(filter);
  const statement = database
    .prepare(`SELECT ${requestColumns.join(", ")} FROM requests WHERE row >= ? AND row < ?${sql}`)
    .raw();
  const left = strides(database, question, undefined, (low, high) => {
    const rows = (statement.all(low, high, ...values) as RowValue[][]).flat();
    for (const group of groupRows(rows)) {
      for (const value of valuesOf(group, question.by)) {
        let into = found.get(value);
        if (into === undefined) {
          into = { total: emptySums(), buckets: new Map() };
          found.set(value, into);
        }
        addGroup(into.total, group);
        if (question.grain === undefined) continue;
        const at = floor(group.minute, question.grain);
        const bucket = into.buckets.get(at) ?? emptySums();
        into.buckets.set(at, bucket);
        addGroup(bucket, group);
      }
    }
    return false;
  });
  const series = [...found]
    .toSorted((a, b) => weight(b[1].total.sums, question.order) - weight(a[1].total.sums, question.order))
    .slice(0, question.by === undefined ? 1 : question.top)
    .map(([value, { total, buckets: byTime }]) => ({
      value: question.by === undefined ? null : value,
      total,
      buckets: [...byTime].toSorted((a, b) => a[0] - b[0]).map(([at, sums]) => ({ at, sums })),
    }));
  if (series.length === 0 && question.by === undefined) series.push({ value: null, total: emptySums(), buckets: [] });
  return { series, values: found.size, partial: left !== undefined };
}

function valuesOf(group: Group, by: DimensionName | undefined): readonly string[] {
  if (by === undefined) return [""];
  const number = dimensionNumber[by];
  return facetsOf(group).flatMap(([dimension, value]) => (dimension === number ? [value] : []));
}

function addGroup(into: RawSums, group: Group): void {
  const sums = emptySums();
  for (let index = 0; index < sums.sums.length; index++) sums.sums[index] = group.sums[index]!;
  for (const ms of group.latencies) sums.latency[bucketOf(ms)]!++;
  for (const ms of group.ttfts) sums.ttft[bucketOf(ms)]!++;
  addSums(into, sums);
}
