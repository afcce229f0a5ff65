/**
 * What is remembered of a thing that a provider keeps, as JSON by its id there, in `responses.db`. Hides the tables and their
 * bound.
 */
import type { Database } from "./database.ts";

export type Notes<Note> = {
  /** The first note stays: a provider never gives an id twice, and whatever claims to have it again changes nothing. */
  keep(provider: string, id: string, note: Note): void;
  /** @param provider undefined: whichever has it, if only one does */
  find(provider: string | undefined, id: string): Note | undefined;
};

/** Beyond it those that came first are forgotten. */
const notesMax = 200_000;
const notesPerSweep = 1_000;

export function openNotes<Note>(database: Database, table: string, now: () => number): Notes<Note> {
  database.exec(
    `CREATE TABLE IF NOT EXISTS ${table} (
       id TEXT NOT NULL, provider TEXT NOT NULL, at INTEGER NOT NULL, note TEXT NOT NULL,
       PRIMARY KEY (id, provider)) STRICT`,
  );
  const insert = database.prepare(`INSERT OR IGNORE INTO ${table} VALUES (?, ?, ?, ?)`);
  const find = database
    .prepare(`SELECT note FROM ${table} WHERE id = $id AND provider = coalesce($provider, provider)`)
    .pluck();
  const trim = database.prepare(
    `DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} ORDER BY rowid DESC LIMIT -1 OFFSET ?)`,
  );
  let kept = 0;
  return {
    keep(provider, id, note) {
      insert.run(id, provider, now(), JSON.stringify(note));
      if (++kept % notesPerSweep === 0) trim.run(notesMax);
    },
    find(provider, id) {
      const [note, ...others] = find.all({ id, provider: provider ?? null }) as string[];
      return note === undefined || others.length > 0 ? undefined : (JSON.parse(note) as Note);
    },
  };
}
