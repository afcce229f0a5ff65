/** The shared tables as boot finds them: from the last snapshot and what changed since, or from all rows. */

import type { MemoryChange } from "../admin/services/governance.ts";
import type { StoredKey } from "../admin/services/keys.ts";
import type { Balance, KeyHash, ScopeDefinition } from "../governance/definitions.ts";
import { createDirectoryWriter, type NamesOfRequests } from "../governance/directory.ts";
import type { HoldSurvey } from "../governance/holds.ts";
import { policyStep } from "../governance/key-rows.ts";
import { createKeyWriter, type KeyWriter } from "../governance/key-writer.ts";
import { createLedger } from "../governance/ledger.ts";
import { LockTimeout } from "../governance/lock.ts";
import { createPeek, type Peek } from "../governance/peek.ts";
import { type Begun, createScopes } from "../governance/scopes.ts";
import { dumpTables, loadTables } from "../governance/snapshot.ts";
import {
  controlWord,
  createTables,
  directoryBytesMax,
  openTables,
  type SharedTables,
  type Tables,
} from "../governance/tables.ts";
import { createSharedRouting, type SharedRouting } from "../routing/routing.ts";
import { type BootState, openState } from "../store/boot.ts";
import type { StateWriter } from "../store/state-writer.ts";

export type SharedMemory = {
  readonly shared: SharedTables;
  /** Health of targets and where conversations are kept: forgotten at the end. */
  readonly routing: SharedRouting;
  readonly boot: BootState;
  /** Makes a key what it is now, for every thread, with its scopes. */
  put(stored: StoredKey): void;
  apply(change: MemoryChange): void;
  /** How requests name end users and tags. */
  name(names: NamesOfRequests): void;
  readonly peek: Peek;
  /** Requests that hold money or a place now. */
  openHolds(): number;
  /** What is held now, a moment's picture. */
  holds(most: number): HoldSurvey;
  /** Whether some list of models may hold an expression. */
  mentionsPatterns(): boolean;
  dump(): Uint8Array;
  /** Change number of the last dump; one that holds nothing new is not written. */
  snapshotChange: number;
  /** Told of budgets that begin while requests run: the disk has to count from the same moment. */
  onBegun: (begun: Begun) => void;
};

const lockRetryMs = 10;

/** @param workersMax owners besides the main thread */
export function fillSharedMemory(
  home: string,
  workersMax: number,
  nowMs: number,
  prepare?: (writer: StateWriter) => void,
): SharedMemory {
  const shared = createTables({ workersMax });
  const tables = openTables(shared, 0);
  let boot = openState(home, { prepare });
  // Its file was checked already. A snapshot of another layout is refused by the loader; then everything comes from the rows.
  if (boot.tables !== undefined && !loadTables(tables, boot.tables, true))
    boot = openState(home, { useSnapshot: false });
  const scopes = createScopes(tables, (begun) => memory.onBegun(begun));
  const ledger = createLedger(tables);
  const keys = createKeyWriter(tables);
  const hashes = Map.groupBy(boot.hashes, (hash) => hash.keyId);
  const directory = createDirectoryWriter(tables);
  directory.put(boot.ruled);
  for (const scope of boot.scopes) scopes.defineScope(scope, [], nowMs);
  scopes.setBalances(boot.balances, nowMs);
  scopes.setCounts(boot.counts, nowMs);
  for (const key of boot.keys) keys.put(key, hashes.get(key.id) ?? []);
  for (const id of boot.deletedKeys) keys.remove(id);
  for (const id of boot.deletedScopes) scopes.removeScope(id);

  const waiting: (() => void)[] = [];

  function putScope(scope: ScopeDefinition, balances: readonly Balance[] = []): void {
    if (scopes.hasScope(scope.id)) scopes.updateScope(scope, Date.now());
    else scopes.defineScope(scope, balances, Date.now());
  }

  /**
   * A change that is on disk must come into force. Where another thread has the ledger's lock for too long it does so as
   * soon as it can, and those after it wait their turn.
   */
  function firmly(change: () => void): void {
    waiting.push(change);
    if (waiting.length === 1) makeAll();
  }

  function makeAll(): void {
    for (; waiting.length > 0; waiting.shift()) {
      try {
        waiting[0]!();
      } catch (error) {
        if (error instanceof LockTimeout) {
          setTimeout(makeAll, lockRetryMs).unref();
          return;
        }
        waiting.shift();
        // Whoever comes next does not begin while others wait: they are made, whatever became of this one.
        if (waiting.length > 0) setTimeout(makeAll, 0).unref();
        throw error;
      }
    }
  }

  /** What keys draw on is there before they do, and goes after they have let go of it. */
  function apply(change: MemoryChange): void {
    const { scopes: changed = [], touched = [], deletedScopes = [], deletedKeys = [] } = change;
    for (const scope of changed) putScope(scope, change.balances);
    // What the daemon made itself is nobody's news: the worker that asked for it is told.
    const ruled = changed.filter(
      ({ kind, source }) => source !== "runtime" && kind !== "key" && kind !== "provider_config",
    );
    if (ruled.length + deletedScopes.length > 0) directory.put(ruled, deletedScopes);
    for (const key of touched) keys.update(key);
    for (const id of deletedKeys) keys.remove(id);
    for (const id of deletedScopes) scopes.removeScope(id);
  }

  const memory: SharedMemory = {
    shared,
    routing: createSharedRouting(workersMax),
    boot,
    put: (stored) => firmly(() => put(keys, putScope, stored)),
    apply: (change) => firmly(() => apply(change)),
    name: directory.name,
    peek: createPeek(tables),
    openHolds: () => ledger.surveyHolds(0).total,
    holds: ledger.surveyHolds,
    mentionsPatterns: () => mentionsPattern(tables),
    dump: () => dumpTables(tables),
    snapshotChange: boot.tables !== undefined && isCurrent(boot) ? boot.change : -1,
    onBegun: () => undefined,
  };
  return memory;
}

/** Nothing has changed since the snapshot was written. */
function isCurrent({ keys, scopes, deletedKeys, deletedScopes }: BootState): boolean {
  return keys.length + scopes.length + deletedKeys.length + deletedScopes.length === 0;
}

/** Asked once, over texts that are there once however many keys have them. */
function mentionsPattern({ control, directory, policies }: Tables): boolean {
  const used = Atomics.load(control, controlWord.policiesHigh) * policyStep;
  const half = Atomics.load(control, controlWord.directoryVersion) & 1;
  const length = Atomics.load(control, controlWord.directoryBytes + half);
  return (
    Buffer.from(policies.buffer, 0, used).includes("regex:") ||
    Buffer.from(directory.buffer, half * directoryBytesMax, length).includes("regex:")
  );
}

/** Scopes first: a key must not be found before what it draws on. */
function put(
  keys: KeyWriter,
  putScope: (scope: ScopeDefinition, balances?: readonly Balance[]) => void,
  { key, hashes, scopes, balances }: StoredKey,
): void {
  for (const scope of scopes) putScope(scope, balances);
  keys.put(key, hashes as readonly KeyHash[]);
}
