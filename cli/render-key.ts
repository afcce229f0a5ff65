/** A key as a row and as a page. */
import type { KeyView } from "../daemon/admin/contract/keys.ts";
import {
  type Column,
  renderBudget,
  renderCount,
  renderLimit,
  renderMoney,
  renderProperties,
  renderTime,
} from "./render.ts";

export const keyColumns: readonly Column<KeyView>[] = [
  { title: "NAME", cell: (key) => key.name, shrinkTo: 8 },
  { title: "ID", cell: (key) => key.id, shrinkTo: 10 },
  { title: "STATE", cell: (key) => key.state },
  { title: "BUDGET", cell: (key) => list(key.budgets.map(renderBudget)), shrinkTo: 10 },
  { title: "SPENT", cell: (key) => list(key.budgets.map((budget) => renderMoney(budget.spent_nano))), align: "right" },
  { title: "LIMITS", cell: (key) => list(key.limits.map(renderLimit)), shrinkTo: 6, mayDrop: true },
  { title: "MODELS", cell: (key) => models(key), shrinkTo: 6, mayDrop: true },
  { title: "EXPIRES", cell: (key) => renderTime(key.expires_at_ms), mayDrop: true },
];

export function renderKey(key: KeyView): string {
  return renderProperties([
    ["id", key.id],
    ["name", key.name],
    ["secret", key.prefix],
    ["state", key.state],
    ["models", models(key)],
    ...budgetLines(key),
    ["limits", list(key.limits.map(renderLimit))],
    ["concurrency", renderCount(key.concurrency_max)],
    ["created", renderTime(key.created_at_ms)],
    ["expires", key.expires_at_ms === null ? "never" : renderTime(key.expires_at_ms)],
    ...said("revoked", key.revoked_at_ms),
    ...said("old secret until", key.old_secret_expires_at_ms),
  ]);
}

function budgetLines({ budgets }: KeyView): readonly (readonly [string, string])[] {
  if (budgets.length === 0) return [["budget", "–"]];
  return budgets.map((budget) => {
    const { spent_nano, held_nano, resets_at_ms } = budget;
    const parts = [renderBudget(budget)];
    if (spent_nano !== null) parts.push(`spent ${renderMoney(spent_nano)}`);
    if (held_nano !== null && held_nano > 0) parts.push(`held ${renderMoney(held_nano)}`);
    if (resets_at_ms !== null) parts.push(`resets ${renderTime(resets_at_ms)}`);
    return ["budget", parts.join(", ")] as const;
  });
}

function models({ models: names }: KeyView): string {
  if (names.length === 0) return "none";
  return names.includes("*") ? "all" : names.join(", ");
}

function list(texts: readonly string[]): string {
  return texts.length === 0 ? "–" : texts.join(", ");
}

function said(name: string, atMs: number | null): readonly (readonly [string, string])[] {
  return atMs === null ? [] : [[name, renderTime(atMs)]];
}
