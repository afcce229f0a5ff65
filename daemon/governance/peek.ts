/** What a scope has spent, holds and uses now, for people. Hides that numbers are copied inside the lock and worded outside it. */
import { firstBudget, firstLimit, windowOf } from "./budgets.ts";
import { budgetCell, budgetCells, labelBytesMax, limitCell, limitCells, limitMode, scopeCell } from "./cells.ts";
import { budgetsPerScopeMax, type LimitMetric, limitsPerScopeMax } from "./definitions.ts";
import { createLock } from "./lock.ts";
import { createRateLimits } from "./rate-limits.ts";
import { labelStart } from "./refusal.ts";
import { idsMax, type Tables } from "./tables.ts";
import { windowAt } from "./windows.ts";

export type ScopeState = {
  /** What refusals call it: `key "ci"`. */
  readonly label: string;
  /** Reserved by requests in flight; it counts against every budget of the scope. */
  readonly heldNano: number;
  readonly inFlight: number;
  readonly concurrencyMax: number | undefined;
  /** Charged since the scope was loaded, whatever its budgets. */
  readonly spentTotalNano: number;
  readonly budgets: readonly BudgetState[];
  readonly limits: readonly LimitState[];
};

export type BudgetState = {
  readonly slot: number;
  readonly limitNano: number;
  readonly spentNano: number;
  readonly windowStartMs: number;
  /** Undefined: never. */
  readonly resetsAtMs: number | undefined;
  /** What an override adds now. */
  readonly extraNano?: number;
  /** A shadow limit: requests it would have refused since the daemon started. */
  readonly wouldRefuse?: number;
};

export type LimitState = {
  readonly slot: number;
  readonly metric: LimitMetric;
  readonly limit: number;
  readonly windowMs: number;
  /** In the window that ends now; tokens and spend include what is reserved. */
  readonly used: number;
  /** Until all of it would be free again if nobody else came. */
  readonly wholeInMs: number;
  readonly wouldRefuse?: number;
};

/** Undefined for an unknown scope. */
export type Peek = (scope: number, nowMs: number) => ScopeState | undefined;

const decoder = new TextDecoder();
const headCells = 4;
const metrics: Readonly<Record<number, LimitMetric>> = {
  [limitMode.tokenBuckets]: "tokens",
  [limitMode.spendBuckets]: "spend",
};

export function createPeek(tables: Tables): Peek {
  const { cells, cellBytes, scopeRows } = tables;
  const lock = createLock(tables);
  const rates = createRateLimits(tables, lock);
  const head = new Float64Array(headCells);
  const budgets = new Float64Array(budgetsPerScopeMax * budgetCells);
  const limits = new Float64Array(limitsPerScopeMax * limitCells);
  const used = new Float64Array(limitsPerScopeMax);
  const wholeIn = new Float64Array(limitsPerScopeMax);
  const label = new Uint8Array(labelBytesMax);
  let labelLength = 0;
  let budgetCount = 0;
  let limitCount = 0;

  function peek(scope: number, nowMs: number): ScopeState | undefined {
    if (!(scope > 0 && scope < idsMax)) return undefined;
    lock.acquire();
    const block = scopeRows[scope]!;
    if (block !== 0) copy(block, nowMs);
    lock.release();
    if (block === 0) return undefined;
    const [heldNano, inFlight, concurrencyMax, spentTotalNano] = head;
    return {
      label: decoder.decode(label.subarray(0, labelLength)),
      heldNano: heldNano!,
      inFlight: inFlight!,
      concurrencyMax: concurrencyMax! < 0 ? undefined : concurrencyMax!,
      spentTotalNano: spentTotalNano!,
      budgets: Array.from({ length: budgetCount }, (_, index) => budgetState(index * budgetCells, nowMs)),
      limits: Array.from({ length: limitCount }, (_, index) => limitState(index)),
    };
  }

  function copy(block: number, nowMs: number): void {
    head[0] = cells[block + scopeCell.held]!;
    head[1] = cells[block + scopeCell.inFlight]!;
    head[2] = cells[block + scopeCell.concurrencyMax]!;
    head[3] = cells[block + scopeCell.spentTotal]!;
    budgetCount = cells[block + scopeCell.budgets]!;
    limitCount = cells[block + scopeCell.limits]!;
    labelLength = cells[block + scopeCell.labelBytes]!;
    const labelAt = labelStart(cells, block) * 8;
    for (let index = 0; index < labelLength; index++) label[index] = cellBytes[labelAt + index]!;
    const firstBudgetCell = firstBudget(block);
    for (let index = 0; index < budgetCount * budgetCells; index++) budgets[index] = cells[firstBudgetCell + index]!;
    const firstLimitCell = firstLimit(cells, block);
    for (let index = 0; index < limitCount * limitCells; index++) limits[index] = cells[firstLimitCell + index]!;
    for (let index = 0; index < limitCount; index++) {
      used[index] = rates.used(firstLimitCell + index * limitCells, nowMs);
      wholeIn[index] = rates.wholeIn(firstLimitCell + index * limitCells, nowMs);
    }
  }

  /** A window that has ended is only rolled by the next request; here it is read as ended. */
  function budgetState(row: number, nowMs: number): BudgetState {
    const ended = nowMs >= budgets[row + budgetCell.next]!;
    const { startMs, nextMs } = ended
      ? windowAt(
          windowOf(
            tables,
            budgets[row + budgetCell.unit]!,
            budgets[row + budgetCell.length]!,
            budgets[row + budgetCell.zone]!,
            budgets[row + budgetCell.shift]!,
          ),
          budgets[row + budgetCell.anchor]!,
          nowMs,
        )
      : { startMs: budgets[row + budgetCell.start]!, nextMs: budgets[row + budgetCell.next]! };
    const extraUntil = budgets[row + budgetCell.extraUntil]!;
    return {
      slot: budgets[row + budgetCell.slot]!,
      limitNano: budgets[row + budgetCell.limit]!,
      spentNano: ended ? 0 : budgets[row + budgetCell.spent]!,
      windowStartMs: startMs,
      resetsAtMs: nextMs === Number.POSITIVE_INFINITY ? undefined : nextMs,
      ...(nowMs < extraUntil && startMs < extraUntil ? { extraNano: budgets[row + budgetCell.extra]! } : {}),
      ...(budgets[row + budgetCell.shadow] === 1 ? { wouldRefuse: budgets[row + budgetCell.wouldRefuse]! } : {}),
    };
  }

  function limitState(index: number): LimitState {
    const row = index * limitCells;
    return {
      slot: limits[row + limitCell.slot]!,
      metric: metrics[limits[row + limitCell.mode]!] ?? "requests",
      limit: limits[row + limitCell.limit]!,
      windowMs: limits[row + limitCell.window]!,
      used: used[index]!,
      wholeInMs: wholeIn[index]!,
      ...(limits[row + limitCell.shadow] === 1 ? { wouldRefuse: limits[row + limitCell.wouldRefuse]! } : {}),
    };
  }

  return peek;
}
