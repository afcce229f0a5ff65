/**
 * One daemon per home. Hides that the lock is SQLite's own: an open exclusive transaction, which the kernel frees
 * however its holder ends.
 */
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Database, databaseFault, openLockDatabase } from "./database.ts";
import { makeFolder } from "./make-folder.ts";

export type HomeLock = { release(): void };

export type LockHolder = { readonly pid: number; readonly since: number };

/** What nobody refers to is closed by the garbage collector, and its lock freed: a lock ends by `release` or with the process. */
const held = new Set<Database>();

/** The lock, or who has it (undefined: it did not say). Throws `database_unavailable` when the home cannot be written. */
export function lockHome(home: string): { readonly lock: HomeLock } | { readonly holder: LockHolder | undefined } {
  makeFolder(home);
  const file = join(home, "lock.db");
  const note = join(home, "lock.json");
  const database = openLockDatabase(file);
  try {
    database.exec("BEGIN EXCLUSIVE");
    database.exec("CREATE TABLE IF NOT EXISTS holder (pid INTEGER)"); // written, so that the transaction is real
    database.prepare("INSERT INTO holder VALUES (?)").run(process.pid);
  } catch (error) {
    database.close();
    if (databaseFault(error) === "locked") return { holder: readHolder(note) };
    throw error;
  }
  closeSync(openSync(note, "a", 0o600));
  writeFileSync(note, JSON.stringify({ pid: process.pid, since: Date.now() } satisfies LockHolder));
  held.add(database);
  function release(): void {
    if (!held.delete(database)) return;
    rmSync(note, { force: true });
    database.exec("ROLLBACK");
    database.close();
  }
  return { lock: { release } };
}

/** Who wrote the note last; it says nothing about whether the lock is held. */
function readHolder(note: string): LockHolder | undefined {
  try {
    const value = JSON.parse(readFileSync(note, "utf8")) as LockHolder;
    return typeof value.pid === "number" ? value : undefined;
  } catch {
    return undefined;
  }
}
