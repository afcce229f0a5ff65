/** What the config file declared, found at each load without looking at every key's scope. */
import type { Migration } from "../migrate.ts";

export const declared: Migration = {
  name: "20261126-0110-declared",
  sql: "CREATE INDEX scopes_file ON scopes (id) WHERE source = 'file' AND deleted_at IS NULL;",
};
