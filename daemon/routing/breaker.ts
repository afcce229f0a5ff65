/**
 * Whether a target is asked at all. Closed: yes. Open: no, until its pause ends; then one request in the whole daemon
 * goes ahead as a probe, and what comes of it closes the breaker or opens it for longer. Hides how threads agree on
 * that without a lock: state and counters are one word, changed by compare-and-exchange; the time word is written
 * before it, and means nothing while the breaker is closed.
 */
import type { BreakerData } from "../config/routing-data.ts";
import { type HealthTable, healthWord, msUntil, tickOf } from "./health-table.ts";
import { recentOutcomes } from "./outcomes.ts";

export type BreakerState = "closed" | "open" | "probing";

/** Which of a target's probes this is: one that was given up for lost may still come back, when another is under way. */
export type Probe = { readonly word: number };

export type Breaker = {
  /** "go", a probe (go, and you are the one), or "open". */
  enter(row: number, nowMs: number): "go" | Probe | "open";
  /** Milliseconds until it may be asked again; 0: now. */
  waitMs(row: number, nowMs: number): number;
  succeeded(row: number, nowMs: number): void;
  /** An upstream fault. */
  failed(row: number, nowMs: number): void;
  /** The probe ended without telling anything of the upstream: another may try, unless one does already. */
  abandoned(row: number, nowMs: number, probe: Probe): void;
  /** Its provider was found to be there: an open one may be asked now; after a second opening in a row only if `always`. */
  sooner(row: number, nowMs: number, always: boolean): void;
  /** It has answered somebody beside the traffic: closed again. */
  proved(row: number, nowMs: number): void;
  state(row: number, nowMs: number): BreakerState;
  /** Share of its usual traffic that a target gets which was open a moment ago: 0.1 to 1. */
  ramp(row: number, nowMs: number): number;
};

/** Lowest share while the ramp runs. */
const rampMin = 0.1;
const failuresMax = 0x3ff;
const tripsMax = 0xf;

// The word: two bits of state, ten of failures in a row, four of times opened, the rest counts changes.
const closed = 0;
const open = 1;
const probing = 2;
const stateOf = (word: number): number => word & 3;
const failuresOf = (word: number): number => (word >>> 2) & failuresMax;
const tripsOf = (word: number): number => (word >>> 12) & tripsMax;
const pack = (word: number, state: number, failures: number, trips: number): number =>
  ((word & ~0xffff) + 0x10000) | (trips << 12) | (failures << 2) | state;

