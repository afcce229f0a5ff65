/** Budgets and limits as lines, with what is spent of them and what they only watched. */
import type { BudgetView, LimitView } from "../daemon/admin/contract/scopes.ts";
import { renderBudget, renderLimit, renderMoney, renderTime } from "./render.ts";

export function budgetLines(budgets: readonly BudgetView[]): readonly (readonly [string, string])[] {
  if (budgets.length === 0) return [["budget", "–"]];
  return budgets.map((budget) => {
    const { slot, spent_nano, held_nano, resets_at_ms, shadow, would_have_refused, wallet, override } = budget;
    const parts = [wallet ? `wallet of ${renderMoney(budget.limit_nano)}` : renderBudget(budget)];
    if (override !== null) {
      const until = override.until_ms === null ? "for good" : `until ${renderTime(override.until_ms)}`;
      parts.push(`and ${renderMoney(override.extra_nano)} more ${until}`);
    }
    if (spent_nano !== null) parts.push(`spent ${renderMoney(spent_nano)}`);
    if (held_nano !== null && held_nano > 0) parts.push(`held ${renderMoney(held_nano)}`);
    if (resets_at_ms !== null) parts.push(`resets ${renderTime(resets_at_ms)}`);
    if (shadow) parts.push(`shadow: would have refused ${would_have_refused ?? "–"}`);
    return [`budget ${slot}`, parts.join(", ")] as const;
  });
}

export function limitLines(limits: readonly LimitView[]): readonly string[] {
  return limits.map((limit) => {
    const { shadow, would_have_refused } = limit;
    return `${renderLimit(limit)}${shadow ? ` (shadow: would have refused ${would_have_refused ?? "–"})` : ""}`;
  });
}

export function listed(texts: readonly string[]): string {
  return texts.length === 0 ? "–" : texts.join(", ");
}
