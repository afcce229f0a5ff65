/** How many records there are: what a walk over all of them is measured by. */
import type { Database } from "./database.ts";

/** They are numbered from 1 without a gap. */
export function lastRecord(database: Database): number {
  return (database.prepare("SELECT max(seq) FROM records").pluck().get() as number | null) ?? 0;
}
