/**
 * Sliding windows over shared cells: how long must a request wait, and count it. All functions run inside the lock.
 *
 * Requests are exact: a ring holds the times of the last `limit` admissions, so the next is free when the oldest has
 * left the window. Limits above `ringMax`, and tokens, are counted in 65 buckets of a 64th of the window; a bucket
 * counts until all of it has left, so such a window never admits too much and may be late by a 64th.
 */
import { limitCell, limitMode } from "./cells.ts";
import type { Lock } from "./lock.ts";
import type { Tables } from "./tables.ts";

export type RateLimits = {
  /** Milliseconds until `amount` more would be admitted if nobody else came: 0 now, Infinity never. */
  wait(row: number, nowMs: number, amount: number): number;
  /** Counts what `wait()` let through, or what came unasked. */
  add(row: number, nowMs: number, amount: number): void;
  /** Corrects a token reservation made at `thenMs`; one that has left the window needs none. */
  correct(row: number, thenMs: number, difference: number): void;
  /** What counts at this instant. */
  used(row: number, nowMs: number): number;
  /** The same for every answer's headers: in a ring it takes the logarithm of the limit. */
  counted(row: number, nowMs: number): number;
  /** Milliseconds until nothing of what counts now counts any more. */
  wholeIn(row: number, nowMs: number): number;
};

/** Largest request limit that is kept as exact times: 128 KB of ring. */
export const ringMax = 16_384;
const bucketsPerWindow = 64;
/** One more than the window has: the oldest is only partly inside. */
export const buckets = bucketsPerWindow + 1;
/** Threads read the clock before they get the lock, so times arrive slightly out of order. */
export const clockSkewMsMax = 1_000;

/** Longest window, milliseconds; bucket numbers since 1970 stay far above the number of buckets. */
export const limitWindowMsMax = 366 * 86_400_000;

/** A whole number of milliseconds, so that a bucket's end is an exact instant. */
export function bucketWidth(windowMs: number): number {
  return Math.ceil(windowMs / bucketsPerWindow);
}

