/**
 * How much load retries may add. Each request to a provider pays a share of a retry into the provider's account, each
 * retry takes a whole one out; a small reserve lets a quiet gateway retry at all. Hides that the account is a word in
 * shared memory, so that the bound holds over all workers together.
 */
import type { RetriesData } from "../config/routing-data.ts";
import { type HealthTable, healthWord } from "./health-table.ts";

export type RetryBudget = {
  /** A request goes to this provider for the first time. */
  deposit(row: number): void;
  /** True: one more retry is within the budget, and is now paid. */
  withdraw(row: number): boolean;
};

/** Thousandths of a retry. */
const whole = 1_000;
/** What a provider may owe before anything was paid in. */
const reserve = 5 * whole;
/** What may be saved up: a burst of this many. */
const savedMax = 20 * whole;

export function createRetryBudget({ words }: Pick<HealthTable, "words">, settings: () => RetriesData): RetryBudget {
  function deposit(row: number): void {
    if (row === 0) return;
    const at = row + healthWord.retryTokens;
    const saved = Atomics.add(words, at, Math.round(settings().budget * whole));
    if (saved > savedMax) Atomics.store(words, at, savedMax);
  }

  function withdraw(row: number): boolean {
    if (row === 0) return false;
    const at = row + healthWord.retryTokens;
    for (;;) {
      const saved = Atomics.load(words, at);
      if (saved - whole < -reserve) return false;
      if (Atomics.compareExchange(words, at, saved, saved - whole) === saved) return true;
    }
  }

  return { deposit, withdraw };
}

/** Full jitter: anything up to the pause, so that those who failed together do not come back together. */
export function backoffMs(
  { backoffMs: first, backoffMaxMs }: RetriesData,
  retry: number,
  random: () => number,
): number {
  return Math.floor(random() * Math.min(first * 2 ** retry, backoffMaxMs));
}
