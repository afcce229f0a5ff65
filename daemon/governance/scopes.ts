/**
 * Scopes come, change and go: the main thread's side of the ledger. Hides that a change builds a new block beside the
 * old one and swaps them inside the lock, carrying over what stays true.
 */

import { firstBudget, firstLimit, windowOf } from "./budgets.ts";
import { beginBudgets, carryBudgets, carryLimits, newBudgets, putCounts } from "./carry-over.ts";
import {
  budgetCell,
  budgetCells,
  headerCell,
  labelBytesMax,
  limitCell,
  limitCells,
  limitMode,
  scopeCell,
  scopeFlag,
  scopeHeadCells,
  unitCodes,
} from "./cells.ts";
import type { Balance, Budget, LimitCount, RateLimit, ScopeDefinition } from "./definitions.ts";
import { createLock } from "./lock.ts";
import { buckets, bucketWidth, clockSkewMsMax, ringMax } from "./rate-limits.ts";
import { labelStart } from "./refusal.ts";
import { createCellAreas } from "./scope-blocks.ts";
import { checkScope } from "./scope-check.ts";
import { controlWord, idsMax, type Tables } from "./tables.ts";
import { type WindowBounds, windowAt } from "./windows.ts";
import { internZone } from "./zones.ts";

export type Scopes = {
  /**
   * Makes the scope known. A balance counts if it belongs to the budget's window of `nowMs`, or to a later one, which then
   * is the budget's: the clock was set back. On a known scope it replaces what was spent, never what is held or in flight.
   */
  defineScope(definition: ScopeDefinition, balances: readonly Balance[], nowMs: number): void;
  /**
   * Changes a scope, for the next admit in any thread. A budget keeps what was spent while its window and anchor
   * stay the same; a rate limit keeps its counts while its metric and window do.
   */
  updateScope(definition: ScopeDefinition, nowMs: number): void;
  /** What is in flight is settled without it. False for an unknown scope. Ids are not used again. */
  removeScope(scope: number): boolean;
  /** The same for scopes that are known: after a snapshot that is older than the database. */
  setBalances(balances: readonly Balance[], nowMs: number): void;
  /** What rate limits had counted before a start; of limits that are no longer there nothing. Before any request comes. */
  setCounts(counts: readonly LimitCount[], nowMs: number): void;
  hasScope(scope: number): boolean;
};

/** Budgets that a scope got while requests ran: when they began to count, which the disk is to be told. */
export type Begun = { readonly scopeId: number; readonly slots: readonly number[]; readonly anchorMs: number };

/** Balances that are written under one lock: a few microseconds' worth. */
const balancesPerLock = 64;

