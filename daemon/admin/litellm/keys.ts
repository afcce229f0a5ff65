/** `/key/*`: LiteLLM's requests and answers over the service of keys. Hides that a key may be named by its secret. */
import { hash, randomBytes } from "node:crypto";
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import { keyPrefix } from "../../governance/keys-format.ts";
import type { Action, AdminServices } from "../admin-services.ts";
import type { KeyView } from "../contract/keys.ts";
import { changes, type Route, reads } from "../route.ts";
import {
  body,
  type Common,
  commonFields,
  createFields,
  expiresIn,
  modelsOf,
  shownNumbers,
  texts,
  timeOf,
  updateFields,
  word,
} from "./fields.ts";

type Body = Common & {
  readonly key?: string | null;
  readonly key_alias?: string | null;
  readonly duration?: string | null;
  readonly team_id?: string | null;
  readonly user_id?: string | null;
  readonly grace_period?: string | null;
};
type Keys = { readonly keys?: readonly string[] | null; readonly key_aliases?: readonly string[] | null };
type ListQuery = {
  readonly page?: string;
  readonly size?: string;
  readonly team_id?: string;
  readonly user_id?: string;
  readonly return_full_object?: string;
};

const fields = { ...commonFields, key: word, key_alias: word, duration: word, team_id: word, user_id: word };
const write = body(fields) as unknown as z.ZodType<Body>;
const one = body({ key: z.string().min(1).max(512) }) as unknown as z.ZodType<Body>;
const rotate = body({ key: word, grace_period: word }) as unknown as z.ZodType<Body>;
const several = body({ keys: texts, key_aliases: texts }) as unknown as z.ZodType<Keys>;
const listQuery = z.looseObject({
  page: z.string().optional(),
  size: z.string().optional(),
}) as unknown as z.ZodType<ListQuery>;
const infoQuery = z.looseObject({ key: z.string().min(1).max(512) }) as unknown as z.ZodType<{ readonly key: string }>;
const pageMax = 100;

export function keyRoutes(current: () => GenerationData): readonly Route[] {
  const change = (
    path: string,
    action: string,
    run: (services: AdminServices, request: Body, action: Action) => Promise<unknown>,
    schema = one,
  ) =>
    changes<Body>({
      method: "POST",
      path,
      permission: "keys:write",
      action,
      summary: `LiteLLM's ${path}`,
      reachable: true,
      body: schema,
      run: (services, { body: request, action: done }) => run(services, request, done),
    });
  const rotated = async (services: AdminServices, key: string, { grace_period: grace }: Body, action: Action) => {
    const { key: view, secret } = await services.keys.rotate(
      await named(services, key),
      { grace_ms: expiresIn(grace) ?? 0 },
      action,
    );
    return shown(view, secret);
  };
  return [
    change(
      "/key/generate",
      "key.create",
      (services, request, action) => generate(services, request, action, current()),
      write,
    ),
    change(
      "/key/update",
      "key.update",
      (services, request, action) => update(services, request, action, current()),
      write,
    ),
    change("/key/block", "key.update", async ({ keys, ...rest }, { key }, action) =>
      shown((await keys.update(await named({ keys, ...rest }, key!), { disabled: true }, action)).key),
    ),
    change("/key/unblock", "key.update", async ({ keys, ...rest }, { key }, action) =>
      shown((await keys.update(await named({ keys, ...rest }, key!), { disabled: false }, action)).key),
    ),
    change(
      "/key/regenerate",
      "key.rotate",
      (services, request, action) => rotated(services, required(request.key), request, action),
      rotate,
    ),
    changes<Body | undefined>({
      method: "POST",
      path: "/key/{key}/regenerate",
      permission: "keys:write",
      action: "key.rotate",
      summary: "LiteLLM's /key/{key}/regenerate",
      reachable: true,
      body: rotate.optional(),
      run: (services, { params, body: request, action }) => rotated(services, params["key"]!, request ?? {}, action),
    }),
    changes<Keys>({
      method: "POST",
      path: "/key/delete",
      permission: "keys:write",
      action: "key.revoke",
      summary: "LiteLLM's /key/delete",
      reachable: true,
      body: several,
      async run(services, { body: { keys, key_aliases: aliases }, action }) {
        const wanted = [...(keys ?? []), ...(aliases ?? [])];
        if (wanted.length === 0)
          throw new GatewayError("invalid_request", "give keys or key_aliases", { param: "keys" });
        // All are looked up first: one that is not there must not leave half of them gone.
        const ids = await Promise.all(wanted.map((key) => named(services, key)));
        for (const id of ids) await services.keys.revoke((await services.keys.show(id)).key.id, action);
        return { deleted_keys: wanted };
      },
    }),
    reads<{ readonly key: string }>({
      method: "GET",
      path: "/key/info",
      permission: "keys:read",
      summary: "LiteLLM's /key/info",
      reachable: true,
      query: infoQuery,
      async run(services, { query: { key } }) {
        const { key: view } = await services.keys.show(await named(services, key));
        return { key: view.id, info: shown(view) };
      },
    }),
    reads<ListQuery>({
      method: "GET",
      path: "/key/list",
      permission: "keys:read",
      summary: "LiteLLM's /key/list",
      reachable: true,
      query: listQuery,
      run: (services, { query }) => list(services, query),
    }),
  ];
}

