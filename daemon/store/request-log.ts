/**
 * Reads the request log: pages, one request, what came since. Hides that there is no index but on the id: a page
 * looks through a bounded stretch of rows and says where to go on.
 */
import type { Database } from "./database.ts";
import type { requestColumns } from "./rows.ts";
import type { RowValue } from "./sender.ts";

export type RequestRow = { readonly row: number } & Readonly<Record<(typeof requestColumns)[number], RowValue>>;

export type LogFilter = {
  readonly keyId?: number | undefined;
  /** As asked, or the target that answered. */
  readonly model?: string | undefined;
  readonly provider?: string | undefined;
  readonly statusMin?: number | undefined;
  readonly statusMax?: number | undefined;
  /** An error code; `*`: any error. */
  readonly error?: string | undefined;
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
};

export type LogPage = {
  /** Newest first. */
  readonly rows: readonly RequestRow[];
  /** Ask again with this as `before`; undefined: there is no older row. A page may be short, or empty, and still go on. */
  readonly before?: number;
};

export const logPageMax = 1_000;
/** Rows looked at for one page: at three million a second, 0.1 s. */
const scanRowsMax = 200_000;
/** A row is written when its request ends, at most this long after its `at`. */
const spreadMs = 3_700_000;

export function readPage(database: Database, filter: LogFilter, limit: number, before?: number): LogPage {
  const top = before ?? newestRow(database) + 1;
  const since = filter.sinceMs === undefined ? 1 : firstRowSince(database, filter.sinceMs - spreadMs);
  const floor = Math.max(since, top - scanRowsMax);
  const { sql, values } = where(filter);
  const rows = database
    .prepare(`SELECT * FROM requests WHERE row >= ? AND row < ?${sql} ORDER BY row DESC LIMIT ?`)
    .all(floor, top, ...values, Math.min(limit, logPageMax)) as RequestRow[];
  const last = rows.at(-1);
  const full = rows.length >= Math.min(limit, logPageMax);
  const next = full && last !== undefined ? last.row : floor;
  const oldest = Math.max(since, oldestRow(database));
  return next > oldest ? { rows, before: next } : { rows };
}

export function readRequest(database: Database, id: string): RequestRow | undefined {
  return database.prepare("SELECT * FROM requests WHERE id = ? ORDER BY row DESC LIMIT 1").get(id) as
    | RequestRow
    | undefined;
}

/** Rows that came after `after`, oldest first; `last` is where to go on. Without `after`: nothing yet, only where the log ends. */
export function readTail(
  database: Database,
  filter: LogFilter,
  limit: number,
  after?: number,
): { readonly rows: readonly RequestRow[]; readonly last: number } {
  const newest = newestRow(database);
  if (after === undefined || after > newest) return { rows: [], last: newest };
  const { sql, values } = where(filter);
  const rows = database
    .prepare(`SELECT * FROM requests WHERE row > ? AND row <= ?${sql} ORDER BY row LIMIT ?`)
    .all(after, newest, ...values, Math.min(limit, logPageMax)) as RequestRow[];
  const full = rows.length >= Math.min(limit, logPageMax);
  return { rows, last: full ? (rows.at(-1)?.row ?? newest) : newest };
}

function where(filter: LogFilter): { readonly sql: string; readonly values: readonly (string | number)[] } {
  const values: (string | number)[] = [];
  let sql = "";
  const add = (condition: string, ...used: (string | number)[]) => {
    sql += ` AND ${condition}`;
    values.push(...used);
  };
  if (filter.keyId !== undefined) add("key_id = ?", filter.keyId);
  if (filter.model !== undefined) add("(model = ? OR target = ?)", filter.model, filter.model);
  if (filter.provider !== undefined) add("provider = ?", filter.provider);
  if (filter.statusMin !== undefined) add("status >= ?", filter.statusMin);
  if (filter.statusMax !== undefined) add("status <= ?", filter.statusMax);
  if (filter.error === "*") add("error IS NOT NULL");
  else if (filter.error !== undefined) add("error = ?", filter.error);
  if (filter.sinceMs !== undefined) add("at >= ?", filter.sinceMs);
  if (filter.untilMs !== undefined) add("at < ?", filter.untilMs);
  return { sql, values };
}

function newestRow(database: Database): number {
  return (database.prepare("SELECT max(row) FROM requests").pluck().get() as number | null) ?? 0;
}

function oldestRow(database: Database): number {
  return (database.prepare("SELECT min(row) FROM requests").pluck().get() as number | null) ?? 1;
}

/** Rows are nearly in the order of their time, so twenty look-ups find where a time begins. */
function firstRowSince(database: Database, at: number): number {
  const look = database.prepare("SELECT row, at FROM requests WHERE row >= ? ORDER BY row LIMIT 1");
  let low = oldestRow(database);
  let high = newestRow(database) + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const found = look.get(middle) as { row: number; at: number } | undefined;
    if (found === undefined || found.at >= at) high = middle;
    else low = found.row + 1;
  }
  return low;
}