/** @param tell whatever was settled before `anchorMs` is not in memory's count, and everything after it is */
export function createScopes(tables: Tables, tell?: (begun: Begun) => void): Scopes {
  const { cells, cellBytes, scopeRows, scopeFlags, control } = tables;
  const lock = createLock(tables);
  const areas = createCellAreas(tables);

  function defineScope(definition: ScopeDefinition, balances: readonly Balance[], nowMs: number): void {
    place(definition, nowMs, balances);
  }

  function updateScope(definition: ScopeDefinition, nowMs: number): void {
    if (!hasScope(definition.id)) throw new RangeError(`scope ${definition.id} is unknown`);
    place(definition, nowMs);
  }

  function place(definition: ScopeDefinition, nowMs: number, balances?: readonly Balance[]): void {
    checkScope(definition);
    const { id } = definition;
    const old = scopeRows[id]!;
    const block = build(definition, nowMs);
    const slots = old === 0 || balances !== undefined ? [] : newBudgets(cells, old, block);
    let anchorMs = 0;
    if (balances !== undefined) for (const balance of balances) if (balance.scopeId === id) begin(block, balance);
    try {
      lock.acquire();
    } catch (error) {
      giveBack(block);
      throw error;
    }
    try {
      markLimits(block);
      if (old !== 0) {
        for (const kept of keptCells) cells[block + kept] = cells[old + kept]!;
        if (balances === undefined) carryBudgets(cells, old, block, nowMs);
        carryLimits(cells, old, block, nowMs);
        anchorMs = beginning(definition, old, slots, nowMs);
        beginBudgets(cells, block, slots, anchorMs);
      }
      cells[block + scopeCell.id] = id;
      // From here on the new block is the scope.
      Atomics.store(scopeRows, id, block);
      Atomics.store(scopeFlags, id, flagsOf(definition));
    } finally {
      lock.release();
    }
    if (id > Atomics.load(control, controlWord.scopeIdHigh)) Atomics.store(control, controlWord.scopeIdHigh, id);
    if (old !== 0) giveBack(old);
    if (slots.length > 0) tell?.({ scopeId: id, slots, anchorMs });
  }

  /**
   * After all that was settled in the scope, which may be dated ahead where the clock was set back. No settlement from
   * here on can be dated before a budget of its own, see `notBefore`. Inside the lock.
   */
  function beginning({ budgets }: ScopeDefinition, old: number, slots: readonly number[], nowMs: number): number {
    const clock = cells[headerCell.clock]!;
    let latest = clock > nowMs && clock - nowMs <= clockSkewMsMax ? clock : nowMs;
    if (slots.length > 0) cells[headerCell.clock] = latest + 1;
    latest = Math.max(latest, cells[old + scopeCell.settledAt]!);
    for (const { slot, anchorMs } of budgets) if (slots.includes(slot) && anchorMs > latest) latest = anchorMs;
    return latest + 1;
  }

  function removeScope(scope: number): boolean {
    if (!hasScope(scope)) return false;
    const block = scopeRows[scope]!;
    lock.acquire();
    Atomics.store(scopeRows, scope, 0);
    Atomics.store(scopeFlags, scope, 0);
    lock.release();
    giveBack(block);
    return true;
  }

  function setBalances(balances: readonly Balance[], nowMs: number): void {
    for (let first = 0; first < balances.length; first += balancesPerLock) {
      const some = balances.slice(first, first + balancesPerLock).filter(({ scopeId }) => hasScope(scopeId));
      for (const balance of some) renew(scopeRows[balance.scopeId]!, balance, nowMs);
      lock.acquire();
      for (const balance of some) fill(scopeRows[balance.scopeId]!, balance);
      lock.release();
    }
  }

  function setCounts(counts: readonly LimitCount[], nowMs: number): void {
    for (const count of counts) {
      if (!hasScope(count.scopeId)) continue;
      const block = scopeRows[count.scopeId]!;
      const mode = bucketModes[count.metric];
      const row = firstLimit(cells, block);
      for (let limit = row; limit < row + cells[block + scopeCell.limits]! * limitCells; limit += limitCells) {
        if (cells[limit + limitCell.slot] !== count.slot || cells[limit + limitCell.window] !== count.windowMs)
          continue;
        putCounts(cells, limit, mode, count.counts, nowMs);
      }
    }
  }

  /** A balance of a block that is not yet published. */
  function begin(block: number, balance: Balance): void {
    for (let row = firstBudget(block); row < firstLimit(cells, block); row += budgetCells) {
      if (cells[row + budgetCell.slot] !== balance.slot) continue;
      if (balance.windowStartMs < cells[row + budgetCell.next]!) continue;
      const bounds = boundsOf(row, balance.windowStartMs);
      cells[row + budgetCell.start] = bounds.startMs;
      cells[row + budgetCell.next] = bounds.nextMs;
    }
    fill(block, balance);
  }

  /** Starts the windows that have begun since the block was written, or that the balance tells of. */
  function renew(block: number, balance: Balance, nowMs: number): void {
    for (let row = firstBudget(block); row < firstLimit(cells, block); row += budgetCells) {
      const isTold = cells[row + budgetCell.slot] === balance.slot;
      const latestMs = isTold ? Math.max(nowMs, balance.windowStartMs) : nowMs;
      if (latestMs < cells[row + budgetCell.next]!) continue;
      const bounds = boundsOf(row, latestMs);
      lock.acquire();
      lock.set(row + budgetCell.spent, 0);
      lock.set(row + budgetCell.start, bounds.startMs);
      lock.set(row + budgetCell.next, bounds.nextMs);
      lock.release();
    }
  }

  function boundsOf(row: number, atMs: number): WindowBounds {
    const window = windowOf(
      tables,
      cells[row + budgetCell.unit]!,
      cells[row + budgetCell.length]!,
      cells[row + budgetCell.zone]!,
      cells[row + budgetCell.shift]!,
    );
    return windowAt(window, cells[row + budgetCell.anchor]!, atMs);
  }

  function hasScope(scope: number): boolean {
    return scope > 0 && scope < idsMax && scopeRows[scope] !== 0;
  }

  /** A whole block with empty counts, not yet published. Outside the lock: zones and rings take time. */
  function build(definition: ScopeDefinition, nowMs: number): number {
    const label = labelOf(definition);
    const { budgets, limits } = definition;
    const rowCells = budgets.length * budgetCells + limits.length * limitCells;
    const block = areas.takeBlock(scopeHeadCells + rowCells + Math.ceil(label.length / 8));
    cells[block + scopeCell.id] = 0;
    cells[block + scopeCell.concurrencyMax] = definition.concurrencyMax ?? -1;
    cells[block + scopeCell.inFlight] = 0;
    cells[block + scopeCell.held] = 0;
    cells[block + scopeCell.spentTotal] = 0;
    cells[block + scopeCell.settledAt] = 0;
    cells[block + scopeCell.budgets] = budgets.length;
    cells[block + scopeCell.limits] = 0;
    cells[block + scopeCell.labelBytes] = label.length;
    let row = firstBudget(block);
    for (const budget of budgets) {
      writeBudget(row, budget, nowMs);
      row += budgetCells;
    }
    try {
      for (const limit of limits) {
        writeLimit(row, limit);
        row += limitCells;
        cells[block + scopeCell.limits] = cells[block + scopeCell.limits]! + 1;
      }
    } catch (error) {
      giveBack(block);
      throw error;
    }
    cellBytes.set(label, labelStart(cells, block) * 8);
    return block;
  }

  function writeBudget(row: number, budget: Budget, nowMs: number): void {
    const { window, anchorMs } = budget;
    const bounds = windowAt(window, anchorMs, nowMs);
    const length = window.kind === "rolling" ? window.lengthMs : window.kind === "calendar" ? window.count : 0;
    cells[row + budgetCell.limit] = budget.limitNano;
    cells[row + budgetCell.spent] = 0;
    cells[row + budgetCell.start] = bounds.startMs;
    cells[row + budgetCell.next] = bounds.nextMs;
    cells[row + budgetCell.length] = length;
    cells[row + budgetCell.unit] = unitCodes.indexOf(window.kind === "calendar" ? window.unit : window.kind);
    cells[row + budgetCell.zone] = window.kind === "calendar" ? internZone(tables, window.zone) : 0;
    cells[row + budgetCell.slot] = budget.slot;
    cells[row + budgetCell.anchor] = anchorMs;
    cells[row + budgetCell.shift] = window.kind === "calendar" ? (window.startMonth ?? 1) - 1 : 0;
    cells[row + budgetCell.extra] = budget.extraNano ?? 0;
    cells[row + budgetCell.extraUntil] =
      budget.extraNano === undefined ? 0 : (budget.extraUntilMs ?? Number.POSITIVE_INFINITY);
    cells[row + budgetCell.shadow] = budget.shadow ? 1 : 0;
    cells[row + budgetCell.wouldRefuse] = 0;
  }

  function writeLimit(row: number, { slot, metric, limit, windowMs, shadow }: RateLimit): void {
    const exact =
      metric === "requests" && limit <= ringMax && !(limit > buckets && areas.isTight())
        ? areas.takeRing(limit)
        : undefined;
    // With the area half used up, exact rings give way to buckets: late by a 64th of the window, never too much.
    const ring = exact ?? areas.takeRing(buckets);
    if (ring === undefined) throw new RangeError("no room for another rate limit");
    const mode = exact === undefined ? bucketModes[metric] : limitMode.ring;
    cells[row + limitCell.limit] = limit;
    cells[row + limitCell.window] = windowMs;
    cells[row + limitCell.mode] = mode;
    cells[row + limitCell.base] = ring.base;
    cells[row + limitCell.head] = 0;
    cells[row + limitCell.sum] = 0;
    cells[row + limitCell.slot] = slot;
    cells[row + limitCell.width] = bucketWidth(windowMs);
    cells[row + limitCell.since] = 0;
    cells[row + limitCell.size] = ring.size;
    cells[row + limitCell.shadow] = shadow ? 1 : 0;
    cells[row + limitCell.wouldRefuse] = 0;
  }

  /** Holds made before this moment are not in the new limits' counts. Inside the lock. */
  function markLimits(block: number): void {
    const row = firstLimit(cells, block);
    for (let index = 0; index < cells[block + scopeCell.limits]!; index++) {
      cells[row + index * limitCells + limitCell.since] = cells[headerCell.serial]!;
    }
  }

  function fill(block: number, balance: Balance): void {
    const end = firstLimit(cells, block);
    for (let row = firstBudget(block); row < end; row += budgetCells) {
      if (cells[row + budgetCell.slot] !== balance.slot) continue;
      const { windowStartMs } = balance;
      if (windowStartMs < cells[row + budgetCell.start]! || windowStartMs >= cells[row + budgetCell.next]!) continue;
      cells[row + budgetCell.spent] = balance.spentNano;
    }
  }

  function giveBack(block: number): void {
    const row = firstLimit(cells, block);
    for (let index = 0; index < cells[block + scopeCell.limits]!; index++) {
      const limit = row + index * limitCells;
      areas.giveRing({ base: cells[limit + limitCell.base]!, size: cells[limit + limitCell.size]! });
    }
    areas.giveBlock(block);
  }

  return { defineScope, updateScope, removeScope, setBalances, setCounts, hasScope };
}

