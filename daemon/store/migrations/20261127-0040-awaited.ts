/** Adjustments of requests whose rows have not come yet. */
import type { Migration } from "../migrate.ts";

export const awaited: Migration = {
  name: "20261127-0040-awaited",
  sql: "CREATE TABLE awaited (id TEXT PRIMARY KEY, nano INTEGER NOT NULL, since INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
};
