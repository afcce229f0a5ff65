/**
 * Brings a database file to this build's schema, or leaves it as it was. Hides backups and the downgrade guard.
 */
import { closeSync, existsSync, openSync, rmSync, statSync } from "node:fs";
import { basename } from "node:path";
import { GatewayError } from "../../providers/gateway-error.ts";
import { asDatabaseError, type Database, type OpenOptions, openDatabase } from "./database.ts";
import { deriveUndo } from "./undo.ts";

/** Named by date and time, `20261123-0700-keys`, so that two written at once never collide. Never edited once released. */
export type Migration = {
  readonly name: string;
  readonly sql: string;
  /** The way back, where it cannot be read from `sql`. */
  readonly undo?: string;
};

export type Migrated = {
  readonly database: Database;
  readonly applied: readonly string[];
  /** A copy of the file as it was before, when there was data to lose. */
  readonly backup?: string;
};

/**
 * Opens `file` with every migration of `migrations` applied. Throws, with the file as it was, when a migration fails or
 * when the file was written by a newer build.
 */
export function openMigrated(file: string, migrations: readonly Migration[], options: OpenOptions = {}): Migrated {
  if (existsSync(file) && statSync(file).size > 0) refuseNewer(file, migrations);
  const database = openDatabase(file, options);
  try {
    const done = appliedNames(database);
    const pending = migrations.filter((migration) => !done.has(migration.name));
    if (pending.length === 0) return { database, applied: [] };
    const backup = done.size === 0 ? undefined : copyBeside(database, file, pending[0]?.name ?? "");
    apply(database, pending, file, backup);
    const applied = pending.map((migration) => migration.name);
    return backup === undefined ? { database, applied } : { database, applied, backup };
  } catch (error) {
    database.close();
    throw asDatabaseError(error, file);
  }
}

/** Looks through a read-only connection, so that a refusal changes no byte of the file. */
function refuseNewer(file: string, migrations: readonly Migration[]): void {
  const known = new Set(migrations.map((migration) => migration.name));
  const database = openDatabase(file, { readonly: true });
  try {
    const unknown = [...appliedNames(database)].filter((name) => !known.has(name));
    if (unknown.length === 0) return;
    throw new GatewayError(
      "database_unavailable",
      `${basename(file)} was written by a newer bifrost (schema ${unknown.join(", ")}): run that version, or restore a backup made before it`,
      { source: "gateway" },
    );
  } catch (error) {
    throw asDatabaseError(error, file);
  } finally {
    database.close();
  }
}

function appliedNames(database: Database): Set<string> {
  const table = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'").get();
  if (table === undefined) return new Set();
  return new Set(database.prepare("SELECT name FROM migrations").pluck().all() as string[]);
}

export type TakenBack =
  | { readonly taken: readonly string[] }
  /** The file is as it was: this migration does not know its way back. */
  | { readonly stuck: string };

/**
 * Takes back what a newer program did to the schema, by what it wrote into the file itself. What only the newer program
 * could say is gone then; the caller has made a copy.
 */
export function takeBackMigrations(file: string, known: readonly string[]): TakenBack {
  const database = openDatabase(file);
  try {
    const newer = [...appliedNames(database)]
      .filter((name) => !known.includes(name))
      .toSorted()
      .reverse();
    if (newer.length === 0) return { taken: [] };
    const undoOf = hasUndo(database)
      ? database.prepare("SELECT undo FROM migrations WHERE name = ?").pluck()
      : undefined;
    database.exec("BEGIN IMMEDIATE");
    for (const name of newer) {
      const undo = undoOf?.get(name) as string | null | undefined;
      if (undo === null || undo === undefined) {
        database.exec("ROLLBACK");
        return { stuck: name };
      }
      database.exec(undo);
      database.prepare("DELETE FROM migrations WHERE name = ?").run(name);
    }
    database.exec("COMMIT");
    return { taken: newer };
  } catch (error) {
    if (database.inTransaction) database.exec("ROLLBACK");
    throw asDatabaseError(error, file);
  } finally {
    database.close();
  }
}

function hasUndo(database: Database): boolean {
  return database.prepare("SELECT 1 FROM pragma_table_info('migrations') WHERE name = 'undo'").get() !== undefined;
}

function copyBeside(database: Database, file: string, name: string): string {
  const backup = `${file}.before-${name}`;
  rmSync(backup, { force: true });
  closeSync(openSync(backup, "wx", 0o600)); // VACUUM INTO accepts an empty file, and so the copy is never readable by others
  database.prepare("VACUUM INTO ?").run(backup);
  return backup;
}

/** All pending migrations in one transaction: a file is never between two schemas. */
function apply(database: Database, pending: readonly Migration[], file: string, backup: string | undefined): void {
  database.exec("BEGIN IMMEDIATE");
  let current = "";
  try {
    database.exec("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT");
    if (!hasUndo(database)) database.exec("ALTER TABLE migrations ADD COLUMN undo TEXT");
    const note = database.prepare("INSERT INTO migrations (name, applied_at, undo) VALUES (?, unixepoch() * 1000, ?)");
    for (const migration of pending) {
      current = migration.name;
      database.exec(migration.sql);
      note.run(migration.name, migration.undo ?? deriveUndo(migration.sql) ?? null);
    }
    database.exec("COMMIT");
  } catch (error) {
    if (database.inTransaction) database.exec("ROLLBACK");
    if (backup !== undefined) rmSync(backup, { force: true }); // nothing changed, so the copy protects nothing
    const words = error instanceof Error ? error.message : String(error);
    throw new GatewayError(
      "database_unavailable",
      `migration ${current} of ${basename(file)} failed: ${words}; the file is unchanged`,
      {
        source: "gateway",
        cause: error,
      },
    );
  }
}
