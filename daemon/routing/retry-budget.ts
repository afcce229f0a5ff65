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
  /** A request goes to a target beside which another may be asked: it pays its share of that. */
  depositHedge(row: number, share: number): void;
  /** True: one may be asked now, and is paid. Nothing is lent, so that the share holds from the first request on. */
  withdrawHedge(row: number): boolean;
  /** Would one be paid for, if a request came now? */
  affordsHedge(row: number, share: number): boolean;
};

/** Thousandths of a retry. */
const whole = 1_000;
/** What a provider may owe before anything was paid in. */
const reserve = 5 * whole;
/** What may be saved up: a burst of this many. */
const savedMax = 20 * whole;
/** The same of second attempts. */
const hedgesSavedMax = 10 * whole;

export function createRetryBudget({ words }: Pick<HealthTable, "words">, settings: () => RetriesData): RetryBudget {
  function payIn(row: number, word: number, share: number, most: number): void {
    if (row === 0) return;
    const saved = Atomics.add(words, row + word, Math.round(share * whole));
    if (saved > most) Atomics.store(words, row + word, most);
  }

  function takeOut(row: number, word: number, lent: number): boolean {
    if (row === 0) return false;
    for (;;) {
      const saved = Atomics.load(words, row + word);
      if (saved - whole < -lent) return false;
      if (Atomics.compareExchange(words, row + word, saved, saved - whole) === saved) return true;
    }
  }

  const { retryTokens, hedgeTokens } = healthWord;
  return {
    deposit: (row) => payIn(row, retryTokens, settings().budget, savedMax),
    withdraw: (row) => takeOut(row, retryTokens, reserve),
    depositHedge: (row, share) => payIn(row, hedgeTokens, share, hedgesSavedMax),
    withdrawHedge: (row) => takeOut(row, hedgeTokens, 0),
    affordsHedge: (row, share) =>
      (row === 0 ? 0 : Atomics.load(words, row + hedgeTokens)) + Math.round(share * whole) >= whole,
  };
}

/** Full jitter: anything up to the pause, so that those who failed together do not come back together. */
export function backoffMs(
  { backoffMs: first, backoffMaxMs }: RetriesData,
  retry: number,
  random: () => number,
): number {
  return Math.floor(random() * Math.min(first * 2 ** retry, backoffMaxMs));
}
