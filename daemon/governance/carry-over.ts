/**
 * What stays true when a scope is redefined: spend under an unchanged window, the counts of an unchanged rate limit.
 * Copies from the old block to the new, not yet published one, inside the lock.
 */
import { firstBudget, firstLimit } from "./budgets.ts";
import { budgetCell, budgetCells, limitCell, limitCells, limitMode, rollingCode, scopeCell } from "./cells.ts";
import { buckets } from "./rate-limits.ts";

const windowCells = [
  budgetCell.slot,
  budgetCell.unit,
  budgetCell.length,
  budgetCell.zone,
  budgetCell.anchor,
  budgetCell.shift,
] as const;

/** Budgets of the new block that the old one did not have: their slots. */
export function newBudgets(cells: Float64Array, from: number, to: number): readonly number[] {
  const slots: number[] = [];
  for (let row = firstBudget(to); row < firstLimit(cells, to); row += budgetCells) {
    let isNew = true;
    for (let old = firstBudget(from); old < firstLimit(cells, from); old += budgetCells)
      if (equalCells(cells, windowCells, row, old)) isNew = false;
    if (isNew) slots.push(cells[row + budgetCell.slot]!);
  }
  return slots;
}

/** From this moment on, and for nothing that was settled before it. */
export function beginBudgets(cells: Float64Array, block: number, slots: readonly number[], anchorMs: number): void {
  for (let row = firstBudget(block); row < firstLimit(cells, block); row += budgetCells) {
    if (!slots.includes(cells[row + budgetCell.slot]!)) continue;
    const begins = cells[row + budgetCell.unit] === rollingCode ? cells[row + budgetCell.length]! : 0;
    cells[row + budgetCell.anchor] = anchorMs;
    cells[row + budgetCell.start] = anchorMs;
    if (begins > 0) cells[row + budgetCell.next] = anchorMs + begins;
  }
}

export function carryBudgets(cells: Float64Array, from: number, to: number, nowMs: number): void {
  for (let row = firstBudget(to); row < firstLimit(cells, to); row += budgetCells) {
    for (let old = firstBudget(from); old < firstLimit(cells, from); old += budgetCells) {
      if (!equalCells(cells, windowCells, row, old) || cells[old + budgetCell.next]! <= nowMs) continue;
      cells[row + budgetCell.spent] = cells[old + budgetCell.spent]!;
      cells[row + budgetCell.start] = cells[old + budgetCell.start]!;
      cells[row + budgetCell.next] = cells[old + budgetCell.next]!;
      cells[row + budgetCell.wouldRefuse] = cells[old + budgetCell.wouldRefuse]!;
    }
  }
}

export function carryLimits(cells: Float64Array, from: number, to: number, nowMs: number): void {
  const firstNew = firstLimit(cells, to);
  const firstOld = firstLimit(cells, from);
  for (let index = 0; index < cells[to + scopeCell.limits]!; index++) {
    const row = firstNew + index * limitCells;
    for (let oldIndex = 0; oldIndex < cells[from + scopeCell.limits]!; oldIndex++) {
      const old = firstOld + oldIndex * limitCells;
      if (equalCells(cells, [limitCell.slot, limitCell.window], row, old)) carryCounts(cells, old, row, nowMs);
    }
  }
}

function carryCounts(cells: Float64Array, from: number, to: number, nowMs: number): void {
  const oldMode = cells[from + limitCell.mode]!;
  const newMode = cells[to + limitCell.mode]!;
  if (countedBy(oldMode) !== countedBy(newMode)) return;
  cells[to + limitCell.wouldRefuse] = cells[from + limitCell.wouldRefuse]!;
  if (oldMode === limitMode.ring) {
    if (newMode === limitMode.ring) ringToRing(cells, from, to);
    else ringToBuckets(cells, from, to, nowMs);
  } else if (newMode === limitMode.ring) {
    bucketsToRing(cells, from, to, nowMs);
  } else {
    const base = cells[from + limitCell.base]!;
    cells.copyWithin(cells[to + limitCell.base]!, base, base + buckets);
    for (const cell of [limitCell.head, limitCell.sum, limitCell.since]) cells[to + cell] = cells[from + cell]!;
  }
}

