/** The audit trail as JSON lines, one record each, page by page, so that a verifier elsewhere can walk the chain. */
import type { Database } from "../store/database.ts";

export type ExportPage = {
  /** JSON texts without line ends. The first page begins with a line that holds the genesis. */
  readonly lines: readonly string[];
  /** Ask again with this; undefined: that was all. */
  readonly after?: number;
};

type ExportRow = { seq: number; record: string; [column: string]: unknown };

export function exportPage(database: Database, after: number, limit: number): ExportPage {
  const rows = database
    .prepare(
      "SELECT seq, hold_id, at, key_id, scopes, cost_nano, tokens, flags, record, lower(hex(hash)) AS hash FROM records WHERE seq > ? ORDER BY seq LIMIT ?",
    )
    .all(after, limit) as ExportRow[];
  const lines = rows.map((row) => JSON.stringify(row));
  if (after === 0) {
    const genesis = database.prepare("SELECT lower(hex(value)) FROM meta WHERE name = 'genesis'").pluck().get();
    lines.unshift(JSON.stringify({ format: "bifrost-audit-1", genesis }));
  }
  const last = rows.at(-1);
  return last === undefined || rows.length < limit ? { lines } : { lines, after: last.seq };
}
