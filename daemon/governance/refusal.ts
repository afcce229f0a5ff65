/** Why a request was refused. Hides that it is noted as bare numbers inside the lock and worded outside it. */
import { budgetCell, budgetCells, labelBytesMax, limitCell, limitCells, scopeCell, scopeHeadCells } from "./cells.ts";
import type { Tables } from "./tables.ts";

const kinds = ["requests", "tokens", "spend", "concurrency", "budget", "holds_full", "removed"] as const;

/**
 * `holds_full`: more requests in flight than there are rows; `removed`: a scope ceased to exist meanwhile.
 * `limit`, `spent` and `held` are nano-dollars for a budget and for spend, counts otherwise; -1 where they mean nothing.
 */
export type Refusal = {
  kind: (typeof kinds)[number];
  /** Id of the scope, 0 for `holds_full`. */
  scope: number;
  /** What people call it: `key "ci"`. */
  label: string;
  slot: number;
  limit: number;
  spent: number;
  held: number;
  /** When the window begins anew; NaN if never, or if nobody can know. */
  resetsAtMs: number;
  /** Exact wait until the same request would be admitted if nobody else came; NaN as above, and for budgets. */
  retryAfterMs: number;
};

export type RefusalNotes = {
  readonly value: Refusal;
  note(kind: Refusal["kind"], scope: number, block: number): void;
  noteLimit(kind: Refusal["kind"], block: number, row: number, used: number, nowMs: number, wait: number): void;
  noteBudget(block: number, row: number, limit: number): void;
  /** Fills `value` from the last note, waits counted from the caller's own clock. Outside the lock. */
  publish(callerMs: number): void;
};

export function createRefusal({ cells, cellBytes }: Tables): RefusalNotes {
  const value: Refusal = {
    kind: "removed",
    scope: 0,
    label: "",
    slot: -1,
    limit: -1,
    spent: -1,
    held: -1,
    resetsAtMs: Number.NaN,
    retryAfterMs: Number.NaN,
  };
  /** kind, scope, slot, limit, spent, held, reset: a double each, so that noting allocates nothing. */
  const noted = new Float64Array(7);
  const label = new Uint8Array(labelBytesMax);
  let labelLength = 0;

  function write(
    kind: Refusal["kind"],
    scope: number,
    slot: number,
    limit: number,
    spent: number,
    held: number,
    resetsAt: number,
  ): void {
    noted[0] = kinds.indexOf(kind);
    noted[1] = scope;
    noted[2] = slot;
    noted[3] = limit;
    noted[4] = spent;
    noted[5] = held;
    noted[6] = resetsAt;
  }

  function note(kind: Refusal["kind"], scope: number, block: number): void {
    labelLength = 0;
    if (kind === "concurrency") {
      copyLabel(block);
      const inFlight = cells[block + scopeCell.inFlight]!;
      write(kind, scope, -1, cells[block + scopeCell.concurrencyMax]!, inFlight, -1, -1);
    } else {
      write(kind, scope, -1, -1, -1, -1, -1);
    }
  }

  function noteLimit(kind: Refusal["kind"], block: number, row: number, used: number, nowMs: number, wait: number) {
    copyLabel(block);
    const known = wait < Number.POSITIVE_INFINITY;
    const scope = cells[block + scopeCell.id]!;
    const slot = cells[row + limitCell.slot]!;
    write(kind, scope, slot, cells[row + limitCell.limit]!, used, -1, known ? nowMs + wait : -1);
  }

  function noteBudget(block: number, row: number, limit: number): void {
    copyLabel(block);
    const next = cells[row + budgetCell.next]!;
    write(
      "budget",
      cells[block + scopeCell.id]!,
      cells[row + budgetCell.slot]!,
      limit,
      cells[row + budgetCell.spent]!,
      cells[block + scopeCell.held]!,
      next < Number.POSITIVE_INFINITY ? next : -1,
    );
  }

  function copyLabel(block: number): void {
    labelLength = cells[block + scopeCell.labelBytes]!;
    const start = labelStart(cells, block) * 8;
    for (let index = 0; index < labelLength; index++) label[index] = cellBytes[start + index]!;
  }

  function publish(callerMs: number): void {
    value.kind = kinds[noted[0]!] ?? "removed";
    value.scope = noted[1]!;
    value.label = decoder.decode(label.subarray(0, labelLength));
    value.slot = noted[2]!;
    value.limit = noted[3]!;
    value.spent = noted[4]!;
    value.held = noted[5]!;
    value.resetsAtMs = noted[6]! < 0 ? Number.NaN : noted[6]!;
    value.retryAfterMs = value.kind === "budget" ? Number.NaN : value.resetsAtMs - callerMs;
  }

  return { value, note, noteLimit, noteBudget, publish };
}

const decoder = new TextDecoder();

/** The label stands after the budgets and limits of its block. */
export function labelStart(cells: Float64Array, block: number): number {
  const rows = cells[block + scopeCell.budgets]! * budgetCells + cells[block + scopeCell.limits]! * limitCells;
  return block + scopeHeadCells + rows;
}
