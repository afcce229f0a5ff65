/**
 * Budgets over shared cells: which window is it, and is there room. Hides that rolling windows are rolled by
 * arithmetic inside the lock, while calendar ones need a time zone and are rolled by their reader outside it.
 */

import { budgetCell, budgetCells, rollingCode, scopeCell, scopeHeadCells, unitCodes } from "./cells.ts";
import type { Window } from "./definitions.ts";
import type { Lock } from "./lock.ts";
import type { Tables } from "./tables.ts";
import { windowAt } from "./windows.ts";
import { readZone } from "./zones.ts";

export type Budgets = {
  /** Makes the budget's cells those of the window of `nowMs`. False: a calendar window has ended, see `rollCalendar`. Inside the lock. */
  roll(row: number, nowMs: number): boolean;
  /** Remembers the calendar budget that has to be rolled. Inside the lock. */
  remember(scope: number, block: number, row: number): void;
  /** Computes the remembered budget's window and stores it, unless another thread was faster. Outside the lock. */
  rollCalendar(nowMs: number): void;
};

/** Threads' clocks differ a little, so a scope may be rolled again by one more than the budgets that ended. */
export const rollsMax = 256;

export function createBudgets(tables: Tables, lock: Lock): Budgets {
  const { cells, scopeRows } = tables;
  const remembered = { scope: 0, block: 0, row: 0, unit: 0, count: 0, zone: 0, shift: 0, anchor: 0, next: 0 };

  function roll(row: number, nowMs: number): boolean {
    const next = cells[row + budgetCell.next]!;
    if (nowMs < next) return true;
    if (cells[row + budgetCell.unit] !== rollingCode) return false;
    const length = cells[row + budgetCell.length]!;
    const start = next + Math.floor((nowMs - next) / length) * length;
    lock.set(row + budgetCell.spent, 0);
    lock.set(row + budgetCell.start, start);
    lock.set(row + budgetCell.next, start + length);
    return true;
  }

  function remember(scope: number, block: number, row: number): void {
    remembered.scope = scope;
    remembered.block = block;
    remembered.row = row;
    remembered.unit = cells[row + budgetCell.unit]!;
    remembered.count = cells[row + budgetCell.length]!;
    remembered.zone = cells[row + budgetCell.zone]!;
    remembered.shift = cells[row + budgetCell.shift]!;
    remembered.anchor = cells[row + budgetCell.anchor]!;
    remembered.next = cells[row + budgetCell.next]!;
  }

  function rollCalendar(nowMs: number): void {
    const { scope, block, row, unit, count, zone, shift, anchor, next } = remembered;
    const window = windowOf(tables, unit, count, zone, shift);
    const bounds = windowAt(window, anchor, Math.max(nowMs, next));
    lock.acquire();
    // The block may have been replaced meanwhile; its successor is looked at afresh.
    if (scopeRows[scope] === block && cells[row + budgetCell.next] === next && cells[row + budgetCell.unit] === unit) {
      lock.set(row + budgetCell.spent, 0);
      lock.set(row + budgetCell.start, bounds.startMs);
      lock.set(row + budgetCell.next, bounds.nextMs);
    }
    lock.release();
  }

  return { roll, remember, rollCalendar };
}

/** The window a budget's cells describe. */
export function windowOf(tables: Tables, unit: number, length: number, zone: number, shift: number): Window {
  const name = unitCodes[unit];
  if (name === undefined || name === "forever") return { kind: "forever" };
  if (name === "rolling") return { kind: "rolling", lengthMs: length };
  const window = { kind: "calendar", unit: name, count: length, zone: readZone(tables, zone) } as const;
  return shift === 0 ? window : { ...window, startMonth: shift + 1 };
}

/** What may be spent now: the limit, and an override while it lasts. One that has ended with its window stays so when the clock goes back. */
export function allowance(cells: Float64Array, row: number, nowMs: number): number {
  const limit = cells[row + budgetCell.limit]!;
  const until = cells[row + budgetCell.extraUntil]!;
  if (nowMs >= until || cells[row + budgetCell.start]! >= until) return limit;
  return limit + cells[row + budgetCell.extra]!;
}

export function firstBudget(block: number): number {
  return block + scopeHeadCells;
}

export function firstLimit(cells: Float64Array, block: number): number {
  return block + scopeHeadCells + cells[block + scopeCell.budgets]! * budgetCells;
}
