/**
 * What a scope counts, looked at and added to: its budgets, its rate limits, its places. Every function runs inside
 * the lock. Hides how the rows of a block are walked, and what a limit that only watches does.
 */
import { allowance, type Budgets, firstBudget, firstLimit } from "./budgets.ts";
import { budgetCell, budgetCells, holdCell, limitCell, limitCells, limitMode, scopeCell } from "./cells.ts";
import type { Lock } from "./lock.ts";
import type { RateLimits } from "./rate-limits.ts";
import type { RefusalNotes } from "./refusal.ts";
import type { Tables } from "./tables.ts";

/** Besides a hold's handle: nothing was changed and the refusal is noted, or a calendar window has to be rolled first. */
export const outcome = { refused: -1, mustRoll: -2 } as const;

export type ScopeCounts = ReturnType<typeof createScopeCounts>;

export function createScopeCounts(
  { cells, scopeRows }: Tables,
  { set }: Lock,
  budgets: Budgets,
  rates: RateLimits,
  refusal: RefusalNotes,
) {
  const counts = {
    /** Something that only watches would have refused the request under way. */
    isShadowed: false,
    withinRates,
    withinBudgets,
    addToLimits,
    countShadows,
    correctLimits,
    correctSpend,
    correctSpent,
    notBefore,
    rollAll,
    spend,
  };

  /** Looks at every limit, since the wait that is told must satisfy them all. */
  function withinRates(
    scopes: readonly number[],
    nowMs: number,
    costNano: number,
    tokens: number,
    countRequest: boolean,
  ): boolean {
    let longest = 0;
    let free = true;
    for (let index = 0; index < scopes.length; index++) {
      const block = scopeRows[scopes[index]!]!;
      if (block === 0 || block === undefined) {
        refusal.note("removed", scopes[index]!, 0);
        return false;
      }
      const row = firstLimit(cells, block);
      const end = row + cells[block + scopeCell.limits]! * limitCells;
      for (let limit = row; limit < end; limit += limitCells) {
        const mode = cells[limit + limitCell.mode]!;
        const amount = amountOf(mode, costNano, tokens, countRequest);
        if (amount < 0) continue;
        const wait = rates.wait(limit, nowMs, amount);
        if (wait <= longest) continue;
        if (cells[limit + limitCell.shadow] === 1) {
          counts.isShadowed = true;
          continue;
        }
        longest = wait;
        refusal.noteLimit(nameOf(mode), block, limit, rates.used(limit, nowMs), nowMs, wait);
      }
      const concurrencyMax = cells[block + scopeCell.concurrencyMax]!;
      if (concurrencyMax >= 0 && cells[block + scopeCell.inFlight]! >= concurrencyMax) {
        if (longest === 0 && free) refusal.note("concurrency", scopes[index]!, block);
        free = false;
      }
    }
    return longest === 0 && free;
  }

  /** 0 when there is room everywhere. */
  function withinBudgets(scopes: readonly number[], nowMs: number, costNano: number): number {
    for (let index = 0; index < scopes.length; index++) {
      const block = scopeRows[scopes[index]!]!;
      if (cells[block + scopeCell.held]! + costNano > Number.MAX_SAFE_INTEGER) {
        refusal.note("holds_full", scopes[index]!, 0);
        return outcome.refused;
      }
      const end = firstLimit(cells, block);
      for (let row = firstBudget(block); row < end; row += budgetCells) {
        if (!budgets.roll(row, nowMs)) {
          budgets.remember(scopes[index]!, block, row);
          return outcome.mustRoll;
        }
        const taken = cells[row + budgetCell.spent]! + cells[block + scopeCell.held]!;
        const allowed = allowance(cells, row, nowMs);
        if (taken + costNano <= allowed) continue;
        if (cells[row + budgetCell.shadow] === 1) {
          counts.isShadowed = true;
          continue;
        }
        refusal.noteBudget(block, row, allowed);
        return outcome.refused;
      }
    }
    return 0;
  }

  function addToLimits(block: number, nowMs: number, costNano: number, tokens: number, countRequest: boolean): void {
    const row = firstLimit(cells, block);
    const end = row + cells[block + scopeCell.limits]! * limitCells;
    for (let limit = row; limit < end; limit += limitCells) {
      const amount = amountOf(cells[limit + limitCell.mode]!, costNano, tokens, countRequest);
      if (amount > 0) rates.add(limit, nowMs, amount);
    }
  }

  /** Of a request that nothing enforced refuses: what watches without enforcing would have refused it. */
  function countShadows(
    scopes: readonly number[],
    nowMs: number,
    costNano: number,
    tokens: number,
    countRequest: boolean,
  ): void {
    for (let index = 0; index < scopes.length; index++) {
      const block = scopeRows[scopes[index]!]!;
      const limits = firstLimit(cells, block);
      for (let row = firstBudget(block); row < limits; row += budgetCells) {
        if (cells[row + budgetCell.shadow] !== 1) continue;
        const taken = cells[row + budgetCell.spent]! + cells[block + scopeCell.held]!;
        if (taken + costNano <= allowance(cells, row, nowMs)) continue;
        set(row + budgetCell.wouldRefuse, cells[row + budgetCell.wouldRefuse]! + 1);
      }
      const end = limits + cells[block + scopeCell.limits]! * limitCells;
      for (let limit = limits; limit < end; limit += limitCells) {
        if (cells[limit + limitCell.shadow] !== 1) continue;
        const amount = amountOf(cells[limit + limitCell.mode]!, costNano, tokens, countRequest);
        if (amount < 0 || rates.wait(limit, nowMs, amount) === 0) continue;
        set(limit + limitCell.wouldRefuse, cells[limit + limitCell.wouldRefuse]! + 1);
      }
    }
  }

  function correctLimits(block: number, hold: number, costNano: number, tokens: number): void {
    const tokenDifference = tokens - cells[hold + holdCell.tokens]!;
    const costDifference = costNano - cells[hold + holdCell.cost]!;
    if (tokenDifference === 0 && costDifference === 0) return;
    const row = firstLimit(cells, block);
    const end = row + cells[block + scopeCell.limits]! * limitCells;
    for (let limit = row; limit < end; limit += limitCells) {
      const mode = cells[limit + limitCell.mode]!;
      const difference =
        mode === limitMode.tokenBuckets ? tokenDifference : mode === limitMode.spendBuckets ? costDifference : 0;
      if (difference === 0) continue;
      // A limit made after the hold knows nothing of its reservation.
      if (cells[hold + holdCell.serial]! <= cells[limit + limitCell.since]!) continue;
      rates.correct(limit, cells[hold + holdCell.admittedAt]!, difference);
    }
  }

  /** `nowMs`, or where the newest window of these scopes begins: windows do not go back, whatever the clock does. */
  function notBefore(firstScope: number, endScope: number, nowMs: number): number {
    let latest = nowMs;
    for (let index = firstScope; index < endScope; index++) {
      const block = scopeRows[cells[index]!]!;
      if (block === 0) continue;
      const end = firstLimit(cells, block);
      for (let row = firstBudget(block); row < end; row += budgetCells) {
        if (cells[row + budgetCell.start]! > latest) latest = cells[row + budgetCell.start]!;
        // Of a budget that was made before the clock was set back: what is earlier is none of its.
        if (cells[row + budgetCell.anchor]! > latest) latest = cells[row + budgetCell.anchor]!;
      }
    }
    return latest;
  }

  /** False when a calendar budget of the scope waits to be rolled. */
  function rollAll(scope: number, nowMs: number): boolean {
    const block = scopeRows[scope]!;
    if (block === 0 || block === undefined) return true;
    const end = firstLimit(cells, block);
    for (let row = firstBudget(block); row < end; row += budgetCells) {
      if (budgets.roll(row, nowMs)) continue;
      budgets.remember(scope, block, row);
      return false;
    }
    return true;
  }

  function spend(block: number, costNano: number): void {
    if (costNano === 0) return;
    set(block + scopeCell.spentTotal, cells[block + scopeCell.spentTotal]! + costNano);
    const end = firstLimit(cells, block);
    for (let row = firstBudget(block); row < end; row += budgetCells) {
      set(row + budgetCell.spent, cells[row + budgetCell.spent]! + costNano);
    }
  }

  /** In the window that the moment lies in, if it still runs: one that has ended has no balance. */
  function correctSpent(block: number, atMs: number, deltaNano: number): void {
    const end = firstLimit(cells, block);
    for (let row = firstBudget(block); row < end; row += budgetCells) {
      if (atMs < cells[row + budgetCell.start]! || atMs >= cells[row + budgetCell.next]!) continue;
      set(row + budgetCell.spent, cells[row + budgetCell.spent]! + deltaNano);
    }
  }

  /** What was added to a hold is spend of the moment it was admitted. */
  function correctSpend(block: number, hold: number, costNano: number): void {
    const row = firstLimit(cells, block);
    const end = row + cells[block + scopeCell.limits]! * limitCells;
    for (let limit = row; limit < end; limit += limitCells) {
      if (cells[limit + limitCell.mode] !== limitMode.spendBuckets) continue;
      if (cells[hold + holdCell.serial]! <= cells[limit + limitCell.since]!) continue;
      rates.correct(limit, cells[hold + holdCell.admittedAt]!, costNano);
    }
  }

  return counts;
}

/** What one request counts in a limit of this mode; -1: nothing. */
function amountOf(mode: number, costNano: number, tokens: number, countRequest: boolean): number {
  if (mode === limitMode.tokenBuckets) return tokens;
  if (mode === limitMode.spendBuckets) return costNano > 0 ? costNano : -1;
  return countRequest ? 1 : -1;
}

function nameOf(mode: number): "requests" | "tokens" | "spend" {
  if (mode === limitMode.tokenBuckets) return "tokens";
  return mode === limitMode.spendBuckets ? "spend" : "requests";
}
