/**
 * Makes the files of a home readable again for an older program. Hides that state.db is changed back in place, with a
 * copy kept, while traffic.db, which holds nothing that money or audit depend on, may simply be set aside.
 */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { GatewayError } from "../../providers/gateway-error.ts";
import { stateFile, trafficFile } from "./boot.ts";
import { openDatabase } from "./database.ts";
import { takeBackMigrations } from "./migrate.ts";
import { snapshotPath } from "./snapshot-file.ts";

export type KnownMigrations = { readonly state: readonly string[]; readonly traffic: readonly string[] };

export type TookBack = {
  /** Migrations of state.db that were undone. */
  readonly state: readonly string[];
  /** The copy of state.db as it was. */
  readonly copy?: string;
  /** Where traffic.db went, if its newer form could not be undone. */
  readonly aside?: string;
};

/** The caller holds the home's lock. Throws `database_unavailable`, with the files as they were, where there is no way back. */
export function takeBackNewer(home: string, known: KnownMigrations, now = Date.now()): TookBack {
  const file = stateFile(home);
  if (!existsSync(file)) return { state: [] };
  if (newerIn(file, known.state).length === 0) return { state: [], ...setAsideNewer(home, known, now) };
  const folder = join(home, "backups");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const copy = join(folder, `state-before-rollback-${now}.db`);
  closeSync(openSync(copy, "wx", 0o600));
  const database = openDatabase(file);
  database.prepare("VACUUM INTO ?").run(copy);
  database.close();
  const done = takeBackMigrations(file, known.state);
  if ("stuck" in done) {
    rmSync(copy);
    throw new GatewayError(
      "database_unavailable",
      `state.db was changed by ${done.stuck}, which cannot be undone; restore a backup made before it`,
      { source: "gateway" },
    );
  }
  rmSync(snapshotPath(file), { force: true }); // it was made of the newer tables
  return { state: done.taken, copy, ...setAsideNewer(home, known, now) };
}

function setAsideNewer(home: string, known: KnownMigrations, now: number): { readonly aside?: string } {
  const file = trafficFile(home);
  if (!existsSync(file) || newerIn(file, known.traffic).length === 0) return {};
  if ("taken" in takeBackMigrations(file, known.traffic)) return {};
  const aside = `${file}.newer-${now}`;
  for (const suffix of ["", "-wal", "-shm"]) if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
  return { aside };
}

function newerIn(file: string, known: readonly string[]): readonly string[] {
  const database = openDatabase(file, { readonly: true });
  try {
    const table = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'").get();
    if (table === undefined) return [];
    const names = database.prepare("SELECT name FROM migrations").pluck().all() as string[];
    return names.filter((name) => !known.includes(name));
  } finally {
    database.close();
  }
}
