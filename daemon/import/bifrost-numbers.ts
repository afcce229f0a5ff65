/** Bifrost-Go's budgets and rate limits → ours. Hides that they are written in place, or are rows that are named by their ids. */
import type { Path } from "../config/problems.ts";
import { parseBudget, parseDuration } from "../governance/duration.ts";
import { dollarsOf, isOn, listOf, recordOf, textOf, textsOf, wholeOf } from "./draft.ts";
import type { Report } from "./report.ts";

export type Values = Readonly<Record<string, unknown>>;
export type Item = { readonly values: Values; readonly path: Path; readonly name: string };
/** Rows by id. */
export type Index = {
  readonly budgets: ReadonlyMap<string, Values>;
  readonly limits: ReadonlyMap<string, Values>;
};

const dayMs = 86_400_000;

export function numbersOf({ values, path }: Item, index: Index, report: Report): Values {
  const aligned = values["calendar_aligned"] === true;
  const rows = (list: unknown, ids: unknown, id: unknown, table: ReadonlyMap<string, Values>): readonly Values[] => [
    ...listOf(list).map(recordOf),
    ...[...textsOf(ids), ...textsOf(id)].flatMap((each) => {
      const row = table.get(each);
      if (row === undefined) report.unprotected(path, `"${each}" is no budget or limit of this file`);
      return row === undefined ? [] : [row];
    }),
  ];
  const budgets = rows(values["budgets"], values["budget_ids"], values["budget_id"], index.budgets).flatMap((row) =>
    budgetOf(row, aligned, path, report),
  );
  if (budgets.length > 4) report.unprotected(path, "has more than 4 budgets: the first 4 are kept");
  const limits = rows(
    [...listOf(values["rate_limits"]), ...(isOn(values["rate_limit"]) ? [values["rate_limit"]] : [])],
    values["rate_limit_ids"],
    values["rate_limit_id"],
    index.limits,
  );
  const counts = limits.flatMap((row) => limitsOf(row, path, report));
  if (counts.length > 8) report.unprotected(path, "has more than 8 limits: the first 8 are kept");
  return {
    ...(budgets.length === 0 ? {} : { budgets: budgets.slice(0, 4) }),
    ...(counts.length === 0 ? {} : { limits: counts.slice(0, 8) }),
  };
}

function budgetOf(row: Values, aligned: boolean, path: Path, report: Report): readonly unknown[] {
  const dollars = dollarsOf(row["max_limit"]);
  const period = textOf(row["reset_duration"]);
  const text = period === undefined ? dollars : `${dollars}/${period}`;
  try {
    if (text === undefined || dollars === undefined) throw new RangeError("is no amount");
    const { window } = parseBudget(text);
    const calendar =
      (aligned || row["calendar_aligned"] === true) && window.kind === "rolling" && window.lengthMs >= dayMs;
    const month = wholeOf(recordOf(row["reset_config"])["quarter_start_month"]);
    if (isOn(row["current_usage"]))
      report.approximated(path, "what was spent so far is not carried over: the budget begins whole");
    return [calendar ? { budget: text, calendar: true, ...(month ? { start_month: month } : {}) } : text];
  } catch (error) {
    report.unprotected(path, `a budget that cannot be kept: ${(error as Error).message}`);
    return [];
  }
}

function limitsOf(row: Values, path: Path, report: Report): readonly unknown[] {
  const metric = textOf(row["metric"]);
  const pairs: readonly (readonly [string, unknown, unknown])[] =
    metric === undefined
      ? [
          ["tokens", row["token_max_limit"], row["token_reset_duration"]],
          ["requests", row["request_max_limit"], row["request_reset_duration"]],
        ]
      : [[metric, row["max_limit"], row["reset_duration"]]];
  return pairs.flatMap(([name, limit, every]) => {
    const count = wholeOf(limit);
    if (count === undefined) return [];
    try {
      const lengthMs = parseDuration(textOf(every) ?? "1m");
      if (lengthMs < 1_000 || lengthMs > 366 * dayMs) throw new RangeError("a limit's period is 1s to 366d");
      return [{ [name === "tokens" ? "tokens" : "requests"]: count, every: `${lengthMs / 1_000}s` }];
    } catch (error) {
      report.unprotected(path, `a rate limit that cannot be kept: ${(error as Error).message}`);
      return [];
    }
  });
}
