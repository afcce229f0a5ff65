/** `/organization/*`, `/team/*`, `/user/*`, `/customer/*`: LiteLLM's requests and answers over the service of owners. */
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import type { Action, AdminServices, Permission } from "../admin-services.ts";
import type { OwnerListQuery, OwnerView } from "../contract/owners.ts";
import { type Route, reads } from "../route.ts";
import { body, texts } from "./fields.ts";
import { generateKey, type KeyBody } from "./key-shape.ts";
import { forgetMemberBudget, memberships, shownMemberBudget } from "./member-budget.ts";
import { addMembers, type Member, memberIds } from "./members.ts";
import { shownModels, unlimitModels } from "./model-limits.ts";
import { organizationInfo } from "./organizations.ts";
import {
  createOwner,
  idOf,
  type OwnerBody,
  type OwnerRow,
  ownerFields,
  ownerRows,
  shownOwner,
  textOf,
  updateOwner,
  users,
} from "./owner-shape.ts";
import { post } from "./post.ts";
import { assertOnly, countOf, listOf, orderOf, pageNames, type Query, query, sortNames } from "./query.ts";

type KeyOwner = "customer" | "team" | "user";
type Bulk = { readonly users: readonly OwnerBody[] };
const listMax = 1_000;
const bulkMax = 500;

export function ownerRoutes(current: () => GenerationData): readonly Route[] {
  return ownerRows.flatMap((row) => [...changesOf(row, current), ...readsOf(row)]);
}

function changesOf(row: OwnerRow, current: () => GenerationData): readonly Route[] {
  const { path, kind } = row;
  const write: Permission = `${row.resource}:write`;
  const schema = body<z.ZodRawShape, OwnerBody>(ownerFields(row));
  const several = body<z.ZodRawShape, OwnerBody>({ [row.ids]: texts });
  const listed = (request: OwnerBody) => (request[row.ids] ?? []) as readonly string[];
  const isOrganization = kind === "customer";
  const update = (method?: "PATCH") =>
    post(
      `${path}/update`,
      write,
      `${kind}.update`,
      schema,
      async (services, request, action) => {
        const told = shownOwner(row, await updateOwner(services, row, request, action, current()));
        return kind === "team" ? { team_id: told["team_id"], data: told } : { ...told, data: told };
      },
      method,
    );
  const remove = (method?: "DELETE") =>
    post(
      `${path}/delete`,
      write,
      `${kind}.delete`,
      several,
      async (services, request, action) => {
        const wanted = listed(request);
        if (wanted.length === 0) throw new GatewayError("invalid_request", `give ${row.ids}`, { param: row.ids });
        const found = await Promise.all(wanted.map((id) => services.owners.show(kind, id)));
        for (const { owner } of found) {
          if (kind !== "end_user") await revokeBelow(services, kind as KeyOwner, owner.id, action);
          // Nothing may be below what is removed.
          if (kind === "team" || kind === "user")
            await (await unlimitModels(services, { kind, id: owner.id }, action))();
          await services.owners.remove(kind, owner.id, action);
          await forgetMemberBudget(services, owner, action);
        }
        return { deleted: wanted.length, [row.ids]: wanted };
      },
      method,
    );
  return [
    post(`${path}/new`, write, `${kind}.create`, schema, (services, request, action) =>
      create(services, row, request, action, current()),
    ),
    ...[update(), remove()],
    // There these two methods are the ones of organizations, and of nothing else.
    ...(isOrganization ? [update("PATCH"), remove("DELETE")] : []),
    ...(isOrganization ? [] : (["block", "unblock"] as const)).map((end) =>
      post(
        `${path}/${end}`,
        write,
        `${kind}.update`,
        kind === "end_user" ? several : schema,
        async ({ owners }, request, action) => {
          const wanted = kind === "end_user" ? listed(request) : [idOf(row, request)];
          const done = [];
          for (const id of wanted)
            done.push(shownOwner(row, (await owners.update(kind, id, { disabled: end === "block" }, action)).owner));
          return kind === "end_user" ? { [`${end}ed_users`]: done } : done[0];
        },
      ),
    ),
    ...(kind === "user" ? [bulkUpdate(schema, current)] : []),
  ];
}

/** There a user comes with a key, and a team with its members. */
async function create(
  services: AdminServices,
  row: OwnerRow,
  request: OwnerBody,
  action: Action,
  current: GenerationData,
) {
  const withKey = row.kind === "user" && request["auto_create_key"] !== false;
  if (withKey) assertMayMakeKeys(action);
  const owner = await createOwner(services, row, request, action, current);
  const told = shownOwner(row, owner);
  const added = (request["members_with_roles"] ?? []) as readonly Member[];
  if (row.kind === "team" && added.length > 0) {
    await addMembers(services, owner, added, () => ({}), action, current);
    return { ...told, members_with_roles: await memberIds(services, owner.id) };
  }
  if (!withKey) return told;
  const { key_alias: alias, duration, key_type: type } = request as KeyBody;
  const key = { key_alias: alias ?? null, duration: duration ?? null, key_type: type ?? null, user_id: owner.id };
  try {
    const made = await generateKey(services, key, action, current);
    return { ...told, key: made.key, token: made.token, key_name: made.key_name, key_alias: made.key_alias };
  } catch (error) {
    // Half of it would be in the way of asking again.
    await services.owners.remove("user", owner.id, action);
    throw error;
  }
}

