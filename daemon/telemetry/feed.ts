/**
 * The live feed in the main thread: who listens to what, and what each is told. Hides fan-out, rates, and that a
 * listener which does not keep up loses rows and hears how many. With nobody listening workers send nothing.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import type { FeedMessage } from "../admin/contract/feed.ts";
import type { LogRow } from "../admin/contract/logs.ts";
import { conditions, type LogFilter } from "../store/log-filter.ts";
import { requestWidth } from "../store/rows.ts";
import type { RowValue } from "../store/sender.ts";
import type { Tapped, TapSettings } from "./tap.ts";

export const listenersMax = 32;
export const rateDefault = 200;
/** A listener that says nothing for so long hears a beat. */
const beatMs = 5_000;
/** Rows that one listener has not taken yet. */
const pendingMax = 1_000;

export type FeedOptions = {
  /** Tells the workers; undefined: nobody listens. */
  want(settings: TapSettings | undefined): void;
  inFlight(): number;
  view(rows: readonly RowValue[], at: number): LogRow;
};

export type FeedFilter = {
  /** What workers can judge. */
  readonly filter: LogFilter;
  /** The rest, of a row with its names. */
  readonly accepts?: ((row: LogRow) => boolean) | undefined;
  readonly rate?: number | undefined;
};

export type Feed = {
  /** Messages as JSON texts, until the listener leaves or the daemon ends. Throws when there are too many. */
  listen(filter: FeedFilter): AsyncIterable<string>;
  /** From a worker. */
  take(message: Tapped): void;
  /** Rows left out since the start. */
  readonly dropped: number;
  readonly listeners: number;
  close(): void;
};

type Listener = {
  readonly asked: FeedFilter;
  readonly holds: (rows: readonly RowValue[], at: number) => boolean;
  readonly rate: number;
  pending: LogRow[];
  ended: number;
  matched: number;
  missed: number;
  /** Rows that may still be told in this second. */
  allowance: number;
  wake: (() => void) | undefined;
  over: boolean;
};

export function createFeed({ want, inFlight, view }: FeedOptions): Feed {
  const listeners = new Set<Listener>();
  let dropped = 0;
  let closed = false;
  let refill: NodeJS.Timeout | undefined;

  function changed(): void {
    if (listeners.size === 0) {
      clearInterval(refill);
      refill = undefined;
      want(undefined);
      return;
    }
    refill ??= setInterval(() => {
      for (const listener of listeners) listener.allowance = listener.rate;
    }, 1_000).unref();
    const all = [...listeners];
    want({
      filters: all.map(({ asked }) => asked.filter),
      rate: Math.min(
        1_000,
        all.reduce((sum, { rate }) => sum + rate, 0),
      ),
    });
  }

  function take({ rows, ended, matched }: Tapped): void {
    const sampled = rows.length / requestWidth;
    const share = sampled === 0 ? 0 : matched / sampled;
    for (const listener of listeners) {
      listener.ended += ended;
      let hits = 0;
      const before = listener.pending.length;
      for (let at = 0; at < rows.length; at += requestWidth) if (offer(listener, rows, at)) hits += 1;
      // Counted here and not where it is told: who takes nothing is told nothing.
      const missed = Math.max(0, Math.round(hits * share) - (listener.pending.length - before));
      listener.matched += Math.round(hits * share);
      listener.missed += missed;
      dropped += missed;
      if (hits > 0) listener.wake?.();
    }
  }

  /** True: it matches, whether or not it is told. */
  function offer(listener: Listener, rows: readonly RowValue[], at: number): boolean {
    if (!listener.holds(rows, at)) return false;
    const row = view(rows, at);
    if (listener.asked.accepts?.(row) === false) return false;
    if (listener.allowance > 0 && listener.pending.length < pendingMax) {
      listener.allowance -= 1;
      listener.pending.push(row);
    }
    return true;
  }

  function listen(asked: FeedFilter): AsyncIterable<string> {
    if (closed) throw new GatewayError("shutting_down", "the daemon is shutting down");
    if (listeners.size >= listenersMax)
      throw new GatewayError("overloaded", `${listenersMax} listen to the live feed already`);
    const all = conditions(asked.filter);
    const rate = asked.rate ?? rateDefault;
    const listener: Listener = {
      ...{ asked, rate, allowance: rate, pending: [], ended: 0, matched: 0, missed: 0, wake: undefined, over: false },
      holds: (rows, at) => all.every(({ holds }) => holds(rows, at)),
    };
    listeners.add(listener);
    changed();
    return messages(listener);
  }

  function messages(listener: Listener): AsyncIterable<string> {
    let isFirst = true;
    let isLast = false;
    let beatAt = 0;
    const leave = (): void => {
      listener.over = true;
      if (listeners.delete(listener)) changed();
      listener.wake?.();
    };
    async function next(): Promise<IteratorResult<string>> {
      for (;;) {
        if (isLast || (listener.over && !closed)) return { done: true, value: undefined };
        if (closed) {
          isLast = true;
          return { done: false, value: JSON.stringify({ type: "bye" } satisfies FeedMessage) };
        }
        const now = performance.now();
        if (now >= beatAt) {
          const type = isFirst ? "hello" : "beat";
          isFirst = false;
          beatAt = now + beatMs;
          return { done: false, value: JSON.stringify(beat(listener, type)) };
        }
        if (listener.pending.length > 0) {
          const rows = listener.pending;
          listener.pending = [];
          return { done: false, value: JSON.stringify({ type: "rows", rows } satisfies FeedMessage) };
        }
        await woken(listener, beatAt - now);
      }
    }
    const iterator: AsyncIterator<string> = {
      next,
      async return() {
        leave();
        return { done: true, value: undefined };
      },
    };
    return { [Symbol.asyncIterator]: () => iterator };
  }

  function beat(listener: Listener, type: "hello" | "beat"): FeedMessage {
    const { ended, matched, missed } = listener;
    listener.ended = 0;
    listener.matched = 0;
    listener.missed = 0;
    return { type, at_ms: Date.now(), in_flight: inFlight(), ended, matched, dropped: missed };
  }

  return {
    listen,
    take,
    get dropped() {
      return dropped;
    },
    get listeners() {
      return listeners.size;
    },
    close() {
      closed = true;
      for (const listener of listeners) listener.wake?.();
      listeners.clear();
      changed();
    },
  };
}

function woken(listener: Listener, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      listener.wake = undefined;
      resolve();
    };
    const timer = setTimeout(done, ms);
    listener.wake = done;
  });
}
