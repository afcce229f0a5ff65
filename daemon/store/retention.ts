/**
 * Old rows out of traffic.db, and what they took on the disk back to the system. Hides how large a slice is: as many rows
 * or pages as this disk does in a few milliseconds, since a commit of traffic may wait behind one.
 */
import type { Database } from "./database.ts";

export type Retention = {
  /** Deletes one slice of the rows that began before. True: there may be more. */
  deleteBefore(at: number): boolean;
  /** Gives one slice of free pages back, where they are much of the file. True: there may be more. */
  giveBack(): boolean;
};

/** What a slice may take; its size follows. */
const sliceMs = 10;
export const rowsPerSlice = { first: 500, min: 50, max: 2_000 };
const pagesPerSlice = { first: 64, min: 8, max: 1_000 };
/** Rows that come fill the pages of those that went, so only a file that is a fifth empty is made smaller, to a twentieth. */
const [freeShareMax, freeShareLeft] = [0.2, 0.05];
/** A file with less free than this (1 MB) is left as it is. */
const freePagesMin = 256;

export function openRetention(database: Database): Retention {
  const remove = database.prepare(
    "DELETE FROM requests WHERE row IN (SELECT row FROM requests ORDER BY row LIMIT ?) AND at < ?",
  );
  const rows = createPace(rowsPerSlice);
  const pages = createPace(pagesPerSlice);
  // 2: free pages can be given back a few at a time. A file of an older build has 0, and keeps what it has.
  const canShrink = database.pragma("auto_vacuum", { simple: true }) === 2;
  let shrinking = false;

  function giveBack(): boolean {
    if (!canShrink) return false;
    const free = database.pragma("freelist_count", { simple: true }) as number;
    const all = database.pragma("page_count", { simple: true }) as number;
    shrinking = free >= freePagesMin && free > all * (shrinking ? freeShareLeft : freeShareMax);
    if (shrinking) pages.run((count) => database.pragma(`incremental_vacuum(${count})`));
    return shrinking;
  }

  return {
    deleteBefore: (at) => rows.run((count) => remove.run(count, at).changes === count),
    giveBack,
  };
}

export type Pace = { run<Result>(work: (count: number) => Result): Result };

/** Gives work a count that takes about as long as a slice may. */
export function createPace(
  { first, min, max }: { readonly first: number; readonly min: number; readonly max: number },
  now: () => number = () => performance.now(),
): Pace {
  let count = first;
  return {
    run(work) {
      const startedAt = now();
      const result = work(count);
      const took = now() - startedAt;
      if (took > sliceMs) count = Math.max(min, Math.floor(count / 2));
      else if (took < sliceMs / 2) count = Math.min(max, Math.ceil(count * 1.25));
      return result;
    },
  };
}