export function createRateLimits({ cells }: Tables, { set }: Lock): RateLimits {
  /**
   * What lies in the future was counted before the clock was set back, and counts on: else each correction of a clock
   * would refill a day's limit. Only what lies further ahead than a window is forgotten, or it would block for too long.
   */
  function latest(row: number, nowMs: number): number {
    return nowMs + Math.max(clockSkewMsMax, cells[row + limitCell.window]!);
  }

  function wait(row: number, nowMs: number, amount: number): number {
    const limit = cells[row + limitCell.limit]!;
    if (amount > limit) return Number.POSITIVE_INFINITY;
    if (cells[row + limitCell.mode] !== limitMode.ring) return waitForBuckets(row, nowMs, amount, limit);
    const oldest = cells[cells[row + limitCell.base]! + cells[row + limitCell.head]!]!;
    const freeAt = oldest + cells[row + limitCell.window]!;
    return oldest === 0 || freeAt <= nowMs || oldest > latest(row, nowMs) ? 0 : freeAt - nowMs;
  }

  function waitForBuckets(row: number, nowMs: number, amount: number, limit: number): number {
    advance(row, nowMs);
    let excess = cells[row + limitCell.sum]! + amount - limit;
    if (excess <= 0) return 0;
    const base = cells[row + limitCell.base]!;
    const newest = cells[row + limitCell.head]!;
    for (let bucket = newest - bucketsPerWindow; bucket <= newest; bucket++) {
      excess -= cells[base + (bucket % buckets)]!;
      if (excess <= 0) return (bucket + buckets) * cells[row + limitCell.width]! - nowMs;
    }
    return Number.POSITIVE_INFINITY;
  }

  function add(row: number, nowMs: number, amount: number): void {
    const base = cells[row + limitCell.base]!;
    const head = cells[row + limitCell.head]!;
    if (cells[row + limitCell.mode] === limitMode.ring) {
      if (cells[row + limitCell.limit] === 0) return;
      const newest = newestIn(row);
      // Times stay in order.
      set(base + head, newest > nowMs && newest <= latest(row, nowMs) ? newest : nowMs);
      set(row + limitCell.head, head + 1 === cells[row + limitCell.limit] ? 0 : head + 1);
      return;
    }
    advance(row, nowMs);
    // Where the clock is behind, in its own bucket, where `correct()` looks for it.
    const bucket = Math.max(
      Math.floor(nowMs / cells[row + limitCell.width]!),
      cells[row + limitCell.head]! - bucketsPerWindow,
    );
    const index = base + (bucket % buckets);
    set(index, cells[index]! + amount);
    set(row + limitCell.sum, cells[row + limitCell.sum]! + amount);
  }

  function correct(row: number, thenMs: number, difference: number): void {
    const bucket = Math.floor(thenMs / cells[row + limitCell.width]!);
    const newest = cells[row + limitCell.head]!;
    if (bucket > newest || bucket < newest - bucketsPerWindow) return;
    const index = cells[row + limitCell.base]! + (bucket % buckets);
    // A bucket forgotten when the clock was set back holds less than what is to be returned.
    const change = Math.max(difference, -cells[index]!);
    set(index, cells[index]! + change);
    set(row + limitCell.sum, cells[row + limitCell.sum]! + change);
  }

  function used(row: number, nowMs: number): number {
    if (cells[row + limitCell.mode] !== limitMode.ring) {
      advance(row, nowMs);
      return cells[row + limitCell.sum]!;
    }
    const base = cells[row + limitCell.base]!;
    const end = base + cells[row + limitCell.limit]!;
    const since = nowMs - cells[row + limitCell.window]!;
    let count = 0;
    for (let index = base; index < end; index++) {
      const at = cells[index]!;
      if (at !== 0 && at > since && at <= latest(row, nowMs)) count++;
    }
    return count;
  }

  /** Times stand in order from the oldest, empty places first; where the clock was set back they are counted one by one. */
  function counted(row: number, nowMs: number): number {
    if (cells[row + limitCell.mode] !== limitMode.ring || newestIn(row) > latest(row, nowMs)) return used(row, nowMs);
    const base = cells[row + limitCell.base]!;
    const head = cells[row + limitCell.head]!;
    const limit = cells[row + limitCell.limit]!;
    const since = nowMs - cells[row + limitCell.window]!;
    let low = 0;
    let high = limit;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cells[base + ((head + middle) % limit)]! > since) high = middle;
      else low = middle + 1;
    }
    return limit - low;
  }

  function wholeIn(row: number, nowMs: number): number {
    if (cells[row + limitCell.mode] === limitMode.ring) {
      const newest = newestIn(row);
      return newest === 0 ? 0 : Math.max(0, newest + cells[row + limitCell.window]! - nowMs);
    }
    advance(row, nowMs);
    const base = cells[row + limitCell.base]!;
    const newest = cells[row + limitCell.head]!;
    for (let bucket = newest; bucket > newest - buckets; bucket--) {
      if (cells[base + (bucket % buckets)] === 0) continue;
      return Math.max(0, (bucket + buckets) * cells[row + limitCell.width]! - nowMs);
    }
    return 0;
  }

  /** 0: no request has come yet. */
  function newestIn(row: number): number {
    const limit = cells[row + limitCell.limit]!;
    if (limit === 0) return 0;
    return cells[cells[row + limitCell.base]! + ((cells[row + limitCell.head]! + limit - 1) % limit)]!;
  }

  /** Empties the buckets that have left the window. */
  function advance(row: number, nowMs: number): void {
    const width = cells[row + limitCell.width]!;
    const current = Math.floor(nowMs / width);
    const newest = cells[row + limitCell.head]!;
    const setBack = newest > Math.floor(latest(row, nowMs) / width);
    if (current <= newest && !setBack) return;
    const base = cells[row + limitCell.base]!;
    const steps = setBack ? buckets : Math.min(current - newest, buckets);
    let left = cells[row + limitCell.sum]!;
    for (let step = 1; step <= steps; step++) {
      const index = base + ((newest + step) % buckets);
      const amount = cells[index]!;
      if (amount === 0) continue;
      left -= amount;
      set(index, 0);
    }
    set(row + limitCell.sum, left);
    set(row + limitCell.head, current);
  }

  return { wait, add, correct, used, counted, wholeIn };
}
