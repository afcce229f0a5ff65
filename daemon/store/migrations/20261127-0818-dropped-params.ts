/** What of a request its provider could not be asked. Null in rows of an older build. */
import type { Migration } from "../migrate.ts";

export const droppedParams: Migration = {
  name: "20261127-0818-dropped-params",
  sql: "ALTER TABLE requests ADD COLUMN dropped_params TEXT;",
};
