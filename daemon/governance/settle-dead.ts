/** Gives back what an ended worker left reserved. */
import type { Hold } from "./holds.ts";
import type { Ledger } from "./ledger.ts";
import { LockTimeout } from "./lock.ts";

/** With the moment by which it counted, see `Ledger.settled`. */
export type SettledHold = Hold & { readonly settledAtMs: number };

/**
 * For the supervisor, after `recoverOwner()`: settles every hold of the ended thread at its input cost, since the
 * input was or may have been sent and the output is unknown. Returns those it settled, for their rows.
 *
 * When another thread died inside the lock at the same moment, the rest must wait until that one is recovered: then
 * `holdsOf(owner)` is not empty, and this is to be called again. If nothing at all could be settled it throws.
 */
export function settleDead(ledger: Ledger, owner: number, nowMs: number): readonly SettledHold[] {
  const settled: SettledHold[] = [];
  for (const hold of ledger.holdsOf(owner)) {
    try {
      if (ledger.settle(hold.handle, nowMs, hold.inputCostNano, hold.tokens))
        settled.push({ ...hold, settledAtMs: ledger.settled.atMs });
    } catch (error) {
      // What is settled is charged already: its rows must not be lost with this error.
      if (!(error instanceof LockTimeout) || settled.length === 0) throw error;
      return settled;
    }
  }
  return settled;
}
