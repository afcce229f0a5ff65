/**
 * Batches that were made, until they are corrected by what they came to, in `responses.db`: by their ids and by those of the
 * files that hold their results. Hides the table and its bound.
 */
import type { Price } from "../../providers/catalog/price.ts";
import { openDatabase } from "./database.ts";

export type BatchNote = {
  /** What it was settled by, and the request that made it. */
  readonly holdId: string;
  readonly request: string;
  readonly at: number;
  readonly target: string;
  /** 0: not known. */
  readonly requests: number;
  /** Null: unpriced. */
  readonly costNano: number | null;
  /** As the provider calls them, at the prices of when it was made; null: not known. Empty: its file was not read. */
  readonly models: readonly { readonly name: string; readonly free: boolean; readonly price: Price | null }[];
};

export type Batches = {
  keep(provider: string, id: string, note: BatchNote): void;
  find(provider: string, id: string): BatchNote | undefined;
};

/** Beyond it those that were made first stay as they were estimated. */
const batchesMax = 200_000;
const batchesPerSweep = 1_000;

export function openBatches(file: string, now: () => number): Batches {
  const database = openDatabase(file, { synchronous: "NORMAL", busyMs: 2_000 });
  database.exec(
    `CREATE TABLE IF NOT EXISTS batches (
       id TEXT NOT NULL, provider TEXT NOT NULL, at INTEGER NOT NULL, note TEXT NOT NULL,
       PRIMARY KEY (id, provider)) STRICT`,
  );
  const insert = database.prepare("INSERT OR IGNORE INTO batches VALUES (?, ?, ?, ?)");
  const find = database.prepare("SELECT note FROM batches WHERE id = ? AND provider = ?").pluck();
  const trim = database.prepare(
    "DELETE FROM batches WHERE rowid IN (SELECT rowid FROM batches ORDER BY rowid DESC LIMIT -1 OFFSET ?)",
  );
  let kept = 0;
  return {
    keep(provider, id, note) {
      insert.run(id, provider, now(), JSON.stringify(note));
      if (++kept % batchesPerSweep === 0) trim.run(batchesMax);
    },
    find(provider, id) {
      const note = find.get(id, provider) as string | undefined;
      return note === undefined ? undefined : (JSON.parse(note) as BatchNote);
    },
  };
}
