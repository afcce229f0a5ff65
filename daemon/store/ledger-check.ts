/**
 * Is every balance the sum of its records? Reads state.db only, in slices, and lists what differs. Hides the replay
 * since the checkpoint.
 */
import type { Balance, Window } from "../governance/definitions.ts";
import { windowAt } from "../governance/windows.ts";
import type { Database, Statement } from "./database.ts";
import { type HoldValue, holdWidth } from "./rows.ts";

export type LedgerDifference = {
  readonly scopeId: number;
  readonly slot: number;
  readonly windowStartMs: number;
  /** Checkpoint and what came since. */
  readonly balanceNano: number;
  /** Sum of the records in the window. */
  readonly recordsNano: number;
  /** What shared memory says, when it was given. */
  readonly liveNano?: number;
};

export type LedgerCheck = {
  readonly budgets: number;
  readonly records: number;
  readonly differences: readonly LedgerDifference[];
  /** Holds on disk without a settlement: nothing when no request runs. */
  readonly openHolds: number;
  readonly heldNano: number;
  /** Σ(cost − held) over settlements that cost more than was held for them: what a cap can have been passed by. */
  readonly overrunNano: number;
};

/** `done`: records looked at. */
export type LedgerChecker = { step(rows: number): LedgerCheck | undefined; done(): number };

const sliceRows = 10_000;

export function checkLedger(database: Database, live?: readonly Balance[]): LedgerCheck {
  const checker = createLedgerChecker(database, live);
  for (;;) {
    const check = checker.step(sliceRows);
    if (check !== undefined) return check;
  }
}

/** One budget, twice: as the checkpoint and its replay have it, and as the sum over all records. */
type Cell = {
  readonly scopeId: number;
  readonly slot: number;
  readonly window: Window;
  readonly anchorMs: number;
  readonly sinceSeq: number;
  start: number;
  next: number;
  balance: number;
  sum: number;
  sumStart: number;
};

type BudgetRow = {
  scope_id: number;
  slot: number;
  window: string;
  anchor_at: number;
  since_seq: number;
  window_start: number | null;
  spent_nano: number | null;
};

/** The connection should be one of its own: everything is read in one transaction, which ends with the last step. */
export function createLedgerChecker(database: Database, live: readonly Balance[] = []): LedgerChecker {
  database.exec("BEGIN");
  const checkpoint = database.prepare("SELECT value FROM meta WHERE name = 'checkpoint_seq'").pluck().get() as number;
  const cells = readCells(database);
  const open = readHolds(database);
  const slice: Statement = database
    .prepare("SELECT seq, hold_id, at, scopes, cost_nano, record FROM records WHERE seq > ? ORDER BY seq LIMIT ?")
    .raw();
  let seq = 0;
  let overrun = 0;

  function step(rows: number): LedgerCheck | undefined {
    const found = slice.all(seq, rows) as [number, string, number, string, number | null, string][];
    for (const [number, holdId, at, scopes, cost, record] of found) {
      seq = number;
      if ((open.get(holdId)?.seq ?? number) < number) open.delete(holdId);
      if (scopes === "" || cost === null) continue;
      overrun += Math.max(0, cost - heldIn(record, cost));
      for (const id of scopes.split(",")) {
        for (const cell of cells.get(Number(id)) ?? []) add(cell, number, at, cost, number > checkpoint);
      }
    }
    if (found.length === rows) return undefined;
    database.exec("COMMIT");
    return finish();
  }

  function finish(): LedgerCheck {
    const all = [...cells.values()].flat();
    const lives = new Map(live.map((balance) => [`${balance.scopeId}/${balance.slot}`, balance]));
    return {
      budgets: all.length,
      records: seq,
      differences: all.flatMap((cell) => difference(cell, lives.get(`${cell.scopeId}/${cell.slot}`)) ?? []),
      openHolds: open.size,
      heldNano: [...open.values()].reduce((sum, hold) => sum + hold.cost, 0),
      overrunNano: overrun,
    };
  }

  return { step, done: () => seq };
}

/** What the audit text says was held; where it says nothing the cost was not more than that. */
function heldIn(record: string, cost: number): number {
  const held = /"held":(\d+)/.exec(record)?.[1];
  return held === undefined ? cost : Number(held);
}

function add(cell: Cell, seq: number, at: number, cost: number, replayed: boolean): void {
  if (at < cell.anchorMs || seq <= cell.sinceSeq) return;
  const { startMs, nextMs } =
    at >= cell.start && at < cell.next
      ? { startMs: cell.start, nextMs: cell.next }
      : windowAt(cell.window, cell.anchorMs, at);
  if (startMs > cell.sumStart) cell.sum = 0;
  if (startMs >= cell.sumStart) {
    cell.sumStart = startMs;
    cell.sum += cost;
  }
  if (!replayed || startMs < cell.start) return;
  if (startMs > cell.start) cell.balance = 0;
  cell.start = startMs;
  cell.next = nextMs;
  cell.balance += cost;
}

function difference(cell: Cell, live: Balance | undefined): LedgerDifference | undefined {
  const recordsNano = cell.sumStart === cell.start ? cell.sum : 0;
  const expectedLive = live !== undefined && live.windowStartMs > cell.start ? 0 : cell.balance;
  if (recordsNano === cell.balance && (live === undefined || live.spentNano === expectedLive)) return undefined;
  return {
    scopeId: cell.scopeId,
    slot: cell.slot,
    windowStartMs: cell.start,
    balanceNano: cell.balance,
    recordsNano,
    ...(live === undefined ? {} : { liveNano: live.spentNano }),
  };
}

function readCells(database: Database): Map<number, Cell[]> {
  const rows = database
    .prepare(
      "SELECT b.scope_id, b.slot, b.window, b.anchor_at, b.since_seq, s.window_start, s.spent_nano FROM budgets b JOIN scopes c ON c.id = b.scope_id AND c.deleted_at IS NULL LEFT JOIN balances s ON s.scope_id = b.scope_id AND s.slot = b.slot",
    )
    .all() as BudgetRow[];
  const cells = new Map<number, Cell[]>();
  for (const row of rows) {
    const start = row.window_start ?? row.anchor_at;
    const cell: Cell = {
      scopeId: row.scope_id,
      slot: row.slot,
      window: JSON.parse(row.window) as Window,
      anchorMs: row.anchor_at,
      sinceSeq: row.since_seq,
      start,
      next: start, // nothing is known of its end: the first record computes it
      balance: row.spent_nano ?? 0,
      sum: 0,
      sumStart: start,
    };
    const list = cells.get(row.scope_id);
    if (list === undefined) cells.set(row.scope_id, [cell]);
    else list.push(cell);
  }
  return cells;
}

function readHolds(database: Database): Map<string, { readonly seq: number; readonly cost: number }> {
  const open = new Map<string, { seq: number; cost: number }>();
  for (const row of database.prepare("SELECT seq, payload FROM holds ORDER BY id").all() as {
    seq: number;
    payload: string;
  }[]) {
    const values = JSON.parse(row.payload) as HoldValue[];
    for (let at = 0; at < values.length; at += holdWidth) {
      open.set(values[at] as string, { seq: row.seq, cost: (values[at + 3] as number | null) ?? 0 });
    }
  }
  return open;
}
