/**
 * Sums by minute, hour and day, written in the transaction that writes their rows. Hides that the open buckets are kept
 * in memory and only their new state is written, so that a commit of a thousand rows costs what one of ten does.
 */
import { type Breather, noBreather } from "./breather.ts";
import type { Database, Statement } from "./database.ts";
import { openFacets } from "./facets.ts";
import { addPacked, bucketCount, bucketOf, packCounts } from "./histogram.ts";
import {
  dimensionCount,
  dimensionNumber,
  facetedCount,
  facetsOf,
  type Group,
  isPair,
  type ListedName,
  sumColumns,
} from "./rollup-groups.ts";

export const grains = ["minute", "hour", "day"] as const;
export type GrainName = (typeof grains)[number];
export const pairGrains = ["hour", "day"] as const;
export const grainMs: Readonly<Record<GrainName, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** Number of a series in the database. */
export function seriesNumber(grain: GrainName, dimension: number): number {
  return grains.indexOf(grain) * 16 + dimension;
}

/** How long sums are kept, milliseconds by grain. */
export type RollupRetention = Readonly<Record<GrainName, number>>;
export const rollupRetentionDefault: RollupRetention = {
  minute: 2 * 86_400_000,
  hour: 90 * 86_400_000,
  day: 730 * 86_400_000,
};

/** Sums of pairs by hour are kept no longer than this. */
export const pairHoursMs = 8 * 86_400_000;

export type RollupWriter = {
  add(groups: readonly Group[]): void;
  /** Of any time: into what is still kept of it. */
  correct(groups: readonly Group[]): void;
  /** A value that is only listed. */
  see(dimension: ListedName, value: string, at: number): void;
  /** Deletes one slice of what is too old. True: there may be more. */
  prune(nowMs: number, retention: RollupRetention): boolean;
  /** After a transaction that did not commit. */
  forget(): void;
};

type Bucket = {
  readonly series: number;
  readonly at: number;
  readonly facet: number;
  readonly sums: Float64Array;
  readonly latency: Uint32Array;
  readonly ttft: Uint32Array;
  changed: boolean;
};

/** Open buckets in memory, 1 KB each; at the bound they are read again when they are needed. */
const openMax = 8_192;
/** So that buckets whose time has passed do not stay in memory. */
const forgetMs = 300_000;
/** Roll-up rows deleted in one transaction. */
const sliceRows = 1_000;

export function openRollupWriter(database: Database, now: () => number, breather: Breather = noBreather): RollupWriter {
  const facets = openFacets(database, now);
  const columns = sumColumns.join(", ");
  const read: Statement = database.prepare(
    `SELECT ${columns}, latency, ttft FROM rollups WHERE series = ? AND at = ? AND facet = ?`,
  );
  const write: Statement = database.prepare(
    `INSERT OR REPLACE INTO rollups (series, at, facet, ${columns}, latency, ttft) VALUES (${new Array(sumColumns.length + 5).fill("?").join(", ")})`,
  );
  const edge: Statement = database
    .prepare(`SELECT at FROM rollups WHERE series = ? AND at < ? ORDER BY at LIMIT 1 OFFSET ${sliceRows}`)
    .pluck();
  const remove: Statement = database.prepare("DELETE FROM rollups WHERE series = ? AND at < ?");
  const removeFacets: Statement = database.prepare(
    `DELETE FROM facets WHERE id IN (SELECT id FROM facets WHERE dimension = ? AND last_at < ? LIMIT ${sliceRows})`,
  );
  const open = new Map<string, Bucket>();
  const changed: Bucket[] = [];
  let forgottenAt = now();
  let kept = rollupRetentionDefault;

  /** A minute alone would say that all minutes since are still kept, until it is pruned. */
  function correct(groups: readonly Group[]): void {
    add(groups, (grain) => now() - kept[grain]);
  }

  function add(groups: readonly Group[], since: (grain: GrainName) => number = always): void {
    for (const group of groups) {
      const places = { latency: group.latencies.map(bucketOf), ttft: group.ttfts.map(bucketOf) };
      for (const [dimension, value] of facetsOf(group)) {
        const facet = facets.number(dimension, value, group.minute);
        for (const grain of isPair(dimension) ? pairGrains : grains) {
          const at = group.minute - (group.minute % grainMs[grain]);
          if (at < since(grain)) continue;
          addGroup(bucket(seriesNumber(grain, dimension), at, facet), group.sums, places);
        }
        breather.breathe();
      }
    }
    for (const each of changed) {
      const { series, at, facet, sums, latency, ttft } = each;
      write.run(series, at, facet, ...sums, packCounts(latency), packCounts(ttft));
      each.changed = false;
      breather.breathe();
    }
    changed.length = 0;
    if (open.size > openMax || now() - forgottenAt > forgetMs) forget();
  }

  function addGroup(into: Bucket, more: Float64Array, places: Readonly<Record<"latency" | "ttft", number[]>>): void {
    const { sums, latency, ttft } = into;
    for (let index = 0; index < sums.length; index++) sums[index]! += more[index]!;
    for (const place of places.latency) latency[place]!++;
    for (const place of places.ttft) ttft[place]!++;
    if (into.changed) return;
    into.changed = true;
    changed.push(into);
  }

  function bucket(series: number, at: number, facet: number): Bucket {
    const name = `${series}|${at}|${facet}`;
    let found = open.get(name);
    if (found === undefined) {
      found = load(series, at, facet);
      open.set(name, found);
    }
    return found;
  }

  function load(series: number, at: number, facet: number): Bucket {
    const fresh: Bucket = {
      ...{ series, at, facet, changed: false },
      sums: new Float64Array(sumColumns.length),
      latency: new Uint32Array(bucketCount),
      ttft: new Uint32Array(bucketCount),
    };
    const row = read.get(series, at, facet) as (Record<string, number> & { latency: Buffer; ttft: Buffer }) | undefined;
    if (row === undefined) return fresh;
    for (const [index, name] of sumColumns.entries()) fresh.sums[index] = row[name]!;
    addPacked(fresh.latency, row.latency);
    addPacked(fresh.ttft, row.ttft);
    return fresh;
  }

  function prune(nowMs: number, retention: RollupRetention): boolean {
    kept = retention;
    for (const grain of grains) {
      for (let dimension = 0; dimension < dimensionCount; dimension++) {
        const isShort = grain === "hour" && isPair(dimension);
        const before = nowMs - (isShort ? Math.min(retention.hour, pairHoursMs) : retention[grain]);
        const series = seriesNumber(grain, dimension);
        const until = (edge.get(series, before) as number | undefined) ?? before;
        if (remove.run(series, until).changes > 0) return true;
      }
    }
    const before = nowMs - Math.max(...grains.map((grain) => retention[grain])) - grainMs.day;
    for (let dimension = 0; dimension < facetedCount; dimension++) {
      if (removeFacets.run(dimension, before).changes === 0) continue;
      facets.forget(); // a number that is gone must not be given out
      return true;
    }
    return false;
  }

  function forget(): void {
    forgottenAt = now();
    open.clear();
    changed.length = 0;
    facets.forget();
  }

  function see(dimension: ListedName, value: string, at: number): void {
    facets.number(dimensionNumber[dimension], value, at);
  }

  return { add, correct, see, prune, forget };
}

function always(): number {
  return 0;
}
