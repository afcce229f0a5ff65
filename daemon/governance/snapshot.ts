/**
 * The tables as bytes and back, so that a hundred thousand keys are there in milliseconds at a start. Hides the layout;
 * only rows in use are written, indexes are built anew.
 *
 * What is counted is not restored: balances and what rate windows count come from the database, holds are settled there.
 */
import { crc32 } from "node:zlib";
import { firstBudget, firstLimit } from "./budgets.ts";
import {
  budgetCell,
  budgetCells,
  headerCell,
  limitCell,
  limitCells,
  limitMode,
  scopeCell,
  scopeFlag,
} from "./cells.ts";
import { insertHash } from "./hash-index.ts";
import { hashWord, keyWord, policyStep } from "./key-rows.ts";
import { arenaTop } from "./scope-blocks.ts";
import { controlWord, hashRowWords, idsMax, keyRowWords, scopeListWords, type Tables, zoneBytes } from "./tables.ts";

/** Changes with any change to a row's layout; an older dump is then refused. */
const layoutVersion = 3;
const magic = 0x42_46_54_31;
/** magic, version, CRC of what follows, then the counts, each an Int32; padded to whole cells. */
const headerWords = 16;
const headerBytes = headerWords * 4;
/** How many rows of each table are in use, in this order. */
const counted = [
  controlWord.zones,
  controlWord.hashRowsHigh,
  controlWord.keyRowsHigh,
  controlWord.scopeListsHigh,
  controlWord.policiesHigh,
  controlWord.policySerial,
] as const;
const firstCount = 3;
const arenaCount = firstCount + counted.length;

/** Keys, secrets, policies and scopes. Main thread only, like all that changes them. */
export function dumpTables(tables: Tables): Uint8Array {
  const header = new Int32Array(headerWords);
  counted.forEach((word, index) => {
    header[firstCount + index] = Atomics.load(tables.control, word);
  });
  header[arenaCount] = arenaTop(tables.cells, tables.shared.arenaStart) - tables.shared.arenaStart;
  const parts = sections(tables, header);
  const dump = new Uint8Array(parts.reduce((sum, part) => sum + part.length, headerBytes));
  let offset = headerBytes;
  for (const part of parts) {
    dump.set(part, offset);
    offset += part.length;
  }
  header[0] = magic;
  header[1] = layoutVersion;
  header[2] = checksumOf(dump, header);
  dump.set(new Uint8Array(header.buffer));
  return dump;
}

/**
 * Fills tables that nothing was put into yet; the key writer and the scopes are made afterwards. False: of another
 * version, damaged or too large, and nothing was touched. `verified`: the caller has just checked a checksum of its own
 * over these bytes (of 100,000 keys that is a fifth of the load).
 */
export function loadTables(tables: Tables, dump: Uint8Array, verified = false): boolean {
  if (dump.length < headerBytes) return false;
  const header = new Int32Array(headerWords);
  new Uint8Array(header.buffer).set(dump.subarray(0, headerBytes));
  if (header[0] !== magic || header[1] !== layoutVersion) return false;
  if (!verified && header[2] !== checksumOf(dump, header)) return false;
  if (!fits(tables, header)) return false;
  const parts = sections(tables, header);
  if (parts.reduce((sum, part) => sum + part.length, headerBytes) !== dump.length) return false;
  let offset = headerBytes;
  for (const part of parts) {
    part.set(dump.subarray(offset, offset + part.length));
    offset += part.length;
  }
  counted.forEach((word, index) => {
    Atomics.store(tables.control, word, header[firstCount + index]!);
  });
  tables.cells[headerCell.arenaTop] = tables.shared.arenaStart + header[arenaCount]!;
  indexKeys(tables);
  restoreScopes(tables);
  return true;
}

/** Of the counts and of all that follows the header. */
function checksumOf(dump: Uint8Array, header: Int32Array): number {
  return crc32(dump.subarray(headerBytes), crc32(new Uint8Array(header.buffer, firstCount * 4))) | 0;
}

