/**
 * New budgets and limits in the place of old ones. Hides the slots: a budget whose window stays keeps its slot and its
 * anchor, hence what was spent in it, so that raising a limit unblocks at once and forgives nothing.
 */
import { GatewayError } from "../../../providers/gateway-error.ts";
import { type Budget, budgetsPerScopeMax, limitsPerScopeMax, type RateLimit } from "../../governance/definitions.ts";
import type { BudgetRequest, LimitChange } from "../contract.ts";
import { fromWire } from "./key-view.ts";

export function changeBudgets(
  old: readonly Budget[],
  wanted: readonly BudgetRequest[],
  nowMs: number,
): readonly Budget[] {
  const kept = new Map(old.map((budget) => [identity(budget.window), budget]));
  const named = new Set<string>();
  const slots = new Set<number>();
  for (const { window } of wanted) {
    const name = identity(fromWire(window));
    if (named.has(name))
      throw new GatewayError("invalid_request", "two budgets have the same window", { param: "budgets" });
    named.add(name);
    const before = kept.get(name);
    if (before !== undefined) slots.add(before.slot);
  }
  // A slot that was just given up is taken last: late settlements of its old window may still be under way.
  const order = freeSlots(budgetsPerScopeMax, slots, new Set(old.map(({ slot }) => slot)));
  return wanted
    .map(({ limit_nano, window }): Budget => {
      const before = kept.get(identity(fromWire(window)));
      if (before !== undefined) return { ...before, limitNano: limit_nano };
      return { slot: order.shift()!, limitNano: limit_nano, window: fromWire(window), anchorMs: nowMs };
    })
    .sort((one, other) => one.slot - other.slot);
}

/** Merges by metric and window; null takes one away. */
export function changeLimits(old: readonly RateLimit[], changes: readonly LimitChange[]): readonly RateLimit[] {
  const limits = new Map(old.map((limit) => [`${limit.metric}/${limit.windowMs}`, limit]));
  const named = new Set<string>();
  for (const { metric, window_ms, limit } of changes) {
    const name = `${metric}/${window_ms}`;
    if (named.has(name))
      throw new GatewayError("invalid_request", `two limits on ${metric} have the same window`, { param: "limits" });
    named.add(name);
    if (limit === null) {
      limits.delete(name);
      continue;
    }
    const slot = limits.get(name)?.slot ?? freeLimitSlot(limits);
    limits.set(name, { slot, metric, limit, windowMs: window_ms });
  }
  return [...limits.values()].sort((one, other) => one.slot - other.slot);
}

function freeLimitSlot(limits: ReadonlyMap<string, RateLimit>): number {
  const taken = new Set([...limits.values()].map(({ slot }) => slot));
  const [slot] = freeSlots(limitsPerScopeMax, taken, new Set());
  if (slot !== undefined) return slot;
  throw new GatewayError("invalid_request", `a key has at most ${limitsPerScopeMax} limits`, { param: "limits" });
}

function freeSlots(count: number, taken: ReadonlySet<number>, last: ReadonlySet<number>): number[] {
  const free = Array.from({ length: count }, (_, slot) => slot).filter((slot) => !taken.has(slot));
  return free.sort((one, other) => Number(last.has(one)) - Number(last.has(other)) || one - other);
}

function identity(window: Budget["window"]): string {
  switch (window.kind) {
    case "rolling":
      return `rolling ${window.lengthMs}`;
    case "calendar":
      return `calendar ${window.count} ${window.unit} ${window.zone}`;
    case "forever":
      return "forever";
  }
}
