/**
 * Keeps one credential fresh: fetched at once, and again before it ends. Hides when that is and how failures are
 * spaced; whoever uses the credential never asks for it.
 */
import { failureName, type Lasting, type Source } from "./source.ts";

export type KeeperEvents = {
  renewed(lasting: Lasting): void;
  /** Told at every try; `reason` is made of names and holds no secret. */
  failed(reason: string): void;
};

/** It is fetched again this long before it ends, or in the last fifth of its life where that is shorter. */
const marginMsMax = 240_000;
/** A fetch that failed is tried again after this long, twice as long each time. */
const retryMsMin = 1_000;
const retryMsMax = 60_000;
/** A fetch that does not come is given up. */
const fetchMsMax = 20_000;
/** Timers live in 32-bit integers. */
const delayMsMax = 2 ** 31 - 1;

/** The function it returns lets go. */
export function keep(opening: Promise<Source>, events: KeeperEvents): () => void {
  let retryMs = retryMsMin;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  async function renew(): Promise<void> {
    try {
      const lasting = await within(fetchMsMax, async () => (await opening)());
      if (closed) return;
      retryMs = retryMsMin;
      events.renewed(lasting);
      if (lasting.expiresAt !== undefined) again(untilRenewal(lasting.expiresAt - Date.now()));
    } catch (error) {
      if (closed) return;
      events.failed(failureName(error));
      again(retryMs);
      retryMs = Math.min(2 * retryMs, retryMsMax);
    }
  }

  function again(delayMs: number): void {
    timer = setTimeout(() => void renew(), Math.min(delayMs, delayMsMax));
  }

  void renew();
  return () => {
    closed = true;
    clearTimeout(timer);
  };
}

function untilRenewal(lifeMs: number): number {
  return Math.max(retryMsMin, lifeMs - Math.min(marginMsMax, lifeMs / 5));
}

function within<T>(limitMs: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error("late"), { code: "no_answer_in_time" })), limitMs);
  });
  return Promise.race([work(), late]).finally(() => clearTimeout(timer));
}
