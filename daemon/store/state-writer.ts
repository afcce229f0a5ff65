/**
 * The one writer of state.db: settlements with their audit chain, holds, balances and management commands. Hides the
 * transaction of a commit group. Runs in its own thread, or in the process of a command when no daemon is up.
 */
import { type ChainHead, nextHash, oneLine } from "../audit/chain.ts";
import { BalanceCells } from "./balance-cells.ts";
import { type Breather, noBreather } from "./breather.ts";
import { type ColumnInsert, prepareColumnInsert } from "./column-insert.ts";
import { areRows, ColumnBuilder, type Columns, valueAt } from "./columns.ts";
import type { Command, CommandResult } from "./commands/command.ts";
import { executeCommand } from "./commands.ts";
import { type Database, guardFile, type Statement } from "./database.ts";
import { LimitCounts } from "./limit-counts.ts";
import { OpenHolds } from "./open-holds.ts";
import { type Batch, holdWidth, settlementFlag, settlementWidth } from "./rows.ts";
import { beginSnapshot } from "./snapshot-file.ts";

export type StateWriterOptions = {
  /** The wall clock in milliseconds; tests bring their own. */
  readonly now?: () => number;
  /** In a thread beside others. */
  readonly breather?: Breather;
};

/** Balances and open holds are written down after so many records or so long, which bounds what a boot replays. */
const checkpointRows = 20_000;
const checkpointMs = 30_000;

export class StateWriter {
  readonly database: Database;
  readonly holds: OpenHolds;
  readonly cells: BalanceCells;
  readonly limits: LimitCounts;
  readonly now: () => number;
  readonly #breather: Breather;
  readonly #guard: () => void;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #insert: ColumnInsert;
  readonly #setSender: Statement;
  readonly #setMeta: Statement;
  readonly #senders = new Map<number, number>();
  /** Appended in this transaction, and written at its end. */
  #pending = new ColumnBuilder<string | number | Buffer>();
  #seq = 0;
  #hash = "";
  #sinceCheckpoint = 0;
  #checkpointAt = performance.now();
  /** Memory is ahead of the disk after a failed commit; it is read again before the next. */
  #stale = true;

  constructor(database: Database, options: StateWriterOptions = {}) {
    this.database = database;
    this.now = options.now ?? Date.now;
    this.#breather = options.breather ?? noBreather;
    this.#guard = guardFile(database);
    this.holds = new OpenHolds(database);
    this.cells = new BalanceCells(database);
    this.limits = new LimitCounts(database);
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
    this.#insert = prepareColumnInsert(database, "records");
    this.#setSender = database.prepare("INSERT OR REPLACE INTO senders VALUES (?, ?)");
    this.#setMeta = database.prepare("INSERT OR REPLACE INTO meta VALUES (?, ?)");
    this.#load(); // reads only: a writer starts, and tells that it cannot write, while another process has the lock
  }

