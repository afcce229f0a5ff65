/**
 * Walks the request log backwards in strides until told to stop or until time is up. Hides how long a stride is: it
 * grows while strides are quick (an index serves them) and never takes so long that an answer would be late.
 */
import type { Database } from "./database.ts";

/** A search that no index serves answers within this, with what it has. */
export const answerMs = 300;
/** What is kept of it for reading the rows found and sending them. */
const reserveMs = 120;
const strideRowsMin = 500;
const strideRowsFirst = 2_000;
/** One stride may take this long. */
const strideMs = 25;
/** A row is written when its request ends, at most this long after its `at`. */
const spreadMs = 3_700_000;

/**
 * Calls `look(low, high, endsAt)` for stretches of rows, low inclusive, newest first. It returns the lowest row that it
 * has seen to, or `enough`; what takes long stops by itself when it is `endsAt`.
 * Returns the row below which nobody has looked; undefined: there is none.
 */
export function strides(
  database: Database,
  { sinceMs, untilMs }: { readonly sinceMs?: number | undefined; readonly untilMs?: number | undefined },
  before: number | undefined,
  look: (low: number, high: number, endsAt: number) => number | "enough",
  budgetMs: number = answerMs,
): number | undefined {
  const startedAt = performance.now();
  const endsAt = startedAt + Math.max(0, budgetMs - reserveMs);
  const oldest = oldestRow(database);
  const floor = sinceMs === undefined ? oldest : Math.max(oldest, firstRowSince(database, sinceMs - spreadMs));
  let top = before ?? newestRow(database) + 1;
  // What is written ends later than it began: no row before this one can have begun after `untilMs`, but some after it.
  if (before === undefined && untilMs !== undefined)
    top = Math.min(top, firstRowSince(database, untilMs + spreadMs) + 1);
  let stride = strideRowsFirst;
  let last = startedAt;
  while (top > floor) {
    const low = Math.max(floor, top - stride);
    const reached = look(low, top, endsAt);
    if (reached === "enough") return low > floor ? low : undefined;
    const looked = top - reached;
    top = reached;
    const now = performance.now();
    const tookMs = Math.max(now - last, 0.01);
    last = now;
    if (now >= endsAt) break;
    // How many rows fit into the time that is left, at the pace so far.
    const fits = (looked / tookMs) * Math.min(strideMs, endsAt - now);
    stride = Math.max(strideRowsMin, Math.min(stride * 4, Math.floor(fits)));
  }
  return top > floor ? top : undefined;
}

/**
 * The same the other way, oldest first: calls `look(low, high)`, high exclusive, which returns the row after the last that
 * it has seen to, or `enough`. Returns the row at which nobody has looked yet; undefined: all were.
 */
export function stridesUp(
  database: Database,
  { sinceMs, untilMs }: { readonly sinceMs?: number | undefined; readonly untilMs?: number | undefined },
  from: number,
  look: (low: number, high: number) => number | "enough",
  budgetMs: number = answerMs,
): number | undefined {
  const startedAt = performance.now();
  const endsAt = startedAt + Math.max(0, budgetMs - reserveMs);
  const top = untilMs === undefined ? newestRow(database) + 1 : firstRowSince(database, untilMs + spreadMs) + 1;
  let low = sinceMs === undefined ? from : Math.max(from, firstRowSince(database, sinceMs - spreadMs));
  low = Math.max(low, oldestRow(database));
  let stride = strideRowsFirst;
  let last = startedAt;
  while (low < top) {
    const high = Math.min(top, low + stride);
    const reached = look(low, high);
    if (reached === "enough") return undefined;
    const looked = reached - low;
    low = reached;
    const now = performance.now();
    const tookMs = Math.max(now - last, 0.01);
    last = now;
    if (now >= endsAt) break;
    const fits = (looked / tookMs) * Math.min(strideMs, endsAt - now);
    stride = Math.max(strideRowsMin, Math.min(stride * 4, Math.floor(fits)));
  }
  return low < top ? low : undefined;
}

export function newestRow(database: Database): number {
  return (database.prepare("SELECT max(row) FROM requests").pluck().get() as number | null) ?? 0;
}

function oldestRow(database: Database): number {
  return (database.prepare("SELECT min(row) FROM requests").pluck().get() as number | null) ?? 1;
}

/** Rows are nearly in the order of their time, so twenty look-ups find where a time begins. */
export function firstRowSince(database: Database, at: number): number {
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
