/** Fields that LiteLLM's keys, teams, users and customers have in common → ours, and back. Hides units and windows. */
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import { parseDuration } from "../../governance/duration.ts";
import { isOn } from "../../import/draft.ts";
import { numbersOf } from "../../import/litellm-numbers.ts";
import type {
  BudgetRequest,
  BudgetView,
  LimitChange,
  LimitRequest,
  LimitView,
  WireWindow,
} from "../contract/scopes.ts";
import { hintFor } from "./hints.ts";

const nanoPerDollar = 1e9;
const minuteMs = 60_000;
const text = z.string().max(512).nullable().optional();
export const amount = z.number().min(0).nullable().optional();
export const texts = z.array(z.string().max(512)).max(1_000).nullable().optional();
export const word = text;

export const commonFields = {
  models: texts,
  max_budget: amount,
  soft_budget: amount,
  budget_duration: text,
  tpm_limit: amount,
  rpm_limit: amount,
  max_parallel_requests: amount,
  metadata: z.record(z.string(), z.unknown()).nullable().optional(),
  blocked: z.boolean().nullable().optional(),
  budget_id: text,
  budget_limits: z
    .array(z.looseObject({ max_budget: z.number().min(0), budget_duration: text }))
    .max(16)
    .nullable()
    .optional(),
};

/** Null and empty say nothing there either; what says something and is not known here is refused, not forgotten. */
export function body<Shape extends z.ZodRawShape, Body>(shape: Shape): z.ZodType<Body> {
  const schema = z.looseObject(shape).superRefine((value, context) => {
    for (const [key, said] of Object.entries(value))
      if (!Object.hasOwn(shape, key) && isOn(said))
        context.addIssue({ code: "custom", path: [key], message: hintFor(key) ?? "is not known here" });
  });
  return schema as unknown as z.ZodType<Body>;
}

export type Common = {
  readonly models?: readonly string[] | null | undefined;
  readonly max_budget?: number | null | undefined;
  /** Only told of, never enforced. */
  readonly soft_budget?: number | null | undefined;
  readonly budget_duration?: string | null | undefined;
  readonly tpm_limit?: number | null | undefined;
  readonly rpm_limit?: number | null | undefined;
  readonly max_parallel_requests?: number | null | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | null | undefined;
  readonly blocked?: boolean | null | undefined;
  readonly budget_id?: string | null | undefined;
  /** Several at once. */
  readonly budget_limits?: readonly WindowBudget[] | null | undefined;
};
type WindowBudget = { readonly max_budget: number; readonly budget_duration?: string | null };

type NewFields = {
  readonly budgets?: readonly BudgetRequest[];
  readonly limits?: readonly LimitRequest[];
  readonly concurrency_max?: number;
  readonly models?: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
};

/** For something new. */
export function createFields(request: Common, current: GenerationData): NewFields {
  const numbers = numbersOf(request, 0, (outcome, message) => {
    if (outcome !== "approximated" || /cannot be read/.test(message))
      throw new GatewayError("invalid_request", message, { param: "max_budget" });
  }) as Pick<NewFields, "budgets" | "limits" | "concurrency_max">;
  const models = modelsOf(request.models, current);
  const more = [
    ...windowsOf(request, current),
    ...softBudget(request, undefined, numbers.budgets?.[0]?.window, current),
  ];
  return {
    ...numbers,
    ...(more.length === 0 ? {} : { budgets: [...(numbers.budgets ?? []), ...more] }),
    ...(models === undefined ? {} : { models }),
    ...(request.metadata ? { metadata: newTextsOf(request.metadata) } : {}),
  };
}

/** For what is there: only what is said changes. */
export function updateFields(request: Common, budgets: readonly BudgetView[], current: GenerationData) {
  const limits = (["rpm_limit", "tpm_limit"] as const).flatMap((key): LimitChange[] => {
    const limit = request[key];
    if (limit === undefined) return [];
    return [{ metric: key === "rpm_limit" ? "requests" : "tokens", limit, window_ms: minuteMs }];
  });
  const { max_parallel_requests: parallel } = request;
  return {
    ...budgetChange(request, budgets, current),
    ...(limits.length === 0 ? {} : { limits }),
    ...(parallel === undefined ? {} : { concurrency_max: parallel }),
    ...(request.metadata ? { metadata: textsOf(request.metadata) } : {}),
    ...(request.blocked == null ? {} : { disabled: request.blocked }),
  };
}

/** `budget_limits`: further budgets. */
function windowsOf({ budget_limits: limits }: Common, current: GenerationData): readonly BudgetRequest[] {
  return (limits ?? []).flatMap(({ max_budget, budget_duration = null }) => {
    return createFields({ max_budget, budget_duration }, current).budgets ?? [];
  });
}

/**
 * The first budget is the one that LiteLLM's words are about, and the first that is on trial is its soft one; others
 * stay, but those whose window is said anew.
 */
function budgetChange(request: Common, views: readonly BudgetView[], current: GenerationData) {
  const more = windowsOf(request, current);
  const { max_budget: most, budget_duration: period, soft_budget: soft } = request;
  if (most === undefined && period === undefined && soft === undefined && more.length === 0) return {};
  const own = views.filter(({ wallet }) => !wallet);
  const [first, ...others] = own.filter(({ shadow }) => !shadow);
  const [oldSoft, ...trials] = own.filter(({ shadow }) => shadow);
  const said = [...firstBudget(request, first, current), ...more];
  const isSaid = ({ window }: BudgetView) => said.some((each) => isDeepStrictEqual(each.window, window));
  const kept = [...others.filter((each) => !isSaid(each)), ...trials].map(bare);
  return { budgets: [...said, ...softBudget(request, oldSoft, said[0]?.window, current), ...kept] };
}

