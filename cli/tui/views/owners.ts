/** Who stands above keys: customers, teams, users, and limits by model and provider. Hides that each kind has routes of its own. */
import type { OwnerListAnswer, OwnerView } from "../../../daemon/admin/contract/owners.ts";
import type { BudgetView } from "../../../daemon/admin/contract/scopes.ts";
import { renderBudget, renderLimit } from "../../render.ts";
import { bar, stackedBar } from "../draw/bars.ts";
import { away, fillStyle, money, percent } from "../draw/format.ts";
import { type Line, line, span } from "../draw/line.ts";
import { properties } from "../draw/table.ts";
import { withSought } from "../sought.ts";
import { type Column, defineView } from "../view.ts";

type Data = { readonly owners: readonly OwnerView[]; readonly total: number; readonly kind: Kind };

type Kind = { readonly tab: string; readonly name?: string; readonly path: string; readonly make: string };

const kinds: readonly Kind[] = [
  { tab: "customers", path: "customers", make: "bifrost customers create" },
  { tab: "teams", path: "teams", make: "bifrost teams create" },
  { tab: "users", path: "users", make: "bifrost users create" },
  { tab: "by model", name: "limits by model", path: "model-configs", make: "bifrost limits create --model" },
  { tab: "by provider", name: "limits by provider", path: "providers", make: "bifrost limits create --provider" },
  { tab: "tags", path: "tags", make: "bifrost tags create" },
];
const ownersMax = 1_000;
const budgetBarWidth = 40;

const columns: readonly Column<OwnerView>[] = [
  {
    title: "NAME",
    width: 14,
    grow: 2,
    cell: ({ name, disabled }) => [span(name, disabled ? "dim" : "strong")],
    value: ({ name }) => name,
  },
  {
    title: "BELOW",
    width: 12,
    grow: 1,
    drop: 3,
    cell: ({ parent }) => (parent === null ? [["–", "dim"]] : [span(parent.name), span(` ${parent.kind}`, "dim")]),
    value: ({ parent }) => parent?.name,
  },
  {
    title: "STATE",
    width: 8,
    cell: ({ disabled }) => [disabled ? ["disabled", "warn"] : ["active", "good"]],
    value: ({ disabled }) => (disabled ? "disabled" : "active"),
  },
  {
    title: "SPENT",
    width: 9,
    align: "right",
    cell: (owner) => [span(money(fullest(owner)?.spent_nano), "money")],
    value: (owner) => (fullest(owner)?.spent_nano ?? 0) / 1e9,
  },
  {
    title: "LIMIT",
    width: 9,
    align: "right",
    cell: (owner) => [span(owner.budgets.length === 0 ? "none" : money(fullest(owner)?.limit_nano), "dim")],
    value: (owner) => (fullest(owner)?.limit_nano ?? 0) / 1e9,
  },
  { title: "USED", width: 12, grow: 2, cell: used, value: (owner) => shareOf(fullest(owner)) },
  {
    title: "RESETS",
    width: 10,
    drop: 4,
    cell: (owner, _, now) => [span(away(fullest(owner)?.resets_at_ms, now).replace("in ", ""), "dim")],
    value: (owner) => fullest(owner)?.resets_at_ms,
  },
  {
    title: "IN FLIGHT",
    width: 9,
    align: "right",
    drop: 5,
    cell: ({ in_flight: count }) => [span(count === null ? "–" : String(count))],
    value: ({ in_flight: count }) => count,
  },
  { title: "FROM", width: 8, drop: 6, cell: ({ source }) => [span(source, "dim")], value: ({ source }) => source },
  { title: "ID", width: 16, grow: 1, drop: 7, cell: ({ id }) => [span(id, "dim")], value: ({ id }) => id },
];

export const owners = defineView<Data, OwnerView>({
  name: "owners",
  aliases: ["teams", "customers", "users", "o"],
  title: "Owners",
  summary: "customers, teams, users and limits above keys",
  inBar: true,
  everyMs: 3_000,
  tabs: kinds.map(({ tab }) => tab),
  async load(source, { tab, filter }) {
    const kind = kinds[tab] ?? kinds[0]!;
    const { rows, total } = await withSought(filter, async (search) => {
      const query = { limit: ownersMax, ...(search === undefined ? {} : { search }) };
      const answer = await source.get<OwnerListAnswer>(`/api/governance/${kind.path}`, query);
      return { rows: answer.owners, total: answer.total_count, more: answer.next !== null };
    });
    return { owners: rows, total: total ?? rows.length, kind };
  },
  table: {
    columns,
    rows: (data) => data.owners,
    id: ({ id }) => id,
    details: (owner, width) => details(owner, width),
    empty: ({ kind }) => [
      line("  ", span(`There are no ${kind.name ?? kind.tab}.`, "strong")),
      line("  ", span(`${kind.make} … makes one; so does the config.`, "dim")),
    ],
  },
  note: ({ owners: shown, total }) =>
    total > shown.length ? `${shown.length} of ${total}; / finds the others by name` : "",
  copy: (_, owner) => owner?.id ?? "",
  actions: [],
});

function fullest({ budgets }: OwnerView): BudgetView | undefined {
  return budgets.toSorted((one, other) => (shareOf(other) ?? 0) - (shareOf(one) ?? 0))[0];
}

function shareOf(budget: BudgetView | undefined): number | undefined {
  if (budget === undefined || budget.spent_nano === null) return undefined;
  return budget.limit_nano === 0 ? 1 : (budget.spent_nano + (budget.held_nano ?? 0)) / budget.limit_nano;
}

function used(owner: OwnerView, width: number): Line {
  const share = shareOf(fullest(owner));
  if (share === undefined) return [span("unlimited", "dim")];
  return [...bar(share, width - 5, fillStyle(share)), span(percent(share).padStart(5), fillStyle(share))];
}

function details(owner: OwnerView, width: number): readonly Line[] {
  const barWidth = Math.min(budgetBarWidth, width - 60);
  const limits = [
    ...owner.limits.map(renderLimit),
    ...(owner.concurrency_max === null ? [] : [`${owner.concurrency_max} at once`]),
  ];
  return properties([
    [owner.kind, [span(`${owner.name}  `, "strong"), span(`${owner.id}  ${owner.description ?? ""}`, "dim")]],
    [
      "limits",
      [
        span(limits.join(", ") || "–"),
        span(`   models: ${owner.models === null ? "all" : owner.models.join(", ") || "none"}`, "dim"),
      ],
    ],
    ...owner.budgets.slice(0, 2).map((budget): readonly [string, Line] => [
      renderBudget(budget),
      [
        ...stackedBar(
          [
            { value: budget.spent_nano ?? 0, style: fillStyle(shareOf(budget) ?? 0) },
            { value: budget.held_nano ?? 0, style: "series1", glyph: "▒" },
          ],
          budget.limit_nano,
          barWidth,
        ),
        span(`  spent ${money(budget.spent_nano)}  held ${money(budget.held_nano)}`, "money"),
      ],
    ]),
  ]);
}
