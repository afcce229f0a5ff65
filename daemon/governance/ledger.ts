/**
 * Who may spend now: reserve in every scope at once or in none, settle exactly once. The part of the ledger that runs
 * on every request, in any thread. Money is integer nano-dollars, time is milliseconds since the epoch.
 */
import { createBudgets, rollsMax } from "./budgets.ts";
import { headerCell, holdCell, holdIdBytesMax, scopeCell, scopeFlag } from "./cells.ts";
import { scopesPerRequestMax } from "./definitions.ts";
import { createHoldRows, type Hold, type HoldSurvey } from "./holds.ts";
import { createLock } from "./lock.ts";
import { clockSkewMsMax, createRateLimits } from "./rate-limits.ts";
import { createRefusal, type Refusal } from "./refusal.ts";
import { createScopeCounts, outcome } from "./scope-counts.ts";
import type { Tables } from "./tables.ts";

export type Ledger = {
  /**
   * Reserves `costNano` and `tokens` in all scopes, counts a request where `countRequest`, and takes a place in each
   * concurrency limit. Returns the hold's handle, or -1 with `refusal` filled and nothing changed.
   * Rate limits are judged before budgets. `inputCostNano` is what an estimated settlement will charge.
   */
  admit(
    scopes: readonly number[],
    nowMs: number,
    costNano: number,
    tokens: number,
    inputCostNano: number,
    countRequest: boolean,
    holdId: string,
  ): number;
  /** Why the last `admit()` returned -1. One object, filled anew each time. */
  readonly refusal: Refusal;
  /** Gives the hold back and charges what it came to, in the window that runs. False: it had been settled before, nothing is done. */
  settle(hold: number, nowMs: number, costNano: number, tokens: number): boolean;
  /**
   * When the last `settle()` counted: `nowMs`, or the beginning of the window it fell into where that is later, since the
   * clock was set back or another thread's is ahead. The record bears it, so that the disk counts as memory did.
   */
  readonly settled: { readonly atMs: number };
  /** Holds so much more for a request under way. False: a budget has no room for it, or the hold was settled. */
  extend(hold: number, nowMs: number, costNano: number): boolean;
  /** Charges a cost that had no hold. Never refused. */
  charge(scopes: readonly number[], nowMs: number, costNano: number, tokens: number): void;
  /** Corrects what was charged at `atMs`, up or down. Never refused; limits of a rate stay as they counted. */
  adjust(scopes: readonly number[], atMs: number, nowMs: number, deltaNano: number): void;
  /** False: nothing of these scopes can refuse a request. An unknown scope counts as limited. */
  hasLimits(scopes: readonly number[]): boolean;
  /** Whether cost matters for admission. An unknown scope counts as budgeted. */
  hasBudgets(scopes: readonly number[]): boolean;
  /** Whether requests or tokens are counted over time. An unknown scope counts as limited. */
  hasRates(scopes: readonly number[]): boolean;
  /** Live holds of a thread, or of all. */
  holdsOf(owner?: number): readonly Hold[];
  surveyHolds(most: number): HoldSurvey;
};

const { refused, mustRoll } = outcome;

