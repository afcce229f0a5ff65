/**
 * The one writer of traffic.db: request rows in, old rows out. Hides the multi-row insert and that retention goes by
 * slices between commits.
 */
import type { Database, Statement } from "./database.ts";
import { type Batch, requestWidth } from "./rows.ts";

export type TrafficWriterOptions = {
  /** Rows older than this are deleted; 0: kept for ever. */
  readonly retentionMs: number;
  readonly now?: () => number;
};

/** Rows inserted by one statement: with 25 columns, more gain nothing. */
const rowsPerInsert = 8;
/** Rows deleted in one transaction, so that a commit never waits long behind retention. */
export const retentionSliceRows = 1_000;

export class TrafficWriter {
  readonly database: Database;
  retentionMs: number;
  readonly #now: () => number;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #insertOne: Statement;
  readonly #insertMany: Statement;
  readonly #setSender: Statement;
  readonly #prune: Statement;
  readonly #senders = new Map<number, number>();
  #stale = true;
  #row = 0;

  constructor(database: Database, options: TrafficWriterOptions) {
    this.database = database;
    this.retentionMs = options.retentionMs;
    this.#now = options.now ?? Date.now;
    const row = `(${new Array(requestWidth + 1).fill("?").join(", ")})`;
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
    this.#insertOne = database.prepare(`INSERT INTO requests VALUES ${row}`);
    this.#insertMany = database.prepare(`INSERT INTO requests VALUES ${new Array(rowsPerInsert).fill(row).join(", ")}`);
    this.#setSender = database.prepare("INSERT OR REPLACE INTO senders VALUES (?, ?)");
    this.#prune = database.prepare(
      `DELETE FROM requests WHERE row IN (SELECT row FROM requests ORDER BY row LIMIT ${retentionSliceRows}) AND at < ?`,
    );
  }

  /** Commits all batches at once, each once however often it is sent. Returns the number of new rows. */
  commit(batches: readonly Batch[]): number {
    if (this.#stale) this.#load();
    this.#begin.run();
    try {
      let rows = 0;
      for (const batch of batches) {
        if (batch.number <= (this.#senders.get(batch.sender) ?? 0)) continue;
        if (batch.rows.length % requestWidth !== 0)
          throw new TypeError(`batch ${batch.number} has rows of the wrong width`);
        this.#insertAll(batch.rows);
        rows += batch.rows.length / requestWidth;
        this.#senders.set(batch.sender, batch.number);
        this.#setSender.run(batch.sender, batch.number);
      }
      this.#commit.run();
      return rows;
    } catch (error) {
      this.#stale = true;
      if (this.database.inTransaction) this.database.exec("ROLLBACK");
      throw error;
    }
  }

  /** Deletes one slice of what is too old. True: there may be more. */
  prune(): boolean {
    if (this.retentionMs === 0) return false;
    return this.#prune.run(this.#now() - this.retentionMs).changes === retentionSliceRows;
  }

  close(): void {
    this.database.close();
  }

  #insertAll(rows: Batch["rows"]): void {
    const size = requestWidth;
    const values: (string | number | null)[] = [];
    for (let at = 0; at < rows.length; at += size) {
      this.#row += 1;
      values.push(this.#row);
      for (let column = 0; column < size; column += 1) values.push(rows[at + column] ?? null);
      if (values.length === rowsPerInsert * (size + 1)) {
        this.#insertMany.run(values);
        values.length = 0;
      }
    }
    for (let at = 0; at < values.length; at += size + 1) this.#insertOne.run(values.slice(at, at + size + 1));
  }

  #load(): void {
    this.#senders.clear();
    for (const row of this.database.prepare("SELECT sender, last_batch FROM senders").raw().all()) {
      const [sender, number] = row as [number, number];
      this.#senders.set(sender, number);
    }
    this.#row = (this.database.prepare("SELECT max(row) FROM requests").pluck().get() as number | null) ?? 0;
    this.#stale = false;
  }
}
