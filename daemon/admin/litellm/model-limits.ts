/**
 * `model_max_budget`, `model_rpm_limit` and `model_tpm_limit` of a key, team or user: limits by model of theirs. Hides
 * that each model has a limit of its own here, and that the three fields are said anew as a whole.
 */
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import type { Action, AdminServices } from "../admin-services.ts";
import type { OwnerView } from "../contract/owners.ts";
import { createFields, modelsOf, shownNumbers, updateFields } from "./fields.ts";

export type ModelNumbers = {
  readonly model_max_budget?: Readonly<Record<string, ModelBudget>> | null | undefined;
  readonly model_rpm_limit?: Readonly<Record<string, number>> | null | undefined;
  readonly model_tpm_limit?: Readonly<Record<string, number>> | null | undefined;
};
type ModelBudget = Readonly<{
  budget_limit?: number | null;
  time_period?: string | null;
  max_budget?: number | null;
  budget_duration?: string | null;
}>;
type Whose = { readonly kind: "key" | "team" | "user"; readonly id: string };

const modelsMax = 64;
const pageMax = 1_000;
/** The name that the limit was asked for by, so that it is shown again under it. */
const askedFor = "litellm_model";
const period = z.string().max(64).nullable().optional();
const most = z.number().min(0).nullable().optional();
const budget = z.strictObject({ budget_limit: most, time_period: period, max_budget: most, budget_duration: period });
const counts = z.record(z.string().max(256), z.number().int().min(0)).nullable().optional();

export const modelFields = {
  model_max_budget: z.record(z.string().max(256), budget).nullable().optional(),
  model_rpm_limit: counts,
  model_tpm_limit: counts,
};
const names = Object.keys(modelFields) as (keyof ModelNumbers)[];

/** Before anything is changed: what cannot be kept must not leave half of it. */
export function assertMayLimit(request: ModelNumbers, action: Action, current: GenerationData): void {
  if (names.every((name) => request[name] === undefined)) return;
  const { permissions } = action.caller;
  if (permissions !== "all" && !permissions.has("limits:write"))
    throw new GatewayError("permission_denied", "limits of single models are limits: this needs limits:write too");
  const models = modelsIn(request);
  if (models.length > modelsMax)
    throw new GatewayError("invalid_request", `limits of at most ${modelsMax} models`, { param: "model_max_budget" });
  for (const model of models) {
    matchFor(model, current);
    createFields(numbersFor(request, model), current);
  }
}

/** A field that is said replaces what it said before, for all models; those that are not said stay. */
export async function limitModels(
  services: AdminServices,
  whose: Whose,
  request: ModelNumbers,
  action: Action,
  current: GenerationData,
): Promise<void> {
  if (names.every((name) => request[name] === undefined)) return;
  const there = await limitsOf(services, whose);
  for (const model of new Set([...modelsIn(request), ...there.keys()])) {
    const said = numbersFor(request, model);
    const before = there.get(model);
    if (before === undefined) {
      const { budgets, limits } = createFields(said, current);
      if (budgets === undefined && limits === undefined) continue;
      const name = `${model.slice(0, 80)} for ${whose.kind} ${whose.id}`;
      const made = { name, ...matchFor(model, current), metadata: { [askedFor]: model } };
      const numbers = { ...(budgets && { budgets }), ...(limits && { limits }) };
      await services.owners.create("model_limit", { ...made, [whose.kind]: whose.id, ...numbers }, action);
      continue;
    }
    const change = updateFields(said, before.budgets, current);
    const { owner: after } = await services.owners.update("model_limit", before.id, change, action);
    if (after.budgets.length + after.limits.length === 0)
      await services.owners.remove("model_limit", before.id, action);
  }
}

/** How to take them away with whom they bind; looked for while it is there. */
export async function unlimitModels(
  services: AdminServices,
  whose: Whose,
  action: Action,
): Promise<() => Promise<void>> {
  const { permissions } = action.caller;
  const found = permissions === "all" || permissions.has("limits:write") ? await limitsOf(services, whose) : new Map();
  return async () => {
    for (const { id } of found.values()) await services.owners.remove("model_limit", id, action);
  };
}

export async function shownModels(services: AdminServices, whose: Whose): Promise<ModelNumbers> {
  const limits = await limitsOf(services, whose);
  const told = [...limits].map(([model, limit]) => [model, shownNumbers(limit)] as const);
  const table = <Value>(value: (numbers: ReturnType<typeof shownNumbers>) => Value | null) =>
    Object.fromEntries(told.flatMap(([model, each]) => (value(each) === null ? [] : [[model, value(each)!]])));
  return {
    model_max_budget: table(({ max_budget, budget_duration }) =>
      max_budget === null ? null : { budget_limit: max_budget, time_period: budget_duration },
    ),
    model_rpm_limit: table((each) => each.rpm_limit),
    model_tpm_limit: table((each) => each.tpm_limit),
  };
}

async function limitsOf({ owners }: AdminServices, { kind, id }: Whose): Promise<ReadonlyMap<string, OwnerView>> {
  const { owners: found } = await owners.list("model_limit", { [kind]: id, limit: pageMax });
  return new Map(found.flatMap((limit) => (limit.metadata[askedFor] ? [[limit.metadata[askedFor], limit]] : [])));
}

function modelsIn(request: ModelNumbers): readonly string[] {
  return [...new Set(names.flatMap((name) => Object.keys(request[name] ?? {})))];
}

/** Null where the field is said without this model: taken away. */
function numbersFor(request: ModelNumbers, model: string) {
  const of = <Value>(table: Readonly<Record<string, Value>> | null | undefined): Value | null | undefined => {
    if (table === undefined) return undefined;
    return table !== null && Object.hasOwn(table, model) ? table[model]! : null;
  };
  const said = of(request.model_max_budget);
  const [rpm, tpm] = [of(request.model_rpm_limit), of(request.model_tpm_limit)];
  return {
    ...(said === undefined ? {} : { max_budget: said?.budget_limit ?? said?.max_budget ?? null }),
    ...(said == null ? {} : { budget_duration: said.time_period ?? said.budget_duration ?? null }),
    ...(rpm === undefined ? {} : { rpm_limit: rpm }),
    ...(tpm === undefined ? {} : { tpm_limit: tpm }),
  };
}

/** A name that stands for several models has no one limit here. */
function matchFor(name: string, current: GenerationData): { readonly provider?: string; readonly model?: string } {
  const targets = modelsOf([name], current);
  if (targets === undefined) return {};
  const slash = (target: string) =>
    current.providers.some((each) => target.startsWith(`${each.name}/`)) ? target.indexOf("/") : -1;
  const models = new Set(targets.map((target) => target.slice(slash(target) + 1)));
  const providers = new Set(targets.map((target) => target.slice(0, Math.max(0, slash(target)))));
  if (models.size !== 1) {
    const message = `"${name}" stands for ${targets.length} models: limit each of ${targets.join(", ")}`;
    throw new GatewayError("invalid_request", message, { param: "model_max_budget" });
  }
  const [[model], [provider]] = [[...models], [...providers]];
  return { model: model!, ...(providers.size === 1 && provider !== "" ? { provider: provider! } : {}) };
}
