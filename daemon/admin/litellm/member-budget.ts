/**
 * `team_member_budget` and its like: what each member of a team may do that was given nothing else. Hides that it is a
 * budget by name, which the team remembers and its members follow.
 */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import type { Action, AdminServices } from "../admin-services.ts";
import type { OwnerView } from "../contract/owners.ts";
import { templateName } from "../services/templates.ts";
import { amount, type Common, createFields, shownNumbers, updateFields, word } from "./fields.ts";
import { isProject } from "./project-of.ts";
import { followTemplate } from "./template.ts";

/** In the metadata of a team. */
export const memberBudgetName = "litellm_team_member_budget_id";

export const memberBudgetFields = {
  team_member_budget: amount,
  team_member_budget_duration: word,
  team_member_rpm_limit: amount,
  team_member_tpm_limit: amount,
};
const ours = {
  team_member_budget: "max_budget",
  team_member_budget_duration: "budget_duration",
  team_member_rpm_limit: "rpm_limit",
  team_member_tpm_limit: "tpm_limit",
} as const;
type Said = Readonly<Record<string, unknown>>;

const membersMax = 1_000;

/** Those who are members get it now, and who has it already its new numbers. */
export async function giveMembers(
  services: AdminServices,
  team: OwnerView,
  request: Said,
  action: Action,
  current: GenerationData,
): Promise<void> {
  const said = Object.entries(ours).flatMap(([theirs, name]) =>
    request[theirs] === undefined ? [] : [[name, request[theirs]] as const],
  );
  if (said.length === 0) return;
  assertMayGive(request, action);
  const { templates, owners } = services;
  const known = team.metadata[memberBudgetName];
  const before = known === undefined ? undefined : await templates.show(known);
  const merged = Object.entries({ ...before?.fields, ...Object.fromEntries(said) });
  const after = Object.fromEntries(merged.filter(([, value]) => value != null)) as Common & Said;
  createFields(after, current);
  if (before !== undefined) {
    await followTemplate(services, before, after, action, current);
    await templates.update(before.id, after, action);
    return;
  }
  const id = `members of ${team.id}`;
  await templates.create(id, after, action);
  const { owner } = await owners.update("team", team.id, { metadata: { [memberBudgetName]: id } }, action);
  const { owners: members } = await owners.list("user", { team: team.id, limit: membersMax });
  for (const user of members.filter((each) => !isProject(each))) {
    const change = await memberDefault(services, owner, user, current);
    if (change !== undefined) await owners.update("user", user.id, change, action);
  }
}

export function assertMayGive(request: Said, { caller: { permissions } }: Action): void {
  if (Object.keys(ours).every((name) => request[name] === undefined)) return;
  if (permissions === "all" || (permissions.has("users:write") && permissions.has("limits:write"))) return;
  throw new GatewayError("permission_denied", "what members may do is theirs: this needs users:write and limits:write");
}

/** Undefined: the team gives its members nothing, or they have less already. */
export async function memberDefault(
  { templates }: AdminServices,
  team: OwnerView,
  user: OwnerView,
  current: GenerationData,
): Promise<object | undefined> {
  const id = team.metadata[memberBudgetName];
  if (id === undefined) return undefined;
  const { fields } = (await templates.show(id)) as { readonly fields: Common };
  const { max_budget: own } = shownNumbers(user);
  if (own !== null && own <= (fields.max_budget ?? Number.POSITIVE_INFINITY)) return undefined;
  return { ...updateFields(fields, user.budgets, current), metadata: { [templateName]: id } };
}

/** As LiteLLM tells of it; nothing where the team gives its members nothing. */
export async function shownMemberBudget({ templates }: AdminServices, team: OwnerView): Promise<object> {
  const id = team.metadata[memberBudgetName];
  if (id === undefined) return {};
  const { fields } = (await templates.show(id)) as { readonly fields: Common };
  const told = Object.entries(ours).map(([theirs, name]) => [theirs, fields[name] ?? null]);
  return { ...Object.fromEntries(told), team_member_budget_table: { budget_id: id, ...fields } };
}

/** Goes with its team, where nobody has it any more. */
export async function forgetMemberBudget({ templates }: AdminServices, team: OwnerView, action: Action): Promise<void> {
  const id = team.metadata[memberBudgetName];
  if (id !== undefined && (await templates.given(id)).length === 0) await templates.remove(id, action);
}

/** What binds each member. */
export function memberships(team: OwnerView, members: readonly OwnerView[]): readonly object[] {
  return members
    .filter((each) => !isProject(each))
    .map((user) => {
      const { spend, budget_reset_at: _, ...numbers } = shownNumbers(user);
      const budgetId = user.metadata[templateName] ?? null;
      return {
        ...{ user_id: user.name, team_id: team.name, budget_id: budgetId, spend },
        litellm_budget_table: { budget_id: budgetId, ...numbers },
      };
    });
}
