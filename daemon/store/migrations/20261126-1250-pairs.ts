/**
 * Since when sums are kept by two dimensions at once: from the start in a file without sums, else from the next day on,
 * since the day of the change has only a part of them. Questions about the time before are counted from the rows.
 */
import type { Migration } from "../migrate.ts";

export const pairSums: Migration = {
  name: "20261126-1250-pairs",
  sql: `
CREATE TABLE kept_since (what TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO kept_since
  SELECT 'pairs', CASE WHEN EXISTS (SELECT 1 FROM rollups) THEN (unixepoch() / 86400 + 1) * 86400000 ELSE 0 END;
`,
};
