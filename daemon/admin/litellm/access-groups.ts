/**
 * `/access_group/*`: models that keys, teams, users and customers are given together, by naming the group among their
 * `models`. Hides that a list holds what the names stand for, and is written anew when a group changes.
 */
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import type { Action, AdminServices, BudgetTemplate } from "../admin-services.ts";
import { type Route, reads } from "../route.ts";
import { askedModelsName } from "../services/templates.ts";
import { body, type Common, modelsOf } from "./fields.ts";
import { post } from "./post.ts";
import { assertMayChange, show } from "./template.ts";

type Group = { readonly access_group: string; readonly model_names: readonly string[] };
type Metadata = Readonly<Record<string, string>>;

const modelsMax = 1_000;
const model_names = z.array(z.string().min(1).max(512)).min(1).max(modelsMax);
const create = body<z.ZodRawShape, Group>({ access_group: z.string().min(1).max(180), model_names });
const change = body<z.ZodRawShape, Group>({ model_names });
const nothing = body<Record<never, never>, object>({});

export function accessGroupRoutes(current: () => GenerationData): readonly Route[] {
  const at = "/access_group/{access_group}";
  const nameIn = (params: Readonly<Record<string, string>>) => params["access_group"]!;
  return [
    post<Group>(
      "/access_group/new",
      "limits:write",
      "access_group.create",
      create,
      async (services, request, action) => {
        const { access_group: name } = request;
        assertFree(name, current());
        await assertPlain(services, request.model_names);
        return told(await services.groups.create(name, { model_names: request.model_names }, action));
      },
    ),
    post<Group>(
      ...([`${at}/update`, "limits:write", "access_group.update", change] as const),
      async (services, { model_names: names }, action, params) => {
        const { id } = await services.groups.show(nameIn(params));
        await assertPlain(services, names);
        await follow(services, id, names, action, current());
        return told(await services.groups.update(id, { model_names: names }, action));
      },
      "PUT",
    ),
    post<object>(
      ...([`${at}/delete`, "limits:write", "access_group.delete", nothing] as const),
      async ({ groups }, _, action, params) => {
        const { id, fields } = await groups.remove(nameIn(params), action);
        const message = `Access group '${id}' deleted successfully`;
        return { access_group: id, models_updated: namesIn(fields).length, message };
      },
      "DELETE",
    ),
    reads({
      ...{ method: "GET", path: "/access_group/list", permission: "limits:read", reachable: true },
      summary: "LiteLLM's /access_group/list",
      run: async ({ groups }) => ({ access_groups: (await groups.list()).map(shown) }),
    }),
    reads({
      ...{ method: "GET", path: `${at}/info`, permission: "limits:read", reachable: true },
      summary: `LiteLLM's ${at}/info`,
      run: async ({ groups }, { params }) => shown(await groups.show(nameIn(params))),
    }),
    ...(["GET", "PUT", "DELETE"] as const).map((method) => budgetRoute(`${at}/budget`, method)),
  ];
}

/** One sum for several models together is what no limit here is. */
function budgetRoute(path: string, method: "GET" | "PUT" | "DELETE"): Route {
  const refuse = async (): Promise<never> => {
    const message =
      "a group of models has no budget here: give its keys a budget, or each model one with model_max_budget";
    throw new GatewayError("invalid_request", message, { param: "access_group" });
  };
  const about = { path, summary: `LiteLLM's ${path}`, reachable: true } as const;
  if (method === "GET") return reads({ ...about, method, permission: "limits:read", run: refuse });
  return post(path, "limits:write", "access_group.budget", z.looseObject({}) as z.ZodType<object>, refuse, method);
}

/** The request with what its groups stand for in their place, and a note of what was asked for. */
export async function withGroups<Request extends Common>(services: AdminServices, request: Request): Promise<Request> {
  const { models } = request;
  if (models === undefined) return request;
  const metadata = { ...request.metadata };
  const groups = (models ?? []).length === 0 ? new Map<string, readonly string[]>() : await groupsIn(services);
  const isAny = (models ?? []).some((name) => groups.has(name));
  // Null takes an older note away.
  metadata[askedModelsName] = isAny ? JSON.stringify(models) : null;
  return { ...request, metadata, ...(isAny ? { models: expanded(models ?? [], groups) } : {}) };
}

/** As the client asked for them: of whom groups were given, else what is kept. */
export function askedModels(metadata: Metadata, kept: readonly string[]): readonly string[] {
  const note = metadata[askedModelsName];
  if (note === undefined) return kept;
  try {
    const names: unknown = JSON.parse(note);
    return Array.isArray(names) && names.every((name) => typeof name === "string") ? names : kept;
  } catch {
    return kept;
  }
}

async function follow(
  services: AdminServices,
  group: string,
  names: readonly string[],
  action: Action,
  current: GenerationData,
): Promise<void> {
  const followers = await services.groups.given(group);
  for (const { kind } of followers) assertMayChange(kind, action, "access group");
  const groups = new Map([...(await groupsIn(services)), [group, names]]);
  for (const { kind, id } of followers) {
    const view = await show(services, kind, id);
    const models = modelsOf(expanded(askedModels(view.metadata, view.models ?? []), groups), current);
    if (kind === "key") await services.keys.update(id, { models: models ?? ["*"] }, action);
    else await services.owners.update(kind, id, { models: models ?? null }, action);
  }
}

function expanded(names: readonly string[], groups: ReadonlyMap<string, readonly string[]>): readonly string[] {
  return [...new Set(names.flatMap((name) => groups.get(name) ?? [name]))];
}

async function groupsIn({ groups }: AdminServices): Promise<ReadonlyMap<string, readonly string[]>> {
  return new Map((await groups.list()).map(({ id, fields }) => [id, namesIn(fields)]));
}

/** A list would not say which of the two it means. */
function assertFree(name: string, { aliases, routing }: GenerationData): void {
  if (!Object.hasOwn(aliases, name) && !Object.hasOwn(routing.groups, name)) return;
  throw new GatewayError("conflict", `"${name}" is a model already`, { param: "access_group" });
}

/** A group in a group would have to be followed through both. */
async function assertPlain(services: AdminServices, names: readonly string[]): Promise<void> {
  const groups = await groupsIn(services);
  const inner = names.find((name) => groups.has(name) || /^(\*|all-(proxy|team)-models)$/.test(name));
  if (inner !== undefined)
    throw new GatewayError("invalid_request", `"model_names": "${inner}" is no single model`, { param: "model_names" });
}

function namesIn(fields: BudgetTemplate["fields"]): readonly string[] {
  return (fields["model_names"] ?? []) as readonly string[];
}

function told({ id, fields }: BudgetTemplate) {
  return { access_group: id, model_names: namesIn(fields), models_updated: namesIn(fields).length };
}

function shown({ id, fields }: BudgetTemplate) {
  return { access_group: id, model_names: namesIn(fields), deployment_count: namesIn(fields).length };
}
