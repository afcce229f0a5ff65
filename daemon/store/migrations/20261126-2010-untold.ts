/** What of an answer its client could not be told. Null in rows of an older build. */
import type { Migration } from "../migrate.ts";

export const untold: Migration = {
  name: "20261126-2010-untold",
  sql: "ALTER TABLE requests ADD COLUMN untold TEXT;",
};
