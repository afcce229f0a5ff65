/**
 * Rows of one batch, added up by everything that sums are kept by. Nearly all rows of a batch agree in key, model and
 * the rest, so a row costs one look-up here, and the many roll-ups and metrics are paid once a group.
 */
import { type Column, type Columns, flatRows, isVaried, valueAt } from "./columns.ts";
import { readTools } from "./log-filter.ts";
import { requestColumn as column, requestFlag, requestWidth, settlementFlag } from "./rows.ts";
import type { RowValue } from "./sender.ts";

/** What sums are kept by. The position is the number in the database: at most 16 with the pairs: none is left. */
export const dimensions = [
  "total",
  "key",
  "team",
  "customer",
  "user",
  "model",
  "provider",
  "target",
  "credential",
  "route",
  "tag",
  "status",
  "error",
] as const;
/** What values are listed of, but no sums kept by: a question for them is counted from the rows. */
export const listed = ["stop", "tool"] as const;
export type ListedName = (typeof listed)[number];
export type DimensionName = (typeof dimensions)[number] | ListedName;
/** Two at once: who asked, and what answered. They go on with the numbers; by hour and day only. */
export const pairs = ["key_target", "team_target", "customer_target"] as const;
export type PairName = (typeof pairs)[number];
export const dimensionNumber = Object.fromEntries(
  [...dimensions, ...pairs, ...listed].map((name, index) => [name, index]),
) as {
  readonly [name in DimensionName | PairName]: number;
};
export const dimensionCount = dimensions.length + pairs.length;
export function isListed(name: DimensionName): name is ListedName {
  return listed.includes(name as ListedName);
}
/** With those whose values are only listed. */
export const facetedCount = dimensionCount + listed.length;
/** Pairs are as many as their parts multiplied: too many for a sum each minute. */
export function isPair(dimension: number): boolean {
  return dimension >= dimensions.length;
}
/** The value of a pair: neither a key's number nor an owner's public id has a bar in it. */
export function pairValue(who: string | number, target: string): string {
  return `${who}|${target}`;
}

/** The order of the columns of `rollups`, and of `Group.sums`. */
export const sumColumns = [
  "requests",
  "errors",
  "tokens_in",
  "tokens_out",
  "tokens_cache_read",
  "tokens_cache_write",
  "tokens_reasoning",
  "cost_nano",
  "unpriced",
  "latency_ms",
  "ttft_ms",
  "ttft_count",
  "upstream_ms",
  "overhead_ms",
  "upstream_count",
  "output_ms",
] as const;
const sum = Object.fromEntries(sumColumns.map((name, index) => [name, index])) as {
  readonly [name in (typeof sumColumns)[number]]: number;
};

export { sum as sumColumn };

export type Group = {
  /** Start of the minute its rows began in. */
  readonly minute: number;
  readonly keyId: number;
  /** The first row: what all of the group have in common can be read there. */
  readonly sample: readonly RowValue[];
  readonly sums: Float64Array;
  /** Milliseconds, one entry a row that has it. */
  readonly latencies: number[];
  readonly ttfts: number[];
  readonly upstreams: number[];
  readonly overheads: number[];
  /** Of streams: milliseconds from one token to the next. */
  readonly tokenGaps: number[];
  readonly bytesIn: number[];
  readonly bytesOut: number[];
};

const minuteMs = 60_000;

/** The same as `groupRows`, for a batch as it came: mostly all of its rows are one group, and need not be laid out. */
export function groupColumns(rows: Columns): readonly Group[] {
  const { count, values } = rows;
  if (count === 0) return [];
  const minute = oneMinute(values[column.at], count);
  if (minute === undefined || !areAlike(values)) return groupRows(flatRows(rows));
  const group = emptyGroup(
    minute,
    values.map((each) => valueAt(each, 0)),
  );
  const row = [...group.sample];
  const varied = values.flatMap((each, index) => (isVaried(each) ? [{ index, each }] : []));
  for (let at = 0; at < count; at += 1) {
    for (const { index, each } of varied) row[index] = each[at] ?? null;
    addRow(group, row, 0);
  }
  return [group];
}

/** In which all rows began; undefined: they began in several. */
function oneMinute(times: Column | undefined, count: number): number | undefined {
  const of = (row: number): number => Math.floor((valueAt(times, row) as number) / minuteMs) * minuteMs;
  const first = of(0);
  if (isVaried(times)) for (let row = 1; row < count; row += 1) if (of(row) !== first) return undefined;
  return first;
}

function areAlike(values: Columns["values"]): boolean {
  for (const index of common) if (isVaried(values[index])) return false;
  const attempts = values[column.attempts];
  return isVaried(attempts) ? !attempts.some(tookTurn) : !tookTurn(attempts);
}

export function groupRows(rows: readonly RowValue[]): readonly Group[] {
  const groups = new Map<string, Group>();
  let last: Group | undefined;
  for (let at = 0; at + requestWidth <= rows.length; at += requestWidth) {
    const minute = Math.floor((rows[at + column.at] as number) / minuteMs);
    if (last !== undefined && minute * minuteMs === last.minute && agrees(last.sample, rows, at)) {
      addRow(last, rows, at);
      continue;
    }
    const name = `${minute}|${common.map((index) => rows[at + index]).join("|")}|${tookTurn(rows[at + column.attempts]) ? rows[at + column.id] : ""}`;
    let group = groups.get(name);
    if (group === undefined) {
      group = emptyGroup(minute * minuteMs, rows.slice(at, at + requestWidth));
      groups.set(name, group);
    }
    addRow(group, rows, at);
    last = group;
  }
  return [...groups.values()];
}