/** Counts from before a start, in buckets: see `LimitCount`. `mode` is that of its metric in buckets. */
export function putCounts(
  cells: Float64Array,
  row: number,
  mode: number,
  counts: readonly number[],
  nowMs: number,
): void {
  const own = cells[row + limitCell.mode]!;
  if (countedBy(own) !== mode) return;
  const base = cells[row + limitCell.base]!;
  const newest = counts.at(-2)!;
  if (own === limitMode.ring) {
    let place = base + cells[row + limitCell.limit]! - 1;
    for (let index = counts.length - 2; index >= 0; index -= 2) {
      const at = Math.min((counts[index]! + 1) * cells[row + limitCell.width]! - 1, nowMs);
      for (let left = counts[index + 1]!; left > 0 && place >= base; left--) cells[place--] = at;
    }
    return;
  }
  for (let index = 0; index < counts.length; index += 2) {
    if (counts[index]! <= newest - buckets) continue;
    const cell = base + (counts[index]! % buckets);
    cells[cell] = counts[index + 1]!;
    cells[row + limitCell.sum] = cells[row + limitCell.sum]! + counts[index + 1]!;
  }
  cells[row + limitCell.head] = newest;
}

/** The newest times stand at the end, in order; `head` 0 is an empty place or the oldest. */
function ringToRing(cells: Float64Array, from: number, to: number): void {
  const oldSize = cells[from + limitCell.limit]!;
  const newSize = cells[to + limitCell.limit]!;
  const oldBase = cells[from + limitCell.base]!;
  const newBase = cells[to + limitCell.base]!;
  const head = cells[from + limitCell.head]!;
  for (let back = 1; back <= Math.min(oldSize, newSize); back++) {
    cells[newBase + newSize - back] = cells[oldBase + ((head - back + oldSize) % oldSize)]!;
  }
}

function ringToBuckets(cells: Float64Array, from: number, to: number, nowMs: number): void {
  const size = cells[from + limitCell.limit]!;
  const oldBase = cells[from + limitCell.base]!;
  const newBase = cells[to + limitCell.base]!;
  const width = cells[to + limitCell.width]!;
  const newest = Math.floor(nowMs / width);
  let sum = 0;
  for (let index = 0; index < size; index++) {
    const bucket = Math.min(Math.floor(cells[oldBase + index]! / width), newest);
    if (bucket <= newest - buckets) continue;
    const cell = newBase + (bucket % buckets);
    cells[cell] = cells[cell]! + 1;
    sum++;
  }
  cells[to + limitCell.head] = newest;
  cells[to + limitCell.sum] = sum;
}

/** A bucket's requests are taken as late as they may have been, so that none leaves the window too early. */
function bucketsToRing(cells: Float64Array, from: number, to: number, nowMs: number): void {
  const oldBase = cells[from + limitCell.base]!;
  const newBase = cells[to + limitCell.base]!;
  const width = cells[from + limitCell.width]!;
  const newest = cells[from + limitCell.head]!;
  let place = newBase + cells[to + limitCell.limit]! - 1;
  for (let bucket = newest; bucket > newest - buckets && place >= newBase; bucket--) {
    const at = Math.min((bucket + 1) * width - 1, nowMs);
    for (let left = cells[oldBase + (bucket % buckets)]!; left > 0 && place >= newBase; left--) cells[place--] = at;
  }
}

/** Two modes count requests. */
function countedBy(mode: number): number {
  return mode === limitMode.ring ? limitMode.requestBuckets : mode;
}

function equalCells(cells: Float64Array, offsets: readonly number[], row: number, other: number): boolean {
  return offsets.every((offset) => cells[row + offset] === cells[other + offset]);
}
