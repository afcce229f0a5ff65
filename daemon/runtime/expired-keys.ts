/** Keys that are to go once they have expired. Their rows stay as tombstones, for the log's sake. */

import type { Database } from "../store/database.ts";
import { declareActor } from "../store/declare.ts";
import type { SharedMemory } from "./shared-memory.ts";
import type { StoreThreads } from "./store-threads.ts";

/** At one time, so that a change does not wait for thousands. */
const rowsMax = 100;

export async function sweepExpired(
  database: Database,
  store: StoreThreads,
  memory: SharedMemory,
  nowMs: number,
): Promise<void> {
  const expired = database
    .prepare("SELECT id FROM keys WHERE delete_expired = 1 AND deleted_at IS NULL AND expires_at <= ? LIMIT ?")
    .pluck()
    .all(nowMs, rowsMax) as number[];
  for (const keyId of expired) memory.apply(await store.commands.execute({ kind: "delete_key", keyId }, declareActor));
}