export function createBreaker({ words }: Pick<HealthTable, "words">, settings: () => BreakerData): Breaker {
  const at = (row: number): number => row + healthWord.breaker;
  const change = (row: number, from: number, to: number): boolean =>
    Atomics.compareExchange(words, at(row), from, to) === from;

  function enter(row: number, nowMs: number): "go" | Probe | "open" {
    const word = Atomics.load(words, at(row));
    if (stateOf(word) === closed || row === 0 || !settings().enabled) return "go";
    const until = Atomics.load(words, row + healthWord.until);
    if (msUntil(until, nowMs) > 0) return "open";
    // The pause is over, or the probe before this one was never heard of again. Whoever lost the race to another whose
    // probe has failed since must not cut short the pause that followed.
    const probeUntil = tickOf(nowMs + settings().probeMs);
    if (Atomics.compareExchange(words, row + healthWord.until, until, probeUntil) !== until) return "open";
    const own = pack(word, probing, failuresOf(word), tripsOf(word));
    return change(row, word, own) ? { word: own } : "open";
  }

  function waitMs(row: number, nowMs: number): number {
    if (row === 0 || !settings().enabled || stateOf(Atomics.load(words, at(row))) === closed) return 0;
    return Math.max(0, msUntil(Atomics.load(words, row + healthWord.until), nowMs));
  }

  function succeeded(row: number, nowMs: number): void {
    for (;;) {
      const word = Atomics.load(words, at(row));
      const state = stateOf(word);
      if (state === closed && failuresOf(word) === 0) return;
      // A success of a request that was sent before it opened is old news.
      if (state === open) return;
      const trips = state === probing ? tripsOf(word) : 0;
      if (state === probing) Atomics.store(words, row + healthWord.closedAt, tickOf(nowMs));
      if (change(row, word, pack(word, closed, 0, trips))) return;
    }
  }

  function failed(row: number, nowMs: number): void {
    const data = settings();
    if (row === 0 || !data.enabled) return;
    for (;;) {
      const word = Atomics.load(words, at(row));
      const state = stateOf(word);
      if (state === open) return;
      const failures = Math.min(failuresOf(word) + 1, failuresMax);
      if (state === closed && failures < data.failures && !isFailing(row, nowMs, data)) {
        if (change(row, word, pack(word, closed, failures, tripsOf(word)))) return;
        continue;
      }
      const trips = Math.min(isSteady(row, nowMs, data) && state === closed ? 1 : tripsOf(word) + 1, tripsMax);
      const pauseMs = Math.min(data.openMs * 2 ** (trips - 1), data.openMaxMs);
      Atomics.store(words, row + healthWord.until, tickOf(nowMs + pauseMs));
      if (!change(row, word, pack(word, open, failures, trips))) continue;
      Atomics.add(words, row + healthWord.openings, 1);
      return;
    }
  }

  function isFailing(row: number, nowMs: number, { errorRate, requestsMin, windowMs }: BreakerData): boolean {
    const recent = recentOutcomes(words, row, nowMs, windowMs);
    return recent.requests >= requestsMin && recent.failures >= errorRate * recent.requests;
  }

  /** It has been closed for so long that what was before does not count. */
  function isSteady(row: number, nowMs: number, { openMaxMs }: BreakerData): boolean {
    const closedAt = words[row + healthWord.closedAt]!;
    return closedAt === 0 || -msUntil(closedAt, nowMs) > openMaxMs;
  }

  function abandoned(row: number, nowMs: number, { word }: Probe): void {
    const until = Atomics.load(words, row + healthWord.until);
    if (!change(row, word, pack(word, open, failuresOf(word), tripsOf(word)))) return;
    // Whoever has found the time passed, and probes since, has set its own.
    Atomics.compareExchange(words, row + healthWord.until, until, tickOf(nowMs));
  }

  function sooner(row: number, nowMs: number, always: boolean): void {
    const word = Atomics.load(words, at(row));
    if (stateOf(word) !== open || (!always && tripsOf(word) > 1)) return;
    Atomics.store(words, row + healthWord.until, tickOf(nowMs));
  }

  function proved(row: number, nowMs: number): void {
    for (;;) {
      const word = Atomics.load(words, at(row));
      if (row === 0 || stateOf(word) === closed) return;
      Atomics.store(words, row + healthWord.closedAt, tickOf(nowMs));
      if (change(row, word, pack(word, closed, 0, tripsOf(word)))) return;
    }
  }

  function state(row: number, nowMs: number): BreakerState {
    if (row === 0) return "closed";
    const now = stateOf(Atomics.load(words, at(row)));
    if (now === closed) return "closed";
    return now === probing || msUntil(Atomics.load(words, row + healthWord.until), nowMs) <= 0 ? "probing" : "open";
  }

  function ramp(row: number, nowMs: number): number {
    const closedAt = words[row + healthWord.closedAt]!;
    if (closedAt === 0 || stateOf(words[at(row)]!) !== closed) return 1;
    const { rampMs } = settings();
    const passed = -msUntil(closedAt, nowMs);
    return passed >= rampMs || passed < 0 ? 1 : Math.max(rampMin, passed / rampMs);
  }

  return { enter, waitMs, succeeded, failed, abandoned, sooner, proved, state, ramp };
}
