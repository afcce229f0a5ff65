/** A trace is looked for by its id, which few rows or none have: where nothing is traced the index is empty. */
import type { Migration } from "../migrate.ts";

export const traces: Migration = {
  name: "20261127-0805-traces",
  sql: "CREATE INDEX requests_by_trace ON requests (trace) WHERE trace IS NOT NULL;",
};
