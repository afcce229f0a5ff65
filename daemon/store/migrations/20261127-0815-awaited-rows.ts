/** What is known of an awaited request without its row, for the sums, if that never comes. */
import type { Migration } from "../migrate.ts";

export const awaitedRows: Migration = {
  name: "20261127-0815-awaited-rows",
  sql: "ALTER TABLE awaited ADD COLUMN known TEXT;",
};