function assertMayMakeKeys({ caller }: Action): void {
  if (caller.permissions === "all" || caller.permissions.has("keys:write")) return;
  const message = "a user is made with a key: this needs keys:write, or auto_create_key: false";
  throw new GatewayError("permission_denied", message, { param: "auto_create_key" });
}

/** As there, keys go with whom they are of. Teams and users are not thrown out by the way. */
export async function revokeBelow(services: AdminServices, kind: KeyOwner, id: string, action: Action) {
  const { caller } = action;
  if (kind === "customer") {
    const below = { customer: id, limit: 1 };
    const [teams, members] = [await services.owners.list("team", below), await services.owners.list("user", below)];
    if (teams.total_count + members.total_count > 0) {
      const what = `${teams.total_count} teams and ${members.total_count} users are`;
      throw new GatewayError("conflict", `${what} in organization ${id}: delete or move them first`);
    }
  }
  if (kind === "team") {
    const { total_count: members } = await services.owners.list("user", { team: id, limit: 1 });
    if (members > 0)
      throw new GatewayError("conflict", `${members} users are in team ${id}: take them out with /team/member_delete`);
  }
  const { keys, next } = await services.keys.list({ [kind]: id, limit: listMax });
  if (keys.length > 0 && caller.permissions !== "all" && !caller.permissions.has("keys:write"))
    throw new GatewayError("permission_denied", `${kind} ${id} has keys, and they go with it: this needs keys:write`);
  if (next !== null)
    throw new GatewayError("conflict", `more than ${listMax} keys are below ${kind} ${id}: delete them first`);
  for (const key of keys) await services.keys.revoke(key.id, action);
}

function bulkUpdate(schema: z.ZodType<OwnerBody>, current: () => GenerationData): Route {
  const bulk = z.looseObject({ users: z.array(schema).min(1).max(bulkMax) }) as unknown as z.ZodType<Bulk>;
  return post("/user/bulk_update", "users:write", "user.update", bulk, async (services, request, action) => {
    const results: { success: boolean }[] = [];
    for (const item of request.users) {
      const who = { user_id: textOf(item["user_id"]) ?? null, user_email: textOf(item["user_email"]) ?? null };
      try {
        const updated = shownOwner(users, await updateOwner(services, users, item, action, current()));
        results.push({ ...who, success: true, updated_user: updated } as { success: boolean });
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        results.push({ ...who, success: false, error: error.message } as { success: boolean });
      }
    }
    const done = results.filter(({ success }) => success).length;
    return {
      ...{ results, total_requested: results.length },
      ...{ successful_updates: done, failed_updates: results.length - done },
    };
  });
}

/** Without keys and teams, which may be many. */
const userInfo = reads<Query>({
  ...{ method: "GET", path: "/v2/user/info", permission: "users:read", reachable: true, query: query("user_id") },
  summary: "LiteLLM's /v2/user/info",
  async run({ owners }, { query: asked }) {
    const { owner } = await owners.show("user", idOf(users, asked));
    const email = [owner.name, owner.description ?? ""].find((text) => text.includes("@")) ?? null;
    return { ...shownOwner(users, owner), user_email: email, updated_at: null, sso_user_id: null };
  },
});

