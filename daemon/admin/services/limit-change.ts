/** What an update asks of budgets and limits, as the whole lists the store takes. Where each stands is the store's to say. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import { limitsPerScopeMax } from "../../governance/definitions.ts";
import type { BudgetInput, LimitInput } from "../../store/commands/command.ts";
import type { BudgetRequest, LimitChange } from "../contract/scopes.ts";
import { fromWire } from "./key-view.ts";

export function budgetInputs(wanted: readonly BudgetRequest[]): readonly BudgetInput[] {
  const budgets = wanted.map(({ limit_nano, window }) => ({ limitNano: limit_nano, window: fromWire(window) }));
  refuseTwice(budgets, ({ window }) => JSON.stringify(window), "budgets");
  return budgets;
}

/** Merges by metric and window; null takes one away. */
export function mergeLimits(old: readonly LimitInput[], changes: readonly LimitChange[]): readonly LimitInput[] {
  const nameOf = (metric: string, windowMs: number) => `${metric} ${windowMs}`;
  refuseTwice(changes, ({ metric, window_ms }) => nameOf(metric, window_ms), "limits");
  const limits = new Map(
    old.map(({ metric, limit, windowMs }) => [nameOf(metric, windowMs), { metric, limit, windowMs }]),
  );
  for (const { metric, window_ms, limit } of changes) {
    if (limit === null) limits.delete(nameOf(metric, window_ms));
    else limits.set(nameOf(metric, window_ms), { metric, limit, windowMs: window_ms });
  }
  if (limits.size <= limitsPerScopeMax) return [...limits.values()];
  throw new GatewayError("invalid_request", `"limits": a key has at most ${limitsPerScopeMax}`, { param: "limits" });
}

function refuseTwice<Item>(items: readonly Item[], nameOf: (item: Item) => string, param: string): void {
  if (new Set(items.map(nameOf)).size === items.length) return;
  throw new GatewayError("invalid_request", `"${param}": two of them have the same window`, { param });
}
