/**
 * Adjusting entries into the sums of the log. Hides that ledger and log are two files: what an adjustment has yet to add
 * to the sums is noted with its entries, the log notes in one transaction what it added and of which note that was, and
 * only then is the note taken away. A crash anywhere leaves a note, and whoever comes next finishes it, once.
 */
import { settlementFlag } from "../../store/rows.ts";
import type { SumBatch } from "../../store/traffic-writer.ts";
import type { StoreAccess } from "./store-access.ts";

export type Sums = (batch: SumBatch) => Promise<unknown>;

/** One caller at a time. */
export async function finishSums(access: StoreAccess, sums: Sums, actor: string): Promise<void> {
  const notes = access.database().prepare("SELECT id, first_seq, last_seq FROM unsummed ORDER BY id").all() as {
    id: number;
    first_seq: number;
    last_seq: number;
  }[];
  for (const { id, first_seq: first, last_seq: last } of notes) {
    const costs = access
      .database()
      .prepare(
        `SELECT json_extract(record, '$.request') AS id, cost_nano AS nano FROM records
         WHERE seq BETWEEN ? AND ? AND (flags & ?) <> 0 ORDER BY seq`,
      )
      .all(first, last, settlementFlag.adjusting) as SumBatch["costs"];
    await sums({ number: id, costs });
    await access.execute({ kind: "summed", note: id }, actor);
  }
}
