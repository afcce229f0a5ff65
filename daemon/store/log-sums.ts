/**
 * Sums for a filter: from the roll-ups where the filter is one dimension or none, from those of pairs where it is who
 * and what, else from the rows, for as long as there is time. Hides which of them it was but for `partial`.
 */
import type { Database } from "./database.ts";
import { type LogFilter, listOf, type StatusRange } from "./log-filter.ts";
import { readPairs } from "./pair-sums.ts";
import { type DimensionName, dimensionNumber, isListed } from "./rollup-groups.ts";
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
  if (question.by !== undefined && isListed(question.by)) return sumsOfRows(database, question);
  const chosen = singleDimension(database, question.filter);
  if (chosen === undefined || (question.by !== undefined && chosen.dimension !== dimensionNumber.total))
    return readPairs(database, question) ?? sumsOfRows(database, question);
  const spans = spansOf(database, question.sinceMs, question.untilMs);
  if (question.by === undefined) {
    const { dimension, facets } = chosen;
    return { series: [series(database, question, spans, null, dimension, facets)], values: 1, partial: false };
  }
  const dimension = dimensionNumber[question.by];
  const { values, ranked } = rank(database, spans, dimension, question.order, question.top);
  return {
    series: ranked.map(({ value, facet }) => series(database, question, spans, value, dimension, [facet])),
    ...{ values, partial: false },
  };
}

function series(
  database: Database,
  { grain, sinceMs, untilMs }: SumsQuestion,
  spans: ReturnType<typeof spansOf>,
  value: string | null,
  dimension: number,
  facets: readonly number[],
): SumsSeries {
  const total = sumOf(database, spans, dimension, facets);
  if (grain === undefined) return { value, total, buckets: [] };
  const span = { grain, from: floor(sinceMs, grain), to: untilMs };
  const buckets: { at: number; sums: RawSums }[] = [];
  eachBucket(database, span, dimension, facets, (bucket) => {
    if (buckets.at(-1)?.at !== bucket[0]) buckets.push({ at: bucket[0], sums: emptySums() });
    addBucket(buckets.at(-1)!.sums, bucket);
  });
  return { value, total, buckets };
}

/** What of a request has one value, so that the sums of several values can be added up. */
const single: ReadonlySet<keyof LogFilter> = new Set(["team", "customer", "user", "provider", "target", "route"]);

/** The values of one dimension that the filter names, or the total; undefined: no roll-up has this. */
function singleDimension(
  database: Database,
  { sinceMs: _since, untilMs: _until, ...filter }: LogFilter,
): { readonly dimension: number; readonly facets: readonly number[] } | undefined {
  const given = Object.entries(filter).filter(([, value]) => value !== undefined);
  /** A value never seen has no sums. */
  const found = (name: DimensionName, values: readonly string[]) => {
    const dimension = dimensionNumber[name];
    const facets = values.map((value) => facetNumber(database, dimension, value));
    return { dimension, facets: [...new Set(facets.filter((facet) => facet !== undefined))] };
  };
  if (given.length === 0) return found("total", [""]);
  if (given.length !== 1) return undefined;
  const [name, value] = given[0] as [keyof typeof filter, string | number | boolean];
  if (name === "status") {
    const classes = filter.status!.flatMap(classesOf);
    return classes.includes(undefined) ? undefined : found("status", classes as string[]);
  }
  const values = listOf(value).map(String);
  if (name === "keyId") return found("key", values);
  if (name === "error") return values.includes("*") ? undefined : found("error", values);
  if (single.has(name)) return found(name as DimensionName, values);
  if (values.length > 1) return undefined; // a request may have two tags, or be of two models: as asked and as answered
  if (name === "tag") return found("tag", values);
  if (name !== "model") return undefined;
  const target = found("target", values);
  return target.facets.length === 0 ? found("model", values) : target;
}

/** `4xx` and the like; undefined: a part of a class. */
function classesOf([first, last]: StatusRange): readonly (string | undefined)[] {
  if (first % 100 !== 0 || last % 100 !== 99) return [undefined];
  const classes: string[] = [];
  for (let status = first; status < last; status += 100) classes.push(`${status / 100}xx`);
  return classes;
}

function sumsOfRows(database: Database, question: SumsQuestion): SumsAnswer {
  const found: Found = new Map();
  const before = addRows(database, question, found, question.before);
  return { ...answerOf(found, question), partial: before !== undefined, ...(before === undefined ? {} : { before }) };
}
