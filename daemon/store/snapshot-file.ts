/**
 * The boot snapshot: shared-memory tables and balances in one binary file beside state.db, so that a hundred thousand
 * keys need no query. Hides the file's layout and when it may not be believed.
 *
 * Layout: 8 bytes magic, u32 length and u32 CRC of the rest, JSON header, balances (4 float64 each), tables.
 */
import { randomUUID } from "node:crypto";
import { closeSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import type { Balance } from "../governance/definitions.ts";
import type { Database } from "./database.ts";
import type { StateWriter } from "./state-writer.ts";

export type Snapshot = {
  /** Every change up to this one is in `tables`. */
  readonly change: number;
  /** Balances are true at this record. */
  readonly seq: number;
  readonly balances: readonly Balance[];
  readonly tables: Uint8Array;
};

type Header = { readonly change: number; readonly seq: number; readonly balances: number; readonly token: string };

const magic = "BFSNAP01";
const prefixBytes = 20;
const valuesPerBalance = 4;
/** A commit waits this many rows long at most: about 5 ms. */
const rowsPerStep = 5_000;

export function snapshotPath(stateFile: string): string {
  return join(dirname(stateFile), "state.snapshot");
}

/** A snapshot on its way: call `step` until it says true; a writer commits in between. */
export type SnapshotWork = { step(): boolean };

/**
 * `tables` holds every change up to `change`. Balances are read in slices, and one that moves meanwhile is read again
 * at boot, since its row is then newer than `seq`. The token goes to the database as the file gets its name, so that
 * a restored database does not meet a newer file.
 */
export function beginSnapshot(writer: StateWriter, change: number, tables: Uint8Array): SnapshotWork {
  writer.checkpoint();
  const { seq } = writer.head;
  const balances: number[] = [];
  const slice = writer.database
    .prepare(
      "SELECT scope_id, slot, window_start, spent_nano FROM balances WHERE (scope_id, slot) > (?, ?) ORDER BY scope_id, slot LIMIT ?",
    )
    .raw();

  function step(): boolean {
    const last = balances.length - valuesPerBalance;
    const rows = slice.all(balances[last] ?? -1, balances[last + 1] ?? -1, rowsPerStep) as number[][];
    for (const row of rows) balances.push(...row);
    if (rows.length === rowsPerStep) return false;
    finish();
    return true;
  }

  function finish(): void {
    const token = randomUUID();
    const header: Header = { change, seq, balances: balances.length / valuesPerBalance, token };
    const text = Buffer.from(JSON.stringify(header));
    const bytes = Buffer.from(tables.buffer, tables.byteOffset, tables.byteLength);
    const file = snapshotPath(writer.database.name);
    const partial = `${file}.partial`;
    writePartial(partial, text.length, [text, Buffer.from(Float64Array.from(balances).buffer), bytes]);
    writer.transaction(() => {
      writer.setMeta("snapshot_token", token);
      renameSync(partial, file);
    });
  }

  return { step };
}

/** Undefined: there is none, or it does not belong to this state of the database. */
export function readSnapshot(database: Database): Snapshot | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(snapshotPath(database.name));
  } catch {
    return undefined; // none yet, or not readable: the tables are built from rows
  }
  if (bytes.length < prefixBytes || bytes.toString("latin1", 0, 8) !== magic) return undefined;
  const rest = bytes.subarray(prefixBytes);
  if (bytes.readUInt32LE(8) !== rest.length || bytes.readUInt32LE(12) !== crc32(rest)) return undefined;
  const headerBytes = bytes.readUInt32LE(16);
  const header = JSON.parse(rest.toString("utf8", 0, headerBytes)) as Header;
  const token = database.prepare("SELECT value FROM meta WHERE name = 'snapshot_token'").pluck().get();
  if (header.token !== token) return undefined;
  const tablesAt = headerBytes + header.balances * valuesPerBalance * Float64Array.BYTES_PER_ELEMENT;
  return {
    change: header.change,
    seq: header.seq,
    balances: unpackBalances(rest.subarray(headerBytes, tablesAt)),
    tables: rest.subarray(tablesAt),
  };
}

function unpackBalances(bytes: Uint8Array): Balance[] {
  const values = new Float64Array(new Uint8Array(bytes).buffer); // copied, because a float64 view must be aligned
  const balances: Balance[] = [];
  for (let at = 0; at < values.length; at += valuesPerBalance) {
    balances.push({
      scopeId: values[at] as number,
      slot: values[at + 1] as number,
      windowStartMs: values[at + 2] as number,
      spentNano: values[at + 3] as number,
    });
  }
  return balances;
}

/** Not flushed: after a power cut the CRC refuses what is not whole, and a boot from rows is only slower. */
function writePartial(partial: string, headerBytes: number, parts: readonly Buffer[]): void {
  const prefix = Buffer.alloc(prefixBytes);
  prefix.write(magic, "latin1");
  prefix.writeUInt32LE(
    parts.reduce((sum, part) => sum + part.length, 0),
    8,
  );
  prefix.writeUInt32LE(
    parts.reduce((crc, part) => crc32(part, crc), 0),
    12,
  );
  prefix.writeUInt32LE(headerBytes, 16);
  const descriptor = openSync(partial, "w", 0o600);
  try {
    for (const part of [prefix, ...parts]) {
      for (let at = 0; at < part.length; ) at += writeSync(descriptor, part, at);
    }
  } finally {
    closeSync(descriptor);
  }
}
