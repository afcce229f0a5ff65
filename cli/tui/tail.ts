/**
 * The newest requests, kept while they pass. Hides that there may be more than can be read: then what lies between is
 * skipped and counted, the memory stays what it is, and the newest are always there.
 */
import type { LogRow, LogsAnswer } from "../../daemon/admin/contract/logs.ts";
import type { Source } from "./source.ts";

/** Kept here; more lie in the log, and `bifrost logs` reads them. */
export const tailRowsMax = 2_000;
const firstRows = 500;
/** Taken at a time: at four times a second, 2,000 a second without a gap. */
const pollRows = 500;

export type Tail = {
  /** Newest first. Never changed; a poll makes a new one. */
  readonly rows: readonly LogRow[];
  readonly cursor: string | undefined;
  /** Passed by without being read, since the tail began. */
  readonly skipped: boolean;
};

export async function pollTail(source: Source, before: Tail | undefined): Promise<Tail> {
  if (before?.cursor === undefined) {
    const { rows, tail } = await source.get<LogsAnswer>("/api/logs", { limit: firstRows });
    return { rows, cursor: tail, skipped: false };
  }
  const page = await source.get<LogsAnswer>("/api/logs", { limit: pollRows, after: before.cursor });
  if (page.rows.length < pollRows) return { ...before, rows: joined(page.rows, before.rows), cursor: page.tail };
  // More came than is read in a turn. On from the end, with a gap, rather than ever further behind.
  const newest = await source.get<LogsAnswer>("/api/logs", { limit: pollRows });
  return { rows: newest.rows.slice(0, tailRowsMax), cursor: newest.tail, skipped: true };
}

/** `fresh` comes oldest first. */
function joined(fresh: readonly LogRow[], kept: readonly LogRow[]): readonly LogRow[] {
  if (fresh.length === 0) return kept;
  return [...fresh.toReversed(), ...kept.slice(0, Math.max(0, tailRowsMax - fresh.length))];
}
