/** What binds a scope, as the admin API shows it and as it is asked for. Hides that numbers come from memory and limits from the disk. */
import type { ScopeDefinition, Window } from "../../governance/definitions.ts";
import type { BudgetView, LimitView, WireWindow } from "../contract/scopes.ts";

/** A scope's counters at this moment; what is not known is absent. */
export type ScopeUsage = {
  readonly heldNano?: number | undefined;
  readonly inFlight?: number | undefined;
  readonly budgets: readonly BudgetUsage[];
  readonly limits?: readonly LimitUsage[] | undefined;
};

export type BudgetUsage = {
  readonly slot: number;
  readonly spentNano?: number | undefined;
  readonly resetsAtMs?: number | undefined;
  readonly wouldRefuse?: number | undefined;
};

export type LimitUsage = {
  readonly slot: number;
  readonly used: number;
  readonly wouldRefuse?: number | undefined;
};

export const unused: ScopeUsage = { budgets: [] };

export function viewBudgets({ budgets }: Pick<ScopeDefinition, "budgets">, usage: ScopeUsage): readonly BudgetView[] {
  return budgets.map(({ slot, limitNano, window, shadow, wallet, extraNano, extraUntilMs }) => {
    const used = usage.budgets.find((each) => each.slot === slot);
    return {
      slot,
      limit_nano: limitNano,
      window: toWire(window),
      spent_nano: used?.spentNano ?? null,
      held_nano: used === undefined ? null : (usage.heldNano ?? null),
      resets_at_ms: used?.resetsAtMs ?? null,
      shadow: shadow ?? false,
      would_have_refused: used?.wouldRefuse ?? null,
      wallet: wallet ?? false,
      override: extraNano === undefined ? null : { extra_nano: extraNano, until_ms: extraUntilMs ?? null },
    };
  });
}

export function viewLimits({ limits }: Pick<ScopeDefinition, "limits">, usage: ScopeUsage): readonly LimitView[] {
  return limits.map(({ slot, metric, limit, windowMs, shadow }) => {
    const used = usage.limits?.find((each) => each.slot === slot);
    return {
      slot,
      metric,
      limit,
      window_ms: windowMs,
      used: used?.used ?? null,
      shadow: shadow ?? false,
      would_have_refused: used?.wouldRefuse ?? null,
    };
  });
}

export function toWire(window: Window): WireWindow {
  if (window.kind === "rolling") return { kind: "rolling", length_ms: window.lengthMs };
  if (window.kind === "forever" || window.startMonth === undefined) return window;
  const { startMonth, ...rest } = window;
  return { ...rest, start_month: startMonth };
}

export function fromWire(window: WireWindow): Window {
  if (window.kind === "rolling") return { kind: "rolling", lengthMs: window.length_ms };
  if (window.kind === "forever" || window.start_month === undefined) return window;
  const { start_month, ...rest } = window;
  return { ...rest, startMonth: start_month };
}
