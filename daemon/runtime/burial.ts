/**
 * What a dead worker leaves behind: a held lock, open holds, rows that were never sent. Hides in which order they are
 * put right, so that nobody waits, no money stays held, and nothing is settled twice.
 */

import { setTimeout as delay } from "node:timers/promises";
import { createLedger } from "../governance/ledger.ts";
import { recoverOwner } from "../governance/lock.ts";
import { settleDead } from "../governance/settle-dead.ts";
import { openTables, type SharedTables } from "../governance/tables.ts";
import type { Log } from "../log.ts";
import { openHealthTable } from "../routing/health-table.ts";
import type { SharedRouting } from "../routing/routing.ts";
import { settlementFlag } from "../store/rows.ts";
import type { StoreThreads } from "./store-threads.ts";

export type Burial = {
  /** Resolves when nothing of it is left in shared memory: from then on its number may be used again. */
  bury(worker: number): Promise<void>;
};

export type BurialOptions = {
  readonly tables: SharedTables;
  readonly routing: SharedRouting;
  readonly store: StoreThreads;
  readonly log: Log;
};

/** Another worker died with the lock at the same moment: its own burial frees it meanwhile. */
const lockRetryMs = 100;
/** The disk takes nothing just now; what these tries do not settle the next boot does. */
const diskRetryMs = 1_000;
const diskTriesMax = 60;

export function createBurial({ tables, routing, store, log }: BurialOptions): Burial {
  const own = openTables(tables, 0);
  const health = openHealthTable(routing.health, 0);
  const ledger = createLedger(own);

  async function bury(worker: number): Promise<void> {
    const diedAtMs = Date.now();
    recoverOwner(own, worker);
    health.forget(worker);
    while (!settleHolds(worker)) await delay(lockRetryMs);
    void settleLost(worker, diedAtMs);
  }

  /** Returns whether all are settled. */
  function settleHolds(worker: number): boolean {
    const now = Date.now();
    const flags = settlementFlag.estimated | settlementFlag.recovered;
    try {
      for (const hold of settleDead(ledger, worker, now)) {
        const record = JSON.stringify({ recovered: true, held_at: hold.admittedAtMs });
        const { holdId, settledAtMs, scopes, inputCostNano, tokens } = hold;
        store.sender.push(holdId, settledAtMs, 0, scopes.join(","), inputCostNano, tokens, flags, record);
      }
      return ledger.holdsOf(worker).length === 0;
    } catch (error) {
      log.warn("holds of a worker are settled later", { worker, error: String(error) });
      return false;
    }
  }

  /** Settlements that it had gathered and not sent died with it: on disk their holds are open, and nobody else closes them. */
  async function settleLost(worker: number, diedAtMs: number): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await store.sender.durable();
        // A writer that has answered has looked at every port since, so what the worker did send is settled by its own row.
        await store.commands.execute({ kind: "probe" }, "daemon");
        await store.commands.execute({ kind: "settle_lost", worker, heldUntilMs: diedAtMs }, "daemon");
        return;
      } catch (error) {
        if (attempt === diskTriesMax) {
          log.warn("lost rows of a worker are settled at the next start", { worker, error: String(error) });
          return;
        }
        await delay(diskRetryMs, undefined, { ref: false });
      }
    }
  }

  return { bury };
}
