/** `/key/*`: LiteLLM's requests and answers over the service of keys. */
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import type { Action, AdminServices } from "../admin-services.ts";
import { asks, type Route, reads } from "../route.ts";
import { body, expiresIn, texts, word } from "./fields.ts";
import {
  generateKey,
  type KeyBody,
  keyBody,
  keyFields,
  named,
  required,
  shownKey,
  updateAll,
  updateKey,
} from "./key-shape.ts";
import { shownModels, unlimitModels } from "./model-limits.ts";
import { post } from "./post.ts";
import { assertOnly, countOf, orderOf, type Query, query, sortNames } from "./query.ts";

type Keys = { readonly keys?: readonly string[] | null; readonly key_aliases?: readonly string[] | null };

const one = body<{ key: z.ZodString }, { readonly key: string }>({ key: z.string().min(1).max(512) });
const rotateFields = { key: word, grace_period: word };
const rotate = body<typeof rotateFields, KeyBody>(rotateFields);
const several = body<{ keys: typeof texts; key_aliases: typeof texts }, Keys>({ keys: texts, key_aliases: texts });
const listed = query(
  ...["page", "size", "user_id", "team_id", "organization_id", "project_id", "key_alias", "key_hash", "search"],
  ...["return_full_object", "include_team_keys", "include_created_by_keys", ...sortNames],
);
const info = query("key");
const bulkMax = 500;
const bulk = z.looseObject({ keys: z.array(z.looseObject(keyFields)).min(1).max(bulkMax) }) as unknown as z.ZodType<{
  readonly keys: readonly KeyBody[];
}>;
const resetFields = { reset_to: z.literal(0).nullable().optional() };
const reset = body<typeof resetFields, object>(resetFields);
const health = z.looseObject({}) as unknown as z.ZodType<object>;
const pageMax = 100;

