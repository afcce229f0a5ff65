/** A key in LiteLLM's words: made, changed, named and shown. Hides that it may be named by its secret, and its one way up. */
import { hash, randomBytes } from "node:crypto";
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import { keyPrefix } from "../../governance/keys-format.ts";
import type { Action, AdminServices } from "../admin-services.ts";
import type { KeyView } from "../contract/keys.ts";
import { askedModelsName, templateName } from "../services/templates.ts";
import { askedModels, withGroups } from "./access-groups.ts";
import {
  amount,
  body,
  type Common,
  commonFields,
  createFields,
  expiresIn,
  modelsOf,
  shownNumbers,
  timeOf,
  updateFields,
  word,
} from "./fields.ts";
import { assertIncrease, boundFields, boundsOf, increase, type KeyBounds, shownBounds } from "./key-bounds.ts";
import { assertMayLimit, limitModels, type ModelNumbers, modelFields, shownModels } from "./model-limits.ts";
import { resetOf, spentNano } from "./owner-shape.ts";
import { projectFor, projectName } from "./project-of.ts";
import { withTemplate } from "./template.ts";

export type KeyBody = Common &
  ModelNumbers &
  KeyBounds & {
    readonly key?: string | null;
    readonly key_alias?: string | null;
    readonly duration?: string | null;
    readonly team_id?: string | null;
    readonly user_id?: string | null;
    readonly organization_id?: string | null;
    readonly project_id?: string | null;
    readonly key_type?: string | null;
    readonly spend?: number | null;
    readonly rpm_limit_type?: string | null;
    readonly tpm_limit_type?: string | null;
    readonly grace_period?: string | null;
  };

/** A limit is one here, whatever others may use. */
const limitType = z.literal("best_effort_throughput").nullable().optional();

export const keyFields = {
  ...commonFields,
  key: word,
  key_alias: word,
  duration: word,
  team_id: word,
  user_id: word,
  organization_id: word,
  project_id: word,
  key_type: word,
  spend: amount,
  rpm_limit_type: limitType,
  tpm_limit_type: limitType,
  ...modelFields,
  ...boundFields,
};
export const keyBody = body<typeof keyFields, KeyBody>(keyFields);

export async function generateKey(services: AdminServices, asked: KeyBody, action: Action, current: GenerationData) {
  const { keys } = services;
  const said = marked(asked);
  const request = await withGroups(services, await withTemplate(services, said));
  const expires = expiresIn(request.duration);
  assertType(request);
  assertMayLimit(request, action, current);
  assertIncrease(request);
  const made = {
    name: request.key_alias ?? `litellm-${randomBytes(6).toString("hex")}`,
    ...createFields(request, current),
    ...(await parentOf(services, request)),
    ...boundsOf(request),
    ...(expires === undefined ? {} : { expires_in_ms: expires }),
  };
  const spent = made.budgets === undefined ? 0 : spentNano(request.spend);
  if (request.key == null && !request.blocked && spent === 0) {
    const { key, secret } = await keys.create(made, action);
    return begun(services, key, request, action, current, secret);
  }
  const secret = request.key ?? `sk-${randomBytes(32).toString("base64url")}`;
  if (secret.length < 20)
    throw new GatewayError("invalid_request", '"key": has fewer than 20 characters', { param: "key" });
  const adopted = {
    ...made,
    secret_sha256: hash("sha256", secret),
    prefix: keyPrefix(secret),
    disabled: request.blocked === true,
    ...(spent > 0 ? { spent_nano: spent } : {}),
  };
  return begun(services, (await keys.adopt(adopted, action)).key, request, action, current, secret);
}

/** One that has not all that bounds it must not stay. */
async function begun(
  services: AdminServices,
  key: KeyView,
  request: KeyBody,
  action: Action,
  current: GenerationData,
  secret: string,
) {
  try {
    return await finished(services, key, request, action, current, secret);
  } catch (error) {
    await services.keys.revoke(key.id, action);
    throw error;
  }
}

/** What a key has beside itself. */
async function finished(
  services: AdminServices,
  key: KeyView,
  request: KeyBody,
  action: Action,
  current: GenerationData,
  secret?: string,
) {
  const whose = { kind: "key", id: key.id } as const;
  await limitModels(services, whose, request, action, current);
  const raised = await increase(services, key, request, action);
  return { ...shownKey(raised, secret), ...(await shownModels(services, whose)) };
}

