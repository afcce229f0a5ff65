/**
 * Films that were begun, in `responses.db`: how long, how large and for how much, which their ids alone do not tell. Hides
 * the table and its bound.
 */
import { openDatabase } from "./database.ts";

export type FilmRecord = {
  /** As the provider knows it. */
  readonly id: string;
  readonly provider: string;
  /** `provider/model` */
  readonly target: string;
  readonly ms: number | undefined;
  readonly size: string | undefined;
  /** The settled record of its making. */
  readonly holdId: string;
  readonly request: string;
  /** When it was settled; Unix time, ms. */
  readonly at: number;
  readonly keyId: number;
  /** What it was charged to: `3,17`, or "" for nobody. */
  readonly scopes: string;
  readonly costNano: number;
};

export type Films = {
  keep(film: FilmRecord): void;
  /** @param provider undefined: whichever has it, if only one does */
  find(id: string, provider: string | undefined): FilmRecord | undefined;
};

/** Beyond it the oldest go. */
const filmsMax = 100_000;
const filmsPerSweep = 500;

export function openFilms(file: string): Films {
  const database = openDatabase(file, { synchronous: "NORMAL", busyMs: 2_000 });
  database.exec(
    `CREATE TABLE IF NOT EXISTS films (
       id TEXT NOT NULL, provider TEXT NOT NULL, target TEXT NOT NULL, ms INTEGER, size TEXT, hold_id TEXT NOT NULL,
       request TEXT NOT NULL, at INTEGER NOT NULL, key_id INTEGER NOT NULL, scopes TEXT NOT NULL, cost_nano INTEGER NOT NULL,
       PRIMARY KEY (id, provider)) STRICT`,
  );
  const insert = database.prepare("INSERT OR IGNORE INTO films VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const select = database.prepare("SELECT * FROM films WHERE id = $id AND provider = coalesce($provider, provider)");
  const trim = database.prepare(
    "DELETE FROM films WHERE rowid IN (SELECT rowid FROM films ORDER BY rowid DESC LIMIT -1 OFFSET ?)",
  );
  let kept = 0;
  return {
    keep({ id, provider, target, ms, size, holdId, request, at, keyId, scopes, costNano }) {
      insert.run(...[id, provider, target, ms ?? null, size ?? null, holdId, request, at, keyId, scopes, costNano]);
      if (++kept % filmsPerSweep === 0) trim.run(filmsMax);
    },
    find(id, provider) {
      const rows = select.all({ id, provider: provider ?? null }) as Row[];
      const [row] = rows;
      if (row === undefined || rows.length > 1) return undefined;
      const { hold_id: holdId, key_id: keyId, cost_nano: costNano, ms, size, ...rest } = row;
      return { ...rest, holdId, keyId, costNano, ms: ms ?? undefined, size: size ?? undefined };
    },
  };
}

type Row = {
  readonly id: string;
  readonly provider: string;
  readonly target: string;
  readonly ms: number | null;
  readonly size: string | null;
  readonly hold_id: string;
  readonly request: string;
  readonly at: number;
  readonly key_id: number;
  readonly scopes: string;
  readonly cost_nano: number;
};
