/** `/budget/*`: LiteLLM's budgets that keys, teams, users and customers are given by id. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import type { BudgetTemplate } from "../admin-services.ts";
import type { OwnerView } from "../contract/owners.ts";
import { asks, changes, type Route, reads } from "../route.ts";
import { amount, body, type Common, createFields, shownNumbers, texts, timeOf, word } from "./fields.ts";
import { type Query, query } from "./query.ts";
import { followTemplate, templateFields } from "./template.ts";

type Body = Common & { readonly budget_id?: string | null };

const listMax = 1_000;
const fields = {
  budget_id: word,
  max_budget: amount,
  budget_duration: word,
  tpm_limit: amount,
  rpm_limit: amount,
  max_parallel_requests: amount,
};
const write = body<typeof fields, Body>(fields);
const several = body<{ budgets: typeof texts }, { readonly budgets?: readonly string[] | null }>({ budgets: texts });
const one = body<{ id: z.ZodString }, { readonly id: string }>({ id: z.string().min(1).max(200) });
const settings = query("budget_id");

export function budgetRoutes(current: () => GenerationData): readonly Route[] {
  return [
    changes<Body>({
      method: "POST",
      path: "/budget/new",
      permission: "limits:write",
      action: "budget.create",
      summary: "LiteLLM's /budget/new",
      body: write,
      async run({ templates }, { body: request, action }) {
        const made = numbersOf(request, {}, current());
        return shown(await templates.create(request.budget_id || randomUUID(), made, action));
      },
    }),
    changes<Body>({
      method: "POST",
      path: "/budget/update",
      permission: "limits:write",
      action: "budget.update",
      summary: "LiteLLM's /budget/update",
      body: write,
      async run(services, { body: request, action }) {
        const { budget_id: id } = request;
        if (!id) throw new GatewayError("invalid_request", '"budget_id": which one?', { param: "budget_id" });
        const before = await services.templates.show(id);
        const after = numbersOf(request, before.fields, current());
        await followTemplate(services, before, after, action, current());
        return shown(await services.templates.update(id, after, action));
      },
    }),
    asks<{ readonly budgets?: readonly string[] | null }>({
      method: "POST",
      path: "/budget/info",
      permission: "limits:read",
      summary: "LiteLLM's /budget/info",
      body: several,
      async run({ templates }, { body: { budgets } }) {
        const wanted = new Set(budgets ?? []);
        if (wanted.size === 0) throw new GatewayError("invalid_request", '"budgets": which?', { param: "budgets" });
        return (await templates.list()).filter(({ id }) => wanted.has(id)).map(shown);
      },
    }),
    reads({
      method: "GET",
      path: "/budget/list",
      permission: "limits:read",
      summary: "LiteLLM's /budget/list",
      run: async ({ templates }) => (await templates.list()).map(shown),
    }),
    reads<Query>({
      method: "GET",
      path: "/budget/settings",
      permission: "limits:read",
      summary: "LiteLLM's /budget/settings",
      query: settings,
      async run({ templates }, { query: { budget_id: id } }) {
        if (id === undefined)
          throw new GatewayError("invalid_request", '"budget_id": which one?', { param: "budget_id" });
        const { fields: known } = await templates.show(id);
        return templateFields.map((name) => ({
          field_name: name,
          field_type: name === "budget_duration" ? "String" : name === "max_budget" ? "Float" : "Integer",
          field_value: known[name] ?? null,
          stored_in_db: true,
        }));
      },
    }),
    reads({
      method: "GET",
      path: "/provider/budgets",
      permission: "limits:read",
      summary: "LiteLLM's /provider/budgets",
      run: async ({ owners }) => providerBudgets((await owners.list("provider_limit", { limit: listMax })).owners),
    }),
    changes<{ readonly id: string }>({
      method: "POST",
      path: "/budget/delete",
      permission: "limits:write",
      action: "budget.delete",
      summary: "LiteLLM's /budget/delete",
      body: one,
      run: async ({ templates }, { body: { id }, action }) => shown(await templates.remove(id, action)),
    }),
  ];
}

/** By the name of the provider; of several limits for one the first that has a budget. */
function providerBudgets(limits: readonly OwnerView[]) {
  const providers: Record<string, object> = {};
  for (const limit of limits) {
    const name = limit.match?.provider ?? limit.name;
    const { max_budget, budget_duration, spend, budget_reset_at } = shownNumbers(limit);
    if (max_budget !== null)
      providers[name] ??= { budget_limit: max_budget, time_period: budget_duration, spend, budget_reset_at };
  }
  return { providers };
}

/** Null takes a number away, as it does there. What could not be given to a key is refused now, not when one gets it. */
function numbersOf(
  request: Common,
  before: Common,
  current: GenerationData,
): Common & Readonly<Record<string, unknown>> {
  const numbers = templateFields.flatMap((name) => {
    const value = request[name] === undefined ? before[name] : request[name];
    return value == null ? [] : [[name, value] as const];
  });
  const merged = Object.fromEntries(numbers) as Common;
  if (merged.budget_duration != null && merged.max_budget == null)
    throw new GatewayError("invalid_request", "a period needs a budget", { param: "max_budget" });
  createFields(merged, current);
  return merged as Common & Readonly<Record<string, unknown>>;
}

function shown({ id, fields: known, ...about }: BudgetTemplate) {
  return {
    budget_id: id,
    ...Object.fromEntries(templateFields.map((name) => [name, known[name] ?? null])),
    soft_budget: null,
    created_at: timeOf(about.created_at_ms),
    created_by: about.created_by,
    updated_at: timeOf(about.updated_at_ms),
    updated_by: about.updated_by,
  };
}