const keptCells = [scopeCell.held, scopeCell.inFlight, scopeCell.spentTotal, scopeCell.settledAt] as const;

const bucketModes = {
  requests: limitMode.requestBuckets,
  tokens: limitMode.tokenBuckets,
  spend: limitMode.spendBuckets,
} as const;

function flagsOf({ budgets, limits, concurrencyMax }: ScopeDefinition): number {
  let flags: number = scopeFlag.known;
  if (budgets.length > 0 || limits.some((limit) => limit.metric === "spend")) flags |= scopeFlag.budget;
  if (limits.some((limit) => limit.metric === "requests")) flags |= scopeFlag.requests;
  if (limits.some((limit) => limit.metric === "tokens")) flags |= scopeFlag.tokens;
  if (concurrencyMax !== undefined) flags |= scopeFlag.concurrency;
  return flags;
}

/** `key "ci"` as UTF-8, shortened where it would be too long to show. */
function labelOf({ kind, name }: ScopeDefinition): Uint8Array {
  const encoder = new TextEncoder();
  let shown = name;
  for (;;) {
    const bytes = encoder.encode(`${kind.replace("_", " ")} "${shown}${shown === name ? "" : "…"}"`);
    if (bytes.length <= labelBytesMax) return bytes;
    shown = Array.from(shown).slice(0, -1).slice(0, labelBytesMax).join("");
  }
}
