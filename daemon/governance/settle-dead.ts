/** Gives back what an ended worker left reserved. */
import type { Hold } from "./holds.ts";
import type { Ledger } from "./ledger.ts";

/**
 * For the supervisor, after `recoverOwner()`: settles every hold of the ended thread at its input cost, since the
 * input was or may have been sent and the output is unknown. Returns those it settled, for their rows.
 */
export function settleDead(ledger: Ledger, owner: number, nowMs: number): readonly Hold[] {
  return ledger.holdsOf(owner).filter((hold) => ledger.settle(hold.handle, nowMs, hold.inputCostNano, hold.tokens));
}
