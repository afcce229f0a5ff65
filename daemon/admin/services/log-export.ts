/** The log as lines: JSON or CSV, a page at a time, so that an export of everything holds a thousand rows. */
import type { LogFilter } from "../../store/log-filter.ts";
import { logPageMax, type RequestRow } from "../../store/request-log.ts";
import type { LogExportQuery, LogRow } from "../contract/logs.ts";
import type { StoreAccess } from "./store-access.ts";

const columns: readonly (keyof LogRow)[] = [
  ...(["id", "at", "key", "key_name", "team", "customer", "user", "session", "tags", "route", "dialect"] as const),
  ...(["provider", "model", "target", "credential", "stream", "status", "error", "latency_ms", "ttft_ms"] as const),
  ...(["upstream_ms", "tokens_in", "tokens_out", "tokens_cache_read", "tokens_cache_write"] as const),
  ...(["tokens_reasoning", "cost_nano", "flags", "bytes_in", "bytes_out", "trace", "content"] as const),
  ...(["held_nano", "stop", "tools", "rules", "engine", "parent", "native_stop"] as const),
  ...(["upstream_id", "untold", "corrected_nano", "dropped_params"] as const),
];

/** Newest first. */
export async function* exportRows(
  access: StoreAccess,
  filter: LogFilter,
  { format = "jsonl", limit = Number.POSITIVE_INFINITY }: LogExportQuery,
  view: (rows: readonly RequestRow[]) => readonly LogRow[],
): AsyncGenerator<string> {
  if (format === "csv") yield columns.join(",");
  let left = limit;
  let before: number | undefined;
  do {
    const page = await access.query({ kind: "log_page", filter, limit: Math.min(left, logPageMax), before });
    for (const row of view(page.rows)) yield format === "csv" ? csvLine(row) : JSON.stringify(row);
    left -= page.rows.length;
    before = page.before;
  } while (before !== undefined && left > 0);
}

function csvLine(row: LogRow): string {
  return columns.map((name) => csvCell(row[name])).join(",");
}

/** RFC 4180; what a spreadsheet would take for a formula is made text. */
function csvCell(value: LogRow[keyof LogRow]): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const text = typeof value === "string" ? value : Array.isArray(value) ? value.join(" ") : JSON.stringify(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
