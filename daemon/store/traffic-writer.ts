/**
 * The one writer of traffic.db: request rows in with their sums, content beside them, old rows out. Hides the multi-row
 * insert, and that retention and the move of rows from an older schema go by slices between commits.
 */
import { type AwaitedCosts, type KnownRow, openAwaitedCosts } from "./awaited-costs.ts";
import { type Breather, noBreather } from "./breather.ts";
import { type ColumnInsert, prepareColumnInsert } from "./column-insert.ts";
import { areRows, type Columns, columnsOf, isVaried, valueAt } from "./columns.ts";
import { type ContentDescriber, type ContentFilter, type ContentWriter, openContentWriter } from "./content-writer.ts";
import type { Database, Statement } from "./database.ts";
import { readTools } from "./log-filter.ts";
import { openRetention, type Retention } from "./retention.ts";
import { costGroup, type Group, groupColumns, groupRows } from "./rollup-groups.ts";
import { openRollupWriter, type RollupRetention, type RollupWriter, rollupRetentionDefault } from "./rollup-writer.ts";
import { type Batch, requestColumn as column, contentWidth, requestColumns, requestWidth } from "./rows.ts";

/** How long what is kept; 0: for ever. */
export type TrafficRetention = {
  readonly retentionMs: number;
  /** What was said; absent: as long as the rows. */
  readonly contentRetentionMs?: number | undefined;
  readonly rollups?: RollupRetention | undefined;
};

export type TrafficWriterOptions = TrafficRetention & {
  readonly now?: () => number;
  /** What becomes of content before it is written. */
  readonly filter?: ContentFilter;
  readonly describe?: ContentDescriber;
  /** In a thread beside others. */
  readonly breather?: Breather;
};

/** Texts deleted, and rows moved over, in one transaction, so that a commit never waits long behind it. */
const contentSliceRows = 200;
const adoptSliceRows = 1_000;

/** Among the senders of rows, whose numbers begin at nothing. */
const adjusterSender = -1;

/** What requests should have cost more, or less, and which note of the ledger says so. */
export type SumBatch = {
  readonly number: number;
  readonly costs: readonly { readonly id: string; readonly nano: number; readonly known: KnownRow }[];
};

export class TrafficWriter {
  readonly database: Database;
  retention: TrafficRetention;
  readonly #now: () => number;
  readonly #breather: Breather;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #insert: ColumnInsert;
  readonly #setSender: Statement;
  readonly #rows: Retention;
  readonly #rollups: RollupWriter;
  readonly #awaited: AwaitedCosts;
  readonly contents: ContentWriter;
  readonly #senders = new Map<number, number>();
  #stale = true;
  #row = 0;

  constructor(database: Database, options: TrafficWriterOptions) {
    this.database = database;
    this.retention = options;
    this.#now = options.now ?? Date.now;
    this.#breather = options.breather ?? noBreather;
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
    this.#insert = prepareColumnInsert(database, "requests");
    this.#setSender = database.prepare("INSERT OR REPLACE INTO senders VALUES (?, ?)");
    this.#rows = openRetention(database);
    this.#rollups = openRollupWriter(database, this.#now, this.#breather);
    this.#awaited = openAwaitedCosts(database);
    this.contents = openContentWriter(database, options.filter, options.describe);
  }

