/** First schema of traffic.db: the request log. The file may be deleted without losing money or audit. */
import type { Migration } from "../migrate.ts";

export const initialTraffic: Migration = {
  name: "20261123-0701-traffic",
  sql: `
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
  bytes_out INTEGER
);
CREATE INDEX requests_id ON requests (id);

CREATE TABLE senders (sender INTEGER PRIMARY KEY, last_batch INTEGER NOT NULL);
`,
};
