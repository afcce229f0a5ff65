/**
 * The requests that took longest, cost most or used most tokens. Hides that there is no index for it: what there is time
 * for is looked through, newest first, and the answer says how far it got.
 */
import type { Database } from "./database.ts";
import { type LogFilter, whereAnd } from "./log-filter.ts";
import { type LogPage, logPageMax, type RequestRow } from "./request-log.ts";
import { strides } from "./strides.ts";

export type LogSort = { readonly by: "latency" | "tokens" | "cost"; readonly order: "desc" | "asc" };

/** A row that has nothing to sort by is in no such page. */
const expressions: Readonly<Record<LogSort["by"], string>> = {
  latency: "latency_ms",
  tokens: "ifnull(tokens_in, 0) + ifnull(tokens_out, 0)",
  cost: "cost_nano",
};

/** `before` of the answer: nobody has looked below this row; what is found there belongs between these. */
export function readSorted(
  database: Database,
  filter: LogFilter,
  limit: number,
  { by, order }: LogSort,
  before?: number,
  budgetMs?: number,
): LogPage {
  const most = Math.min(limit, logPageMax);
  const sign = order === "desc" ? 1 : -1;
  const { sql, values } = whereAnd(filter);
  const statement = database.prepare(
    `SELECT *, ${expressions[by]} AS sorted_by FROM requests WHERE row >= ? AND row < ? AND ${sign} * sorted_by > ?${sql} ORDER BY sorted_by ${order}, row DESC LIMIT ${most}`,
  );
  let rows: (RequestRow & { readonly sorted_by: number })[] = [];
  let bound = Number.NEGATIVE_INFINITY;
  const left = strides(
    database,
    filter,
    before,
    (low, high) => {
      const found = statement.all(low, high, bound, ...values) as typeof rows;
      if (found.length > 0)
        rows = [...rows, ...found].toSorted((a, b) => sign * (b.sorted_by - a.sorted_by)).slice(0, most);
      if (rows.length === most) bound = sign * rows.at(-1)!.sorted_by;
      return low;
    },
    budgetMs,
  );
  const page = { rows: rows.map(({ sorted_by: _sorted, ...row }) => row as RequestRow) };
  if (left === undefined) return page;
  const at = database.prepare("SELECT at FROM requests WHERE row >= ? ORDER BY row LIMIT 1").pluck().get(left);
  return { ...page, before: left, ...(typeof at === "number" ? { lookedUntilMs: at } : {}) };
}