  /**
   * Commits all batches at once, each once however often it is sent. Returns the number of new rows.
   * @param groups what `groupColumns` makes of a batch's rows, where that is known already
   */
  commit(batches: readonly Batch[], groups: (batch: Batch) => readonly Group[] = groupsOf): number {
    if (this.#stale) this.#load();
    this.#begin.run();
    this.#breather.begin();
    try {
      let rows = 0;
      const summed: Group[] = [];
      for (const batch of batches) {
        if (batch.number <= (this.#senders.get(batch.sender) ?? 0)) continue;
        const width = batch.kind === "content" ? contentWidth : requestWidth;
        if (!areRows(batch.rows, width)) throw new TypeError(`batch ${batch.number} has rows of the wrong width`);
        if (batch.kind === "content") {
          this.contents.add(batch.rows);
        } else {
          this.#insertAll(batch.rows);
          this.#list(batch.rows);
          summed.push(...groups(batch), ...this.#awaited.take(batch.rows));
          rows += batch.rows.count;
        }
        this.#senders.set(batch.sender, batch.number);
        this.#setSender.run(batch.sender, batch.number);
      }
      this.#rollups.add(summed);
      this.#commit.run();
      return rows;
    } catch (error) {
      this.#undone();
      throw error;
    }
  }

  /** Deletes, moves over from an older schema, or gives back to the disk, one slice. True: there may be more. */
  prune(): boolean {
    const { retentionMs, contentRetentionMs = retentionMs, rollups = rollupRetentionDefault } = this.retention;
    const now = this.#now();
    if (this.#stale) this.#load();
    if (retentionMs > 0 && this.#rows.deleteBefore(now - retentionMs)) return true;
    if (contentRetentionMs > 0 && this.contents.prune(now - contentRetentionMs, contentSliceRows)) return true;
    const isPruned = this.#transaction(() => {
      this.#rollups.correct(this.#awaited.prune(now));
      return this.#rollups.prune(now, rollups);
    });
    return isPruned || this.#adopt() || this.#rows.giveBack();
  }

  /** Requests and what was said in them, by id. Sums stay: the money was spent. */
  remove(ids: readonly string[]): number {
    const list = JSON.stringify(ids);
    return this.#transaction(() => {
      this.contents.remove(list);
      return this.database.prepare("DELETE FROM requests WHERE id IN (SELECT value FROM json_each(?))").run(list)
        .changes;
    });
  }

  /** Adds to the sums that the requests count in, now or when their rows come or are known to be gone. Rows stay as they were settled. */
  adjust({ number, costs }: SumBatch): number {
    if (this.#stale) this.#load();
    const find = this.database
      .prepare(`SELECT ${requestColumns.join(", ")} FROM requests WHERE id = ? ORDER BY row LIMIT 1`)
      .raw();
    return this.#transaction(() => {
      // It is the last one that may come twice: the next is sent only when this one's note is gone.
      if (this.#senders.get(adjusterSender) === number) return 0;
      this.#senders.set(adjusterSender, number);
      this.#setSender.run(adjusterSender, number);
      const groups = costs.flatMap(({ id, nano, known }) => {
        const row = find.get(id) as (string | number | null)[] | undefined;
        return row === undefined ? this.#awaited.keep(id, nano, this.#now(), known) : [costGroup(row, nano)];
      });
      this.#rollups.correct(groups);
      return groups.length;
    });
  }

  close(): void {
    this.database.close();
  }

  #insertAll({ count, values }: Columns): void {
    const numbers = Array.from({ length: count }, (_, index) => this.#row + 1 + index);
    this.#row += count;
    this.#insert.run({ count, values: [numbers, ...values] }, this.#breather.breathe);
  }

  /** Values that are offered to filter by: nearly all rows of a batch agree in them, and most call no tool. */
  #list({ count, values }: Columns): void {
    const [stops, tools, times] = [values[column.stop], values[column.tools], values[column.at]];
    const at = Number(valueAt(times, count - 1) ?? 0);
    const each = (given: typeof stops): readonly unknown[] => (isVaried(given) ? [...new Set(given)] : [given]);
    for (const stop of each(stops)) if (typeof stop === "string") this.#rollups.see("stop", stop, at);
    for (const called of each(tools))
      for (const tool of readTools(called as string | null)) this.#rollups.see("tool", tool, at);
  }

  /** A slice of the rows that an older build wrote, newest first, with their sums; the last one takes their table away. */
  #adopt(): boolean {
    const { database } = this;
    if (!hasTable(database, "requests_before")) return false;
    return this.#transaction(() => {
      const before = oldColumns(database);
      const rows = database
        .prepare(`SELECT row, ${before} FROM requests_before ORDER BY row DESC LIMIT ${adoptSliceRows}`)
        .raw()
        .all() as (string | number | null)[][];
      if (rows.length === 0) {
        database.exec("DROP TABLE requests_before");
        return false;
      }
      const flat: (string | number | null)[] = [];
      for (const [, ...values] of rows) {
        while (values.length < requestWidth) values.push(null);
        flat.push(...values);
      }
      const numbers = rows.map(([row]) => row ?? null);
      const columns = columnsOf(requestWidth, flat);
      this.#insert.run({ count: columns.count, values: [numbers, ...columns.values] }, this.#breather.breathe);
      this.#rollups.add([...groupRows(flat), ...this.#awaited.take(columns)]);
      database.prepare("DELETE FROM requests_before WHERE row >= ?").run(rows.at(-1)![0]);
      return true;
    });
  }

  #transaction<Result>(work: () => Result): Result {
    this.#begin.run();
    try {
      const result = work();
      this.#commit.run();
      return result;
    } catch (error) {
      this.#undone();
      throw error;
    }
  }

  #undone(): void {
    this.#stale = true;
    this.#rollups.forget();
    if (this.database.inTransaction) this.database.exec("ROLLBACK");
  }

  #load(): void {
    this.#senders.clear();
    for (const row of this.database.prepare("SELECT sender, last_batch FROM senders").raw().all()) {
      const [sender, number] = row as [number, number];
      this.#senders.set(sender, number);
    }
    this.#awaited.load();
    const newest = (table: string): number =>
      (this.database.prepare(`SELECT max(row) FROM ${table}`).pluck().get() as number | null) ?? 0;
    this.#row = Math.max(
      newest("requests"),
      hasTable(this.database, "requests_before") ? newest("requests_before") : 0,
    );
    this.#stale = false;
  }
}

function groupsOf(batch: Batch): readonly Group[] {
  return groupColumns(batch.rows);
}

function hasTable(database: Database, name: string): boolean {
  return database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !== undefined;
}

/** Those of our columns that the older table has, which are the first ones. */
function oldColumns(database: Database): string {
  const names = database.prepare("SELECT name FROM pragma_table_info('requests_before')").pluck().all() as string[];
  return requestColumns.filter((name) => names.includes(name)).join(", ");
}
