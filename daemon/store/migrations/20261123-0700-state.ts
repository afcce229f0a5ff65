/** First schema of state.db: who may spend what, and what was spent. */
import type { Migration } from "../migrate.ts";

export const initialState: Migration = {
  name: "20261123-0700-state",
  sql: `
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO meta VALUES ('boots', 0), ('change', 0), ('checkpoint_seq', 0), ('genesis', randomblob(32));

CREATE TABLE keys (
  id INTEGER PRIMARY KEY,
  public_id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  prefix TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  deleted_at INTEGER,
  disabled INTEGER NOT NULL DEFAULT 0,
  policy TEXT NOT NULL,
  scopes TEXT NOT NULL,
  change INTEGER NOT NULL
) STRICT;
CREATE INDEX keys_change ON keys (change);

CREATE TABLE key_hashes (
  hash BLOB PRIMARY KEY,
  key_id INTEGER NOT NULL,
  expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX key_hashes_key ON key_hashes (key_id);

CREATE TABLE scopes (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  concurrency_max INTEGER,
  deleted_at INTEGER,
  change INTEGER NOT NULL
) STRICT;
CREATE INDEX scopes_change ON scopes (change);

CREATE TABLE budgets (
  scope_id INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  limit_nano INTEGER NOT NULL,
  window TEXT NOT NULL,
  anchor_at INTEGER NOT NULL,
  since_seq INTEGER NOT NULL, -- records up to this one were before the budget, also those of the anchor's millisecond
  PRIMARY KEY (scope_id, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE limits (
  scope_id INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  metric TEXT NOT NULL,
  amount INTEGER NOT NULL,
  window_ms INTEGER NOT NULL,
  PRIMARY KEY (scope_id, slot)
) STRICT, WITHOUT ROWID;

-- One row a commit group; gone when its last hold is settled. Every settlement of its holds has a greater seq.
CREATE TABLE holds (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, payload TEXT NOT NULL) STRICT;

-- Settlement and audit record in one. docs/audit.md tells how hash is made.
CREATE TABLE records (
  seq INTEGER PRIMARY KEY,
  hold_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  key_id INTEGER NOT NULL,
  scopes TEXT NOT NULL,
  cost_nano INTEGER,
  tokens INTEGER,
  flags INTEGER NOT NULL,
  record TEXT NOT NULL,
  hash BLOB NOT NULL
) STRICT;

CREATE TABLE senders (sender INTEGER PRIMARY KEY, last_batch INTEGER NOT NULL) STRICT;

-- True up to meta.checkpoint_seq; what came after is added from records.
CREATE TABLE balances (
  scope_id INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  window_start INTEGER NOT NULL,
  spent_nano INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (scope_id, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX balances_seq ON balances (seq);
`,
};