  get head(): ChainHead {
    return { seq: this.#seq, hash: this.#hash };
  }

  /** Commits all batches at once, each once however often it is sent. Returns the number of new rows. */
  commit(batches: readonly Batch[]): number {
    return this.transaction(() => {
      let rows = 0;
      for (const batch of batches) {
        if (batch.number <= (this.#senders.get(batch.sender) ?? 0)) continue;
        checkShape(batch);
        if (batch.holds !== undefined) this.holds.add(batch.holds);
        this.#settleAll(batch.rows);
        rows += batch.rows.count;
        this.#senders.set(batch.sender, batch.number);
        this.#setSender.run(batch.sender, batch.number);
      }
      return rows;
    });
  }

  /** A management command and its audit record, in one transaction. */
  execute(command: Command, actor: string): CommandResult {
    if (command.kind === "checkpoint") this.checkpoint();
    if (command.kind === "snapshot") {
      const work = beginSnapshot(this, command.change, command.tables);
      while (!work.step());
    }
    return this.transaction(() => executeCommand(this, command, actor));
  }

  /** Runs `body` in a transaction; when it or the commit throws, memory is read anew from the disk before the next. */
  transaction<Result>(body: () => Result): Result {
    this.#guard();
    if (this.#stale) this.#load();
    this.#begin.run();
    this.#breather.begin();
    try {
      const result = body();
      this.#insertPending();
      this.holds.write(this.#seq);
      this.#checkpointIfDue();
      this.#commit.run();
      return result;
    } catch (error) {
      this.#stale = true;
      if (this.database.inTransaction) this.database.exec("ROLLBACK");
      throw error;
    }
  }

  /** Appends one record to the chain. Only within `transaction`. */
  append(
    holdId: string,
    at: number,
    keyId: number,
    scopes: string,
    cost: number | null,
    tokens: number | null,
    flags: number,
    record: string,
  ): void {
    const seq = this.#seq + 1;
    const id = oneLine(holdId);
    const hash = nextHash(this.#hash, seq, id, at, keyId, scopes, cost, tokens, flags, record);
    this.#pending.add([seq, id, at, keyId, scopes, cost, tokens, flags, record, Buffer.from(hash, "hex")]);
    this.#breather.breathe();
    if (cost !== null) this.cells.add(scopes, seq, at, cost);
    this.limits.add(scopes, at, id, cost ?? 0, tokens ?? 0, flags);
    this.#seq = seq;
    this.#hash = hash;
    this.#sinceCheckpoint += 1;
  }

  /** Settles what a crash left open. Returns how many. */
  recover(): number {
    return this.holds.count === 0 ? 0 : this.transaction(() => this.settleOpen(() => true));
  }

  /**
   * Settles the open holds that are picked, at the price of their input and with the tokens that limits counted for them.
   * Returns how many. Only within `transaction`.
   */
  settleOpen(isLost: (holdId: string, heldAtMs: number) => boolean): number {
    const open = this.holds.values();
    const now = this.now();
    const flags = settlementFlag.estimated | settlementFlag.recovered;
    let settled = 0;
    for (let from = 0; from < open.length; from += holdWidth) {
      const [holdId, heldAt, scopes, , tokens, inputCost, keyId, model] = open.slice(from, from + holdWidth);
      if (!isLost(holdId as string, heldAt as number)) continue;
      const record = JSON.stringify({ recovered: true, held_at: heldAt, model });
      const at = this.cells.notBefore(scopes as string, now);
      this.holds.settle(holdId as string, flags);
      this.append(
        holdId as string,
        at,
        keyId as number,
        scopes as string,
        inputCost as number,
        tokens as number,
        flags,
        record,
      );
      this.#noteCharge(holdId as string); // it may be a batch or a film, of which only whoever made it knew
      settled += 1;
    }
    return settled;
  }

  /** Writes balances and open holds down, true at the chain's head. */
  checkpoint(): void {
    this.transaction(() => {
      this.#sinceCheckpoint = checkpointRows;
    });
  }

  /** Takes the write lock and gives it back; throws what keeps it from being written. */
  probe(): void {
    this.#guard();
    this.#begin.run();
    this.database.exec("ROLLBACK");
  }

  meta(name: string): unknown {
    return this.database.prepare("SELECT value FROM meta WHERE name = ?").pluck().get(name);
  }

  setMeta(name: string, value: string | number): void {
    this.#setMeta.run(name, value);
  }

  /** A clean end: the next boot has nothing to replay. */
  close(): void {
    try {
      if (this.#sinceCheckpoint > 0) this.checkpoint();
    } finally {
      this.database.close();
    }
  }

  #settleAll({ count, values }: Columns): void {
    const [holdIds, ats, keyIds, scopes, costs, tokens, flags, records] = values;
    for (let row = 0; row < count; row += 1) {
      const holdId = valueAt(holdIds, row) as string;
      const flag = valueAt(flags, row) as number;
      this.holds.settle(holdId, flag);
      this.append(
        holdId,
        valueAt(ats, row) as number,
        valueAt(keyIds, row) as number,
        valueAt(scopes, row) as string,
        valueAt(costs, row) as number | null,
        valueAt(tokens, row) as number | null,
        flag,
        valueAt(records, row) as string,
      );
      if ((flag & settlementFlag.provisional) !== 0) this.#noteCharge(holdId);
    }
  }

  /** The record that was appended last is to be found by its hold. */
  #noteCharge(holdId: string): void {
    this.database.prepare("INSERT OR IGNORE INTO batch_charges (hold_id, seq) VALUES (?, ?)").run(holdId, this.#seq);
  }

  #insertPending(): void {
    const pending = this.#pending;
    if (pending.count === 0) return;
    this.#pending = new ColumnBuilder();
    this.#insert.run(pending, this.#breather.breathe);
  }

  #checkpointIfDue(): void {
    if (this.#sinceCheckpoint === 0) return;
    if (this.#sinceCheckpoint < checkpointRows && performance.now() - this.#checkpointAt < checkpointMs) return;
    this.holds.compact(this.#seq);
    this.cells.checkpoint(this.#seq);
    this.limits.checkpoint(this.now());
    this.setMeta("checkpoint_seq", this.#seq);
    this.setMeta("checkpoint_hash", this.#hash);
    this.#sinceCheckpoint = 0;
    this.#checkpointAt = performance.now();
  }

  /** Memory as the disk has it: the chain's head, who sent what, open holds, balances since the checkpoint. */
  #load(): void {
    const { database } = this;
    const last = database
      .prepare("SELECT seq, lower(hex(hash)) AS hash FROM records ORDER BY seq DESC LIMIT 1")
      .get() as ChainHead | undefined;
    const head = last ?? { seq: 0, hash: (this.meta("genesis") as Buffer).toString("hex") };
    this.#seq = head.seq;
    this.#hash = head.hash;
    this.#pending = new ColumnBuilder();
    this.#senders.clear();
    for (const row of database.prepare("SELECT sender, last_batch FROM senders").raw().iterate()) {
      const [sender, number] = row as [number, number];
      this.#senders.set(sender, number);
    }
    this.holds.load();
    this.cells.clear();
    this.limits.clear();
    this.#sinceCheckpoint = 0;
    const since = database
      .prepare("SELECT seq, hold_id, at, scopes, cost_nano, tokens, flags FROM records WHERE seq > ?")
      .raw();
    for (const row of since.all(this.meta("checkpoint_seq"))) {
      const [seq, holdId, at, scopes, cost, tokens, flags] = row as Since;
      this.holds.replay(holdId, seq);
      this.cells.add(scopes, seq, at, cost ?? 0);
      this.limits.add(scopes, at, holdId, cost ?? 0, tokens ?? 0, flags);
      this.#sinceCheckpoint += 1;
    }
    this.#stale = false;
  }
}

type Since = [number, string, number, string, number | null, number | null, number];

/** A malformed batch must fail as a whole before it changes anything. */
function checkShape(batch: Batch): void {
  if (!areRows(batch.rows, settlementWidth) || !areRows(batch.holds, holdWidth)) {
    throw new TypeError(`batch ${batch.number} of sender ${batch.sender} has rows of the wrong width`);
  }
}
