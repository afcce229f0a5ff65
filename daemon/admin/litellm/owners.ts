/** `/team/*`, `/user/*`, `/customer/*`: LiteLLM's requests and answers over the service of owners. Hides whose id is whose name. */
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import type { Action, AdminServices, Permission } from "../admin-services.ts";
import type { OwnerKind, OwnerView } from "../contract/owners.ts";
import { changes, type Route, reads } from "../route.ts";
import {
  body,
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

type Body = Common & Readonly<Record<string, unknown>>;
type Row = {
  readonly path: string;
  readonly kind: OwnerKind;
  readonly resource: "teams" | "users" | "limits";
  /** What LiteLLM calls the id, and the name that people read. */
  readonly id: string;
  readonly alias: string;
  readonly ids: string;
};

const rows: readonly Row[] = [
  { path: "/team", kind: "team", resource: "teams", id: "team_id", alias: "team_alias", ids: "team_ids" },
  { path: "/user", kind: "user", resource: "users", id: "user_id", alias: "user_alias", ids: "user_ids" },
  { path: "/customer", kind: "end_user", resource: "limits", id: "user_id", alias: "alias", ids: "user_ids" },
  { path: "/end_user", kind: "end_user", resource: "limits", id: "user_id", alias: "alias", ids: "user_ids" },
];
const listMax = 1_000;

export function ownerRoutes(current: () => GenerationData): readonly Route[] {
  return rows.flatMap((row) => routesOf(row, current));
}

function routesOf(row: Row, current: () => GenerationData): readonly Route[] {
  const { path, kind } = row;
  const [read, write]: [Permission, Permission] = [`${row.resource}:read`, `${row.resource}:write`];
  const schema = body({
    ...commonFields,
    ...{ [row.id]: word, [row.alias]: word, user_email: word, user_role: word },
    ...(kind === "team" ? { organization_id: word } : { team_id: word }),
    auto_create_key: z.boolean().nullable().optional(),
  }) as unknown as z.ZodType<Body>;
  const several = body({ [row.ids]: texts }) as unknown as z.ZodType<Body>;
  const query = z.looseObject({
    [row.id]: z.string().optional(),
    end_user_id: z.string().optional(),
  }) as unknown as z.ZodType<Body>;
  const change = (
    end: string,
    action: string,
    bodySchema: z.ZodType<Body>,
    run: (services: AdminServices, request: Body, action: Action) => Promise<unknown>,
  ) =>
    changes<Body>({
      method: "POST",
      path: `${path}/${end}`,
      permission: write,
      action: `${kind}.${action}`,
      summary: `LiteLLM's ${path}/${end}`,
      reachable: true,
      body: bodySchema,
      run: (services, { body: request, action: done }) => run(services, request, done),
    });
  return [
    change("new", "create", schema, async ({ owners }, request, action) => {
      if (request["auto_create_key"] === true)
        throw new GatewayError("invalid_request", "make the key with /key/generate", { param: "auto_create_key" });
      const { owner } = await owners.create(
        kind,
        {
          ...named(row, request),
          ...parentOf(row, request),
          ...createFields(request, current()),
          ...(request.blocked ? { disabled: true } : {}),
        },
        action,
      );
      return shown(row, owner);
    }),
    change("update", "update", schema, async ({ owners }, request, action) => {
      const { owner: before } = await owners.show(kind, idOf(row, request));
      const alias = textOf(request[row.alias]);
      const { owner } = await owners.update(
        kind,
        before.id,
        {
          ...updateFields(request, before.budgets, current()),
          ...(request.models === undefined ? {} : { models: modelsOf(request.models, current()) ?? null }),
          ...(alias === undefined ? {} : { description: alias }),
          ...parentOf(row, request),
        },
        action,
      );
      return kind === "team"
        ? { team_id: shown(row, owner).team_id, data: shown(row, owner) }
        : { ...shown(row, owner), data: shown(row, owner) };
    }),
    change("delete", "delete", several, async ({ owners }, request, action) => {
      const wanted = (request[row.ids] ?? []) as readonly string[];
      if (wanted.length === 0) throw new GatewayError("invalid_request", `give ${row.ids}`, { param: row.ids });
      const found = await Promise.all(wanted.map((id) => owners.show(kind, id)));
      for (const { owner } of found) await owners.remove(kind, owner.id, action);
      return { deleted: wanted.length, [row.ids]: wanted };
    }),
    ...(["block", "unblock"] as const).map((end) =>
      change(end, "update", kind === "end_user" ? several : schema, async ({ owners }, request, action) => {
        const wanted = kind === "end_user" ? ((request[row.ids] ?? []) as readonly string[]) : [idOf(row, request)];
        const done = [];
        for (const id of wanted)
          done.push(shown(row, (await owners.update(kind, id, { disabled: end === "block" }, action)).owner));
        return kind === "end_user" ? { [`${end}ed_users`]: done } : done[0];
      }),
    ),
    reads<Body>({
      method: "GET",
      path: `${path}/info`,
      permission: read,
      summary: `LiteLLM's ${path}/info`,
      reachable: true,
      query,
      async run({ owners, keys }, { query: asked }) {
        const { owner } = await owners.show(kind, textOf(asked["end_user_id"]) ?? idOf(row, asked));
        const view = shown(row, owner);
        if (kind === "end_user") return view;
        const list = await keys.list({ [kind === "team" ? "team" : "user"]: owner.id, limit: listMax });
        return {
          [row.id]: view[row.id],
          [`${kind}_info`]: view,
          keys: list.keys.map(({ id, name, prefix }) => ({ token: id, key_alias: name, key_name: prefix })),
        };
      },
    }),
    reads<Body>({
      method: "GET",
      path: `${path}/list`,
      permission: read,
      summary: `LiteLLM's ${path}/list`,
      reachable: true,
      query,
      async run({ owners }) {
        const { owners: found, total_count: total } = await owners.list(kind, { limit: listMax });
        const list = found.map((owner) => shown(row, owner));
        return kind === "user"
          ? { users: list, total, page: 1, page_size: listMax, total_pages: Math.ceil(total / listMax) }
          : list;
      },
    }),
  ];
}

/** The id that a client gives is the name here, so that it can go on using it; else the name that people read is. */
function named(row: Row, request: Body): { readonly name: string; readonly description?: string } {
  const [id, alias, email] = [textOf(request[row.id]), textOf(request[row.alias]), textOf(request["user_email"])];
  const name = id ?? alias ?? email;
  if (name === undefined)
    throw new GatewayError("invalid_request", `give ${row.id} or ${row.alias}`, { param: row.id });
  const about = name === id ? (alias ?? email) : undefined;
  return { name, ...(about === undefined ? {} : { description: about }) };
}

function parentOf({ kind }: Row, request: Body) {
  const [organization, team] = [textOf(request["organization_id"]), textOf(request["team_id"])];
  if (kind === "team") return organization === undefined ? {} : { customer: organization };
  return kind !== "user" || team === undefined ? {} : { team };
}

function idOf(row: Row, request: Body): string {
  const id = textOf(request[row.id]);
  if (id !== undefined) return id;
  throw new GatewayError("invalid_request", `"${row.id}": which one?`, { param: row.id });
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function shown({ id, alias, kind }: Row, owner: OwnerView): Readonly<Record<string, unknown>> {
  return {
    [id]: kind === "end_user" ? owner.name : owner.id,
    [alias]: owner.description ?? owner.name,
    ...shownNumbers(owner),
    models: owner.models ?? [],
    blocked: owner.disabled,
    metadata: owner.metadata,
    created_at: timeOf(owner.created_at_ms),
    ...(kind === "team" ? { organization_id: owner.parent?.id ?? null } : {}),
  };
}
