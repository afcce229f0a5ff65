/** What an update asks of budgets and limits, as the whole lists the store takes. Where each stands is the store's to say. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import { limitsPerScopeMax } from "../../governance/definitions.ts";
import type { BudgetInput, LimitInput } from "../../store/commands/command.ts";
import type { BudgetRequest, LimitChange } from "../contract/scopes.ts";
import { fromWire } from "./scope-view.ts";

export function budgetInputs(wanted: readonly BudgetRequest[]): readonly BudgetInput[] {
  const budgets = wanted.map(({ limit_nano, window, shadow }) => ({
    limitNano: limit_nano,
    window: fromWire(window),
    ...(shadow ? { shadow } : {}),
  }));
  // One that is on trial may stand beside the one that is in force.
  refuseTwice(budgets, ({ window, shadow }) => `${shadow === true} ${JSON.stringify(window)}`, "budgets");
  return budgets;
}

/** Merges by metric and window; null takes one away. */
export function mergeLimits(old: readonly LimitInput[], changes: readonly LimitChange[]): readonly LimitInput[] {
  const nameOf = (metric: string, windowMs: number) => `${metric} ${windowMs}`;
  refuseTwice(changes, ({ metric, window_ms }) => nameOf(metric, window_ms), "limits");
  const limits = new Map(
    old.map(({ metric, limit, windowMs, shadow }): [string, LimitInput] => [
      nameOf(metric, windowMs),
      { metric, limit, windowMs, ...(shadow ? { shadow } : {}) },
    ]),
  );
  for (const { metric, window_ms, limit, shadow } of changes) {
    const name = nameOf(metric, window_ms);
    const watches = shadow ?? limits.get(name)?.shadow;
    if (limit === null) limits.delete(name);
    else limits.set(name, { metric, limit, windowMs: window_ms, ...(watches ? { shadow: true } : {}) });
  }
  if (limits.size <= limitsPerScopeMax) return [...limits.values()];
  throw new GatewayError("invalid_request", `"limits": a key has at most ${limitsPerScopeMax}`, { param: "limits" });
}

function refuseTwice<Item>(items: readonly Item[], nameOf: (item: Item) => string, param: string): void {
  if (new Set(items.map(nameOf)).size === items.length) return;
  throw new GatewayError("invalid_request", `"${param}": two of them have the same window`, { param });
}
