/** `/team/member_*`: who is of a team. Hides that a user is of one team here, and that a member's budget is the user's. */
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import type { Action, AdminServices } from "../admin-services.ts";
import type { OwnerView } from "../contract/owners.ts";
import type { Route } from "../route.ts";
import { amount, body, type Common, updateFields, word } from "./fields.ts";
import { memberDefault } from "./member-budget.ts";
import { createOwner, member, shownOwner, teams, textOf, users } from "./owner-shape.ts";
import { post } from "./post.ts";
import { isProject } from "./project-of.ts";

export type Member = Readonly<{ user_id?: string | null; user_email?: string | null; role?: string | null }>;
type Numbers = Pick<Common, "tpm_limit" | "rpm_limit"> & {
  readonly max_budget_in_team?: number | null | undefined;
  readonly budget_duration?: string | null | undefined;
};
type Request = Numbers & Member & { readonly team_id: string };
type Adding = Request & {
  readonly member?: Member | readonly Member[];
  readonly members?: readonly Member[];
};

const numbers = { max_budget_in_team: amount, budget_duration: word, tpm_limit: amount, rpm_limit: amount };
const team = { team_id: z.string().min(1).max(512) };
const listMax = 1_000;
const several = z.array(member).min(1).max(listMax);
const one = body<z.ZodRawShape, Request>({ ...team, ...numbers, user_id: word, user_email: word, role: word });
const adding = body<z.ZodRawShape, Adding>({ ...team, ...numbers, member: z.union([member, several]) });
const bulk = body<z.ZodRawShape, Adding>({ ...team, ...numbers, members: several });

export function memberRoutes(current: () => GenerationData): readonly Route[] {
  return [
    post<Adding>("/team/member_add", "teams:write", "team.member", adding, async (services, request, action) => {
      const { owner } = await services.owners.show("team", request.team_id);
      const wanted = [request.member ?? []].flat() as readonly Member[];
      const added = await addMembers(services, owner, wanted, numbersFor(request, current()), action, current());
      return {
        ...(await shownTeam(services, owner.id)),
        updated_users: added,
        updated_team_memberships: added.map((user) => ({ user_id: user["user_id"], team_id: owner.name })),
      };
    }),
    post<Adding>("/team/bulk_member_add", "teams:write", "team.member", bulk, async (services, request, action) => {
      const { owner } = await services.owners.show("team", request.team_id);
      const results: { success: boolean }[] = [];
      for (const each of request.members ?? []) {
        const who = { user_id: each.user_id ?? null, user_email: each.user_email ?? null };
        try {
          const [updated] = await addMembers(
            services,
            owner,
            [each],
            numbersFor(request, current()),
            action,
            current(),
          );
          results.push({ ...who, success: true, updated_user: updated } as { success: boolean });
        } catch (error) {
          if (!(error instanceof GatewayError)) throw error;
          results.push({ ...who, success: false, error: error.message } as { success: boolean });
        }
      }
      const done = results.filter(({ success }) => success).length;
      return {
        ...{ team_id: owner.name, results, total_requested: results.length },
        ...{ successful_additions: done, failed_additions: results.length - done },
        updated_team: await shownTeam(services, owner.id),
      };
    }),
    post<Request>("/team/member_update", "teams:write", "team.member", one, async (services, request, action) => {
      const { user, team: of } = await memberOf(services, request);
      const { owner } = await services.owners.update("user", user.id, numbersFor(request, current())(user), action);
      const told = shownOwner(users, owner);
      return { team_id: of.name, user_id: owner.name, user_email: null, max_budget_in_team: told["max_budget"] };
    }),
    post<Request>("/team/member_delete", "teams:write", "team.member", one, async (services, request, action) => {
      const { user, team: of } = await memberOf(services, request);
      const up = of.parent === null ? { team: null } : { customer: of.parent.id };
      assertMayChangeUsers(action);
      await services.owners.update("user", user.id, up, action);
      return shownTeam(services, of.id);
    }),
  ];
}

