/** Budgets that keys and owners are given by name, as LiteLLM has them. They bind nobody by themselves. */
import type { Migration } from "../migrate.ts";

export const templates: Migration = {
  name: "20261126-1530-templates",
  sql: `
CREATE TABLE budget_templates (
  id TEXT PRIMARY KEY,
  fields TEXT NOT NULL, -- JSON: max_budget, budget_duration, …
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  updated_by TEXT NOT NULL
) STRICT;
`,
};
