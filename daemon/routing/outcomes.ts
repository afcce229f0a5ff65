/**
 * How a target has answered lately: outcomes by the second, times as decaying averages and as a histogram. Hides the
 * packing. Counts are exact to a thousand a second and keep their proportions above; times are statistics, and a lost
 * update between two threads changes nothing.
 */
import { type HealthTable, healthFloat, healthWord } from "./health-table.ts";

export type Remaining = { readonly requests: number; readonly tokens: number };
export type Recent = { readonly requests: number; readonly failures: number };

/** Times of streams to their first byte, of whole answers to their end, or both together. */
export type TimeKind = "streamed" | "whole" | "all";

export type Outcomes = {
  counted(row: number, nowMs: number, failed: boolean): void;
  /**
   * @param firstByteMs of a stream its first byte, of a whole answer all of it
   * @param perTokenMs time by tokens of output, after the first byte of a stream
   */
  timed(row: number, nowMs: number, streamed: boolean, firstByteMs: number, perTokenMs: number | undefined): void;
  recent(row: number, nowMs: number, windowMs: number): Recent;
  /**
   * How slow it is for a request of this kind: streams are compared by their first byte, whole answers by time a token,
   * or long answers would look like slow providers. Rises at once, falls by and by; undefined: nothing heard for a while.
   */
  slowness(row: number, nowMs: number, streamed: boolean): number | undefined;
  /** The same over minutes. */
  usualSlowness(row: number, streamed: boolean): number | undefined;
  perTokenMs(row: number, nowMs: number): number | undefined;
  firstByteMs(row: number, nowMs: number): number | undefined;
  /** Share of its rate limits that the provider says is left; 1 when it has not said so lately. */
  headroom(row: number, nowMs: number): number;
  limitsTold(row: number, nowMs: number, left: number): void;
  /** Requests and tokens that the provider says may still be asked for. */
  remainingTold(row: number, nowMs: number, told: Partial<Remaining>): void;
  /** As last told within a quarter of an hour. */
  remaining(row: number, nowMs: number): Partial<Remaining>;
  /**
   * Of the times of `kind`, over the last five to ten minutes; undefined below ten of them. Streams and whole answers
   * are kept apart: what is usual for the one is nothing like it for the other.
   */
  percentileMs(rows: readonly number[], nowMs: number, share: number, kind: TimeKind): number | undefined;
};

const { seconds, secondsCount, histogram, histogramBuckets, histogramSince } = healthWord;
const countMax = 0x3ff;
/** Averages halve their distance to what is heard in about this time. */
const decayMs = 5_000;
const usualDecayMs = 300_000;
/** An average of this age tells nothing any more. */
const staleMs = 300_000;
/** Limits are told by the minute; an older word is worth nothing. */
const headroomMs = 60_000;
/** What is left of a limit is shown for longer: a target that nobody asks has no newer word. */
const remainingMs = 900_000;
const histogramMs = 300_000;
const histogramMin = 10;
/** Places of the histograms of each kind. */
const kinds: Readonly<Record<TimeKind, readonly number[]>> = { streamed: [0], whole: [1], all: [0, 1] };
/** Buckets grow by a quarter of an octave, from a quarter of a millisecond. */
const bucketsPerOctave = 2.5;
const bucketFirstMs = 0.25;

const byFirstByte = [healthFloat.firstByte, healthFloat.perToken] as const;
const byToken = [healthFloat.perToken, healthFloat.firstByte] as const;

// A second's word: twelve bits of which second it is, ten of requests, ten of failures.
const secondOf = (nowMs: number): number => Math.floor(nowMs / 1000);
const stampOf = (second: number): number => Math.floor(second / secondsCount) & 0xfff;

