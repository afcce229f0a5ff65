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

type Keys = { readonly keys?: readonly string[] | null; readonly key_aliases?: readonly string[] | null };
type Query = Readonly<Record<string, string | undefined>>;

const one = body<{ key: z.ZodString }, { readonly key: string }>({ key: z.string().min(1).max(512) });
const rotateFields = { key: word, grace_period: word };
const rotate = body<typeof rotateFields, KeyBody>(rotateFields);
const several = body<{ keys: typeof texts; key_aliases: typeof texts }, Keys>({ keys: texts, key_aliases: texts });
const query = z.looseObject({ page: z.string().optional() }) as unknown as z.ZodType<Query>;
const info = z.looseObject({ key: z.string().min(1).max(512) }) as unknown as z.ZodType<{ readonly key: string }>;
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
    reads<{ readonly key: string }>({
      ...{ method: "GET", path: "/key/info", permission: "keys:read", reachable: true, query: info },
      summary: "LiteLLM's /key/info",
      async run(services, { query: { key } }) {
        const { key: view } = await services.keys.show(await named(services, key));
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
      ...{ method: "GET", path: "/key/list", permission: "keys:read", reachable: true, query },
      summary: "LiteLLM's /key/list",
      async run(services, { query: asked }) {
        const { keys, ...pages } = await pageOf(services, asked);
        const whole = asked["return_full_object"] === "true";
        return { keys: keys.map((key) => (whole ? shownKey(key) : key.id)), ...pages };
      },
    }),
    reads<Query>({
      ...{ method: "GET", path: "/key/aliases", permission: "keys:read", reachable: true, query },
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
  const {
    page: number,
    size: wanted,
    team_id: team,
    user_id: user,
    organization_id: customer,
    key_alias: name,
  } = asked;
  const size = Math.min(pageMax, Math.max(1, Number(wanted ?? 10) || 10));
  const at = Math.max(1, Number(number ?? 1) || 1);
  const hash = asked["key_hash"];
  const filter = { team, user, customer, search: name ?? (hash && (await named({ keys }, hash))) ?? asked["search"] };
  let page = await keys.list({ ...filter, limit: size });
  for (let skipped = 1; skipped < at && page.next !== null; skipped += 1)
    page = await keys.list({ ...filter, limit: size, after: page.next });
  const isPast = (at - 1) * size >= page.total_count;
  return {
    keys: isPast ? [] : page.keys,
    total_count: page.total_count,
    current_page: at,
    total_pages: Math.ceil(page.total_count / size),
    size,
  };
}
