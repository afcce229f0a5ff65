/**
 * The request log with more columns and indexes, what is kept of question and answer apart from the rows, sums by
 * minute, hour and day, and the values they are kept for.
 *
 * Rows that are there already are set aside under another name, in no time however many they are; the writer moves
 * them over in slices, with their sums, and removes what is left.
 */
import type { Migration } from "../migrate.ts";

export const logStore: Migration = {
  name: "20261126-0040-log-store",
  sql: `
ALTER TABLE requests RENAME TO requests_before;

CREATE TABLE requests (
  row INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  at INTEGER NOT NULL,
  key_id INTEGER,
  route TEXT,
  dialect TEXT,
  provider TEXT,
  model TEXT,
  target TEXT,
  credential TEXT,
  stream INTEGER,
  status INTEGER,
  error TEXT,
  latency_ms REAL,
  ttft_ms REAL,
  upstream_ms REAL,
  tokens_in INTEGER,
  tokens_out INTEGER,
  tokens_cache_read INTEGER,
  tokens_cache_write INTEGER,
  tokens_reasoning INTEGER,
  cost_nano INTEGER,
  flags INTEGER,
  attempts TEXT,
  bytes_in INTEGER,
  bytes_out INTEGER,
  team TEXT,
  customer TEXT,
  user TEXT,
  session TEXT,
  tags TEXT,
  trace TEXT,
  content INTEGER
);
CREATE INDEX requests_by_id ON requests (id);
CREATE INDEX requests_by_key ON requests (key_id);
CREATE INDEX requests_by_target ON requests (target);
CREATE INDEX requests_by_model ON requests (model) WHERE model IS NOT target;
CREATE INDEX requests_by_error ON requests (error) WHERE error IS NOT NULL;
CREATE INDEX requests_by_user ON requests (user) WHERE user IS NOT NULL;
CREATE INDEX requests_by_session ON requests (session) WHERE session IS NOT NULL;

-- What was said, redacted. object: where it was offloaded to, and then the texts are null.
CREATE TABLE contents (
  row INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  at INTEGER NOT NULL,
  level INTEGER NOT NULL,
  truncated INTEGER NOT NULL,
  metadata TEXT,
  request TEXT,
  response TEXT,
  object TEXT
) STRICT;
CREATE INDEX contents_by_id ON contents (id);
CREATE INDEX contents_to_offload ON contents (row) WHERE object IS NULL AND level = 2;
-- Offloaded objects whose rows are gone.
CREATE TABLE objects_gone (object TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

-- Each value that sums are kept by, once; the dimensions' numbers are in rollup-groups.ts.
CREATE TABLE facets (
  id INTEGER PRIMARY KEY,
  dimension INTEGER NOT NULL,
  value TEXT NOT NULL,
  last_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX facets_by_value ON facets (dimension, value);
CREATE INDEX facets_by_time ON facets (dimension, last_at);

-- series: grain × 16 + dimension. at: milliseconds. latency and ttft: histograms, see histogram.ts.
CREATE TABLE rollups (
  series INTEGER NOT NULL,
  at INTEGER NOT NULL,
  facet INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  tokens_in INTEGER NOT NULL,
  tokens_out INTEGER NOT NULL,
  tokens_cache_read INTEGER NOT NULL,
  tokens_cache_write INTEGER NOT NULL,
  tokens_reasoning INTEGER NOT NULL,
  cost_nano INTEGER NOT NULL,
  unpriced INTEGER NOT NULL,
  latency_ms REAL NOT NULL,
  ttft_ms REAL NOT NULL,
  ttft_count INTEGER NOT NULL,
  upstream_ms REAL NOT NULL,
  overhead_ms REAL NOT NULL,
  upstream_count INTEGER NOT NULL,
  output_ms REAL NOT NULL,
  latency BLOB NOT NULL,
  ttft BLOB NOT NULL,
  PRIMARY KEY (series, at, facet)
) STRICT, WITHOUT ROWID;
`,
};
