/** Budgets, limits and spend of a row of LiteLLM's → fields of an admin request. Hides when a spend no longer counts. */
import type { WireWindow } from "../admin/contract/scopes.ts";
import { parseDollars, parseDuration } from "../governance/duration.ts";
import { dollarsOf, isOn, numberOf, textOf, wholeOf } from "./draft.ts";
import { periodOf } from "./litellm-budget.ts";

type Values = Readonly<Record<string, unknown>>;
export type LitellmOwner = { readonly team?: string; readonly user?: string; readonly customer?: string };

const minuteMs = 60_000;
const units = { d: "day", w: "week", M: "month" } as const;

export function numbersOf(
  values: Values,
  nowMs: number,
  say: (outcome: "kept" | "approximated" | "dropped", message: string, security?: boolean) => void,
): Readonly<Record<string, unknown>> {
  const limits = (["rpm_limit", "tpm_limit"] as const).flatMap((key) => {
    const limit = wholeOf(values[key]);
    return limit === undefined
      ? []
      : [{ metric: key === "rpm_limit" ? "requests" : "tokens", limit, window_ms: minuteMs }];
  });
  const parallel = wholeOf(values["max_parallel_requests"]);
  return {
    ...budgetOf(values, nowMs, say),
    ...(limits.length === 0 ? {} : { limits }),
    ...(parallel === undefined ? {} : { concurrency_max: Math.min(parallel, 1_000_000) }),
  };
}

function budgetOf(
  values: Values,
  nowMs: number,
  say: Parameters<typeof numbersOf>[2],
): Readonly<Record<string, unknown>> {
  const { max_budget: most, budget_duration: duration } = values;
  if (numberOf(most) === undefined) {
    if (isOn(most)) say("dropped", "its budget is no amount", true);
    return {};
  }
  const window = windowOf(duration);
  if (window === undefined) {
    // A total is no less strict than any period would be.
    say("approximated", `its budget's period "${textOf(duration)}" cannot be read: a total here`);
  } else if (window.kind === "rolling") say("approximated", "its budget's period begins now");
  try {
    const resetsAt = textOf(values["budget_reset_at"]);
    const isOver = resetsAt !== undefined && timeOf(resetsAt) <= nowMs;
    const spent = isOver || !isOn(values["spend"]) ? 0 : parseDollars(dollarsOf(values["spend"]) ?? "0");
    return {
      budgets: [{ limit_nano: parseDollars(dollarsOf(most)!), window: window ?? { kind: "forever" } }],
      ...(spent === 0 ? {} : { spent_nano: spent }),
    };
  } catch (error) {
    say("dropped", `its budget cannot be kept: ${(error as Error).message}`, true);
    return {};
  }
}

function windowOf(duration: unknown): WireWindow | undefined {
  if (!isOn(duration)) return { kind: "forever" };
  const period = periodOf(duration);
  if (period === undefined) return undefined;
  if (!period.calendar) return { kind: "rolling", length_ms: parseDuration(period.text) };
  const unit = units[period.text.at(-1) as keyof typeof units];
  return { kind: "calendar", unit, count: Number.parseInt(period.text, 10), zone: "UTC" };
}

/** PostgreSQL leaves the zone out where it is UTC. */
export function timeOf(text: string): number {
  const iso = text.trim().replace(" ", "T");
  return Date.parse(/(Z|[+-]\d{2}(:?\d{2})?)$/.test(iso) ? iso.replace(/([+-]\d{2})$/, "$1:00") : `${iso}Z`);
}
