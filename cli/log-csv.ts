/** Rows of the log as the daemon's own export has them in CSV, for those that were chosen here. */
import type { LogRow } from "../daemon/admin/contract/logs.ts";

export const csvColumns: readonly (keyof LogRow)[] = [
  ...(["id", "at", "key", "key_name", "team", "customer", "user", "session", "tags", "route", "dialect"] as const),
  ...(["provider", "model", "target", "credential", "stream", "status", "error", "latency_ms", "ttft_ms"] as const),
  ...(["upstream_ms", "tokens_in", "tokens_out", "tokens_cache_read", "tokens_cache_write"] as const),
  ...(["tokens_reasoning", "cost_nano", "flags", "bytes_in", "bytes_out", "trace", "content"] as const),
  ...(["held_nano", "stop", "tools", "rules", "engine", "parent", "native_stop"] as const),
  ...(["upstream_id", "untold", "corrected_nano", "dropped_params"] as const),
];

export function csvLine(row: LogRow): string {
  return csvColumns.map((name) => csvCell(row[name])).join(",");
}

function csvCell(value: LogRow[keyof LogRow]): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const text = typeof value === "string" ? value : Array.isArray(value) ? value.join(" ") : JSON.stringify(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
