/** What requests about owners and limits may hold, kind by kind. Hides that all kinds share one table of fields. */
import { z } from "zod";
import type { CreateOwnerRequest, OwnerKind, UpdateOwnerRequest } from "./contract/owners.ts";
import { fields } from "./route.ts";
import { budgetNanoMax, nameField, scopeFields } from "./scope-fields.ts";

type Parent = "customer" | "team" | "user" | "key";

/** What differs between kinds. */
export type KindRow = {
  readonly kind: OwnerKind;
  readonly path: string;
  readonly resource: "customers" | "teams" | "users" | "limits";
  readonly idPrefix: string;
  readonly parents: readonly Parent[];
  /** Which of the two it counts by; the others may be called whatever is allowed. */
  readonly match?: readonly ("model" | "provider")[];
};

/** Every field there is, whatever the kind: the compiler holds them equal to the contract's. */
const everyCreateField = (): Schemas<CreateOwnerRequest> => ({
  customer: scopeFields.reference.optional(),
  team: scopeFields.reference.optional(),
  user: scopeFields.reference.optional(),
  key: scopeFields.reference.optional(),
  name: z.string(),
  description: scopeFields.description.optional(),
  metadata: scopeFields.metadata.optional(),
  models: scopeFields.models.optional(),
  blocked: scopeFields.models.optional(),
  disabled: z.boolean().optional(),
  model: scopeFields.model.optional(),
  provider: fields.text(64).optional(),
  budgets: scopeFields.budgets.optional(),
  limits: scopeFields.limits.optional(),
  concurrency_max: scopeFields.concurrency.optional(),
  spent_nano: fields.count(0, budgetNanoMax).optional(),
});
const everyUpdateField = (): Schemas<UpdateOwnerRequest> => ({
  customer: scopeFields.reference.nullable().optional(),
  team: scopeFields.reference.nullable().optional(),
  user: scopeFields.reference.nullable().optional(),
  key: scopeFields.reference.nullable().optional(),
  name: z.string(),
  description: scopeFields.description.nullable().optional(),
  metadata: scopeFields.metadataChange.nullable().optional(),
  models: scopeFields.models.nullable().optional(),
  blocked: scopeFields.models.nullable().optional(),
  disabled: z.boolean().nullable().optional(),
  reset_budget_usage: z.boolean().optional(),
  budgets: scopeFields.budgets.nullable().optional(),
  limits: scopeFields.limitChanges.nullable().optional(),
  concurrency_max: scopeFields.concurrency.nullable().optional(),
});

type Schemas<Request> = { readonly [Field in keyof Required<Request>]: z.ZodType<Request[Field]> };

export function createSchema({ idPrefix, parents, match }: KindRow): z.ZodType<CreateOwnerRequest> {
  const name = nameField(idPrefix);
  const wanted = new Set<string>([...common, "spent_nano", ...parents, ...(match ?? ownerOnly)]);
  const fieldsOfKind = { ...everyCreateField(), name: match === undefined ? name : name.optional() };
  return z.strictObject(picked(fieldsOfKind, wanted)) as unknown as z.ZodType<CreateOwnerRequest>;
}

/** What a limit counts is what it is: another is another limit. */
export function updateSchema({ idPrefix, parents, match }: KindRow): z.ZodType<UpdateOwnerRequest> {
  const wanted = new Set<string>([
    ...common,
    "reset_budget_usage",
    ...(match === undefined ? [...parents, ...ownerOnly] : []),
  ]);
  const fieldsOfKind = { ...everyUpdateField(), name: nameField(idPrefix).optional() };
  return z.strictObject(picked(fieldsOfKind, wanted)) as unknown as z.ZodType<UpdateOwnerRequest>;
}

const common = ["name", "description", "metadata", "budgets", "limits", "concurrency_max"];
const ownerOnly = ["models", "blocked", "disabled"];

function picked(every: Readonly<Record<string, z.ZodType>>, wanted: ReadonlySet<string>): Record<string, z.ZodType> {
  return Object.fromEntries(Object.entries(every).filter(([field]) => wanted.has(field)));
}