/** Who is not known yet is made, as there. `changeFor`: what else becomes of each. */
export async function addMembers(
  services: AdminServices,
  of: OwnerView,
  wanted: readonly Member[],
  changeFor: (user: OwnerView) => object,
  action: Action,
  current: GenerationData,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  assertMayChangeUsers(action);
  const isTeam = of.kind === "team";
  const found: { readonly each: Member; readonly user: OwnerView | undefined }[] = [];
  for (const each of wanted) {
    const user = await find(services, nameOf(each));
    const other = user?.parent;
    // A team takes in whoever belongs to a customer alone.
    if (other != null && other.id !== of.id && !(isTeam && other.kind !== "team")) {
      const only = isTeam ? "one team" : "one team or organization";
      const message = `user "${user!.name}" is in ${other.kind} "${other.name}": a user is of ${only} here`;
      throw new GatewayError("conflict", message);
    }
    found.push({ each, user });
  }
  const added = [];
  for (const { each, user } of found) {
    const fresh = { ...bare(each), [isTeam ? "team_id" : "organization_id"]: of.id };
    const known = user ?? (await createOwner(services, users, fresh, action, current));
    const own = changeFor(known);
    const given = isTeam && !("budgets" in own) ? await memberDefault(services, of, known, current) : undefined;
    const change = { [of.kind]: of.id, ...given, ...own };
    added.push(shownOwner(users, (await services.owners.update("user", known.id, change, action)).owner));
  }
  return added;
}

export async function memberIds({ owners }: AdminServices, teamId: string): Promise<readonly object[]> {
  const { owners: found } = await owners.list("user", { team: teamId, limit: listMax });
  return found
    .filter((owner) => !isProject(owner))
    .map((owner) => ({ user_id: owner.name, user_email: null, role: "user" }));
}

async function shownTeam(services: AdminServices, id: string) {
  const { owner } = await services.owners.show("team", id);
  return { ...shownOwner(teams, owner), members_with_roles: await memberIds(services, id) };
}

async function memberOf(services: AdminServices, request: Request) {
  const { owner: of } = await services.owners.show("team", request.team_id);
  const { owner: user } = await services.owners.show("user", nameOf(request));
  if (user.parent?.id === of.id) return { user, team: of };
  throw new GatewayError("not_found", `user "${user.name}" is not in team "${of.name}"`, { param: "user_id" });
}

function numbersFor(request: Numbers, current: GenerationData) {
  const { max_budget_in_team: most, budget_duration: period, tpm_limit: tokens, rpm_limit: requests } = request;
  const change = {
    ...(most === undefined ? {} : { max_budget: most }),
    ...(period == null ? {} : { budget_duration: period }),
    ...(tokens == null ? {} : { tpm_limit: tokens }),
    ...(requests == null ? {} : { rpm_limit: requests }),
  };
  return (user: OwnerView) => updateFields(change, user.budgets, current);
}

async function find({ owners }: AdminServices, name: string): Promise<OwnerView | undefined> {
  try {
    return (await owners.show("user", name)).owner;
  } catch (error) {
    if (error instanceof GatewayError && error.code === "not_found") return undefined;
    throw error;
  }
}

export function nameOf({ user_id: id, user_email: email }: Member): string {
  const name = textOf(id) ?? textOf(email);
  if (name !== undefined) return name;
  throw new GatewayError("invalid_request", "give user_id or user_email of each member", { param: "user_id" });
}

function bare({ user_id: id, user_email: email }: Member) {
  return { ...(id == null ? {} : { user_id: id }), ...(email == null ? {} : { user_email: email }) };
}

export function assertMayChangeUsers({ caller }: Action): void {
  if (caller.permissions === "all" || caller.permissions.has("users:write")) return;
  throw new GatewayError("permission_denied", "members are users: this needs the permission users:write too");
}
