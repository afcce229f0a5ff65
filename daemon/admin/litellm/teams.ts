/** What LiteLLM does to a team beside making and changing it: its list of models, all its keys at once, a member's spend. */
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import type { Action, AdminServices } from "../admin-services.ts";
import type { KeyView } from "../contract/keys.ts";
import type { Route } from "../route.ts";
import { askedModels } from "./access-groups.ts";
import { body, commonFields, modelsOf, texts, word } from "./fields.ts";
import { type KeyBody, named, updateAll } from "./key-shape.ts";
import { modelFields } from "./model-limits.ts";
import { shownOwner, teams, updateOwner, users } from "./owner-shape.ts";
import { post } from "./post.ts";

type Models = { readonly team_id: string; readonly models: readonly string[] };
type Bulk = {
  readonly team_id: string;
  readonly key_ids?: readonly string[] | null;
  readonly all_keys_in_team?: boolean | null;
  readonly update_fields: KeyBody;
};

const keysMax = 500;
const pageMax = 100;
const team = { team_id: z.string().min(1).max(512) };
const models = body<z.ZodRawShape, Models>({ ...team, models: z.array(z.string().max(512)).min(1).max(1_000) });
/** Not whose they are, nor their names: that is of one key alone. */
const { models: _models, metadata: _metadata, blocked: _blocked, ...numbers } = commonFields;
const bulk = body<z.ZodRawShape, Bulk>({
  ...team,
  key_ids: texts,
  all_keys_in_team: z.boolean().nullable().optional(),
  update_fields: body<z.ZodRawShape, KeyBody>({ ...numbers, ...modelFields, duration: word }),
});
const resetFields = { reset_to: z.literal(0).nullable().optional() };
const reset = body<typeof resetFields, object>(resetFields);

export function teamRoutes(current: () => GenerationData): readonly Route[] {
  return [
    post<Models>("/team/model/add", "teams:write", "team.update", models, (services, request, action) => {
      const wanted = modelsOf(request.models, current());
      const change = (before: readonly string[]) =>
        wanted === undefined ? null : [...new Set([...before, ...request.models])];
      return changeModels(services, request, action, current(), change);
    }),
    post<Models>("/team/model/delete", "teams:write", "team.update", models, (services, request, action) => {
      const gone = new Set([...request.models, ...(modelsOf(request.models, current()) ?? ["*"])]);
      const change = (before: readonly string[]) => before.filter((each) => !gone.has(each));
      return changeModels(services, request, action, current(), change);
    }),
    post<Bulk>("/team/key/bulk_update", "keys:write", "key.update", bulk, async (services, request, action) => {
      const keys = await keysOf(services, request);
      return updateAll(
        services,
        keys.map(({ id }) => ({ ...request.update_fields, key: id })),
        action,
        current(),
      );
    }),
    post<object>(
      ...(["/team/{team}/member/{user}/reset_spend", "users:write", "user.reset", reset] as const),
      (services, _, action, params) => resetMember(services, params["team"]!, params["user"]!, action),
    ),
  ];
}

/** A team that may call all is narrowed by what is added, as there; one that loses its last model may call none, not all. */
async function changeModels(
  services: AdminServices,
  { team_id: id }: Models,
  action: Action,
  current: GenerationData,
  change: (before: readonly string[]) => readonly string[] | null,
) {
  const { owner } = await services.owners.show("team", id);
  const changed = change(askedModels(owner.metadata, owner.models ?? []));
  const asked = changed?.length === 0 ? ["no-default-models"] : changed;
  return shownOwner(teams, await updateOwner(services, teams, { team_id: owner.id, models: asked }, action, current));
}

async function keysOf({ keys, owners }: AdminServices, request: Bulk): Promise<readonly KeyView[]> {
  const { key_ids: ids, all_keys_in_team: all } = request;
  const { owner } = await owners.show("team", request.team_id);
  if ((ids ?? []).length > 0 === (all === true)) {
    const message = "give either key_ids or all_keys_in_team";
    throw new GatewayError("invalid_request", message, { param: "key_ids" });
  }
  if (all !== true) {
    const found = await Promise.all(ids!.map(async (id) => (await keys.show(await named({ keys }, id))).key));
    const other = found.find(({ parent }) => parent?.id !== owner.id);
    if (other === undefined) return found;
    throw new GatewayError("not_found", `key "${other.name}" is not of team "${owner.name}"`, { param: "key_ids" });
  }
  const found: KeyView[] = [];
  let page = await keys.list({ team: owner.id, limit: pageMax });
  if (page.total_count > keysMax)
    throw new GatewayError("invalid_request", `team "${owner.name}" has more than ${keysMax} keys: give key_ids`);
  for (;;) {
    found.push(...page.keys);
    if (page.next === null) return found;
    page = await keys.list({ team: owner.id, limit: pageMax, after: page.next });
  }
}

async function resetMember({ owners }: AdminServices, teamId: string, userId: string, action: Action) {
  const [{ owner: of }, { owner: user }] = [await owners.show("team", teamId), await owners.show("user", userId)];
  if (user.parent?.id !== of.id)
    throw new GatewayError("not_found", `user "${user.name}" is not in team "${of.name}"`, { param: "user" });
  const { owner } = await owners.update("user", user.id, { reset_budget_usage: true }, action);
  return { team_id: of.name, ...shownOwner(users, owner), previous_spend: shownOwner(users, user)["spend"] };
}
