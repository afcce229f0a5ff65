/** `/organization/member_*` and what an organization shows. Hides that a user of a team of it is one of its members too. */
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import type { AdminServices } from "../admin-services.ts";
import type { OwnerView } from "../contract/owners.ts";
import type { Route } from "../route.ts";
import { amount, body, updateFields, word } from "./fields.ts";
import { addMembers, assertMayChangeUsers, type Member, nameOf } from "./members.ts";
import { member, shownOwner, teams, users } from "./owner-shape.ts";
import { post } from "./post.ts";

type Numbers = { readonly max_budget_in_organization?: number | null | undefined };
type Request = Numbers & Member & { readonly organization_id: string };
type Adding = Request & { readonly member: Member | readonly Member[] };

const listMax = 1_000;
const organization = { organization_id: z.string().min(1).max(512) };
const adding = body<z.ZodRawShape, Adding>({
  ...organization,
  max_budget_in_organization: amount,
  member: z.union([member, z.array(member).min(1).max(listMax)]),
});
const one = body<z.ZodRawShape, Request>({
  ...organization,
  ...{ max_budget_in_organization: amount, user_id: word, user_email: word, role: word },
});

export function organizationRoutes(current: () => GenerationData): readonly Route[] {
  return [
    post<Adding>(
      ...(["/organization/member_add", "customers:write", "customer.member", adding] as const),
      async (services, request, action) => {
        const { owner: of } = await services.owners.show("customer", request.organization_id);
        const wanted = [request.member].flat() as readonly Member[];
        const changeFor = (user: OwnerView) => numbersFor(request, user, current());
        const added = await addMembers(services, of, wanted, changeFor, action, current());
        return {
          organization_id: of.name,
          updated_users: added,
          updated_organization_memberships: added.map((user) => membership(of.name, user)),
        };
      },
    ),
    post<Request>(
      ...(["/organization/member_update", "customers:write", "customer.member", one] as const),
      async (services, request, action) => {
        assertMayChangeUsers(action);
        const { user, of } = await memberOf(services, request);
        const change = numbersFor(request, user, current());
        const { owner } = await services.owners.update("user", user.id, change, action);
        return membership(of.name, shownOwner(users, owner));
      },
      "PATCH",
    ),
    post<Request>(
      ...(["/organization/member_delete", "customers:write", "customer.member", one] as const),
      async (services, request, action) => {
        assertMayChangeUsers(action);
        const { user, of } = await memberOf(services, request);
        const { owner } = await services.owners.update("user", user.id, { customer: null }, action);
        return membership(of.name, shownOwner(users, owner));
      },
      "DELETE",
    ),
  ];
}

/** With its teams and who belongs to it directly. */
export async function organizationInfo(
  { owners, keys }: AdminServices,
  view: Readonly<Record<string, unknown>>,
  id: string,
) {
  const below = { customer: id, limit: listMax };
  const [teamsOf, usersOf, keysOf] = [
    await owners.list("team", below),
    await owners.list("user", below),
    await keys.list(below),
  ];
  return {
    ...view,
    litellm_budget_table: Object.fromEntries(budgetWords.map((name) => [name, view[name] ?? null])),
    teams: teamsOf.owners.map((owner) => shownOwner(teams, owner)),
    members: usersOf.owners.map((owner) => membership(String(view["organization_id"]), shownOwner(users, owner))),
    keys: keysOf.keys.map(({ id: token, name, prefix }) => ({ token, key_alias: name, key_name: prefix })),
  };
}

const budgetWords = ["budget_id", "max_budget", "budget_duration", "tpm_limit", "rpm_limit", "max_parallel_requests"];

function membership(organizationId: string, user: Readonly<Record<string, unknown>>) {
  return {
    ...{ user_id: user["user_id"], organization_id: organizationId, user_role: "internal_user" },
    ...{ spend: user["spend"], budget_id: user["budget_id"], max_budget: user["max_budget"] },
  };
}

async function memberOf(services: AdminServices, request: Request) {
  const { owner: of } = await services.owners.show("customer", request.organization_id);
  const { owner: user } = await services.owners.show("user", nameOf(request));
  if (user.parent?.id === of.id) return { user, of };
  const message = `user "${user.name}" is not in organization "${of.name}"`;
  throw new GatewayError("not_found", message, { param: "user_id" });
}

function numbersFor({ max_budget_in_organization: most }: Numbers, user: OwnerView, current: GenerationData) {
  return most === undefined ? {} : updateFields({ max_budget: most }, user.budgets, current);
}
