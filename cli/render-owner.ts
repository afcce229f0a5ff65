/** An owner or a limit as a row and as a page. */
import type { OwnerView } from "../daemon/admin/contract/owners.ts";
import { type Column, renderBudget, renderCount, renderMoney, renderProperties, renderTime } from "./render.ts";
import { budgetLines, limitLines, listed } from "./render-scope.ts";

export const ownerColumns: readonly Column<OwnerView>[] = [
  { title: "NAME", cell: ({ name }) => name, shrinkTo: 8 },
  { title: "ID", cell: ({ id }) => id, shrinkTo: 10, mayDrop: true },
  { title: "OF", cell: ({ parent }) => (parent === null ? "–" : `${parent.kind} ${parent.name}`), shrinkTo: 6 },
  { title: "BUDGET", cell: ({ budgets }) => listed(budgets.map(renderBudget)), shrinkTo: 10 },
  {
    title: "SPENT",
    cell: ({ budgets }) => listed(budgets.map(({ spent_nano }) => renderMoney(spent_nano))),
    align: "right",
  },
  { title: "LIMITS", cell: ({ limits }) => listed(limitLines(limits)), shrinkTo: 6, mayDrop: true },
  { title: "SOURCE", cell: ({ source }) => source, mayDrop: true },
  { title: "STATE", cell: ({ disabled }) => (disabled ? "disabled" : "active"), mayDrop: true },
];

export function renderOwner(owner: OwnerView): string {
  const { match, parent, models, metadata } = owner;
  return renderProperties([
    ["id", owner.id],
    ["name", owner.name],
    ["kind", owner.kind.replace("_", " ")],
    ["declared by", owner.source === "file" ? "the config file: change it there" : `the ${owner.source}`],
    ["state", owner.disabled ? "disabled" : "active"],
    ...said("of", parent === null ? null : `${parent.kind} ${parent.name}`),
    ...said("description", owner.description),
    ...said("counts", match === null ? null : `${match.provider}/${match.model}`),
    ...said("models", models === null ? null : models.length === 0 ? "none" : models.join(", ")),
    ...said("blocked", owner.blocked.length === 0 ? null : owner.blocked.join(", ")),
    ...budgetLines(owner.budgets),
    ["limits", listed(limitLines(owner.limits))],
    ["concurrency", renderCount(owner.concurrency_max)],
    ["in flight", renderCount(owner.in_flight)],
    ...Object.entries(metadata).map(([name, value]): [string, string] => [`metadata ${name}`, value]),
    ["created", renderTime(owner.created_at_ms)],
  ]);
}

function said(name: string, text: string | null): readonly (readonly [string, string])[] {
  return text === null ? [] : [[name, text]];
}