function readsOf(row: OwnerRow): readonly Route[] {
  const { path, kind } = row;
  const permission: Permission = `${row.resource}:read`;
  const lists = kind === "team" ? [`${path}/list`, `/v2${path}/list`] : [`${path}/list`];
  return [
    reads<Query>({
      ...{ method: "GET", path: `${path}/info`, permission, reachable: true, query: query(row.id, ...otherIds(row)) },
      summary: `LiteLLM's ${path}/info`,
      async run(services, { query: asked }) {
        const { owners, keys } = services;
        const { owner } = await owners.show(
          kind,
          otherIds(row)
            .map((name) => asked[name])
            .find((id) => id !== undefined) ?? idOf(row, asked),
        );
        const view = shownOwner(row, owner);
        if (kind === "end_user") return view;
        if (kind === "customer") return organizationInfo(services, view, owner.id);
        const list = await keys.list({ [kind]: owner.id, limit: listMax });
        const { owners: below } =
          kind === "team" ? await owners.list("user", { team: owner.id, limit: listMax }) : { owners: [] };
        const members =
          kind === "team"
            ? { members_with_roles: await memberIds(services, owner.id), ...(await shownMemberBudget(services, owner)) }
            : {};
        const models = kind === "team" || kind === "user" ? await shownModels(services, { kind, id: owner.id }) : {};
        return {
          [row.id]: view[row.id],
          [`${kind}_info`]: { ...view, ...models, ...members },
          keys: list.keys.map(({ id, name, prefix }) => ({ token: id, key_alias: name, key_name: prefix })),
          ...(kind === "team" ? { team_memberships: memberships(owner, below) } : { teams: view["teams"] }),
        };
      },
    }),
    ...(kind === "user" ? [userInfo] : []),
    ...lists.map((at) =>
      reads<Query>({
        ...{
          method: "GET",
          path: at,
          permission,
          reachable: true,
          query: query(...filtersOf(row, at.startsWith("/v2"))),
        },
        summary: `LiteLLM's ${at}`,
        run: (services, { query: asked }) => list(services, row, asked, at.startsWith("/v2")),
      }),
    ),
  ];
}

/** A second name of the same. */
function otherIds({ kind }: OwnerRow): readonly string[] {
  return kind === "end_user" ? ["end_user_id"] : kind === "customer" ? ["org_id"] : [];
}

/** What a list may be narrowed by: as there, where it can be told of here. */
function filtersOf({ kind, alias, id, ids }: OwnerRow, paged: boolean): readonly string[] {
  if (kind === "user")
    return [...pageNames, ...sortNames, id, ids, alias, "user_email", "role", "team", "team_id", "organization_id"];
  if (kind === "team")
    return ["organization_id", "user_id", ...(paged ? [...pageNames, ...sortNames, id, ids, alias] : [])];
  return kind === "customer" ? ["org_id", "org_alias"] : [];
}

/** Users, and teams of the second version, come in pages; the rest whole, as far as an answer may be long. */
async function list(services: AdminServices, row: OwnerRow, asked: Query, paged: boolean) {
  const { owners } = services;
  const { kind } = row;
  const filter = await narrowed(services, row, asked);
  if (kind !== "user" && !paged) {
    const all: Readonly<Record<string, unknown>>[] = [];
    for (let after: string | undefined; filter !== undefined && all.length < 100 * listMax; ) {
      const page = await owners.list(kind, { ...filter, limit: listMax, ...(after === undefined ? {} : { after }) });
      all.push(...page.owners.map((owner) => shownOwner(row, owner)));
      if (page.next === null) break;
      after = page.next;
    }
    return all;
  }
  const size = countOf(asked, "page_size", paged ? 10 : 25, listMax);
  const number = countOf(asked, "page", 1, Number.MAX_SAFE_INTEGER);
  const order = orderOf(asked, [row.id, row.alias, "user_email"]);
  const page = (found: readonly OwnerView[], total: number) => ({
    [`${kind}s`]: found.map((owner) => shownOwner(row, owner)),
    ...{ total, page: number, page_size: size, total_pages: Math.ceil(total / size) },
  });
  const wanted = [...listOf(asked[row.ids]), ...listOf(asked[row.id])];
  if (wanted.length > 0) {
    const found = await named(services, row, wanted);
    return page(found.slice((number - 1) * size, number * size), found.length);
  }
  if (filter === undefined) return page([], 0);
  const { owners: found, total_count: total } = await owners.list(kind, {
    ...filter,
    ...order,
    ...{ limit: size, offset: (number - 1) * size },
  });
  return page(found, total);
}

/** Undefined: nobody can pass. */
async function narrowed(services: AdminServices, row: OwnerRow, asked: Query): Promise<OwnerListQuery | undefined> {
  const everybody = "every user is an internal_user here: whoever manages holds an admin token, /api/tokens";
  assertOnly(asked, "role", ["internal_user"], everybody);
  const search = asked[row.alias] ?? asked["user_email"] ?? asked["org_alias"] ?? asked["org_id"];
  const customer = asked["organization_id"];
  const filter: OwnerListQuery = { customer, search };
  if (row.kind === "user") return { ...filter, team: asked["team"] ?? asked["team_id"] };
  if (row.kind !== "team" || asked["user_id"] === undefined) return filter;
  // A user is of one team at most.
  const { owner: user } = await services.owners.show("user", asked["user_id"]);
  return user.parent?.kind === "team" ? { ...filter, search: user.parent.id } : undefined;
}

/** Who is not there is left out, as there. */
async function named({ owners }: AdminServices, { kind }: OwnerRow, wanted: readonly string[]) {
  const found: OwnerView[] = [];
  for (const id of wanted) {
    try {
      found.push((await owners.show(kind, id)).owner);
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== "not_found") throw error;
    }
  }
  return found;
}
