/** A team, user or customer in LiteLLM's words. Hides whose id is whose name. */
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import type { Action, AdminServices } from "../admin-services.ts";
import type { OwnerKind, OwnerView } from "../contract/owners.ts";
import { askedModelsName, templateName } from "../services/templates.ts";
import { askedModels, withGroups } from "./access-groups.ts";
import {
  amount,
  type Common,
  commonFields,
  createFields,
  modelsOf,
  shownNumbers,
  texts,
  timeOf,
  updateFields,
  word,
} from "./fields.ts";
import {
  assertMayGive,
  forgetMemberBudget,
  giveMembers,
  memberBudgetFields,
  memberBudgetName,
  memberDefault,
} from "./member-budget.ts";
import { assertMayLimit, limitModels, type ModelNumbers, modelFields } from "./model-limits.ts";
import { isProject, projectName } from "./project-of.ts";
import { withTemplate } from "./template.ts";

const nanoPerDollar = 1e9;

export type OwnerBody = Common & Readonly<Record<string, unknown>>;
export type OwnerRow = {
  readonly path: string;
  readonly kind: OwnerKind;
  readonly resource: "customers" | "teams" | "users" | "limits";
  /** What LiteLLM calls the id, and the name that people read. */
  readonly id: string;
  readonly alias: string;
  readonly ids: string;
};

export const teams: OwnerRow = {
  ...{ path: "/team", kind: "team", resource: "teams" },
  ...{ id: "team_id", alias: "team_alias", ids: "team_ids" },
};
export const users: OwnerRow = {
  ...{ path: "/user", kind: "user", resource: "users" },
  ...{ id: "user_id", alias: "user_alias", ids: "user_ids" },
};
export const organizations: OwnerRow = {
  ...{ path: "/organization", kind: "customer", resource: "customers" },
  ...{ id: "organization_id", alias: "organization_alias", ids: "organization_ids" },
};
const customers = { kind: "end_user", resource: "limits", id: "user_id", alias: "alias", ids: "user_ids" } as const;
export const ownerRows: readonly OwnerRow[] = [
  organizations,
  teams,
  users,
  { path: "/customer", ...customers },
  { path: "/end_user", ...customers },
];

/** Of a key that is made with a user. */
export const keyOfUser = { key_alias: word, duration: word, key_type: word };

export function ownerFields({ id, alias, kind }: OwnerRow) {
  const own = { ...commonFields, [id]: word, [alias]: word, spend: amount };
  if (kind === "team")
    return { ...own, ...modelFields, ...memberBudgetFields, organization_id: word, members_with_roles: members };
  if (kind === "end_user" || kind === "customer") return own;
  const user = { user_email: word, user_role: role, team_id: word, teams: texts, organization_id: word };
  return { ...own, ...user, ...modelFields, ...keyOfUser, auto_create_key: z.boolean().nullable().optional() };
}

/** Whoever calls models is one of these two. A viewer may do no less here: managing takes a token from either. */
const role = z
  .string()
  .max(64)
  .nullable()
  .optional()
  .refine((said) => said == null || said === "" || callers.includes(said), {
    error: ({ input }) =>
      `"${input}" manages, which takes an admin token here: bifrost tokens create --role admin, viewer or operator; --team or --customer bounds it`,
  });
const callers = ["internal_user", "internal_user_viewer"];
/** In the metadata of a user, so that it is told as it was said. */
const roleName = "litellm_user_role";

export const member = z.looseObject({ user_id: word, user_email: word, role: word });
const members = z.array(member).max(1_000).nullable().optional();

export async function createOwner(
  services: AdminServices,
  row: OwnerRow,
  said: OwnerBody,
  action: Action,
  current: GenerationData,
): Promise<OwnerView> {
  const request = withRole(await withGroups(services, await withTemplate(services, said)));
  const fields = {
    ...named(row, request),
    ...parentOf(row, request),
    ...createFields(request, current),
    ...(request.blocked ? { disabled: true } : {}),
  };
  assertMayLimit(request as ModelNumbers, action, current);
  assertMayGive(request, action);
  const spent = spentNano(request["spend"]);
  const made = { ...fields, ...(spent > 0 && fields.budgets !== undefined ? { spent_nano: spent } : {}) };
  const { owner } = await services.owners.create(row.kind, made, action);
  try {
    await limitBelow(services, owner, request, action, current);
    return await asMember(services, owner, request, action, current);
  } catch (error) {
    await services.owners.remove(row.kind, owner.id, action);
    await forgetMemberBudget(services, owner, action);
    throw error;
  }
}

function withRole(request: OwnerBody): OwnerBody {
  const said = textOf(request["user_role"]);
  return said === undefined ? request : { ...request, metadata: { ...request.metadata, [roleName]: said } };
}

