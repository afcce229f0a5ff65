/** How an answer ended, which tools it calls, and which request it was made for. Null in rows of an older build. */
import type { Migration } from "../migrate.ts";

export const ends: Migration = {
  name: "20261126-1545-ends",
  sql: `
ALTER TABLE requests ADD COLUMN stop TEXT;
ALTER TABLE requests ADD COLUMN tools TEXT;
ALTER TABLE requests ADD COLUMN parent TEXT;
CREATE INDEX requests_by_parent ON requests (parent) WHERE parent IS NOT NULL;
`,
};
