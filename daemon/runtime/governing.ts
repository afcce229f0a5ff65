/** Owners, keys and limits of a running daemon: what the config declares of them, and names that requests bring. */
import { createTurns, type Turns } from "../admin/services/turns.ts";
import type { GovernanceData } from "../config/governance-data.ts";
import type { Log } from "../log.ts";
import type { Database } from "../store/database.ts";
import { declareNow } from "./declared.ts";
import { sweepExpired } from "./expired-keys.ts";
import { createNameService, type NameService } from "./names.ts";
import type { SharedMemory } from "./shared-memory.ts";
import type { StoreThreads } from "./store-threads.ts";

export type Governing = {
  /** One change at a time, whoever makes it. */
  readonly inTurn: Turns;
  readonly names: NameService;
  /** Puts a config's owners, keys and limits in force. */
  use(data: GovernanceData | undefined): Promise<void>;
  close(): void;
};

export type GoverningOptions = {
  readonly database: () => Database;
  readonly store: StoreThreads;
  readonly memory: SharedMemory;
  readonly log: Log;
};

/** Expired keys that are to go are looked for this often. */
const sweepMs = 60_000;

/** `data`: what the database holds already. */
export function openGoverning(options: GoverningOptions, data: GovernanceData | undefined): Governing {
  const { database, store, memory, log } = options;
  const inTurn = createTurns();
  const names = createNameService({ ...options, inTurn });
  names.use(data);
  const sweeps = setInterval(() => {
    inTurn(() => sweepExpired(database(), store, memory, Date.now())).catch((error: unknown) =>
      log.warn("expired keys could not be removed", { error: String(error) }),
    );
  }, sweepMs).unref();

  async function use(next: GovernanceData | undefined): Promise<void> {
    await inTurn(() => declareNow(next, database, store, memory));
    names.use(next);
  }

  return { inTurn, names, use, close: () => clearInterval(sweeps) };
}