/** The used part of each table; row 0 of the row tables means "none" and is left out. */
function sections(tables: Tables, header: Int32Array): readonly Uint8Array[] {
  const [zones, hashes, keys, lists, policies] = header.subarray(firstCount, arenaCount);
  const { shared } = tables;
  return [
    new Uint8Array(shared.cells, shared.arenaStart * 8, header[arenaCount]! * 8),
    new Uint8Array(shared.zones, 0, zones! * zoneBytes),
    new Uint8Array(shared.hashRows, hashRowWords * 4, hashes! * hashRowWords * 4),
    new Uint8Array(shared.keyRows, keyRowWords * 4, keys! * keyRowWords * 4),
    new Uint8Array(shared.scopeLists, scopeListWords * 4, lists! * scopeListWords * 4),
    new Uint8Array(shared.policies, 0, policies! * policyStep),
  ];
}

function fits({ shared }: Tables, header: Int32Array): boolean {
  const [zones, hashes, keys, lists, policies] = header.subarray(firstCount, arenaCount);
  return (
    zones! * zoneBytes <= shared.zones.byteLength &&
    hashes! <= shared.hashesMax &&
    keys! <= shared.keysMax &&
    (lists! + 1) * scopeListWords * 4 <= shared.scopeLists.byteLength &&
    policies! * policyStep <= shared.policies.byteLength &&
    header[arenaCount]! <= shared.ringStart - shared.arenaStart
  );
}

function indexKeys(tables: Tables): void {
  const { control, hashRows, keyRows, keyIds } = tables;
  const hashesHigh = Atomics.load(control, controlWord.hashRowsHigh);
  for (let row = 1; row <= hashesHigh; row++) {
    if (hashRows[row * hashRowWords + hashWord.keyRow] !== 0) insertHash(tables, row);
  }
  const keysHigh = Atomics.load(control, controlWord.keyRowsHigh);
  for (let row = 1; row <= keysHigh; row++) {
    const id = keyRows[row * keyRowWords + keyWord.keyId]!;
    if (id > 0 && id < idsMax) keyIds[id] = row;
  }
}

/** One pass over the area without allocating: with many keys this is a good part of a start. */
function restoreScopes({ cells, scopeRows, scopeFlags, shared }: Tables): void {
  const end = arenaTop(cells, shared.arenaStart);
  let ringTop = shared.ringStart;
  for (let block = shared.arenaStart; block < end; block += cells[block + scopeCell.size]!) {
    const id = cells[block + scopeCell.id]!;
    if (id === 0) continue;
    cells[block + scopeCell.inFlight] = 0;
    cells[block + scopeCell.held] = 0;
    cells[block + scopeCell.spentTotal] = 0;
    cells[block + scopeCell.settledAt] = 0;
    let flags: number = scopeFlag.known;
    if (cells[block + scopeCell.budgets]! > 0) flags |= scopeFlag.budget;
    if (cells[block + scopeCell.concurrencyMax]! >= 0) flags |= scopeFlag.concurrency;
    const limits = firstLimit(cells, block);
    for (let row = firstBudget(block); row < limits; row += budgetCells) {
      cells[row + budgetCell.spent] = 0;
      cells[row + budgetCell.wouldRefuse] = 0;
    }
    const limitsEnd = limits + cells[block + scopeCell.limits]! * limitCells;
    for (let row = limits; row < limitsEnd; row += limitCells) {
      flags |= flagOf(cells[row + limitCell.mode]!);
      cells[row + limitCell.base] = ringTop;
      cells[row + limitCell.head] = 0;
      cells[row + limitCell.sum] = 0;
      cells[row + limitCell.since] = 0;
      cells[row + limitCell.wouldRefuse] = 0;
      ringTop += cells[row + limitCell.size]!;
    }
    scopeRows[id] = block;
    scopeFlags[id] = flags;
  }
  if (ringTop > shared.cellsMax) throw new RangeError("no room for the rate limits of the dump");
  cells[headerCell.ringTop] = ringTop;
}

function flagOf(mode: number): number {
  if (mode === limitMode.spendBuckets) return scopeFlag.budget;
  return mode === limitMode.tokenBuckets ? scopeFlag.tokens : scopeFlag.requests;
}
