/** Owners above keys, what only watches, overrides, wallets, and tokens of the management API. */
import type { Migration } from "../migrate.ts";

export const owners: Migration = {
  name: "20261126-0030-owners",
  sql: `
ALTER TABLE scopes ADD COLUMN public_id TEXT;
ALTER TABLE scopes ADD COLUMN parent_id INTEGER;
ALTER TABLE scopes ADD COLUMN source TEXT NOT NULL DEFAULT 'database';
ALTER TABLE scopes ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';
ALTER TABLE scopes ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX scopes_public ON scopes (public_id) WHERE public_id IS NOT NULL;
CREATE UNIQUE INDEX scopes_name ON scopes (kind, name)
  WHERE deleted_at IS NULL AND kind NOT IN ('key', 'provider_config');
CREATE INDEX scopes_parent ON scopes (parent_id) WHERE parent_id IS NOT NULL;
-- What workers must know of owners besides numbers: few, and read as a whole at each start.
CREATE INDEX scopes_rules ON scopes (id)
  WHERE deleted_at IS NULL AND attributes <> '{}' AND kind NOT IN ('key', 'provider_config');

ALTER TABLE keys ADD COLUMN scope_id INTEGER;
ALTER TABLE keys ADD COLUMN source TEXT NOT NULL DEFAULT 'database';
-- Removed by itself some time after it has expired.
ALTER TABLE keys ADD COLUMN delete_expired INTEGER NOT NULL DEFAULT 0;
UPDATE keys SET scope_id = CAST(scopes AS INTEGER);
CREATE INDEX keys_scope ON keys (scope_id);
CREATE INDEX keys_name ON keys (name) WHERE deleted_at IS NULL;
CREATE INDEX keys_file ON keys (id) WHERE source = 'file' AND deleted_at IS NULL;
CREATE INDEX keys_expiring ON keys (expires_at) WHERE delete_expired = 1 AND deleted_at IS NULL;

ALTER TABLE budgets ADD COLUMN shadow INTEGER NOT NULL DEFAULT 0;
ALTER TABLE budgets ADD COLUMN wallet INTEGER NOT NULL DEFAULT 0;
ALTER TABLE budgets ADD COLUMN extra_nano INTEGER;
ALTER TABLE budgets ADD COLUMN extra_until INTEGER; -- with extra_nano and without this: for good
ALTER TABLE limits ADD COLUMN shadow INTEGER NOT NULL DEFAULT 0;

-- What was put into a wallet, and by whom. The budget's limit is their sum.
CREATE TABLE wallet_entries (
  id INTEGER PRIMARY KEY,
  scope_id INTEGER NOT NULL,
  at INTEGER NOT NULL,
  amount_nano INTEGER NOT NULL,
  note TEXT NOT NULL,
  actor TEXT NOT NULL
) STRICT;
CREATE INDEX wallet_entries_scope ON wallet_entries (scope_id, id);

CREATE TABLE admin_tokens (
  id INTEGER PRIMARY KEY,
  public_id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  prefix TEXT NOT NULL,
  hash BLOB NOT NULL UNIQUE,
  permissions TEXT NOT NULL, -- JSON list of resource:verb, or ["*"]
  within INTEGER, -- an owner: the token manages only what is below it
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  created_by TEXT NOT NULL
) STRICT;
`,
};
