/** Keys with what they may spend and have spent. Hides which of several budgets is told in one line: the fullest. */
import type { KeyListAnswer, KeyView } from "../../../daemon/admin/contract/keys.ts";
import type { BudgetView } from "../../../daemon/admin/contract/scopes.ts";
import { renderBudget, renderLimit } from "../../render.ts";
import { limitOf } from "../../spend.ts";
import { bar, stackedBar } from "../draw/bars.ts";
import { away, count, fillStyle, money, percent } from "../draw/format.ts";
import { type Line, line, type Style, span } from "../draw/line.ts";
import { properties } from "../draw/table.ts";
import { withSought } from "../sought.ts";
import { type Column, defineView } from "../view.ts";
import { createKey, disableKey, raiseBudget, revokeKey, rotateKey } from "./key-actions.ts";

type Data = { readonly keys: readonly KeyView[]; readonly more: boolean };

/** What one screen lists; `bifrost keys list` goes through all pages. */
const keysMax = 1_000;
const budgetBarWidth = 40;

const states: Readonly<Record<KeyView["state"], Style>> = {
  active: "good",
  disabled: "warn",
  expired: "bad",
  revoked: "dim",
};

const columns: readonly Column<KeyView>[] = [
  { title: "NAME", width: 12, grow: 2, cell: (key) => [span(key.name, "strong")], value: (key) => key.name },
  { title: "STATE", width: 8, cell: (key) => [span(key.state, states[key.state])], value: (key) => key.state },
  {
    title: "SPENT",
    width: 9,
    align: "right",
    cell: (key) => [span(money(fullest(key)?.spent_nano), "money")],
    value: (key) => dollars(fullest(key)?.spent_nano),
  },
  {
    title: "LIMIT",
    width: 9,
    align: "right",
    cell: (key) => [span(key.budgets.length === 0 ? "none" : money(limitOfFullest(key)), "dim")],
    value: (key) => dollars(limitOfFullest(key)),
  },
  { title: "USED", width: 12, grow: 2, cell: (key, width) => used(key, width), value: (key) => shareOf(fullest(key)) },
  {
    title: "RESETS",
    width: 10,
    drop: 3,
    cell: (key, _, now) => [span(resets(fullest(key), now), "dim")],
    value: (key) => fullest(key)?.resets_at_ms,
  },
  {
    title: "LIMITS",
    width: 16,
    grow: 1,
    drop: 4,
    cell: (key) => [span(limits(key), "plain")],
  },
  {
    title: "MODELS",
    width: 12,
    grow: 1,
    drop: 5,
    cell: (key) => [span(models(key), key.models.length === 0 ? "warn" : "dim")],
    value: models,
  },
  {
    title: "EXPIRES",
    width: 10,
    drop: 6,
    cell: (key, _, now) => [span(away(key.expires_at_ms, now).replace("–", "never"), "dim")],
    value: (key) => key.expires_at_ms,
  },
  { title: "ID", width: 14, grow: 1, drop: 7, cell: (key) => [span(key.id, "dim")], value: (key) => key.id },
];

export const keys = defineView<Data, KeyView>({
  name: "keys",
  aliases: ["budgets", "k"],
  title: "Keys and budgets",
  summary: "who may spend what, and has",
  inBar: true,
  everyMs: 2_000,
  async load(source, { filter }) {
    const { rows, more } = await withSought(filter, async (search) => {
      const query = { limit: keysMax, all: true, ...(search === undefined ? {} : { search }) };
      const { keys: found, next } = await source.get<KeyListAnswer>("/api/keys", query);
      return { rows: found, total: undefined, more: next !== null };
    });
    return { keys: rows, more };
  },
  table: {
    columns,
    rows: (data) => data.keys,
    id: (key) => key.id,
    details: (key, width) => details(key, width),
    empty: () => [
      line("  ", span("There are no keys.", "strong")),
      line("  ", span("n makes one, and shows its secret this once.", "dim")),
    ],
  },
  note: ({ more }) => (more ? `the first ${count(keysMax)}; / finds the others by name` : ""),
  copy: (_, key) => key?.id ?? "",
  actions: [
    { key: "n", label: "new", changes: true, run: createKey },
    { key: "l", label: "limit", changes: true, needsRow: true, run: raiseBudget },
    { key: "r", label: "rotate", changes: true, needsRow: true, run: rotateKey },
    { key: "d", label: "disable", changes: true, needsRow: true, run: disableKey },
    { key: "x", label: "revoke", changes: true, needsRow: true, run: revokeKey },
  ],
});

function fullest({ budgets }: KeyView): BudgetView | undefined {
  return budgets.toSorted((one, other) => (shareOf(other) ?? 0) - (shareOf(one) ?? 0))[0];
}

function limitOfFullest(key: KeyView): number | undefined {
  const budget = fullest(key);
  return budget === undefined ? undefined : limitOf(budget);
}

function shareOf(budget: BudgetView | undefined): number | undefined {
  if (budget === undefined || budget.spent_nano === null) return undefined;
  const limit = limitOf(budget);
  return limit === 0 ? 1 : (budget.spent_nano + (budget.held_nano ?? 0)) / limit;
}

function used(key: KeyView, width: number): Line {
  const share = shareOf(fullest(key));
  if (share === undefined) return [span("unlimited", "dim")];
  return [...bar(share, width - 5, fillStyle(share)), span(percent(share).padStart(5), fillStyle(share))];
}

function resets(budget: BudgetView | undefined, now: number): string {
  if (budget === undefined) return "–";
  return budget.resets_at_ms === null ? "never" : away(budget.resets_at_ms, now).replace("in ", "");
}

function limits(key: KeyView): string {
  const parts = key.limits.map(renderLimit);
  if (key.concurrency_max !== null) parts.push(`${key.concurrency_max} at once`);
  return parts.length === 0 ? "–" : parts.join(", ");
}

function models({ models: names }: KeyView): string {
  if (names.length === 0) return "none";
  return names.includes("*") ? "all" : names.join(", ");
}

function dollars(nano: number | null | undefined): number | null {
  return nano === null || nano === undefined ? null : nano / 1e9;
}

function details(key: KeyView, width: number): readonly Line[] {
  const barWidth = Math.min(budgetBarWidth, width - 60);
  const budgets = key.budgets.slice(0, 3).map((budget): readonly [string, Line] => {
    const { spent_nano: spent, held_nano: held } = budget;
    const limit = limitOf(budget);
    const parts = [
      { value: spent ?? 0, style: fillStyle(shareOf(budget) ?? 0) },
      { value: held ?? 0, style: "series1" as const, glyph: "▒" },
    ];
    return [
      renderBudget(budget),
      [
        ...stackedBar(parts, limit, barWidth),
        span(`  spent ${money(spent)}`, "money"),
        span(`  held ${money(held)}`, "info"),
        span(`  left ${money(spent === null ? null : Math.max(0, limit - spent - (held ?? 0)))}`),
      ],
    ];
  });
  const rest: readonly [string, Line][] = [
    ["key", [span(`${key.name}  `, "strong"), span(`${key.id}  secret ${key.prefix}`, "dim")]],
  ];
  return properties([
    ...rest,
    ...(budgets.length === 0 ? [["budget", [span("none: unlimited", "warn")]] as const] : budgets),
  ]);
}
