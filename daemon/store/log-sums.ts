/**
 * Sums for a filter: from the roll-ups where the filter is one dimension or none, from those of pairs where it is who
 * and what, else from the rows, for as long as there is time. Hides which of them it was but for `partial`.
 */
import type { Database } from "./database.ts";
import type { LogFilter } from "./log-filter.ts";
import { readPairs } from "./pair-sums.ts";
import { type DimensionName, dimensionNumber } from "./rollup-groups.ts";
import type { GrainName } from "./rollup-writer.ts";
import {
  addBucket,
  eachBucket,
  emptySums,
  facetNumber,
  floor,
  type Order,
  type RawSums,
  rank,
  spansOf,
  sumOf,
} from "./rollups.ts";
import { addRows, answerOf, type Found } from "./row-sums.ts";

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
  /** Where an answer that was `partial` stopped: only rows below it, which the caller adds to what it has. */
  readonly before?: number | undefined;
};
export type SumsSeries = {
  readonly value: string | null;
  readonly total: RawSums;
  readonly buckets: readonly { readonly at: number; readonly sums: RawSums }[];
};
export type SumsAnswer = {
  readonly series: readonly SumsSeries[];
  readonly values: number;
  readonly partial: boolean;
  /** With `partial`: ask again with this. */
  readonly before?: number;
};

export function readSums(database: Database, question: SumsQuestion): SumsAnswer {
  if (question.before !== undefined) return sumsOfRows(database, question);
  const single = singleDimension(database, question.filter);
  if (single === undefined || (question.by !== undefined && single.dimension !== dimensionNumber.total))
    return readPairs(database, question) ?? sumsOfRows(database, question);
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
  const buckets: { at: number; sums: RawSums }[] = [];
  eachBucket(database, span, dimension, [facet], (bucket) => {
    const sums = emptySums();
    addBucket(sums, bucket);
    buckets.push({ at: bucket[0], sums });
  });
  return { value, total, buckets };
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
  const found: Found = new Map();
  const before = addRows(database, question, found, question.before);
  return { ...answerOf(found, question), partial: before !== undefined, ...(before === undefined ? {} : { before }) };
}
