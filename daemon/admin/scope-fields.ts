/** Schemas of what keys, owners and limits have in common. Hides the ranges of names, numbers and windows. */
import { z } from "zod";
import { modelEntry } from "../governance/access.ts";
import { budgetsPerScopeMax, limitsPerScopeMax } from "../governance/definitions.ts";
import type { BudgetRequest, LimitChange, LimitRequest, WireWindow } from "./contract/scopes.ts";
import { fields, queryFields, strict } from "./route.ts";

/** $9 M: sums of larger limits would leave the integers that a cell holds exactly. */
export const budgetNanoMax = 9_000_000_000_000_000;
export const modelsPerListMax = 256;
export const nameCharactersMax = 128;
const modelCharactersMax = 256;
const countMax = 1_000_000_000_000;
/** Rate windows are kept in memory alone; what is counted over longer is a budget. */
const windowMsMax = 366 * 86_400_000;
const metadataCharactersMax = 512;
const descriptionCharactersMax = 1_024;

const window: z.ZodType<WireWindow> = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("rolling"), length_ms: fields.durationMs(1_000) }),
  z.strictObject({
    kind: z.literal("calendar"),
    unit: z.enum(["minute", "hour", "day", "week", "month", "quarter", "year"]),
    count: fields.count(1, 1_000),
    zone: fields.text(64).refine(isZone, "is not a time zone known here"),
    start_month: fields.count(1, 12).optional(),
  }),
  z.strictObject({ kind: z.literal("forever") }),
]);

const metric = z.enum(["requests", "tokens", "spend"]);
const windowMs = fields.count(1_000, windowMsMax);
const shadow = z.boolean().optional();
/** Of `spend` nano-dollars, else a count. */
const amount = fields.count(0, budgetNanoMax);
const budget = strict<BudgetRequest>({ limit_nano: fields.count(0, budgetNanoMax), window, shadow });
const limit = withinCount(strict<LimitRequest>({ metric, limit: amount, window_ms: windowMs, shadow }));
const limitChange = withinCount(strict<LimitChange>({ metric, limit: amount.nullable(), window_ms: windowMs, shadow }));

/**
 * Nothing that a screen obeys or that nobody sees. A joiner stands where it makes one picture of two, or joins letters of
 * a script that is written with it: anywhere else two names would look the same.
 */
const visible =
  /^(?:[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|(?<=\p{Extended_Pictographic}[\ufe0f\p{Emoji_Modifier}]?)\u200d(?=\p{Extended_Pictographic})|(?<=[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Mongolian}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Gujarati}\p{Script=Oriya}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}])[\u200c\u200d](?=[\p{L}\p{M}]))+$/u;

/** A name, without what an id begins with: `key_` for a key. */
export function nameField(idPrefix: string) {
  return z
    .string()
    .min(1)
    .max(nameCharactersMax)
    .regex(visible, "must not hold control characters")
    .refine((text) => text.trim() === text, "must not begin or end with a space")
    .refine((text) => !text.startsWith(idPrefix), `must not begin with "${idPrefix}", which ids do`);
}

const model = z.string().min(1).max(modelCharactersMax).regex(modelEntry.pattern, modelEntry.message);

/** Of any list. */
export const listFields = {
  limit: queryFields.count(1, 1_000).optional(),
  after: queryFields.text(64).optional(),
  offset: queryFields.count(0, 1_000_000).optional(),
  sort_by: z.enum(["name", "created_at"]).optional(),
  order: z.enum(["asc", "desc"]).optional(),
};

export const scopeFields = {
  budgets: z.array(budget).max(budgetsPerScopeMax),
  limits: z.array(limit).max(limitsPerScopeMax),
  limitChanges: z.array(limitChange).max(limitsPerScopeMax),
  concurrency: fields.count(0, 1_000_000),
  models: z.array(model).max(modelsPerListMax),
  model,
  /** An owner or a key, by id or name. */
  reference: fields.text(nameCharactersMax),
  description: z.string().max(descriptionCharactersMax),
  metadata: z.record(fields.text(64), z.string().max(metadataCharactersMax)),
  metadataChange: z.record(fields.text(64), z.string().max(metadataCharactersMax).nullable()),
} as const;

/** A count is kept in fewer bits than money. */
function withinCount<T extends { metric: string; limit: number | null }>(schema: z.ZodType<T>): z.ZodType<T> {
  return schema.refine(({ metric: what, limit: most }) => what === "spend" || (most ?? 0) <= countMax, {
    path: ["limit"],
    message: `must not be more than ${countMax}`,
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
