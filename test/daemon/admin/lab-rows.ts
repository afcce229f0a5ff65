/** Log rows of a lab, and pages of them. */
import type { LogQuery, LogRow } from "../../../daemon/admin/contract/logs.ts";

export const labTime = Date.UTC(2026, 10, 23, 12);

export function logRow(number: number, fields: Partial<LogRow> = {}): LogRow {
  return {
    id: `req_${number}`,
    at: labTime + number,
    key: "key_000001",
    key_name: "ci",
    ...{
      team: null,
      customer: null,
      stop: "stop",
      native_stop: null,
      upstream_id: null,
      tools: [],
      untold: [],
      dropped_params: [],
      parent: null,
      rules: [],
      engine: null,
      user: null,
      session: null,
      tags: {},
      trace: null,
      content: "off",
      held_nano: null,
    },
    route: "/v1/chat/completions",
    dialect: "openai-chat",
    provider: "openai",
    model: "gpt-4o",
    target: "openai/gpt-4o",
    credential: "main",
    stream: false,
    status: 200,
    error: null,
    latency_ms: 812,
    ttft_ms: null,
    upstream_ms: 800,
    tokens_in: 9,
    tokens_out: 2,
    tokens_cache_read: null,
    tokens_cache_write: null,
    tokens_reasoning: null,
    cost_nano: 42_500,
    flags: [],
    bytes_in: 100,
    bytes_out: 200,
    ...fields,
  };
}

export function listRows(rows: readonly LogRow[], query: LogQuery) {
  const limit = query.limit ?? 50;
  const tail = String(rows.length);
  if (query.after !== undefined) {
    const from = Number(query.after);
    const until = Math.min(rows.length, from + limit);
    return { rows: rows.slice(from, until), older: null, tail: String(until), looked_until_ms: null };
  }
  const top = query.before === undefined ? rows.length : Number(query.before);
  const bottom = Math.max(0, top - limit);
  const page = rows
    .slice(bottom, top)
    .reverse()
    .filter((row) => query.status === undefined || String(row.status) === query.status);
  return { rows: page, older: bottom > 0 ? String(bottom) : null, tail, looked_until_ms: null };
}
