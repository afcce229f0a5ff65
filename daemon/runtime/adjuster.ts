/** Adjusting entries that are on disk, put into the balances that workers see. Hides that the tables are opened with the first. */
import { createLedger, type Ledger } from "../governance/ledger.ts";
import { openTables } from "../governance/tables.ts";
import type { Adjustment } from "../store/commands/adjust.ts";
import type { SharedMemory } from "./shared-memory.ts";

export function createAdjuster({ shared }: SharedMemory): (entries: readonly Adjustment[]) => void {
  let ledger: Ledger | undefined;
  return (entries) => {
    ledger ??= createLedger(openTables(shared, 0));
    for (const { scopes, at, deltaNano } of entries) {
      if (scopes !== "") ledger.adjust(scopes.split(",").map(Number), at, Date.now(), deltaNano);
    }
  };
}
