/** The audit trail as a list, newest first. Hides that a page looks through a bounded stretch and says where to go on. */
import type { Database } from "../store/database.ts";
import { settlementFlag } from "../store/rows.ts";

export type RecordRow = {
  readonly seq: number;
  readonly at: number;
  readonly keyId: number;
  readonly costNano: number | null;
  readonly tokens: number | null;
  readonly flags: number;
  /** The request's id, `:n` behind it for a further attempt. */
  readonly holdId: string;
  /** JSON text, as it is chained; empty for an attempt that was not the last. */
  readonly record: string;
  readonly hash: string;
};
export type RecordPage = {
  readonly rows: readonly RecordRow[];
  /** Ask again with this; undefined: there is no older record. */
  readonly before?: number;
};

const columns =
  "seq, at, key_id AS keyId, cost_nano AS costNano, tokens, flags, hold_id AS holdId, record, lower(hex(hash)) AS hash FROM records";
/** Records looked at for one page: changes may be far apart. */
const scanMax = 200_000;

export function recordPage(
  database: Database,
  {
    limit,
    before,
    changes,
  }: { readonly limit: number; readonly before?: number | undefined; readonly changes: boolean },
): RecordPage {
  const newest = database.prepare("SELECT max(seq) FROM records").pluck().get() as number | null;
  const top = Math.min(before ?? Number.MAX_SAFE_INTEGER, (newest ?? 0) + 1);
  const floor = Math.max(1, top - scanMax);
  const wanted = changes ? ` AND flags & ${settlementFlag.admin} != 0` : "";
  const rows = database
    .prepare(`SELECT ${columns} WHERE seq >= ? AND seq < ?${wanted} ORDER BY seq DESC LIMIT ?`)
    .all(floor, top, limit) as RecordRow[];
  const next = rows.length >= limit ? rows.at(-1)!.seq : floor;
  return next > 1 ? { rows, before: next } : { rows };
}
