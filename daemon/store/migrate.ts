/**
 * Brings a database file to this build's schema, or leaves it as it was. Hides backups and the downgrade guard.
 */
import { closeSync, existsSync, openSync, rmSync, statSync } from "node:fs";
import { basename } from "node:path";
import { GatewayError } from "../../providers/gateway-error.ts";
import { asDatabaseError, type Database, type OpenOptions, openDatabase } from "./database.ts";

/** Named by date and time, `20261123-0700-keys`, so that two written at once never collide. Never edited once released. */
export type Migration = { readonly name: string; readonly sql: string };

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
    const note = database.prepare("INSERT INTO migrations VALUES (?, unixepoch() * 1000)");
    for (const migration of pending) {
      current = migration.name;
      database.exec(migration.sql);
      note.run(migration.name);
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
