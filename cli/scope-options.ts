/** The options by which keys, owners and limits are limited: the same words everywhere. Hides how they become a request. */
import { type Command, InvalidArgumentError } from "commander";
import type { BudgetRequest, LimitChange } from "../daemon/admin/contract/scopes.ts";
import { CliFailure, exitCodes } from "./failure.ts";
import { collectBudget, parseBudget, parseCount, parseDuration, type TypedBudget, toBudgetRequest } from "./parse.ts";

/** An option that was not given is absent; one given as `--no-…` is false. */
export type ScopeOptions = {
  readonly budget?: readonly TypedBudget[] | false;
  readonly calendar?: boolean;
  readonly zone?: string;
  readonly rpm?: number | false;
  readonly tpm?: number | false;
  readonly limit?: readonly LimitChange[];
  readonly shadow?: boolean;
  readonly concurrency?: number | false;
};

export type AboutOptions = {
  readonly description?: string;
  readonly metadata?: Readonly<Record<string, string | null>>;
};

const minuteMs = 60_000;

export function scopeOptions(command: Command): Command {
  return command
    .option("--budget <dollars/window>", "10/1d: $10 a day; 10: $10 in all; 0: nothing; may be repeated", collectBudget)
    .option("--calendar", "Budget windows begin with the hour, day, week, month of --zone")
    .option("--zone <zone>", "Time zone of --calendar, such as Europe/Berlin (default: this machine's)")
    .option("--rpm <count>", "Requests a minute", parseCount)
    .option("--tpm <count>", "Tokens a minute", parseCount)
    .option(
      "--limit <metric:count/window>",
      "requests:1000/1h, tokens:5000000/1d, spend:20/1h; none for the count takes it away; may be repeated",
      collectLimit,
    )
    .option("--shadow", "Only count what these budgets and limits would have refused")
    .option("--concurrency <count>", "Requests in flight at once", parseCount);
}

/** What an update may take away. */
export function removalOptions(command: Command): Command {
  return command
    .option("--no-budget", "No budget at all")
    .option("--no-rpm", "No limit on requests a minute")
    .option("--no-tpm", "No limit on tokens a minute")
    .option("--no-concurrency", "No limit on requests in flight");
}

export function aboutOptions(command: Command): Command {
  return command
    .option("--description <text>", "What people should know of it")
    .option("--metadata <name=text>", "Of your own; name= takes a name away; may be repeated", collectMetadata);
}

export function budgetsOf(budgets: readonly TypedBudget[], { calendar, zone, shadow }: ScopeOptions): BudgetRequest[] {
  if (zone !== undefined && !calendar) throw new CliFailure("--zone needs --calendar", exitCodes.usage);
  const calendarZone = calendar ? (zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone) : undefined;
  return budgets.map((budget) => ({ ...toBudgetRequest(budget, calendarZone), ...(shadow ? { shadow } : {}) }));
}

export function limitsOf({ rpm, tpm, limit = [], shadow }: ScopeOptions): LimitChange[] {
  const limits: LimitChange[] = [];
  if (rpm !== undefined) limits.push({ metric: "requests", limit: rpm === false ? null : rpm, window_ms: minuteMs });
  if (tpm !== undefined) limits.push({ metric: "tokens", limit: tpm === false ? null : tpm, window_ms: minuteMs });
  return [...limits, ...limit].map((each) => ({ ...each, ...(shadow ? { shadow } : {}) }));
}

/** Budgets, limits and places as an update has them; absent where nothing was said. */
export function scopeChange(options: ScopeOptions) {
  if (options.calendar && !options.budget) throw new CliFailure("--calendar needs --budget", exitCodes.usage);
  const { budget, concurrency } = options;
  const limits = limitsOf(options);
  return {
    ...(budget === undefined ? {} : { budgets: budget === false ? [] : budgetsOf(budget, options) }),
    ...(limits.length === 0 ? {} : { limits }),
    ...(concurrency === undefined ? {} : { concurrency_max: concurrency === false ? null : concurrency }),
  };
}

function collectLimit(text: string, before: readonly LimitChange[] = []): readonly LimitChange[] {
  const [, metric, amount, window] = /^(requests|tokens|spend):([^/]+)\/(.+)$/.exec(text) ?? [];
  if (metric === undefined || amount === undefined || window === undefined)
    throw new InvalidArgumentError("Expected metric:count/window, such as requests:1000/1h or spend:20/1d.");
  const limit = amount === "none" ? null : metric === "spend" ? parseBudget(amount).limitNano : parseCount(amount);
  return [...before, { metric: metric as LimitChange["metric"], limit, window_ms: parseDuration(window) }];
}

function collectMetadata(text: string, before: AboutOptions["metadata"] = {}): AboutOptions["metadata"] {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Expected name=text.");
  const value = text.slice(at + 1);
  return { ...before, [text.slice(0, at)]: value === "" ? null : value };
}
