/** Routes of virtual keys, and what their requests may hold. */
import { z } from "zod";
import { operations as operationNames } from "../../providers/operation.ts";
import type {
  AdoptKeyRequest,
  AdoptKeysRequest,
  CreateKeyRequest,
  KeyListQuery,
  ProviderConfigRequest,
  RotateKeyRequest,
  RotateKeysRequest,
  UpdateKeyRequest,
} from "./contract/keys.ts";
import { changes, fields, queryFields, type Route, reads, strict } from "./route.ts";
import { budgetNanoMax, listFields, nameField, scopeFields } from "./scope-fields.ts";

const providersMax = 200;
const rotatedMax = 100;
const credentialsMax = 1_000;
const prefixCharactersMax = 32;
const aliasesMax = 64;
const requiredMax = 16;

const name = nameField("key_");
const parent = {
  customer: scopeFields.reference.optional(),
  team: scopeFields.reference.optional(),
  user: scopeFields.reference.optional(),
};
const parentChange = {
  customer: scopeFields.reference.nullable().optional(),
  team: scopeFields.reference.nullable().optional(),
  user: scopeFields.reference.nullable().optional(),
};
const provider = strict<ProviderConfigRequest>({
  provider: fields.text(64),
  weight: z.number().min(0).max(1_000_000).optional(),
  models: scopeFields.models.optional(),
  blocked: scopeFields.models.optional(),
  credentials: z.array(fields.text(256)).max(credentialsMax).optional(),
  budgets: scopeFields.budgets.optional(),
  limits: scopeFields.limits.optional(),
  concurrency_max: scopeFields.concurrency.optional(),
});
const providers = z
  .array(provider)
  .max(providersMax)
  .refine((list) => new Set(list.map((each) => each.provider)).size === list.length, "names a provider twice");

const content = z.enum(["off", "metadata", "full"]);
const unsupported = z.enum(["strict", "drop"]);

const operations = z.array(z.enum(operationNames)).max(operationNames.length);
const aliases = z
  .record(fields.text(256), fields.text(256))
  .refine((named) => Object.keys(named).length <= aliasesMax, `has more than ${aliasesMax} names`);
const required = z.array(
  z
    .string()
    .max(256)
    .regex(/^[^.\s]+(?:\.[^.\s]+){0,7}$/, "must be as user or metadata.project"),
);

const createFields = {
  ...parent,
  name,
  models: scopeFields.models.optional(),
  blocked: scopeFields.models.optional(),
  providers: providers.optional(),
  expires_in_ms: fields.durationMs().optional(),
  expires_at_ms: fields.epochMs().optional(),
  delete_expired: z.boolean().optional(),
  content: content.optional(),
  unsupported: unsupported.nullable().optional(),
  raw: z.boolean().optional(),
  operations: operations.nullable().optional(),
  aliases: aliases.nullable().optional(),
  required: required.max(requiredMax).nullable().optional(),
  budgets: scopeFields.budgets.optional(),
  limits: scopeFields.limits.optional(),
  concurrency_max: scopeFields.concurrency.optional(),
  description: scopeFields.description.optional(),
  metadata: scopeFields.metadata.optional(),
};
const create = oneExpiry(strict<CreateKeyRequest>(createFields));
/** A batch is one transaction, which what else is written waits for. */
const adoptedMax = 100;
const adopt = oneExpiry(
  strict<AdoptKeyRequest>({
    ...createFields,
    secret_sha256: z.string().regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits"),
    prefix: z.string().max(prefixCharactersMax).optional(),
    disabled: z.boolean().optional(),
    spent_nano: fields.count(0, budgetNanoMax).optional(),
  }),
);
const adoptAll = strict<AdoptKeysRequest>({ keys: z.array(adopt).min(1).max(adoptedMax) });
const update = oneExpiry(
  strict<UpdateKeyRequest>({
    ...parentChange,
    name: name.optional(),
    models: scopeFields.models.nullable().optional(),
    blocked: scopeFields.models.nullable().optional(),
    providers: providers.nullable().optional(),
    expires_in_ms: fields.durationMs().optional(),
    expires_at_ms: fields.epochMs().nullable().optional(),
    delete_expired: z.boolean().nullable().optional(),
    content: content.nullable().optional(),
    unsupported: unsupported.nullable().optional(),
    raw: z.boolean().nullable().optional(),
    operations: operations.nullable().optional(),
    aliases: aliases.nullable().optional(),
    required: required.max(requiredMax).nullable().optional(),
    disabled: z.boolean().nullable().optional(),
    reset_budget_usage: z.boolean().optional(),
    budgets: scopeFields.budgets.nullable().optional(),
    limits: scopeFields.limitChanges.nullable().optional(),
    concurrency_max: scopeFields.concurrency.nullable().optional(),
    description: scopeFields.description.nullable().optional(),
    metadata: scopeFields.metadataChange.nullable().optional(),
  }),
);
const rotate = strict<RotateKeyRequest>({ grace_ms: fields.durationMs(0).optional() });
const rotateAll = strict<RotateKeysRequest>({
  ids: z.array(scopeFields.reference).min(1).max(rotatedMax).refine(isDistinct, "names a key twice"),
  grace_ms: fields.durationMs(0).optional(),
});
const list = strict<KeyListQuery>({
  ...listFields,
  all: queryFields.flag().optional(),
  search: queryFields.text(128).optional(),
  customer: queryFields.text(128).optional(),
  team: queryFields.text(128).optional(),
  customer_id: queryFields.text(128).optional(),
  team_id: queryFields.text(128).optional(),
  user: queryFields.text(128).optional(),
});

