/**
 * Reads the request log: pages, one request with what was said, what came since. Hides that a page which no index
 * serves looks through as many rows as there is time for and says where to go on.
 */
import type { Database } from "./database.ts";
import { type LogFilter, whereAnd } from "./log-filter.ts";
import type { RequestColumn } from "./rows.ts";
import type { RowValue } from "./sender.ts";
import { newestRow, strides, stridesUp } from "./strides.ts";

export type RequestRow = { readonly row: number } & Readonly<Record<RequestColumn, RowValue>>;

export type LogPage = {
  /** Newest first. */
  readonly rows: readonly RequestRow[];
  /** Ask again with this as `before`; undefined: there is no older row. A page may be short, or empty, and still go on. */
  readonly before?: number;
  /** When the oldest row that was looked at began; undefined: everything was. */
  readonly lookedUntilMs?: number;
};

export const logPageMax = 1_000;

/** @param budgetMs how long it may look; a test gives less */
export function readPage(
  database: Database,
  filter: LogFilter,
  limit: number,
  before?: number,
  budgetMs?: number,
): LogPage {
  const most = Math.min(limit, logPageMax);
  const rows: RequestRow[] = [];
  const { sql, values } = whereAnd(filter);
  const statement = database.prepare(
    `SELECT * FROM requests WHERE row >= ? AND row < ?${sql} ORDER BY row DESC LIMIT ?`,
  );
  const left = strides(
    database,
    filter,
    before,
    (low, high) => {
      rows.push(...(statement.all(low, high, ...values, most - rows.length) as RequestRow[]));
      return rows.length >= most ? "enough" : low;
    },
    budgetMs,
  );
  const last = rows.length >= most ? rows.at(-1) : undefined;
  if (last !== undefined)
    return older(database, last.row) ? { rows, before: last.row, lookedUntilMs: last.at as number } : { rows };
  if (left === undefined) return { rows };
  const at = database.prepare("SELECT at FROM requests WHERE row >= ? ORDER BY row LIMIT 1").pluck().get(left);
  return { rows, before: left, ...(typeof at === "number" ? { lookedUntilMs: at } : {}) };
}

function older(database: Database, row: number): boolean {
  return database.prepare("SELECT 1 FROM requests WHERE row < ? LIMIT 1").get(row) !== undefined;
}

export function readRequest(database: Database, id: string): RequestRow | undefined {
  return database.prepare("SELECT * FROM requests WHERE id = ? ORDER BY row DESC LIMIT 1").get(id) as
    | RequestRow
    | undefined;
}

export type LogTail = {
  readonly rows: readonly RequestRow[];
  /** Where to go on: a full tail ends at its last row, one that ran out of time where it stopped. */
  readonly last: number;
  /** When the next row that nobody has looked at began; undefined: all were, or the tail is full. */
  readonly lookedUntilMs?: number;
};

/**
 * Rows that came after `after`, oldest first. Without `after`: nothing yet, only where the log ends.
 * @param budgetMs how long it may look; a test gives less
 */
export function readTail(
  database: Database,
  filter: LogFilter,
  limit: number,
  after?: number,
  budgetMs?: number,
): LogTail {
  const newest = newestRow(database);
  if (after === undefined || after > newest) return { rows: [], last: newest };
  const most = Math.min(limit, logPageMax);
  const { sql, values } = whereAnd(filter);
  const statement = database.prepare(`SELECT * FROM requests WHERE row >= ? AND row < ?${sql} ORDER BY row LIMIT ?`);
  const rows: RequestRow[] = [];
  const next = stridesUp(
    database,
    filter,
    after + 1,
    (low, high) => {
      rows.push(...(statement.all(low, high, ...values, most - rows.length) as RequestRow[]));
      return rows.length >= most ? "enough" : high;
    },
    budgetMs,
  );
  if (rows.length >= most) return { rows, last: rows.at(-1)?.row ?? newest };
  if (next === undefined) return { rows, last: newest };
  const at = database.prepare("SELECT at FROM requests WHERE row >= ? ORDER BY row LIMIT 1").pluck().get(next);
  return { rows, last: next - 1, ...(typeof at === "number" ? { lookedUntilMs: at } : {}) };
}

export type ContentRow = {
  readonly id: string;
  readonly at: number;
  readonly level: number;
  readonly truncated: number;
  readonly metadata: string | null;
  readonly request: string | null;
  readonly response: string | null;
  readonly headers: string | null;
  readonly object: string | null;
};

export function readContent(database: Database, id: string): ContentRow | undefined {
  return database
    .prepare("SELECT id, at, level, truncated, metadata, request, response, headers, object FROM contents WHERE id = ?")
    .get(id) as ContentRow | undefined;
}

/** Content whose texts still lie in the database, oldest first, and objects whose rows are gone. */
export function readOffload(
  database: Database,
  contentsMax: number,
  goneMax: number,
): { readonly contents: readonly ContentRow[]; readonly gone: readonly string[] } {
  return {
    contents: database
      .prepare(
        "SELECT id, at, level, truncated, metadata, request, response, headers, object FROM contents WHERE object IS NULL AND level = 2 ORDER BY row LIMIT ?",
      )
      .all(contentsMax) as ContentRow[],
    gone: database.prepare("SELECT object FROM objects_gone LIMIT ?").pluck().all(goneMax) as string[],
  };
}

/** The requests of one session, oldest first. */
export function readSession(database: Database, session: string, limit: number): readonly RequestRow[] {
  return database
    .prepare("SELECT * FROM requests WHERE session = ? ORDER BY row LIMIT ?")
    .all(session, limit) as RequestRow[];
}
