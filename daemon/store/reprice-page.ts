/**
 * Settled records as whoever prices them anew needs them, in pages. Hides which of them can be priced: those whose record
 * says what was used. What adjusted them before comes with them, in its own place.
 */
import type { Database } from "./database.ts";
import { settlementFlag } from "./rows.ts";

export type SettledRow = {
  readonly holdId: string;
  readonly at: number;
  readonly keyId: number;
  readonly scopes: string;
  readonly costNano: number;
  readonly flags: number;
  readonly record: string;
};
/** `after`: where to go on; absent at the end. */
export type SettledPage = { readonly rows: readonly SettledRow[]; readonly after?: number };

export function settledPage(
  database: Database,
  after: number,
  limit: number,
  sinceMs: number,
  untilMs: number,
): SettledPage {
  const last = database
    .prepare("SELECT max(seq) FROM (SELECT seq FROM records WHERE seq > ? ORDER BY seq LIMIT ?)")
    .pluck()
    .get(after, limit) as number | null;
  if (last === null) return { rows: [] };
  const rows = database
    .prepare(
      `SELECT hold_id AS holdId, at, key_id AS keyId, scopes, coalesce(cost_nano, 0) AS costNano, flags, record
       FROM records WHERE seq > ? AND seq <= ? AND at >= ? AND at < ? AND record <> '' AND (flags & ?) = 0 ORDER BY seq`,
    )
    .all(after, last, sinceMs, untilMs, settlementFlag.admin) as SettledRow[];
  return { rows, after: last };
}