function bare({ limit_nano, window, shadow }: BudgetView): BudgetRequest {
  return { limit_nano, window, shadow };
}

/** Over the same time as the budget that is in force, unless there is none. */
function softBudget(
  { soft_budget: soft, budget_duration: period }: Common,
  old: BudgetView | undefined,
  window: WireWindow | undefined,
  current: GenerationData,
): readonly BudgetRequest[] {
  if (soft === null) return [];
  if (soft === undefined) return old === undefined ? [] : [{ ...bare(old), window: window ?? old.window }];
  const [made] = createFields({ max_budget: soft, budget_duration: period ?? null }, current).budgets ?? [];
  if (made === undefined) return [];
  const said = period == null ? (window ?? old?.window ?? made.window) : made.window;
  return [{ limit_nano: made.limit_nano, window: said, shadow: true }];
}

function firstBudget(request: Common, old: BudgetView | undefined, current: GenerationData): readonly BudgetRequest[] {
  if (request.max_budget === null) return [];
  if (request.max_budget === undefined && request.budget_duration === undefined)
    return old === undefined ? [] : [{ limit_nano: old.limit_nano, window: old.window, shadow: old.shadow }];
  const most = request.max_budget ?? (old === undefined ? undefined : old.limit_nano / nanoPerDollar);
  if (most === undefined) throw new GatewayError("invalid_request", "a period needs a budget", { param: "max_budget" });
  if (request.budget_duration === undefined && old !== undefined)
    return [{ limit_nano: Math.round(most * nanoPerDollar), window: old.window, shadow: old.shadow }];
  return createFields({ max_budget: most, budget_duration: request.budget_duration }, current).budgets ?? [];
}

/** How LiteLLM shows what is spent and allowed. */
export function shownNumbers(view: {
  readonly budgets: readonly BudgetView[];
  readonly limits: readonly LimitView[];
  readonly concurrency_max: number | null;
}) {
  const budget = view.budgets.find(({ wallet, shadow }) => !wallet && !shadow);
  const soft = view.budgets.find(({ wallet, shadow }) => !wallet && shadow);
  const limit = (metric: string) =>
    view.limits.find((each) => each.metric === metric && each.window_ms === minuteMs)?.limit ?? null;
  return {
    // What nothing limits is summed in the log alone: /spend/keys.
    spend: budget?.spent_nano == null ? null : budget.spent_nano / nanoPerDollar,
    max_budget: budget === undefined ? null : budget.limit_nano / nanoPerDollar,
    soft_budget: soft === undefined ? null : soft.limit_nano / nanoPerDollar,
    budget_duration: budget === undefined ? null : durationOf(budget.window),
    budget_reset_at: timeOf(budget?.resets_at_ms),
    tpm_limit: limit("tokens"),
    rpm_limit: limit("requests"),
    max_parallel_requests: view.concurrency_max,
  };
}

export function timeOf(ms: number | null | undefined): string | null {
  return ms == null ? null : new Date(ms).toISOString();
}

function durationOf(window: WireWindow): string | null {
  if (window.kind === "forever") return null;
  if (window.kind === "rolling") return `${window.length_ms / 1_000}s`;
  const words = { minute: "m", hour: "h", day: "d", month: "mo" } as const;
  if (window.unit === "week") return `${7 * window.count}d`;
  if (window.unit === "quarter") return `${3 * window.count}mo`;
  if (window.unit === "year") return `${12 * window.count}mo`;
  return `${window.count}${words[window.unit]}`;
}

/** LiteLLM allows names that are asked for; here it is what they stand for. Undefined: all. */
export function modelsOf(
  names: readonly string[] | null | undefined,
  { aliases, routing }: GenerationData,
): readonly string[] | undefined {
  if (names == null || names.length === 0 || names.some((name) => /^(\*|all-(proxy|team)-models)$/.test(name)))
    return undefined;
  if (names.includes("no-default-models")) return [];
  const resolve = (name: string, depth: number): readonly string[] => {
    const group = Object.hasOwn(routing.groups, name) ? routing.groups[name] : undefined;
    if (group !== undefined && depth < 8) return group.targets.flatMap(({ target }) => resolve(target, depth + 1));
    const alias = Object.hasOwn(aliases, name) ? aliases[name] : undefined;
    return alias === undefined || depth >= 8 ? [name] : resolve(alias, depth + 1);
  };
  return [...new Set(names.flatMap((name) => resolve(name, 0)))];
}

export function expiresIn(duration: string | null | undefined): number | undefined {
  if (duration == null || duration === "") return undefined;
  try {
    return parseDuration(duration.replace(/mo$/, "M"));
  } catch (error) {
    throw new GatewayError("invalid_request", `"duration": ${(error as Error).message}`, { param: "duration" });
  }
}

/** Ours holds texts. Null takes one away. */
function textsOf(metadata: Readonly<Record<string, unknown>>): Record<string, string | null> {
  const text = (value: unknown) => (value === null || typeof value === "string" ? value : JSON.stringify(value));
  return Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, text(value)]));
}

function newTextsOf(metadata: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(textsOf(metadata)).flatMap(([key, value]) => (value === null ? [] : [[key, value]])),
  );
}
