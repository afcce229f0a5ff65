/**
 * The memory that all threads share: how much is reserved, and where each table lies in it.
 *
 * A SharedArrayBuffer costs no resident memory until its pages are written, so every table is reserved at its full
 * size once and never grows (docs/decisions/0002). Nothing here may fill or scan a whole reservation.
 */
import { arenaCellsPerScope, headerCells, holdCells } from "./cells.ts";

/** What `workerData` carries: buffers and the sizes they were made with. */
export type SharedTables = {
  readonly keysMax: number;
  readonly hashesMax: number;
  readonly scopesMax: number;
  readonly holdsMax: number;
  readonly workersMax: number;
  /** First cell of the scope blocks, and of the rings and buckets of rate limits. */
  readonly arenaStart: number;
  readonly ringStart: number;
  readonly cellsMax: number;
  readonly control: SharedArrayBuffer;
  readonly cells: SharedArrayBuffer;
  readonly undo: SharedArrayBuffer;
  readonly scopeRows: SharedArrayBuffer;
  readonly scopeFlags: SharedArrayBuffer;
  readonly zones: SharedArrayBuffer;
  readonly hashIndex: SharedArrayBuffer;
  readonly hashRows: SharedArrayBuffer;
  readonly keyRows: SharedArrayBuffer;
  readonly keyIds: SharedArrayBuffer;
  readonly scopeLists: SharedArrayBuffer;
  readonly policies: SharedArrayBuffer;
  readonly directory: SharedArrayBuffer;
};

/** The same memory as one thread sees it. */
export type Tables = {
  readonly shared: SharedTables;
  /** Who this thread is in the lock word and in hold rows: 0 the main thread, workers from 1. */
  readonly owner: number;
  readonly control: Int32Array;
  readonly cells: Float64Array;
  /** The cells again as bytes, for hold ids and scope labels. */
  readonly cellBytes: Uint8Array;
  readonly undo: Float64Array;
  /** Scope id → first cell of its block, 0 for none. */
  readonly scopeRows: Int32Array;
  /** Scope id → `scopeFlag` bits, 0 for an unknown scope. */
  readonly scopeFlags: Uint8Array;
  readonly zones: Uint8Array;
  readonly hashIndex: Int32Array;
  readonly hashRows: Int32Array;
  readonly keyRows: Int32Array;
  /** Key id → key row, 0 for none. */
  readonly keyIds: Int32Array;
  readonly scopeLists: Int32Array;
  readonly policies: Uint8Array;
  /** The directory's text, twice; see `directory.ts`. */
  readonly directory: Uint8Array;
};

/** Words of `control`; the lock has a cache line of its own. */
export const controlWord = {
  lock: 0,
  undoCount: 16,
  zones: 32,
  keyRowsHigh: 33,
  hashRowsHigh: 34,
  scopeListsHigh: 35,
  policiesHigh: 36,
  policySerial: 37,
  keyIdHigh: 38,
  scopeIdHigh: 39,
  directoryVersion: 40,
  /** Lengths of the two texts. */
  directoryBytes: 41,
} as const;

/** Ids are handed out by SQLite and never reused, so their range is wider than what exists at once. */
export const idsMax = 1 << 24;
export const zonesMax = 1_024;
export const zoneBytes = 64;
/** Entries, each an index and an old value: 16 scopes × 8 limits × 65 evicted buckets and the rest of an admit. */
export const undoMax = 16_384;
export const keyRowWords = 16;
export const hashRowWords = 16;
export const scopeListWords = 17;
export const policyBytesMax = 64 * 1_024;
const policyAreaBytes = 64 * 1_024 * 1_024;
/** A key with owners has a list of its own. */
const scopeListsMax = 1_048_576;
/** Of one text: 20,000 limits and as many owners with rules. */
export const directoryBytesMax = 8 * 1_024 * 1_024;
const ringCellsMax = 64 * 1_024 * 1_024;
/** Below this a host is too small to run at all, and the failure to reserve is reported. */
const halvingsMax = 6;

export function createTables(sizes: {
  readonly keysMax?: number;
  readonly scopesMax?: number;
  readonly holdsMax?: number;
  readonly workersMax: number;
}): SharedTables {
  const { keysMax = 1_000_000, scopesMax = 1_000_000, holdsMax = 65_536, workersMax } = sizes;
  for (let halvings = 0; ; halvings++) {
    const share = 2 ** halvings;
    try {
      return reserve(Math.ceil(keysMax / share), Math.ceil(scopesMax / share), holdsMax, workersMax, share);
    } catch (error) {
      // Linux refuses one reservation larger than the machine's memory: a small host gets smaller tables.
      if (!(error instanceof RangeError) || halvings === halvingsMax) throw error;
    }
  }
}

export function openTables(shared: SharedTables, owner: number): Tables {
  if (!Number.isInteger(owner) || owner < 0 || owner > shared.workersMax) {
    throw new RangeError(`owner ${owner} is not 0 (main) or a worker up to ${shared.workersMax}`);
  }
  return {
    shared,
    owner,
    control: new Int32Array(shared.control),
    cells: new Float64Array(shared.cells),
    cellBytes: new Uint8Array(shared.cells),
    undo: new Float64Array(shared.undo),
    scopeRows: new Int32Array(shared.scopeRows),
    scopeFlags: new Uint8Array(shared.scopeFlags),
    zones: new Uint8Array(shared.zones),
    hashIndex: new Int32Array(shared.hashIndex),
    hashRows: new Int32Array(shared.hashRows),
    keyRows: new Int32Array(shared.keyRows),
    keyIds: new Int32Array(shared.keyIds),
    scopeLists: new Int32Array(shared.scopeLists),
    policies: new Uint8Array(shared.policies),
    directory: new Uint8Array(shared.directory),
  };
}

function reserve(keysMax: number, scopesMax: number, holdsMax: number, workersMax: number, share: number) {
  const hashesMax = Math.ceil(keysMax * 1.25);
  const arenaStart = headerCells + holdsMax * holdCells;
  const ringStart = arenaStart + scopesMax * arenaCellsPerScope;
  const cellsMax = ringStart + Math.ceil(ringCellsMax / share);
  return {
    keysMax,
    hashesMax,
    scopesMax,
    holdsMax,
    workersMax,
    arenaStart,
    ringStart,
    cellsMax,
    control: new SharedArrayBuffer(4_096),
    cells: new SharedArrayBuffer(cellsMax * 8),
    undo: new SharedArrayBuffer(undoMax * 16),
    scopeRows: new SharedArrayBuffer(idsMax * 4),
    scopeFlags: new SharedArrayBuffer(idsMax),
    zones: new SharedArrayBuffer(zonesMax * zoneBytes),
    hashIndex: new SharedArrayBuffer(indexSize(hashesMax) * 4),
    // Row 0 of a table means "none", hence one row more.
    hashRows: new SharedArrayBuffer((hashesMax + 1) * hashRowWords * 4),
    keyRows: new SharedArrayBuffer((keysMax + 1) * keyRowWords * 4),
    keyIds: new SharedArrayBuffer(idsMax * 4),
    scopeLists: new SharedArrayBuffer(Math.ceil(scopeListsMax / share) * scopeListWords * 4),
    policies: new SharedArrayBuffer(Math.ceil(policyAreaBytes / share)),
    directory: new SharedArrayBuffer(2 * directoryBytesMax),
  };
}

/** A power of two that stays at most five eighths full. */
function indexSize(hashesMax: number): number {
  let size = 64;
  while (size < hashesMax * 1.6) size *= 2;
  return size;
}