export function keyRoutes(current: () => GenerationData): readonly Route[] {
  const block =
    (disabled: boolean) =>
    async (services: AdminServices, { key }: { key: string }, action: Action) =>
      shownKey((await services.keys.update(await named(services, key), { disabled }, action)).key);
  return [
    post<KeyBody>("/key/generate", "keys:write", "key.create", keyBody, (services, request, action) =>
      generateKey(services, request, action, current()),
    ),
    // There it is a key of a team without a user; here whatever is asked for is.
    post<KeyBody>("/key/service-account/generate", "keys:write", "key.create", keyBody, (services, request, action) => {
      if (!request.team_id)
        throw new GatewayError("invalid_request", '"team_id": a service account is of a team', { param: "team_id" });
      return generateKey(services, request, action, current());
    }),
    post<KeyBody>("/key/update", "keys:write", "key.update", keyBody, (services, request, action) =>
      updateKey(services, request, action, current()),
    ),
    post("/key/bulk_update", "keys:write", "key.update", bulk, (services, { keys }, action) =>
      updateAll(services, keys, action, current()),
    ),
    post("/key/block", "keys:write", "key.update", one, block(true)),
    post("/key/unblock", "keys:write", "key.update", one, block(false)),
    post("/key/regenerate", "keys:write", "key.rotate", rotate, (services, request, action) =>
      rotated(services, required(request.key), request, action),
    ),
    post("/key/{key}/regenerate", "keys:write", "key.rotate", rotate, (services, request, action, params) =>
      rotated(services, params["key"]!, request, action),
    ),
    post("/key/{key}/reset_spend", "keys:write", "key.reset", reset, (services, _, action, params) =>
      resetSpend(services, params["key"]!, action),
    ),
    post("/key/delete", "keys:write", "key.revoke", several, async (services, { keys, key_aliases }, action) => {
      const wanted = [...(keys ?? []), ...(key_aliases ?? [])];
      if (wanted.length === 0) throw new GatewayError("invalid_request", "give keys or key_aliases", { param: "keys" });
      // All are looked up first: one that is not there must not leave half of them gone.
      const ids = await Promise.all(wanted.map((key) => named(services, key)));
      const found = await Promise.all(ids.map((id) => services.keys.show(id)));
      for (const { key } of found) {
        const unlimit = await unlimitModels(services, { kind: "key", id: key.id }, action);
        await services.keys.revoke(key.id, action);
        await unlimit();
      }
      return { deleted_keys: wanted };
    }),
    reads<Query>({
      ...{ method: "GET", path: "/key/info", permission: "keys:read", reachable: true, query: info },
      summary: "LiteLLM's /key/info",
      async run(services, { query: { key } }) {
        const { key: view } = await services.keys.show(await named(services, required(key)));
        const models = await shownModels(services, { kind: "key", id: view.id });
        return { key: view.id, info: { ...shownKey(view), ...models } };
      },
    }),
    asks<Keys>({
      ...{ method: "POST", path: "/v2/key/info", permission: "keys:read", reachable: true, body: several },
      summary: "LiteLLM's /v2/key/info",
      async run(services, { body: { keys } }) {
        const ids = await Promise.all((keys ?? []).map((key) => named(services, key)));
        const found = await Promise.all(ids.map((id) => services.keys.show(id)));
        return { key: keys ?? [], info: found.map(({ key }) => shownKey(key)) };
      },
    }),
    asks<object>({
      ...{ method: "POST", path: "/key/health", permission: "keys:read", reachable: true, body: health },
      summary: "LiteLLM's /key/health",
      // There it tries the callbacks that a key has of its own. Here keys have none.
      run: async () => ({ key: "healthy", logging_callbacks: null }),
    }),
    reads<Query>({
      ...{ method: "GET", path: "/key/list", permission: "keys:read", reachable: true, query: listed },
      summary: "LiteLLM's /key/list",
      async run(services, { query: asked }) {
        const { keys, ...pages } = await pageOf(services, asked);
        const whole = asked["return_full_object"] === "true";
        return { keys: keys.map((key) => (whole ? shownKey(key) : key.id)), ...pages };
      },
    }),
    reads<Query>({
      ...{ method: "GET", path: "/key/aliases", permission: "keys:read", reachable: true, query: listed },
      summary: "LiteLLM's /key/aliases",
      async run(services, { query: asked }) {
        const { keys, ...pages } = await pageOf(services, { size: "50", ...asked });
        return { aliases: keys.map(({ name }) => name), ...pages };
      },
    }),
  ];
}

async function rotated(services: AdminServices, key: string, { grace_period: grace }: KeyBody, action: Action) {
  const id = await named(services, key);
  const { key: view, secret } = await services.keys.rotate(id, { grace_ms: expiresIn(grace) ?? 0 }, action);
  return shownKey(view, secret);
}

/** In every window. What was spent stays in the log and in the ledger; it no longer counts. */
async function resetSpend(services: AdminServices, key: string, action: Action) {
  const { key: view } = await services.keys.show(await named(services, key));
  for (const { slot, wallet } of view.budgets) if (!wallet) await services.owners.reset("key", view.id, slot, action);
  const { key: after } = await services.keys.show(view.id);
  return { ...shownKey(after), previous_spend: shownKey(view).spend };
}

async function pageOf({ keys }: AdminServices, asked: Query) {
  const size = countOf(asked, "size", 10, pageMax);
  const at = countOf(asked, "page", 1, Number.MAX_SAFE_INTEGER);
  const who = "a key is listed of whom it belongs to; give team_id for those of a team";
  for (const name of ["include_team_keys", "include_created_by_keys"]) assertOnly(asked, name, ["false", "False"], who);
  const { team_id: team, user_id: user, project_id: project, organization_id: customer, key_hash: hash } = asked;
  const search =
    asked["key_alias"] ?? (hash === undefined ? undefined : await named({ keys }, hash)) ?? asked["search"];
  const page = await keys.list({
    ...{ team, user: user ?? project, customer, search },
    ...orderOf(asked, ["key_alias", "key_name"]),
    ...{ limit: size, offset: (at - 1) * size },
  });
  return {
    keys: page.keys,
    total_count: page.total_count,
    current_page: at,
    total_pages: Math.ceil(page.total_count / size),
    size,
  };
}