async function generate({ keys }: AdminServices, request: Body, action: Action, current: GenerationData) {
  const expires = expiresIn(request.duration);
  const made = {
    name: request.key_alias ?? `litellm-${randomBytes(6).toString("hex")}`,
    ...createFields(request, current),
    ...parentOf(request),
    ...(expires === undefined ? {} : { expires_in_ms: expires }),
  };
  if (request.key == null && !request.blocked) {
    const { key, secret } = await keys.create(made, action);
    return shown(key, secret);
  }
  const secret = request.key ?? `sk-${randomBytes(32).toString("base64url")}`;
  if (secret.length < 20)
    throw new GatewayError("invalid_request", '"key": has fewer than 20 characters', { param: "key" });
  const adopted = {
    ...made,
    secret_sha256: hash("sha256", secret),
    prefix: keyPrefix(secret),
    disabled: request.blocked === true,
  };
  return shown((await keys.adopt(adopted, action)).key, secret);
}

async function update(services: AdminServices, request: Body, action: Action, current: GenerationData) {
  const name = await named(services, required(request.key));
  const { key: before } = await services.keys.show(name);
  const expires = expiresIn(request.duration);
  const { key } = await services.keys.update(
    before.id,
    {
      ...(request.key_alias == null ? {} : { name: request.key_alias }),
      ...updateFields(request, before.budgets, current),
      ...(request.models === undefined ? {} : { models: modelsOf(request.models, current) ?? ["*"] }),
      ...parentOf(request),
      ...(expires === undefined ? {} : { expires_in_ms: expires }),
    },
    action,
  );
  return shown(key);
}

/** A key has one way up here: of a team, or else of a user. */
function parentOf({ team_id: team, user_id: user }: Body) {
  if (team != null) return { team };
  return user == null ? {} : { user };
}

async function list({ keys }: AdminServices, query: ListQuery) {
  const size = Math.min(pageMax, Math.max(1, Number(query.size ?? 10) || 10));
  const wanted = Math.max(1, Number(query.page ?? 1) || 1);
  const owner = {
    ...(query.team_id === undefined ? {} : { team: query.team_id }),
    ...(query.user_id === undefined ? {} : { user: query.user_id }),
  };
  let page = await keys.list({ ...owner, limit: size });
  for (let at = 1; at < wanted && page.next !== null; at += 1)
    page = await keys.list({ ...owner, limit: size, after: page.next });
  const past = (wanted - 1) * size >= page.total_count;
  const found = past ? [] : page.keys;
  return {
    keys: query.return_full_object === "true" ? found.map((key) => shown(key)) : found.map(({ id }) => id),
    total_count: page.total_count,
    current_page: wanted,
    total_pages: Math.ceil(page.total_count / size),
  };
}

/** By its secret, the hash of it, its id or its alias. */
async function named({ keys }: Pick<AdminServices, "keys">, key: string): Promise<string> {
  if (key.startsWith("sk-")) return keys.identify(hash("sha256", key, "buffer"));
  return /^[0-9a-f]{64}$/.test(key) ? keys.identify(Buffer.from(key, "hex")) : key;
}

function required(key: string | null | undefined): string {
  if (key != null && key !== "") return key;
  throw new GatewayError("invalid_request", '"key": which key?', { param: "key" });
}

/** Never a hash: what LiteLLM calls the token is the id here. */
function shown(view: KeyView, secret?: string) {
  return {
    ...(secret === undefined ? {} : { key: secret }),
    token: view.id,
    token_id: view.id,
    key_name: view.prefix,
    key_alias: view.name,
    ...shownNumbers(view),
    models: view.models.includes("*") ? [] : view.models,
    expires: timeOf(view.expires_at_ms),
    blocked: view.state === "disabled",
    team_id: view.parent?.kind === "team" ? view.parent.id : null,
    user_id: view.parent?.kind === "user" ? view.parent.id : null,
    metadata: view.metadata,
    created_at: timeOf(view.created_at_ms),
  };
}