export function createLedger(tables: Tables): Ledger {
  const { cells, scopeRows, scopeFlags } = tables;
  const lock = createLock(tables);
  const budgets = createBudgets(tables, lock);
  const rates = createRateLimits(tables, lock);
  const holds = createHoldRows(tables, lock);
  const refusal = createRefusal(tables);
  const counts = createScopeCounts(tables, lock, budgets, rates, refusal);
  const { set } = lock;
  const settled = { atMs: 0 };

  function admit(
    scopes: readonly number[],
    nowMs: number,
    costNano: number,
    tokens: number,
    inputCostNano: number,
    countRequest: boolean,
    holdId: string,
  ): number {
    checkScopes(scopes);
    checkAmounts(nowMs, costNano, tokens);
    checkAmounts(nowMs, inputCostNano, tokens);
    checkHoldId(holdId);
    for (let round = 0; round < rollsMax; round++) {
      lock.acquire();
      let handle: number;
      try {
        handle = admitLocked(scopes, nowMs, costNano, tokens, inputCostNano, countRequest, holdId);
      } catch (error) {
        lock.rollback();
        throw error;
      }
      lock.release();
      if (handle >= 0) return handle;
      if (handle === refused) {
        refusal.publish(nowMs);
        return refused;
      }
      budgets.rollCalendar(nowMs);
    }
    throw new Error("a calendar window kept ending during admit()");
  }

  function admitLocked(
    scopes: readonly number[],
    callerMs: number,
    costNano: number,
    tokens: number,
    inputCostNano: number,
    countRequest: boolean,
    holdId: string,
  ): number {
    const nowMs = tick(callerMs);
    counts.isShadowed = false;
    if (!counts.withinRates(scopes, nowMs, costNano, tokens, countRequest)) return refused;
    const verdict = counts.withinBudgets(scopes, nowMs, costNano);
    if (verdict !== 0) return verdict;
    const row = holds.free();
    if (row === -1) {
      refusal.note("holds_full", 0, 0);
      return refused;
    }
    if (counts.isShadowed) counts.countShadows(scopes, nowMs, costNano, tokens, countRequest);
    for (let index = 0; index < scopes.length; index++) {
      const block = scopeRows[scopes[index]!]!;
      set(block + scopeCell.held, cells[block + scopeCell.held]! + costNano);
      set(block + scopeCell.inFlight, cells[block + scopeCell.inFlight]! + 1);
      counts.addToLimits(block, nowMs, costNano, tokens, countRequest);
    }
    return holds.fill(row, scopes, nowMs, costNano, tokens, inputCostNano, holdId);
  }

  function extend(hold: number, nowMs: number, costNano: number): boolean {
    checkAmounts(nowMs, costNano, 0);
    for (let round = 0; round < rollsMax; round++) {
      lock.acquire();
      let verdict: number;
      try {
        verdict = extendLocked(hold, nowMs, costNano);
      } catch (error) {
        lock.rollback();
        throw error;
      }
      lock.release();
      if (verdict !== mustRoll) return verdict === 1;
      budgets.rollCalendar(nowMs);
    }
    throw new Error("a calendar window kept ending during extend()");
  }

  function extendLocked(hold: number, callerMs: number, costNano: number): number {
    const row = holds.find(hold);
    if (row === -1) return 0;
    const nowMs = tick(callerMs);
    const scopes: number[] = holdScopes;
    scopes.length = 0;
    const firstScope = row + holdCell.scopes;
    for (let index = firstScope; index < firstScope + cells[row + holdCell.scopeCount]!; index++) {
      if (scopeRows[cells[index]!] !== 0) scopes.push(cells[index]!);
    }
    const verdict = counts.withinBudgets(scopes, nowMs, costNano);
    if (verdict !== 0) return verdict === mustRoll ? mustRoll : 0;
    for (let index = 0; index < scopes.length; index++) {
      const block = scopeRows[scopes[index]!]!;
      set(block + scopeCell.held, cells[block + scopeCell.held]! + costNano);
      counts.correctSpend(block, row, costNano);
    }
    set(row + holdCell.cost, cells[row + holdCell.cost]! + costNano);
    return 1;
  }

  function settle(hold: number, nowMs: number, costNano: number, tokens: number): boolean {
    checkAmounts(nowMs, costNano, tokens);
    for (let round = 0; round < rollsMax; round++) {
      lock.acquire();
      let verdict: number;
      try {
        verdict = settleLocked(hold, nowMs, costNano, tokens);
      } catch (error) {
        lock.rollback();
        throw error;
      }
      lock.release();
      if (verdict !== mustRoll) return verdict === 1;
      budgets.rollCalendar(settled.atMs);
    }
    throw new Error("a calendar window kept ending during settle()");
  }

  /** 1 settled, 0 had been settled before, or `mustRoll`. */
  function settleLocked(hold: number, callerMs: number, costNano: number, tokens: number): number {
    const row = holds.find(hold);
    if (row === -1) return 0;
    const firstScope = row + holdCell.scopes;
    const endScope = firstScope + cells[row + holdCell.scopeCount]!;
    const nowMs = counts.notBefore(firstScope, endScope, tick(callerMs));
    settled.atMs = nowMs;
    for (let index = firstScope; index < endScope; index++) {
      if (!counts.rollAll(cells[index]!, nowMs)) return mustRoll;
    }
    for (let index = firstScope; index < endScope; index++) {
      const block = scopeRows[cells[index]!]!;
      if (block === 0) continue; // removed while the request ran
      if (cells[block + scopeCell.settledAt]! < nowMs) cells[block + scopeCell.settledAt] = nowMs; // not undone: too late does no harm
      set(block + scopeCell.held, cells[block + scopeCell.held]! - cells[row + holdCell.cost]!);
      set(block + scopeCell.inFlight, cells[block + scopeCell.inFlight]! - 1);
      counts.spend(block, costNano);
      counts.correctLimits(block, row, costNano, tokens);
    }
    holds.release(row);
    return 1;
  }

  function charge(scopes: readonly number[], nowMs: number, costNano: number, tokens: number): void {
    checkScopes(scopes);
    checkAmounts(nowMs, costNano, tokens);
    for (let round = 0; round < rollsMax; round++) {
      lock.acquire();
      let verdict: number;
      try {
        verdict = chargeLocked(scopes, nowMs, costNano, tokens);
      } catch (error) {
        lock.rollback();
        throw error;
      }
      lock.release();
      if (verdict !== mustRoll) return;
      budgets.rollCalendar(nowMs);
    }
    throw new Error("a calendar window kept ending during charge()");
  }

  function adjust(scopes: readonly number[], atMs: number, nowMs: number, deltaNano: number): void {
    checkScopes(scopes);
    checkAmounts(nowMs, Math.abs(deltaNano), 0);
    locked(nowMs, () => {
      const now = tick(nowMs);
      for (let index = 0; index < scopes.length; index++) {
        if (!counts.rollAll(scopes[index]!, now)) return mustRoll;
      }
      for (let index = 0; index < scopes.length; index++) {
        const block = scopeRows[scopes[index]!]!;
        if (block !== 0 && block !== undefined) counts.correctSpent(block, atMs, deltaNano);
      }
      return 1;
    });
  }

  /** Not on a request's way: there each does this itself, without a closure. */
  function locked(nowMs: number, work: () => number): void {
    for (let round = 0; round < rollsMax; round++) {
      lock.acquire();
      let verdict: number;
      try {
        verdict = work();
      } catch (error) {
        lock.rollback();
        throw error;
      }
      lock.release();
      if (verdict !== mustRoll) return;
      budgets.rollCalendar(nowMs);
    }
    throw new Error("a calendar window kept ending during adjust()");
  }

  function chargeLocked(scopes: readonly number[], callerMs: number, costNano: number, tokens: number): number {
    const nowMs = tick(callerMs);
    for (let index = 0; index < scopes.length; index++) {
      if (!counts.rollAll(scopes[index]!, nowMs)) return mustRoll;
    }
    for (let index = 0; index < scopes.length; index++) {
      const block = scopeRows[scopes[index]!]!;
      if (block === 0 || block === undefined) continue;
      counts.spend(block, costNano);
      if (tokens > 0 || costNano > 0) counts.addToLimits(block, nowMs, costNano, tokens, false);
    }
    return 1;
  }

  /** Time as the ledger sees it: not backwards by the little that threads differ. Not undone, since it is always true. */
  function tick(callerMs: number): number {
    const latest = cells[headerCell.clock]!;
    if (callerMs < latest && latest - callerMs <= clockSkewMsMax) return latest;
    cells[headerCell.clock] = callerMs;
    return callerMs;
  }

  function hasLimits(scopes: readonly number[]): boolean {
    for (let index = 0; index < scopes.length; index++) {
      if (Atomics.load(scopeFlags, scopes[index]!) !== scopeFlag.known) return true;
    }
    return false;
  }

  function hasBudgets(scopes: readonly number[]): boolean {
    return hasAny(scopes, scopeFlag.budget);
  }

  function hasRates(scopes: readonly number[]): boolean {
    return hasAny(scopes, scopeFlag.requests | scopeFlag.tokens);
  }

  function hasAny(scopes: readonly number[], wanted: number): boolean {
    for (let index = 0; index < scopes.length; index++) {
      const flags = Atomics.load(scopeFlags, scopes[index]!);
      if (flags === 0 || (flags & wanted) !== 0) return true;
    }
    return false;
  }

  return {
    ...{ admit, refusal: refusal.value, settle, settled, extend, charge, adjust, hasLimits, hasBudgets, hasRates },
    ...{ holdsOf: holds.list, surveyHolds: holds.survey },
  };
}