export function createOutcomes({ words, floats }: Pick<HealthTable, "words" | "floats">): Outcomes {
  function counted(row: number, nowMs: number, failed: boolean): void {
    if (row === 0) return;
    Atomics.add(words, row + healthWord.requests, 1);
    if (failed) Atomics.add(words, row + healthWord.failures, 1);
    const second = secondOf(nowMs);
    const at = row + seconds + (second % secondsCount);
    const stamp = stampOf(second);
    for (;;) {
      const word = Atomics.load(words, at);
      const current = word >>> 20 === stamp;
      let requests = current ? (word >>> 10) & countMax : 0;
      let failures = current ? word & countMax : 0;
      if (requests === countMax) {
        requests >>= 1;
        failures >>= 1;
      }
      const next = (stamp << 20) | ((requests + 1) << 10) | (failures + (failed ? 1 : 0));
      if (Atomics.compareExchange(words, at, word, next) === word) return;
    }
  }

  function timed(
    row: number,
    nowMs: number,
    streamed: boolean,
    firstByteMs: number,
    perTokenMs: number | undefined,
  ): void {
    if (row === 0) return;
    if (streamed || perTokenMs === undefined) {
      smooth(row, healthFloat.firstByte, nowMs, firstByteMs, decayMs, true);
      smooth(row, healthFloat.usualFirstByte, nowMs, firstByteMs, usualDecayMs, false);
    }
    if (perTokenMs !== undefined) {
      smooth(row, healthFloat.perToken, nowMs, perTokenMs, decayMs, true);
      smooth(row, healthFloat.usualPerToken, nowMs, perTokenMs, usualDecayMs, false);
    }
    inHistogram(row, streamed ? 0 : 1, nowMs, firstByteMs);
  }

  function inHistogram(row: number, kind: number, nowMs: number, ms: number): void {
    const sinceAt = row + histogramSince + kind;
    const current = row + histogram + 2 * kind * histogramBuckets;
    const before = current + histogramBuckets;
    const since = Atomics.load(words, sinceAt);
    const epoch = Math.floor(nowMs / histogramMs) | 0;
    if (since !== epoch && Atomics.compareExchange(words, sinceAt, since, epoch) === since) {
      if (epoch - since === 1) words.copyWithin(before, current, before);
      else words.fill(0, before, before + histogramBuckets);
      words.fill(0, current, before);
    }
    Atomics.add(words, current + bucketOf(ms), 1);
  }

  /** Peak-sensitive where `peak`: what is slower counts at once, what is faster by and by. */
  function smooth(row: number, cell: number, nowMs: number, value: number, decay: number, peak: boolean): void {
    const at = row / 2 + healthWord.floats / 2 + cell;
    const before = floats[at]!;
    const age = nowMs - floats[at + 1]!;
    floats[at + 1] = nowMs;
    if (before === 0 || age > staleMs || (peak && value > before)) {
      floats[at] = value;
      return;
    }
    // At least a tenth for each answer, so that a busy target is not ruled by its past.
    const kept = Math.min(Math.exp(-Math.max(0, age) / decay), peak ? 0.9 : 0.999);
    floats[at] = before * kept + value * (1 - kept);
  }

  function write(row: number, cell: number, nowMs: number, value: number): void {
    const at = row / 2 + healthWord.floats / 2 + cell;
    floats[at] = value;
    floats[at + 1] = nowMs;
  }

  function average(row: number, cell: number, nowMs: number): number | undefined {
    const at = row / 2 + healthWord.floats / 2 + cell;
    const value = floats[at]!;
    return row === 0 || value === 0 || nowMs - floats[at + 1]! > staleMs ? undefined : value;
  }

  function addUp(counts: number[], row: number, kind: number, epoch: number): void {
    const old = epoch - words[row + histogramSince + kind]!;
    // Nothing has been heard for a whole period: both are of the past.
    if (old > 1) return;
    const current = row + histogram + 2 * kind * histogramBuckets;
    for (let bucket = 0; bucket < histogramBuckets; bucket++)
      counts[bucket]! += words[current + bucket]! + (old === 0 ? words[current + histogramBuckets + bucket]! : 0);
  }

  function percentileMs(rows: readonly number[], nowMs: number, share: number, kind: TimeKind): number | undefined {
    const counts = new Array<number>(histogramBuckets).fill(0);
    const epoch = Math.floor(nowMs / histogramMs) | 0;
    for (const row of rows) if (row !== 0) for (const each of kinds[kind]) addUp(counts, row, each, epoch);
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (total < histogramMin) return undefined;
    let left = total * share;
    const bucket = counts.findIndex((count) => {
      left -= count;
      return left <= 0;
    });
    return Math.round(100 * bucketFirstMs * 2 ** ((bucket + 1) / bucketsPerOctave)) / 100;
  }

  return {
    counted,
    timed,
    recent: (row, nowMs, windowMs) => recentOutcomes(words, row, nowMs, windowMs),
    slowness(row, nowMs, streamed) {
      const [first, second] = streamed ? byFirstByte : byToken;
      return average(row, first, nowMs) ?? average(row, second, nowMs);
    },
    usualSlowness(row, streamed) {
      if (row === 0) return undefined;
      const cell = streamed ? healthFloat.usualFirstByte : healthFloat.usualPerToken;
      return floats[row / 2 + healthWord.floats / 2 + cell]! || undefined;
    },
    firstByteMs: (row, nowMs) => average(row, healthFloat.firstByte, nowMs),
    perTokenMs: (row, nowMs) => average(row, healthFloat.perToken, nowMs),
    headroom: (row, nowMs) => {
      const at = row / 2 + healthWord.floats / 2 + healthFloat.headroom;
      return row === 0 || nowMs - floats[at + 1]! > headroomMs ? 1 : floats[at]!;
    },
    limitsTold(row, nowMs, left) {
      if (row !== 0) write(row, healthFloat.headroom, nowMs, left);
    },
    remainingTold(row, nowMs, { requests, tokens }) {
      if (row === 0) return;
      if (requests !== undefined) write(row, healthFloat.requestsLeft, nowMs, requests);
      if (tokens !== undefined) write(row, healthFloat.tokensLeft, nowMs, tokens);
    },
    remaining: (row, nowMs) => {
      const [requests, tokens] = [healthFloat.requestsLeft, healthFloat.tokensLeft].map((cell) => {
        const at = row / 2 + healthWord.floats / 2 + cell;
        return row === 0 || nowMs - floats[at + 1]! > remainingMs ? undefined : floats[at]!;
      });
      return { ...(requests === undefined ? {} : { requests }), ...(tokens === undefined ? {} : { tokens }) };
    },
    percentileMs,
  };
}

/** @param windowMs at most half a minute */
export function recentOutcomes(words: Int32Array, row: number, nowMs: number, windowMs: number): Recent {
  let requests = 0;
  let failures = 0;
  if (row === 0) return { requests, failures };
  const newest = secondOf(nowMs);
  const count = Math.min(Math.ceil(windowMs / 1000), secondsCount);
  for (let second = newest; second > newest - count; second--) {
    const word = words[row + seconds + (second % secondsCount)]!;
    if (word >>> 20 !== stampOf(second)) continue;
    requests += (word >>> 10) & countMax;
    failures += word & countMax;
  }
  return { requests, failures };
}

function bucketOf(ms: number): number {
  const bucket = Math.ceil(Math.log2(Math.max(ms, bucketFirstMs) / bucketFirstMs) * bucketsPerOctave) - 1;
  return Math.min(Math.max(0, bucket), histogramBuckets - 1);
}