/** Who was given nothing else has what the team gives all its members. */
async function asMember(
  services: AdminServices,
  owner: OwnerView,
  request: OwnerBody,
  action: Action,
  current: GenerationData,
): Promise<OwnerView> {
  if (owner.kind !== "user" || owner.parent?.kind !== "team" || request.max_budget != null || isProject(owner))
    return owner;
  const { owner: team } = await services.owners.show("team", owner.parent.id);
  const change = await memberDefault(services, team, owner, current);
  return change === undefined ? owner : (await services.owners.update("user", owner.id, change, action)).owner;
}

async function limitBelow(
  services: AdminServices,
  owner: OwnerView,
  request: OwnerBody,
  action: Action,
  current: GenerationData,
): Promise<void> {
  const { kind, id } = owner;
  if (kind === "team" || kind === "user")
    await limitModels(services, { kind, id }, request as ModelNumbers, action, current);
  if (kind === "team") await giveMembers(services, owner, request, action, current);
}

/** Dollars that were spent before. */
export function spentNano(spend: unknown): number {
  return typeof spend === "number" ? Math.round(spend * nanoPerDollar) : 0;
}

/** What was spent can be forgotten, but not made up. */
export function resetOf({ spend }: { readonly spend?: unknown }): { readonly reset_budget_usage?: true } {
  if (spend == null) return {};
  if (spend === 0) return { reset_budget_usage: true };
  throw new GatewayError("invalid_request", '"spend": can be set to 0, and to nothing else', { param: "spend" });
}

export async function updateOwner(
  services: AdminServices,
  row: OwnerRow,
  said: OwnerBody,
  action: Action,
  current: GenerationData,
): Promise<OwnerView> {
  const { owner: before } = await services.owners.show(row.kind, idOf(row, said));
  const request = withRole(await withGroups(services, await withTemplate(services, said)));
  const alias = textOf(request[row.alias]);
  const change = {
    ...updateFields(request, before.budgets, current),
    ...(request.models === undefined ? {} : { models: modelsOf(request.models, current) ?? null }),
    ...(alias === undefined ? {} : { description: alias }),
    ...parentOf(row, request),
    ...resetOf({ spend: request["spend"] }),
  };
  assertMayLimit(request as ModelNumbers, action, current);
  assertMayGive(request, action);
  const { owner } = await services.owners.update(row.kind, before.id, change, action);
  await limitBelow(services, owner, request, action, current);
  return owner;
}

/** The id that a client gives is the name here, so that it can go on using it; else the name that people read is. */
function named(row: OwnerRow, request: OwnerBody): { readonly name: string; readonly description?: string } {
  const [id, alias, email] = [textOf(request[row.id]), textOf(request[row.alias]), textOf(request["user_email"])];
  const name = id ?? alias ?? email;
  if (name === undefined)
    throw new GatewayError("invalid_request", `give ${row.id} or ${row.alias}`, { param: row.id });
  const about = name === id ? (alias ?? email) : undefined;
  return { name, ...(about === undefined ? {} : { description: about }) };
}

/** A user has one way up here. */
function parentOf({ kind }: OwnerRow, request: OwnerBody) {
  const organization = textOf(request["organization_id"]);
  if (kind === "team") return organization === undefined ? {} : { customer: organization };
  if (kind !== "user") return {};
  const wanted = [request["team_id"], ...((request["teams"] ?? []) as readonly unknown[])];
  const [team, ...others] = [...new Set(wanted.flatMap((each) => textOf(each) ?? []))];
  if (others.length > 0)
    throw new GatewayError("invalid_request", '"teams": a user is of one team here', { param: "teams" });
  if (team !== undefined) return { team };
  return organization === undefined ? {} : { customer: organization };
}

export function idOf(row: OwnerRow, request: OwnerBody): string {
  const id = textOf(request[row.id]);
  if (id !== undefined) return id;
  throw new GatewayError("invalid_request", `"${row.id}": which one?`, { param: row.id });
}

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function shownOwner({ id, alias, kind }: OwnerRow, owner: OwnerView): Readonly<Record<string, unknown>> {
  const {
    [templateName]: budgetId = null,
    [roleName]: userRole = "internal_user",
    [memberBudgetName]: _budget,
    [askedModelsName]: _models,
    [projectName]: _project,
    ...metadata
  } = owner.metadata;
  const parentId = (wanted: string) => (owner.parent?.kind === wanted ? owner.parent.name : null);
  return {
    // What a client gave as the id is the name.
    [id]: owner.name,
    [alias]: owner.description ?? owner.name,
    ...shownNumbers(owner),
    models: askedModels(owner.metadata, owner.models ?? []),
    blocked: owner.disabled,
    budget_id: budgetId,
    metadata,
    created_at: timeOf(owner.created_at_ms),
    ...(kind === "team" || kind === "user" ? { organization_id: parentId("customer") } : {}),
    ...(kind === "user"
      ? { user_role: userRole, teams: owner.parent?.kind === "team" ? [owner.parent.name] : [] }
      : {}),
  };
}