export async function updateKey(services: AdminServices, asked: KeyBody, action: Action, current: GenerationData) {
  const said = marked(asked);
  const { key: before } = await services.keys.show(await named(services, required(said.key)));
  const request = await withGroups(services, await withTemplate(services, said));
  const expires = expiresIn(request.duration);
  assertType(request);
  assertMayLimit(request, action, current);
  assertIncrease(request);
  const { key } = await services.keys.update(
    before.id,
    {
      ...(request.key_alias == null ? {} : { name: request.key_alias }),
      ...updateFields(request, before.budgets, current),
      ...(request.models === undefined ? {} : { models: modelsOf(request.models, current) ?? ["*"] }),
      ...(await parentOf(services, request)),
      ...boundsOf(request),
      ...resetOf(request),
      ...(expires === undefined ? {} : { expires_in_ms: expires }),
    },
    action,
  );
  return finished(services, key, request, action, current);
}

/** One that cannot be changed must not keep the others from it. */
export async function updateAll(
  services: AdminServices,
  keys: readonly KeyBody[],
  action: Action,
  current: GenerationData,
) {
  const done: object[] = [];
  const failed: object[] = [];
  for (const item of keys) {
    const key = item.key ?? null;
    try {
      done.push({ key, key_info: await updateKey(services, checked(item), action, current) });
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      failed.push({ key, key_info: null, failed_reason: error.message });
    }
  }
  return { total_requested: keys.length, successful_updates: done, failed_updates: failed };
}

/** As a request of its own would be. */
function checked(item: KeyBody): KeyBody {
  const { error } = keyBody.safeParse(item);
  if (error === undefined) return item;
  const [issue] = error.issues;
  throw new GatewayError("invalid_request", `"${issue!.path.join(".")}": ${issue!.message}`);
}

/** Keys that manage are admin tokens here. */
function assertType({ key_type: type }: KeyBody): void {
  if (type == null || type === "" || type === "default" || type === "llm_api") return;
  const message = `"key_type": a key that is "${type}" is an admin token here: make one with bifrost tokens create`;
  throw new GatewayError("invalid_request", message, { param: "key_type" });
}

/** So that whom it belongs to is told as a project. Who moves it elsewhere takes the note away. */
function marked(request: KeyBody): KeyBody {
  const { project_id: project, team_id: team, user_id: user } = request;
  if (!project && !team && !user) return request;
  return { ...request, metadata: { ...request.metadata, [projectName]: project ? "" : null } };
}

/** A key has one way up here: of a team, or else of a project or user, or else of an organization. Only the team binds it there too. */
async function parentOf(services: AdminServices, request: KeyBody) {
  const { team_id: team, user_id: user, organization_id: organization, project_id: project } = request;
  if (project) return { user: await projectFor(services, project, request) };
  if (team) return { team };
  if (user) return { user };
  return organization ? { customer: organization } : {};
}

/** By its secret, the hash of it, its id or its alias. */
export async function named({ keys }: Pick<AdminServices, "keys">, key: string): Promise<string> {
  if (key.startsWith("sk-")) return keys.identify(hash("sha256", key, "buffer"));
  return /^[0-9a-f]{64}$/.test(key) ? keys.identify(Buffer.from(key, "hex")) : key;
}

export function required(key: string | null | undefined): string {
  if (key != null && key !== "") return key;
  throw new GatewayError("invalid_request", '"key": which key?', { param: "key" });
}

/** Never a hash: what LiteLLM calls the token is the id here. */
export function shownKey(view: KeyView, secret?: string) {
  const { [templateName]: budgetId = null, [askedModelsName]: _, [projectName]: project, ...metadata } = view.metadata;
  const parentId = (kind: string) => (view.parent?.kind === kind ? view.parent.name : null);
  const models = askedModels(view.metadata, view.models);
  return {
    ...(secret === undefined ? {} : { key: secret }),
    token: view.id,
    token_id: view.id,
    key_name: view.prefix,
    key_alias: view.name,
    ...shownNumbers(view),
    ...shownBounds(view),
    models: models.includes("*") ? [] : models,
    expires: timeOf(view.expires_at_ms),
    blocked: view.state === "disabled",
    team_id: parentId("team"),
    user_id: project === undefined ? parentId("user") : null,
    project_id: project === undefined ? null : parentId("user"),
    organization_id: parentId("customer"),
    budget_id: budgetId,
    metadata,
    created_at: timeOf(view.created_at_ms),
  };
}
