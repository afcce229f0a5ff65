/** Routing rules and prices that were made through the admin API, beside those of the config file. */
import type { Migration } from "../migrate.ts";

export const ownConfig: Migration = {
  name: "20261126-1630-own-config",
  sql: `
CREATE TABLE own_config (
  id INTEGER PRIMARY KEY,
  public_id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL, -- rule, price
  name TEXT NOT NULL, -- a rule's name; what a price is of
  fields TEXT NOT NULL, -- JSON, as the config file has it
  change INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  updated_by TEXT NOT NULL,
  UNIQUE (kind, name)
) STRICT;
`,
};
