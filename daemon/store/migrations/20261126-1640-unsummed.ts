/** Adjusting entries that the sums of the log do not have yet: those files are two, and a crash may come between them. */
import type { Migration } from "../migrate.ts";

export const unsummed: Migration = {
  name: "20261126-1640-unsummed",
  sql: `
CREATE TABLE unsummed (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice: the log remembers the last one that it has
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL
) STRICT;
`,
};
