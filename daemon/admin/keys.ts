/** Routes of virtual keys, and what their requests may hold. */
import { z } from "zod";
import { budgetsPerScopeMax, limitsPerScopeMax } from "../governance/definitions.ts";
import type { CreateKeyRequest, KeyListQuery, RotateKeyRequest, UpdateKeyRequest } from "./contract/keys.ts";
import type { BudgetRequest, LimitChange, LimitRequest, WireWindow } from "./contract/scopes.ts";
import { changes, fields, queryFields, type Route, reads, strict } from "./route.ts";

/** $9 M: sums of larger limits would leave the integers that a cell holds exactly. */
export const budgetNanoMax = 9_000_000_000_000_000;
export const modelsPerKeyMax = 256;
export const keyNameCharactersMax = 128;
const modelCharactersMax = 256;
const countMax = 1_000_000_000_000;
/** A day: what is counted over longer is a budget. */
const windowMsMax = 86_400_000;

const window: z.ZodType<WireWindow> = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("rolling"), length_ms: fields.durationMs(1_000) }),
  z.strictObject({
    kind: z.literal("calendar"),
    unit: z.enum(["minute", "hour", "day", "week", "month", "quarter", "year"]),
    count: fields.count(1, 1_000),
    zone: fields.text(64).refine(isZone, "is not a time zone known here"),
  }),
  z.strictObject({ kind: z.literal("forever") }),
]);

const metric = z.enum(["requests", "tokens"]);
const budget = strict<BudgetRequest>({ limit_nano: fields.count(0, budgetNanoMax), window });
const limit = strict<LimitRequest>({ metric, limit: fields.count(0, countMax), window_ms: windowMs() });
const limitChange = strict<LimitChange>({
  metric,
  limit: fields.count(0, countMax).nullable(),
  window_ms: windowMs(),
});

const name = z
  .string()
  .min(1)
  .max(keyNameCharactersMax)
  .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u, "must not hold control characters")
  .refine((text) => text.trim() === text, "must not begin or end with a space")
  .refine((text) => !text.startsWith("key_"), 'must not begin with "key_", which ids do');
const models = z
  .array(
    z
      .string()
      .min(1)
      .max(modelCharactersMax)
      .regex(/^[^\s*]*\*?$/, 'is a model name, with a "*" at its end at most'),
  )
  .max(modelsPerKeyMax);
const concurrency = fields.count(0, 1_000_000);

const create = oneExpiry(
  strict<CreateKeyRequest>({
    name,
    models: models.optional(),
    expires_in_ms: fields.durationMs().optional(),
    expires_at_ms: fields.epochMs().optional(),
    budgets: z.array(budget).max(budgetsPerScopeMax).optional(),
    limits: z.array(limit).max(limitsPerScopeMax).optional(),
    concurrency_max: concurrency.optional(),
  }),
);
const update = oneExpiry(
  strict<UpdateKeyRequest>({
    name: name.optional(),
    models: models.optional(),
    expires_in_ms: fields.durationMs().optional(),
    expires_at_ms: fields.epochMs().nullable().optional(),
    disabled: z.boolean().optional(),
    budgets: z.array(budget).max(budgetsPerScopeMax).optional(),
    limits: z.array(limitChange).max(limitsPerScopeMax).optional(),
    concurrency_max: concurrency.nullable().optional(),
  }),
);
const rotate = strict<RotateKeyRequest>({ grace_ms: fields.durationMs(0).optional() });
const list = strict<KeyListQuery>({
  limit: queryFields.count(1, 1_000).optional(),
  after: queryFields.text(64).optional(),
  all: queryFields.flag().optional(),
});

export const keyRoutes: readonly Route[] = [
  reads<KeyListQuery>({
    method: "GET",
    path: "/api/keys",
    permission: "keys:read",
    summary: "List keys, in the order they were made",
    query: list,
    run: (services, { query }) => services.keys.list(query),
  }),
  changes<CreateKeyRequest>({
    method: "POST",
    path: "/api/keys",
    permission: "keys:write",
    action: "key.create",
    summary: "Make a key; the answer is the only one that holds its secret",
    body: create,
    run: (services, { body, action }) => services.keys.create(body, action),
  }),
  reads({
    method: "GET",
    path: "/api/keys/{key}",
    permission: "keys:read",
    summary: "Show a key, by id or name",
    run: (services, { params }) => services.keys.show(params["key"]!),
  }),
  changes<UpdateKeyRequest>({
    method: "PATCH",
    path: "/api/keys/{key}",
    permission: "keys:write",
    action: "key.update",
    summary: "Change what a key may do",
    body: update,
    run: (services, { params, body, action }) => services.keys.update(params["key"]!, body, action),
  }),
  changes({
    method: "DELETE",
    path: "/api/keys/{key}",
    permission: "keys:write",
    action: "key.revoke",
    summary: "Revoke a key for good; its row and its spend stay",
    run: (services, { params, action }) => services.keys.revoke(params["key"]!, action),
  }),
  changes<RotateKeyRequest>({
    method: "POST",
    path: "/api/keys/{key}/rotate",
    permission: "keys:write",
    action: "key.rotate",
    summary: "Give a key a new secret; the old one works until the grace ends",
    body: rotate,
    run: (services, { params, body, action }) => services.keys.rotate(params["key"]!, body, action),
  }),
];

function windowMs() {
  return fields.count(1_000, windowMsMax);
}

function oneExpiry<T extends { expires_in_ms?: unknown; expires_at_ms?: unknown }>(schema: z.ZodType<T>): z.ZodType<T> {
  return schema.refine((body) => body.expires_in_ms === undefined || body.expires_at_ms === undefined, {
    path: ["expires_at_ms"],
    message: "give expires_in_ms or expires_at_ms, not both",
  });
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
