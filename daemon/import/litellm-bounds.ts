/**
 * What binds a key or owner of LiteLLM beside models and its first budget → fields of an admin request, and limits by
 * model of its own. Hides where LiteLLM keeps each: a column, or the metadata.
 */
import { operations } from "../../providers/operation.ts";
import type { BudgetRequest } from "../admin/contract/scopes.ts";
import { parseDollars } from "../governance/duration.ts";
import { dollarsOf, isOn, listOf, recordOf, textOf, textsOf } from "./draft.ts";
import type { Models } from "./litellm-models.ts";
import { numbersOf } from "./litellm-numbers.ts";
import { operationsFor } from "./litellm-routes.ts";
import type { Row } from "./table.ts";

type Values = Row["values"];
type Say = Parameters<typeof numbersOf>[2];
type Fields = Readonly<Record<string, unknown>>;

const budgetsMax = 4;
const requiredMax = 16;
const aliasesMax = 64;

/** What LiteLLM's config says of every key. */
export type Defaults = { readonly required?: readonly string[]; readonly routes?: readonly string[] };

/** In a column, or for some in the metadata. */
export function saidIn(values: Values, name: string): unknown {
  return isOn(values[name]) ? values[name] : recordOf(values["metadata"])[name];
}

export function keyBounds(values: Values, { targets, groups }: Models, say: Say, defaults: Defaults): Fields {
  const { asked: own, unknown } = operationsFor(textsOf(values["allowed_routes"]));
  const { asked: all } = operationsFor(defaults.routes ?? []);
  const asked = own === undefined || all === undefined ? (own ?? all) : own.filter((each) => all.includes(each));
  if (unknown.length > 0) say("dropped", `allowed_routes: ${unknown.join(", ")} may not be asked with a key here`);
  if (own !== undefined) say("approximated", "allowed_routes: operations, in any vendor's words");
  const required = [...new Set([...(defaults.required ?? []), ...textsOf(saidIn(values, "enforced_params"))])];
  if (required.length > requiredMax) say("dropped", `enforced_params: all but the first ${requiredMax}`, true);
  const aliases = Object.entries(recordOf(values["aliases"])).filter(([name, model]) => {
    const known = textOf(model);
    if (known !== undefined && (targets.has(known) || groups.has(known))) return true;
    say("dropped", `aliases: "${name}" stands for nothing in the config`);
    return false;
  });
  if (aliases.length > aliasesMax) say("dropped", `aliases: all but the first ${aliasesMax}`);
  return {
    ...(asked === undefined ? {} : { operations: operations.filter((each) => asked.includes(each)) }),
    ...(required.length === 0 ? {} : { required: required.slice(0, requiredMax) }),
    ...(aliases.length === 0 ? {} : { aliases: Object.fromEntries(aliases.slice(0, aliasesMax)) }),
  };
}

/** With `budget_limits` and `soft_budget`. Of two over the same time the smaller binds. */
export function withMoreBudgets(values: Values, numbers: Fields, nowMs: number, say: Say): Fields {
  const budgets = [...((numbers["budgets"] ?? []) as readonly BudgetRequest[])];
  const [first] = budgets;
  for (const each of listOf(values["budget_limits"]).map(recordOf)) {
    const { max_budget, budget_duration } = each;
    const [more] = (numbersOf({ max_budget, budget_duration }, nowMs, say)["budgets"] ?? []) as BudgetRequest[];
    if (more === undefined) continue;
    const same = budgets.findIndex(({ window }) => JSON.stringify(window) === JSON.stringify(more.window));
    if (same === -1) budgets.push(more);
    else if (budgets[same]!.limit_nano > more.limit_nano) budgets[same] = more;
  }
  const soft = dollarsOf(values["soft_budget"]);
  if (soft !== undefined && isOn(values["soft_budget"])) {
    budgets.push({ limit_nano: parseDollars(soft), window: first?.window ?? { kind: "forever" }, shadow: true });
    say("kept", "soft_budget: a budget on trial, which refuses nothing");
  }
  if (budgets.length > budgetsMax) say("dropped", `more than ${budgetsMax} budgets: the first ones are kept`, true);
  return budgets.length === 0 ? numbers : { ...numbers, budgets: budgets.slice(0, budgetsMax) };
}

/** A limit for each model that has a number of its own. */
export function modelLimits(
  values: Values,
  whose: Readonly<{ kind: "key" | "team" | "user"; name: string }>,
  { targets, groups }: Models,
  nowMs: number,
  say: Say,
): readonly Fields[] {
  const budgets = recordOf(saidIn(values, "model_max_budget"));
  const [rpm, tpm] = [recordOf(saidIn(values, "model_rpm_limit")), recordOf(saidIn(values, "model_tpm_limit"))];
  const names = [...new Set([budgets, rpm, tpm].flatMap((table) => Object.keys(table)))];
  return names.flatMap((name): Fields[] => {
    const found = targets.get(name) ?? groups.get(name)?.flatMap((member) => targets.get(member) ?? []) ?? [];
    const match = matchOf(found);
    if (found.length === 0) say("dropped", `limits of the model "${name}", which is not in the config`);
    else if (match === undefined)
      say("dropped", `limits of "${name}", which stands for several models: write one for each`, true);
    if (match === undefined) return [];
    const budget = recordOf(budgets[name]);
    const numbers = numbersOf(
      {
        max_budget:
          budget["budget_limit"] ?? budget["max_budget"] ?? (isOn(budgets[name]) ? textOf(budgets[name]) : undefined),
        budget_duration: budget["time_period"] ?? budget["budget_duration"],
        rpm_limit: rpm[name],
        tpm_limit: tpm[name],
      },
      nowMs,
      say,
    );
    if (Object.keys(numbers).length === 0) return [];
    say("kept", `limits of the model "${name}"`);
    return [
      {
        name: `${name.slice(0, 60)} for ${whose.kind} ${whose.name}`.slice(0, 128),
        ...match,
        [whose.kind]: whose.name,
        ...numbers,
      },
    ];
  });
}

/**
 * Undefined: of several models, which have no one limit here. By its full name, since the provider may not be in the
 * config that runs while this is taken over.
 */
function matchOf(targets: readonly string[]): { readonly model: string } | undefined {
  const models = new Set(targets.map((target) => target.slice(target.indexOf("/") + 1)));
  const [model] = models;
  if (models.size !== 1) return undefined;
  return { model: targets.length === 1 ? targets[0]! : model! };
}
