/**
 * What the lines of a file ask for that may be made a batch, in `responses.db`: it is summed up while the file goes up, since
 * nobody here sees it again. Hides the table and its bound.
 */
import { openDatabase } from "./database.ts";

/** Of all requests that name one model. */
export type CallSum = {
  /** As they name it; empty: the path does. */
  readonly model: string;
  requests: number;
  bytes: number;
  /** Of the longest one. */
  bytesMax: number;
  /** Whose bytes do not bound the tokens of their prompt. */
  loose: number;
  /** Some prompt has parts that cost more than plain input. */
  dearest: boolean;
  /** Tokens of answers that are capped, all together, and answers that are not. */
  capped: number;
  open: number;
  /** As many tokens as such answers usually have. */
  usual: number;
};

export type BatchFile = {
  readonly sums: readonly CallSum[];
  /** Some line asks for text. */
  readonly generates: boolean;
};

export type BatchFiles = {
  keep(provider: string, id: string, file: BatchFile): void;
  find(provider: string, id: string): BatchFile | undefined;
};

/** Beyond it those that came first can be made batches by keys without a budget only. */
const filesMax = 100_000;
const filesPerSweep = 1_000;

export function openBatchFiles(file: string, now: () => number): BatchFiles {
  const database = openDatabase(file, { synchronous: "NORMAL", busyMs: 2_000 });
  database.exec(
    `CREATE TABLE IF NOT EXISTS batch_files (
       id TEXT NOT NULL, provider TEXT NOT NULL, at INTEGER NOT NULL, lines TEXT NOT NULL,
       PRIMARY KEY (id, provider)) STRICT`,
  );
  // A provider never gives an id twice; whatever claims to have it again does not change what went up.
  const insert = database.prepare("INSERT OR IGNORE INTO batch_files VALUES (?, ?, ?, ?)");
  const find = database.prepare("SELECT lines FROM batch_files WHERE id = ? AND provider = ?").pluck();
  const trim = database.prepare(
    "DELETE FROM batch_files WHERE rowid IN (SELECT rowid FROM batch_files ORDER BY rowid DESC LIMIT -1 OFFSET ?)",
  );
  let kept = 0;
  return {
    keep(provider, id, lines) {
      insert.run(id, provider, now(), JSON.stringify(lines));
      if (++kept % filesPerSweep === 0) trim.run(filesMax);
    },
    find(provider, id) {
      const lines = find.get(id, provider) as string | undefined;
      return lines === undefined ? undefined : (JSON.parse(lines) as BatchFile);
    },
  };
}
