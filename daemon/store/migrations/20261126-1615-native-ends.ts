/** The provider's own word for how an answer ended, and its id of the answer. Null in rows of an older build. */
import type { Migration } from "../migrate.ts";

export const nativeEnds: Migration = {
  name: "20261126-1615-native-ends",
  sql: `
ALTER TABLE requests ADD COLUMN native_stop TEXT;
ALTER TABLE requests ADD COLUMN upstream_id TEXT;
`,
};