/** Kept, so that nothing is allocated inside the lock. */
const holdScopes: number[] = [];

/** A scope named twice would be judged once and charged twice. */
function checkScopes(scopes: readonly number[]): void {
  if (scopes.length > scopesPerRequestMax) throw new RangeError(`more than ${scopesPerRequestMax} scopes in a request`);
  for (let index = 1; index < scopes.length; index++) {
    for (let earlier = 0; earlier < index; earlier++) {
      if (scopes[earlier] === scopes[index]) throw new RangeError(`scope ${scopes[index]} is named twice`);
    }
  }
}

function checkAmounts(nowMs: number, costNano: number, tokens: number): void {
  if (!Number.isSafeInteger(costNano) || costNano < 0) throw new RangeError(`cost ${costNano} is not nano-dollars`);
  if (!Number.isSafeInteger(tokens) || tokens < 0) throw new RangeError(`tokens ${tokens} is not a count`);
  if (!(nowMs > 0 && nowMs < Number.MAX_SAFE_INTEGER)) throw new RangeError(`time ${nowMs} is not milliseconds`);
}

function checkHoldId(holdId: string): void {
  if (holdId.length > holdIdBytesMax) throw new RangeError(`hold id is longer than ${holdIdBytesMax} bytes`);
  for (let index = 0; index < holdId.length; index++) {
    if (holdId.charCodeAt(index) > 127) throw new RangeError("hold id is not ASCII");
  }
}
