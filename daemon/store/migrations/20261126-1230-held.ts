/** What was set aside for a request in its row, and headers beside what was said. Both are null in rows of an older build. */
import type { Migration } from "../migrate.ts";

export const held: Migration = {
  name: "20261126-1230-held",
  sql: `
ALTER TABLE requests ADD COLUMN held_nano INTEGER;
ALTER TABLE contents ADD COLUMN headers TEXT; -- JSON: { request: { name: value }, response: { … } }
`,
};
