/** What a filter of requests can name: the same after `/` on the screen and after `bifrost logs`. */
import type { LogRow } from "../daemon/admin/contract/logs.ts";
import type { Fields } from "./filter.ts";

export const logFields: Fields<LogRow> = {
  id: (row) => row.id,
  status: (row) => row.status,
  error: (row) => row.error,
  key: (row) => `${row.key_name ?? ""} ${row.key ?? ""}`.trim(),
  team: (row) => row.team,
  customer: (row) => row.customer,
  user: (row) => row.user,
  session: (row) => row.session,
  tag: (row) =>
    Object.entries(row.tags ?? {})
      .map(([name, value]) => `${name}=${value}`)
      .join(" "),
  model: (row) => [row.target, row.model].filter((name) => name !== null).join(" "),
  provider: (row) => row.provider,
  credential: (row) => row.credential,
  route: (row) => row.route,
  stream: (row) => (row.stream ? "yes" : "no"),
  flag: (row) => row.flags.join(" "),
  in: (row) => row.tokens_in,
  out: (row) => row.tokens_out,
  /** Dollars. */
  cost: (row) => (row.cost_nano === null ? null : row.cost_nano / 1e9),
  held: (row) => (row.held_nano === null ? null : row.held_nano / 1e9),
  /** Milliseconds. */
  latency: (row) => row.latency_ms,
  ttft: (row) => row.ttft_ms,
  /** Why the answer ended, and which tools it calls. */
  stop: (row) => row.stop,
  tool: (row) => row.tools.join(" "),
  rule: (row) => row.rules.join(" "),
  engine: (row) => row.engine,
  parent: (row) => row.parent,
  trace: (row) => row.trace,
};

const stops = /^(stop|length|tool_calls|content_filter|refusal|pause|error)$/;
const statuses = /^([1-5](\d\d|xx)|success|error)(,([1-5](\d\d|xx)|success|error))*$/;

/**
 * What of a filter the daemon can look for itself: exact numbers alone, since words after `/` match anywhere. Then a
 * rare row is found in the log, and among thousands a second.
 */
export function logQuery(filter: string): Record<string, string | number | readonly string[]> {
  const query: Record<string, string | number | readonly string[]> = {};
  for (const [, name, value] of filter.matchAll(/(?:^|\s)(status|latency|cost|stop|engine):(\S+)/g)) {
    if ((name === "stop" && stops.test(value!)) || (name === "engine" && /^(rule|strategy)$/.test(value!)))
      query[name] = value!;
    if (name === "status" && statuses.test(value!)) query["status"] = value!.includes(",") ? value!.split(",") : value!;
    const least = /^>=?\$?(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(value!);
    if (least === null) continue;
    const [, amount, unit = ""] = least;
    if (name === "latency") query["latency_min_ms"] = Math.floor(Number(amount) * ({ s: 1_000, m: 60_000 }[unit] ?? 1));
    if (name === "cost" && unit === "") query["cost_min_nano"] = Math.floor(Number(amount) * 1e9);
  }
  return query;
}
