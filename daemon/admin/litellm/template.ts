/** `budget_id`: a key or an owner with the numbers of a budget of `/budget/*`. Hides that they are copied, and kept alike. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import type { Action, AdminServices, BudgetTemplate } from "../admin-services.ts";
import type { KeyView } from "../contract/keys.ts";
import type { OwnerKind, OwnerView } from "../contract/owners.ts";
import type { Permission } from "../permissions.ts";
import { templateName } from "../services/templates.ts";
import { type Common, shownNumbers, updateFields } from "./fields.ts";

export const templateFields = [
  "max_budget",
  "budget_duration",
  "tpm_limit",
  "rpm_limit",
  "max_parallel_requests",
] as const;

/** What the request says itself goes before what the budget says. */
export async function withTemplate<Request extends Common>(
  { templates }: AdminServices,
  request: Request,
): Promise<Request> {
  const { budget_id: id } = request;
  if (id == null || id === "") return request;
  const { fields } = await templates.show(id);
  const said = Object.entries(request).filter(([, value]) => value != null);
  const metadata = { ...request.metadata, [templateName]: id };
  return { ...request, ...fields, ...Object.fromEntries(said), metadata };
}

/**
 * Whoever was given the budget and has its numbers still gets its new ones; what somebody was given apart stays. The
 * budget itself changes last: a change that broke off is finished by asking for it again.
 */
export async function followTemplate(
  services: AdminServices,
  before: BudgetTemplate,
  after: Common,
  action: Action,
  current: GenerationData,
): Promise<void> {
  const followers = await services.templates.given(before.id);
  for (const { kind } of followers) assertMayChange(kind, action, "budget");
  for (const { kind, id } of followers) {
    const view = await show(services, kind, id);
    const change = changeFor(view, before.fields as Common, after);
    if (Object.keys(change).length === 0) continue;
    const request = updateFields(change, view.budgets, current);
    if (kind === "key") await services.keys.update(id, request, action);
    else await services.owners.update(kind, id, request, action);
  }
}

/** A budget is a limit; whoever was given it is a key, a team, a user … and its numbers are theirs. */
export function assertMayChange(kind: OwnerKind | "key", { caller: { permissions } }: Action, followed: string): void {
  const needed: Permission =
    kind === "key" || kind === "customer" || kind === "team" || kind === "user" ? `${kind}s:write` : "limits:write";
  if (permissions === "all" || permissions.has(needed)) return;
  const what = kind.replace("_", " ");
  throw new GatewayError(
    "permission_denied",
    `a ${what} follows this ${followed}, and would change: this needs ${needed} too`,
  );
}

export async function show(
  { keys, owners }: AdminServices,
  kind: OwnerKind | "key",
  id: string,
): Promise<KeyView | OwnerView> {
  return kind === "key" ? (await keys.show(id)).key : (await owners.show(kind, id)).owner;
}

function changeFor(view: KeyView | OwnerView, before: Common, after: Common): Common {
  const numbers = shownNumbers(view);
  const isFrom = (field: (typeof templateFields)[number]) =>
    field === "budget_duration" || (before[field] ?? null) === numbers[field];
  const differs = (field: (typeof templateFields)[number]) => (before[field] ?? null) !== (after[field] ?? null);
  const fields = templateFields.filter((field) => differs(field) && isFrom(field));
  // An amount and its period are one thing.
  const money = (["max_budget", "budget_duration"] as const).some((field) => fields.includes(field));
  const wanted = fields.filter((field) => field !== "max_budget" && field !== "budget_duration");
  const change = Object.fromEntries(wanted.map((field) => [field, after[field] ?? null])) as Common;
  if (!money || !isFrom("max_budget")) return change;
  return { ...change, max_budget: after.max_budget ?? null, budget_duration: after.budget_duration ?? null };
}