/** At our own path and at that of the gateway whose clients know it. */
export const keyRoutes: readonly Route[] = [
  ...["/api/keys", "/api/governance/virtual-keys"].flatMap(routesAt),
  changes<AdoptKeyRequest>({
    method: "POST",
    path: "/api/import/keys",
    permission: "keys:write",
    action: "key.adopt",
    summary: "Take over a key of another gateway by the SHA-256 of its secret, with what it has spent",
    body: adopt,
    run: (services, { body, action }) => services.keys.adopt(body, action),
  }),
  changes<AdoptKeysRequest>({
    method: "POST",
    path: "/api/import/keys/batch",
    permission: "keys:write",
    action: "key.adopt",
    summary: "Take over several keys of another gateway at once; those that are there already stay as they are",
    body: adoptAll,
    run: (services, { body, action }) => services.keys.adoptAll(body, action),
  }),
];

function routesAt(path: string): readonly Route[] {
  return [
    reads<KeyListQuery>({
      method: "GET",
      path,
      permission: "keys:read",
      summary: "List keys, in the order they were made",
      reachable: true,
      query: list,
      run: (services, { query }) => services.keys.list(query),
    }),
    changes<CreateKeyRequest>({
      method: "POST",
      path,
      permission: "keys:write",
      action: "key.create",
      summary: "Make a key; the answer is the only one that holds its secret",
      reachable: true,
      body: create,
      run: (services, { body, action }) => services.keys.create(body, action),
    }),
    reads({
      method: "GET",
      path: `${path}/{key}`,
      permission: "keys:read",
      summary: "Show a key, by id or name",
      reachable: true,
      run: (services, { params }) => services.keys.show(params["key"]!),
    }),
    changes<UpdateKeyRequest>({
      method: "PATCH",
      path: `${path}/{key}`,
      permission: "keys:write",
      action: "key.update",
      summary: "Change what a key may do",
      reachable: true,
      body: update,
      run: (services, { params, body, action }) => services.keys.update(params["key"]!, body, action),
    }),
    changes<UpdateKeyRequest>({
      method: "PUT",
      path: `${path}/{key}`,
      permission: "keys:write",
      action: "key.update",
      summary: "The same as PATCH: what is absent stays",
      reachable: true,
      body: update,
      run: (services, { params, body, action }) => services.keys.update(params["key"]!, body, action),
    }),
    changes({
      method: "DELETE",
      path: `${path}/{key}`,
      permission: "keys:write",
      action: "key.revoke",
      summary: "Revoke a key for good; its row and its spend stay",
      reachable: true,
      run: (services, { params, action }) => services.keys.revoke(params["key"]!, action),
    }),
    changes<RotateKeysRequest>({
      method: "POST",
      path: `${path}/rotate`,
      permission: "keys:write",
      action: "key.rotate",
      summary: "Give several keys new secrets; tells which could not be, and why",
      reachable: true,
      body: rotateAll,
      run: (services, { body, action }) => services.keys.rotateAll(body, action),
    }),
    changes<RotateKeyRequest>({
      method: "POST",
      path: `${path}/{key}/rotate`,
      permission: "keys:write",
      action: "key.rotate",
      summary: "Give a key a new secret; the old one works until the grace ends",
      reachable: true,
      body: rotate,
      run: (services, { params, body, action }) => services.keys.rotate(params["key"]!, body, action),
    }),
  ];
}

function isDistinct(names: readonly string[]): boolean {
  return new Set(names).size === names.length;
}

function oneExpiry<T extends { expires_in_ms?: unknown; expires_at_ms?: unknown }>(schema: z.ZodType<T>): z.ZodType<T> {
  return schema.refine((body) => body.expires_in_ms === undefined || body.expires_at_ms === undefined, {
    path: ["expires_at_ms"],
    message: "give expires_in_ms or expires_at_ms, not both",
  });
}
