/** What batches were charged when they were made, to be corrected once by what they came to. */
import type { Migration } from "../migrate.ts";

export const batchCharges: Migration = {
  name: "20261126-2015-batches",
  sql: `
CREATE TABLE batch_charges (
  hold_id TEXT PRIMARY KEY,
  seq INTEGER NOT NULL, -- of the settled record
  adjusted_nano INTEGER NOT NULL DEFAULT 0, -- by re-pricing since
  corrected_seq INTEGER -- of the entry that corrected it; null: none has
) STRICT, WITHOUT ROWID;
`,
};
