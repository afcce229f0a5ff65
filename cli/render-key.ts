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
import { budgetLines, limitLines, listed } from "./render-scope.ts";

export const keyColumns: readonly Column<KeyView>[] = [
  { title: "NAME", cell: (key) => key.name, shrinkTo: 8 },
  { title: "ID", cell: (key) => key.id, shrinkTo: 10 },
  { title: "STATE", cell: (key) => key.state },
  { title: "BUDGET", cell: (key) => listed(key.budgets.map(renderBudget)), shrinkTo: 10 },
  {
    title: "SPENT",
    cell: (key) => listed(key.budgets.map((budget) => renderMoney(budget.spent_nano))),
    align: "right",
  },
  { title: "LIMITS", cell: (key) => listed(key.limits.map(renderLimit)), shrinkTo: 6, mayDrop: true },
  { title: "MODELS", cell: (key) => models(key), shrinkTo: 6, mayDrop: true },
  { title: "EXPIRES", cell: (key) => renderTime(key.expires_at_ms), mayDrop: true },
];

export function renderKey(key: KeyView): string {
  return renderProperties([
    ["id", key.id],
    ["name", key.name],
    ["secret", key.prefix],
    ["state", key.state],
    ["declared by", key.source === "file" ? "the config file: change it there" : `the ${key.source}`],
    ...told("of", key.parent === null ? null : `${key.parent.kind} ${key.parent.name}`),
    ...told("description", key.description),
    ["models", models(key)],
    ...told("blocked", key.blocked.length === 0 ? null : key.blocked.join(", ")),
    ...budgetLines(key.budgets),
    ["limits", listed(limitLines(key.limits))],
    ...providerLines(key),
    ...told("cannot be told", key.unsupported),
    ...told("raw bodies", key.raw ? "may be shown" : null),
    ...told("may ask for", key.operations === null ? null : key.operations.join(", ") || "nothing"),
    ...told("aliases", pairs(key.aliases)),
    ...told("must say", key.required.length === 0 ? null : key.required.join(", ")),
    ["concurrency", renderCount(key.concurrency_max)],
    ...told("content kept", key.content),
    ["created", renderTime(key.created_at_ms)],
    ["expires", key.expires_at_ms === null ? "never" : renderTime(key.expires_at_ms)],
    ...said("revoked", key.revoked_at_ms),
    ...said("old secret until", key.old_secret_expires_at_ms),
  ]);
}

function pairs(aliases: Readonly<Record<string, string>>): string | null {
  const entries = Object.entries(aliases).map(([name, model]) => `${name} → ${model}`);
  return entries.length === 0 ? null : entries.join(", ");
}

function models({ models: names }: KeyView): string {
  if (names.length === 0) return "none";
  return names.includes("*") ? "all" : names.join(", ");
}

function providerLines({ providers }: KeyView): readonly (readonly [string, string])[] {
  if (providers === null) return [];
  if (providers.length === 0) return [["providers", "none"]];
  return providers.map(({ provider, weight, models: names, budgets }) => {
    const parts = [provider];
    if (weight !== null) parts.push(`weight ${weight}`);
    if (names !== null) parts.push(names.length === 0 ? "no models" : names.join(" "));
    return ["provider", [...parts, ...budgets.map(renderBudget)].join(", ")] as const;
  });
}

function told(name: string, text: string | null): readonly (readonly [string, string])[] {
  return text === null ? [] : [[name, text]];
}

function said(name: string, atMs: number | null): readonly (readonly [string, string])[] {
  return atMs === null ? [] : [[name, renderTime(atMs)]];
}
