/**
 * What each budget has spent in its current window, kept in step with `records`. Hides the window arithmetic per row
 * and that a scope's cells are read from disk when first touched.
 */
import type { Balance, Window } from "../governance/definitions.ts";
import { windowAt } from "../governance/windows.ts";
import type { Database, Statement } from "./database.ts";
import { ScopeCells } from "./scope-cells.ts";

type Cell = {
  readonly scopeId: number;
  readonly slot: number;
  readonly window: Window;
  readonly anchorMs: number;
  readonly sinceSeq: number;
  windowStart: number;
  /** Where the next window begins; 0 until computed. */
  windowNext: number;
  spent: number;
  dirty: boolean;
};

type BudgetRow = {
  slot: number;
  window: string;
  anchor_at: number;
  since_seq: number;
  window_start: number | null;
  spent_nano: number | null;
};

export class BalanceCells {
  readonly #cells = new ScopeCells<Cell>((scopeId) => this.#load(scopeId));
  readonly #read: Statement;
  readonly #write: Statement;
  readonly #remove: Statement;
  readonly #since: Statement;

  constructor(database: Database) {
    this.#read = database.prepare(
      "SELECT b.slot, b.window, b.anchor_at, b.since_seq, s.window_start, s.spent_nano FROM budgets b LEFT JOIN balances s ON s.scope_id = b.scope_id AND s.slot = b.slot WHERE b.scope_id = ? ORDER BY b.slot",
    );
    this.#write = database.prepare("INSERT OR REPLACE INTO balances VALUES (?, ?, ?, ?, ?)");
    this.#remove = database.prepare("DELETE FROM balances WHERE scope_id = ? AND slot = ?");
    this.#since = database.prepare("SELECT seq, at, scopes, cost_nano FROM records WHERE seq > ?").raw();
  }

  /** Forgets everything; cells are read anew as records are replayed. */
  clear(): void {
    this.#cells.clear();
  }

  /** Draws a settled cost on every budget of every scope in `scopes` (`"3,17"`). */
  add(scopes: string, seq: number, at: number, cost: number): void {
    if (scopes === "" || cost === 0) return;
    for (const cell of this.#cells.ofList(scopes)) this.#draw(cell, seq, at, cost);
  }

  #draw(cell: Cell, seq: number, at: number, cost: number): void {
    if (at < cell.anchorMs || seq <= cell.sinceSeq) return; // spent before the budget, or its window, was set
    if (at < cell.windowStart) return; // a late row of a window that has ended
    if (at >= cell.windowNext) enter(cell, at);
    cell.spent += cost;
    this.#cells.changed(cell);
  }

  /** The budgets in these slots begin at another moment: what has come since counts as if they always had. */
  recount(scopeId: number, slots: ReadonlySet<number>, sinceSeq: number): void {
    this.redefine(scopeId, slots);
    const own = this.#cells.of(scopeId).filter(({ slot }) => slots.has(slot));
    for (const row of this.#since.all(sinceSeq)) {
      const [seq, at, scopes, cost] = row as [number, number, string, number | null];
      if (cost === null || !scopes.split(",").includes(String(scopeId))) continue;
      for (const cell of own) this.#draw(cell, seq, at, cost);
    }
  }

  /** `at`, or where the newest window of `scopes` begins: what no memory has counted yet falls into no earlier one. */
  notBefore(scopes: string, at: number): number {
    if (scopes === "") return at;
    return this.#cells.ofList(scopes).reduce((latest, cell) => Math.max(latest, cell.windowStart, cell.anchorMs), at);
  }

  /** Writes what changed since the last checkpoint, as true at `seq`. */
  checkpoint(seq: number): void {
    this.#cells.flush((cell) => this.#write.run(cell.scopeId, cell.slot, cell.windowStart, cell.spent, seq));
  }

  /** The scope's budgets were changed on disk. Slots in `fresh` begin at zero, the others keep what they have spent. */
  redefine(scopeId: number, fresh: ReadonlySet<number>): void {
    for (const slot of fresh) this.#remove.run(scopeId, slot);
    this.#cells.reload(scopeId, (cell, before) => {
      const old = before.find((candidate) => candidate.slot === cell.slot);
      if (old === undefined || fresh.has(cell.slot)) return cell;
      return { ...cell, windowStart: old.windowStart, spent: old.spent, dirty: old.dirty };
    });
  }

  /** What one scope has spent, budget by budget. */
  balances(scopeId: number): readonly Balance[] {
    return this.#cells.of(scopeId).map((cell) => ({
      scopeId,
      slot: cell.slot,
      windowStartMs: cell.windowStart,
      spentNano: cell.spent,
    }));
  }

  #load(scopeId: number): readonly Cell[] {
    return (this.#read.all(scopeId) as BudgetRow[]).map((row) => ({
      scopeId,
      slot: row.slot,
      window: JSON.parse(row.window) as Window,
      anchorMs: row.anchor_at,
      sinceSeq: row.since_seq,
      windowStart: row.window_start ?? row.anchor_at,
      windowNext: 0,
      spent: row.spent_nano ?? 0,
      dirty: false,
    }));
  }
}

/** Moves a cell to the window of `at`, which is not before its own; another window begins at nothing spent. */
function enter(cell: Cell, at: number): void {
  const { startMs, nextMs } = windowAt(cell.window, cell.anchorMs, at);
  if (startMs > cell.windowStart) cell.spent = 0;
  cell.windowStart = startMs;
  cell.windowNext = nextMs;
}
