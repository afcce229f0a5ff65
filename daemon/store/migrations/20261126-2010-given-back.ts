/** What was charged for something that then came to nothing, and has been given back: once. */
import type { Migration } from "../migrate.ts";

export const givenBack: Migration = {
  name: "20261126-2010-given-back",
  sql: `
-- By the settled record.
CREATE TABLE given_back (hold_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
`,
};
