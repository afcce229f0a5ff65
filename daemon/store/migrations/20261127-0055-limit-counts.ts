/** What rate limits have counted, so that a restart refills none. As true at the checkpoint; records after it are replayed. */
import type { Migration } from "../migrate.ts";

export const limitCounts: Migration = {
  name: "20261127-0055-limit-counts",
  sql: `
CREATE TABLE limit_counts (
  scope_id INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  metric TEXT NOT NULL,
  window_ms INTEGER NOT NULL,
  counts TEXT NOT NULL, -- JSON: number of a 64th of the window since 1970, amount, and so on
  ends_at INTEGER NOT NULL, -- nothing of it counts any more
  PRIMARY KEY (scope_id, slot)
) STRICT, WITHOUT ROWID;
`,
};
