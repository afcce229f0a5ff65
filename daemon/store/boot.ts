/**
 * What a start of the daemon does to state.db before any thread exists: migrate, count the boot, settle what a crash
 * left open, and read what the shared-memory tables are made of.
 */
import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { ChainHead } from "../audit/chain.ts";
import type { Balance, LimitCount, ScopeDefinition } from "../governance/definitions.ts";
import { databaseFault } from "./database.ts";
import { changedSince, type Definitions, readRuled } from "./definitions.ts";
import { readLimitCounts } from "./limit-counts.ts";
import { makeFolder } from "./make-folder.ts";
import { openMigrated } from "./migrate.ts";
import { stateMigrations, trafficMigrations } from "./migrations/list.ts";
import { readOwn, type StoredOwn } from "./own-config.ts";
import { readSnapshot, snapshotPath } from "./snapshot-file.ts";
import { StateWriter } from "./state-writer.ts";

export type BootOptions = {
  readonly now?: () => number;
  /** For changes that come before anything is read. */
  readonly prepare?: ((writer: StateWriter) => void) | undefined;
};

export type BootState = Definitions & {
  /** A dump of the tables; then the definitions are only what changed after it. Absent: they are all. */
  readonly tables?: Uint8Array;
  /** Scopes with rules besides numbers, also with `tables`. */
  readonly ruled: readonly ScopeDefinition[];
  /** Of all scopes, also with `tables`. What is not listed has spent nothing. */
  readonly balances: readonly Balance[];
  /** Of rate limits in whose windows there were requests. */
  readonly counts: readonly LimitCount[];
  /** Routing rules and prices of the database. */
  readonly own: readonly StoredOwn[];
  readonly chainHead: ChainHead;
  /** Starts of this home, this one included; a sender's number is this × 1000 + its worker. */
  readonly bootCount: number;
  /** Holds that a crash had left open and that were settled now as estimated. */
  readonly recovered: number;
};

export function stateFile(home: string): string {
  return join(home, "state.db");
}

export function trafficFile(home: string): string {
  return join(home, "traffic.db");
}

/** Opens the home's state for a process without writer threads: a command while no daemon is up. Close it. */
export function openStateWriter(home: string, options: BootOptions = {}): StateWriter {
  makeFolder(home);
  refuseLostState(home);
  const { database } = openMigrated(stateFile(home), stateMigrations);
  try {
    return new StateWriter(database, options);
  } catch (error) {
    database.close();
    throw error;
  }
}

/** A home that had keys must not begin anew because its file is gone: every key would be unknown, and its spending forgotten. */
function refuseLostState(home: string): void {
  const file = stateFile(home);
  if (!existsSync(snapshotPath(file)) || (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0) return;
  const words = "is missing or empty, but state.snapshot shows that this home was in use";
  throw new GatewayError(
    "database_unavailable",
    `${file} ${words}; restore state.db, or remove state.snapshot to begin anew`,
    { source: "gateway", cause: Object.assign(new Error(words), { code: "ENOENT" }) },
  );
}

/** Call under the home's lock, before the writer threads start. `useSnapshot: false` reads every definition. */
export function openState(home: string, options: BootOptions & { readonly useSnapshot?: boolean } = {}): BootState {
  const writer = openStateWriter(home, options);
  try {
    const bootCount = (writer.meta("boots") as number) + 1;
    writer.transaction(() => {
      writer.setMeta("boots", bootCount);
      writer.database.prepare("DELETE FROM senders WHERE sender < ?").run(bootCount * 1000); // they cannot come again
    });
    const recovered = writer.recover();
    options.prepare?.(writer);
    writer.checkpoint();
    const own = readOwn(writer.database);
    const counts = readLimitCounts(writer.database, writer.now());
    const state = readState(writer, options.useSnapshot !== false);
    return { ...state, own, counts, chainHead: writer.head, bootCount, recovered };
  } finally {
    writer.close();
  }
}

/**
 * Creates or migrates traffic.db, so that the writer and readers find their schema. A damaged one is set aside and a
 * new one begun, because no money depends on it; returns where the old one went.
 */
export function prepareTraffic(home: string): string | undefined {
  makeFolder(home);
  const file = trafficFile(home);
  try {
    openMigrated(file, trafficMigrations, { synchronous: "NORMAL", shrinks: true }).database.close();
    return undefined;
  } catch (error) {
    if (databaseFault(error) !== "corrupt") throw error;
  }
  const aside = `${file}.damaged-${new Date().toISOString().replaceAll(/[-:]|\..*/g, "")}`;
  renameSync(file, aside);
  for (const suffix of ["-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
  openMigrated(file, trafficMigrations, { synchronous: "NORMAL", shrinks: true }).database.close();
  return aside;
}

function readState(
  writer: StateWriter,
  useSnapshot: boolean,
): Definitions & Pick<BootState, "tables" | "balances" | "ruled"> {
  const { database } = writer;
  const ruled = readRuled(database);
  const snapshot = useSnapshot ? readSnapshot(database) : undefined;
  const definitions = changedSince(database, snapshot?.change ?? 0);
  const rows = database
    .prepare("SELECT scope_id, slot, window_start, spent_nano FROM balances WHERE seq > ?")
    .raw()
    .all(snapshot?.seq ?? -1) as [number, number, number, number][];
  const balances = rows.map(([scopeId, slot, windowStartMs, spentNano]) => ({
    scopeId,
    slot,
    windowStartMs,
    spentNano,
  }));
  if (snapshot === undefined) return { ...definitions, ruled, balances };
  const newer = new Set(balances.map((balance) => `${balance.scopeId}/${balance.slot}`));
  const redefined = new Set([...definitions.scopes.map((scope) => scope.id), ...definitions.deletedScopes]);
  const same = snapshot.balances.filter(
    ({ scopeId, slot }) => !redefined.has(scopeId) && (newer.size === 0 || !newer.has(`${scopeId}/${slot}`)),
  );
  const again = definitions.scopes.flatMap((scope) => writer.cells.balances(scope.id));
  const others = balances.filter((balance) => !redefined.has(balance.scopeId));
  return { ...definitions, ruled, tables: snapshot.tables, balances: [...same, ...others, ...again] };
}
