/**
 * Sums counted from the rows themselves, for what no roll-up has. Hides that a pass stops when its time is up, between
 * two slices of rows that are short enough for that to be in time.
 */
import type { Database } from "./database.ts";
import { bucketOf } from "./histogram.ts";
import { type LogFilter, whereAnd } from "./log-filter.ts";
import type { SumsAnswer, SumsQuestion } from "./log-sums.ts";
import { addRow, type DimensionName, emptyGroup, type Group, valuesOf } from "./rollup-groups.ts";
import type { GrainName } from "./rollup-writer.ts";
import { addSums, emptySums, floor, type RawSums, weight } from "./rollups.ts";
import { requestColumn as column, type RequestColumn, requestColumns, requestWidth } from "./rows.ts";
import type { RowValue } from "./sender.ts";
import { strides } from "./strides.ts";

/** Sums so far, by the value of the dimension asked for; `""` without one. */
export type Found = Map<string, { readonly total: RawSums; readonly buckets: Map<number, RawSums> }>;

export type RowsQuestion = {
  readonly filter: LogFilter;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly grain?: GrainName | undefined;
  readonly by?: DimensionName | undefined;
};

/** What is added up. Other columns are left out, and their places kept: reading a text costs more than adding it up. */
const summed: readonly RequestColumn[] = [
  ...(["at", "stream", "status", "latency_ms", "ttft_ms", "upstream_ms", "tokens_in", "tokens_out"] as const),
  ...(["tokens_cache_read", "tokens_cache_write", "tokens_reasoning", "cost_nano", "flags"] as const),
];
/** What tells a row's values of a dimension, where that is not the column of its name. */
const toldBy: Readonly<Partial<Record<DimensionName, readonly RequestColumn[]>>> = {
  ...{ total: [], key: ["key_id"], credential: ["provider", "credential"], tag: ["tags"], tool: ["tools"] },
};

function selected(by: DimensionName = "total"): string {
  const wanted = new Set<string>([...summed, ...(toldBy[by] ?? [by])]);
  return requestColumns.map((name) => (wanted.has(name) ? name : "NULL")).join(", ");
}

const sliceRows = 500;
/** Rows between two looks at the clock: each may lie on another page of a disk that is slow. */
const clockRows = 32;

/**
 * Adds up the rows, newest first, into `found`. Returns the row below which nobody has looked; undefined: all were.
 * @param before only rows below this one: where an earlier pass stopped
 * @param budgetMs how long it may take; a test gives less
 */
export function addRows(
  database: Database,
  question: RowsQuestion,
  found: Found,
  before?: number,
  budgetMs?: number,
): number | undefined {
  const filter = { ...question.filter, sinceMs: question.sinceMs, untilMs: question.untilMs };
  const { sql, values } = whereAnd(filter);
  const statement = database
    .prepare(
      `SELECT ${selected(question.by)}, row FROM requests WHERE row >= ? AND row < ?${sql} ORDER BY row DESC LIMIT ${sliceRows}`,
    )
    .raw();
  return strides(
    database,
    question,
    before,
    (low, high, endsAt) => {
      const rows: RowValue[][] = [];
      let isLate = false;
      for (const row of statement.iterate(low, high, ...values) as IterableIterator<RowValue[]>) {
        rows.push(row);
        isLate = rows.length % clockRows === 0 && performance.now() >= endsAt;
        if (isLate) break;
      }
      addSlice(found, question, rows);
      const last = rows.at(-1)?.[requestWidth] as number | undefined;
      // Full, or late: what lies further down in this stride is the next one's.
      return (isLate || rows.length === sliceRows) && last! > low ? last! : low;
    },
    budgetMs,
  );
}

/** The largest values as an answer's series. */
export function answerOf(found: Found, { by, order, top }: SumsQuestion): Pick<SumsAnswer, "series" | "values"> {
  const series = [...found]
    .toSorted((a, b) => weight(b[1].total.sums, order) - weight(a[1].total.sums, order))
    .slice(0, by === undefined ? 1 : top)
    .map(([value, { total, buckets }]) => ({
      value: by === undefined ? null : value,
      total,
      buckets: [...buckets].toSorted((a, b) => a[0] - b[0]).map(([at, sums]) => ({ at, sums })),
    }));
  if (series.length === 0 && by === undefined) series.push({ value: null, total: emptySums(), buckets: [] });
  return { series, values: found.size };
}

/** Adds rows up by value and bucket first: a row then costs a few additions. */
function addSlice(found: Found, { grain, by }: RowsQuestion, rows: readonly (readonly RowValue[])[]): void {
  const groups = new Map<string, Map<number, Group>>();
  for (const row of rows) {
    const at = grain === undefined ? 0 : floor(row[column.at] as number, grain);
    for (const value of by === undefined ? all : valuesOf(by, row)) {
      const byTime = groups.get(value) ?? new Map<number, Group>();
      if (byTime.size === 0) groups.set(value, byTime);
      const group = byTime.get(at) ?? emptyGroup(at, row);
      if (group.sums[0] === 0) byTime.set(at, group);
      addRow(group, row, 0);
    }
  }
  for (const [value, byTime] of groups) {
    const into = entry(found, value);
    for (const [at, group] of byTime) {
      const sums = sumsOf(group);
      addSums(into.total, sums);
      if (grain !== undefined) addToBucket(into.buckets, at, sums);
    }
  }
}

const all: readonly string[] = [""];

export function entry(
  found: Found,
  value: string,
): { readonly total: RawSums; readonly buckets: Map<number, RawSums> } {
  let into = found.get(value);
  if (into === undefined) {
    into = { total: emptySums(), buckets: new Map() };
    found.set(value, into);
  }
  return into;
}

export function addToBucket(buckets: Map<number, RawSums>, at: number, sums: RawSums): void {
  const bucket = buckets.get(at);
  if (bucket === undefined) buckets.set(at, sums);
  else addSums(bucket, sums);
}

function sumsOf(group: Group): RawSums {
  const sums = emptySums();
  for (let index = 0; index < sums.sums.length; index++) sums.sums[index] = group.sums[index]!;
  for (const ms of group.latencies) sums.latency[bucketOf(ms)]!++;
  for (const ms of group.ttfts) sums.ttft[bucketOf(ms)]!++;
  return sums;
}