/** What rows of one group have in common, besides their minute; a row that took a detour is a group of its own. */
const common = (
  [
    "key_id",
    "team",
    "customer",
    "user",
    "model",
    "target",
    "credential",
    "route",
    "tags",
    "status",
    "error",
    "stream",
  ] as const
).map((name) => column[name]);

function agrees(sample: readonly RowValue[], rows: readonly RowValue[], at: number): boolean {
  if (tookTurn(sample[column.attempts]) || tookTurn(rows[at + column.attempts])) return false;
  for (const index of common) if (sample[index] !== rows[at + index]) return false;
  return true;
}

/** The mere order of its targets, as `record` writes it, is no turn. */
function tookTurn(attempts: RowValue | undefined): boolean {
  if (typeof attempts !== "string") return false;
  return !attempts.startsWith('{"order":') || attempts.includes('],"attempts":');
}

export function emptyGroup(minute: number, sample: readonly RowValue[]): Group {
  return {
    minute,
    keyId: (sample[column.key_id] as number | null) ?? 0,
    sample,
    sums: new Float64Array(sumColumns.length),
    ...{ latencies: [], ttfts: [], upstreams: [], overheads: [], tokenGaps: [], bytesIn: [], bytesOut: [] },
  };
}

/** A cost that is added to the sums of a request that is in them already. */
export function costGroup(row: readonly RowValue[], nano: number): Group {
  const group = emptyGroup(Math.floor((row[column.at] as number) / minuteMs) * minuteMs, row);
  group.sums[sum.cost_nano] = nano;
  return group;
}

export function addRow(group: Group, rows: readonly RowValue[], at: number): void {
  const { sums } = group;
  const number = (index: number): number => (rows[at + index] as number | null) ?? 0;
  const flags = number(column.flags);
  const latencyMs = number(column.latency_ms);
  const ttftMs = rows[at + column.ttft_ms] as number | null;
  const upstreamMs = number(column.upstream_ms);
  const tokensOut = number(column.tokens_out);
  sums[sum.requests]! += 1;
  if (number(column.status) >= 400 || (flags & requestFlag.truncated) !== 0) sums[sum.errors]! += 1;
  sums[sum.tokens_in]! += number(column.tokens_in);
  sums[sum.tokens_out]! += tokensOut;
  sums[sum.tokens_cache_read]! += number(column.tokens_cache_read);
  sums[sum.tokens_cache_write]! += number(column.tokens_cache_write);
  sums[sum.tokens_reasoning]! += number(column.tokens_reasoning);
  sums[sum.cost_nano]! += number(column.cost_nano);
  if ((flags & settlementFlag.unpriced) !== 0) sums[sum.unpriced]! += 1;
  sums[sum.latency_ms]! += latencyMs;
  group.latencies.push(latencyMs);
  group.bytesIn.push(number(column.bytes_in));
  group.bytesOut.push(number(column.bytes_out));
  if (number(column.stream) === 1 && ttftMs !== null) {
    sums[sum.ttft_ms]! += ttftMs;
    sums[sum.ttft_count]! += 1;
    group.ttfts.push(ttftMs);
    if (tokensOut > 1) group.tokenGaps.push(Math.max(0, latencyMs - ttftMs) / (tokensOut - 1));
  }
  if (upstreamMs > 0) {
    sums[sum.upstream_ms]! += upstreamMs;
    sums[sum.overhead_ms]! += Math.max(0, latencyMs - upstreamMs);
    sums[sum.upstream_count]! += 1;
    group.upstreams.push(upstreamMs);
    group.overheads.push(Math.max(0, latencyMs - upstreamMs));
  }
  if (tokensOut > 0) sums[sum.output_ms]! += latencyMs;
}

/** Which values of which dimensions a group counts for; several tags are several values. */
export function facetsOf(group: Group): readonly (readonly [dimension: number, value: string])[] {
  const { sample } = group;
  const facets: [number, string][] = [];
  for (const name of dimensions)
    for (const value of valuesOf(name, sample)) facets.push([dimensionNumber[name], value]);
  const target = sample[column.target];
  if (typeof target === "string" && target !== "") {
    const pair = (name: PairName, who: RowValue | undefined): void => {
      if (who) facets.push([dimensionNumber[name], pairValue(who, target)]);
    };
    pair("key_target", group.keyId);
    pair("team_target", sample[column.team]);
    pair("customer_target", sample[column.customer]);
  }
  return facets;
}

/** Of one row. */
export function valuesOf(name: DimensionName, row: readonly RowValue[]): readonly string[] {
  switch (name) {
    case "total":
      return [""];
    case "key": {
      const key = row[column.key_id] as number | null;
      return key !== null && key > 0 ? [String(key)] : [];
    }
    case "credential": {
      const credential = row[column.credential];
      return credential === null ? [] : [`${row[column.provider]}/${credential}`];
    }
    case "status":
      return [`${Math.floor(((row[column.status] as number | null) ?? 0) / 100)}xx`];
    case "tool":
      return readTools(row[column.tools]);
    case "tag":
      return Object.entries(readTags(row[column.tags])).map(([tag, value]) => (value === "" ? tag : `${tag}=${value}`));
    default: {
      const value = row[column[name]];
      return value === null || value === undefined || value === "" ? [] : [String(value)];
    }
  }
}

export function readTags(text: RowValue | undefined): Readonly<Record<string, string>> {
  if (typeof text !== "string") return {};
  try {
    return JSON.parse(text) as Record<string, string>;
  } catch {
    return {};
  }
}
