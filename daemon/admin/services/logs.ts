/** The request log as the admin API tells it: rows of `traffic.db` with the names of keys and flags for people. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { LogFilter, RequestRow } from "../../store/request-log.ts";
import { requestFlag, settlementFlag } from "../../store/rows.ts";
import type { AdminServices } from "../admin-services.ts";
import type { AttemptView, LogFlag, LogQuery, LogRow, LogsAnswer } from "../contract/logs.ts";
import type { StoreAccess } from "./store-access.ts";

const pageDefault = 50;
const flagNames: readonly (readonly [number, LogFlag])[] = [
  [settlementFlag.estimated, "estimated"],
  [settlementFlag.unpriced, "unpriced"],
  [settlementFlag.recovered, "recovered"],
  [settlementFlag.unheld, "unheld"],
  [requestFlag.truncated, "truncated"],
  [requestFlag.fallback, "fallback"],
];

export function createLogService(access: StoreAccess): AdminServices["logs"] {
  const keyOf = (id: number): { public_id: string; name: string } | undefined =>
    access.database().prepare("SELECT public_id, name FROM keys WHERE id = ?").get(id) as
      | { public_id: string; name: string }
      | undefined;

  function view(row: RequestRow): LogRow {
    const key = row.key_id ? keyOf(row.key_id as number) : undefined;
    const flags = row.flags as number;
    const { row: _number, key_id: _key, attempts: _attempts, ...rest } = row;
    return {
      ...(rest as unknown as LogRow),
      key: key?.public_id ?? null,
      key_name: key?.name ?? null,
      stream: row.stream === 1,
      flags: flagNames.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name),
    };
  }

  async function list(query: LogQuery): Promise<LogsAnswer> {
    const filter = readFilter(query);
    const limit = query.limit ?? pageDefault;
    if (query.after !== undefined) {
      const { rows, last } = await access.query({ kind: "log_tail", filter, limit, after: cursor(query.after) });
      return { rows: rows.map(view), older: null, tail: String(last) };
    }
    const before = query.before === undefined ? undefined : cursor(query.before);
    const page = await access.query({ kind: "log_page", filter, limit, before });
    const tail = await access.query({ kind: "log_tail", filter, limit: 1 });
    return {
      rows: page.rows.map(view),
      older: page.before === undefined ? null : String(page.before),
      tail: String(page.rows[0]?.row ?? tail.last),
    };
  }

  function readFilter(query: LogQuery): LogFilter {
    return {
      keyId: query.key === undefined ? undefined : findKeyId(query.key),
      model: query.model,
      provider: query.provider,
      ...statusRange(query.status),
      error: query.error === "any" ? "*" : query.error,
      sinceMs: query.since_ms,
      untilMs: query.until_ms,
    };
  }

  function findKeyId(key: string): number {
    const column = key.startsWith("key_") ? "public_id" : "name";
    const id = access.database().prepare(`SELECT id FROM keys WHERE ${column} = ? ORDER BY id DESC`).pluck().get(key);
    if (typeof id !== "number") throw new GatewayError("not_found", `there is no key "${key}"`, { param: "key" });
    return id;
  }

  return {
    list,
    async explain(requestId) {
      const row = await access.query({ kind: "request", id: requestId });
      if (row === undefined)
        throw new GatewayError("not_found", `there is no request "${requestId}" in the log`, { param: "id" });
      const request = view(row);
      return { request, attempts: readAttempts(row, request) };
    },
  };
}

type StoredAttempt = {
  target: string;
  reason: string;
  error?: string;
  status?: number;
  costNano?: number;
  ms?: number;
};

function readAttempts(row: RequestRow, request: LogRow): readonly AttemptView[] {
  const stored = typeof row.attempts === "string" ? (JSON.parse(row.attempts) as StoredAttempt[]) : undefined;
  if (stored === undefined) {
    if (request.target === null) return [];
    return [
      {
        target: request.target,
        credential: request.credential,
        outcome: request.error ?? "ok",
        reason: "requested",
        status: request.status,
        latency_ms: request.upstream_ms,
        cost_nano: request.cost_nano,
      },
    ];
  }
  return stored.map((attempt) => ({
    target: attempt.target,
    credential: null,
    outcome: attempt.error ?? "ok",
    reason: attempt.reason,
    status: attempt.status ?? null,
    latency_ms: attempt.ms ?? null,
    cost_nano: attempt.costNano ?? null,
  }));
}

function statusRange(status: string | undefined): Pick<LogFilter, "statusMin" | "statusMax"> {
  if (status === undefined) return {};
  const first = Number(status[0]);
  return /^[1-5]xx$/i.test(status)
    ? { statusMin: first * 100, statusMax: first * 100 + 99 }
    : { statusMin: Number(status), statusMax: Number(status) };
}

function cursor(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new GatewayError("invalid_request", `"${text}" is no place in the log`, { param: "before" });
  return value;
}
