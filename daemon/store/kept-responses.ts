/**
 * Responses that their callers asked us to keep, in `responses.db`: for `previous_response_id`, and to be fetched again.
 * Hides the file, which is made when the first is kept, and how long they stay.
 */
import type { Database, Statement } from "./database.ts";

export type KeptResponse = {
  readonly id: string;
  /** Whose it is: nobody else may have it. 0: where anyone may call, anyone's. */
  readonly keyId: number;
  /** `provider/model` that made it and keeps it: only it can go on from it. Undefined: we keep it. */
  readonly provider: string | undefined;
  /** Id of the response that it went on from. */
  readonly previous: string | undefined;
  /** Unix time, ms. */
  readonly at: number;
  /** JSON: the caller's own input items, and the whole response. Empty where the provider keeps it. */
  readonly input: string;
  readonly response: string;
};

export type KeptResponses = {
  get(id: string, keyId: number): KeptResponse | undefined;
  put(kept: KeptResponse): void;
  remove(id: string, keyId: number): boolean;
};

/** As long as OpenAI keeps them. */
const keptMs = 30 * 86_400_000;
/** Beyond it the oldest go. */
const keptMax = 50_000;
/** Looked for what is too old or too many after so many new ones. */
const putsPerSweep = 500;

export function openKeptResponses(database: Database, now: () => number): KeptResponses {
  database.exec(
    `CREATE TABLE IF NOT EXISTS responses (
       id TEXT NOT NULL, key_id INTEGER NOT NULL, provider TEXT, previous TEXT, at INTEGER NOT NULL,
       input TEXT NOT NULL, response TEXT NOT NULL, PRIMARY KEY (id, key_id)) STRICT;
     CREATE INDEX IF NOT EXISTS responses_at ON responses (at);`,
  );
  const statements = prepare(database);
  let puts = 0;

  function sweep(): void {
    statements.expire.run(now() - keptMs);
    statements.trim.run(keptMax);
  }
  sweep();

  return {
    get(id, key) {
      const row = statements.get.get(id, key) as Row | undefined;
      if (row === undefined || row.at < now() - keptMs) return undefined;
      const { key_id: keyId, provider, previous, ...rest } = row;
      return { ...rest, keyId, provider: provider ?? undefined, previous: previous ?? undefined };
    },
    put({ id, keyId, provider, previous, at, input, response }) {
      statements.put.run(id, keyId, provider ?? null, previous ?? null, at, input, response);
      if (++puts % putsPerSweep === 0) sweep();
    },
    remove: (id, key) => statements.remove.run(id, key).changes > 0,
  };
}

type Row = {
  readonly id: string;
  readonly key_id: number;
  readonly provider: string | null;
  readonly previous: string | null;
  readonly at: number;
  readonly input: string;
  readonly response: string;
};

function prepare(database: Database): Readonly<Record<"get" | "put" | "remove" | "expire" | "trim", Statement>> {
  return {
    get: database.prepare("SELECT * FROM responses WHERE id = ? AND key_id = ?"),
    // Ids are the providers' to choose: two keys may be told the same, and each has its own.
    put: database.prepare("INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?, ?, ?, ?)"),
    remove: database.prepare("DELETE FROM responses WHERE id = ? AND key_id = ?"),
    expire: database.prepare("DELETE FROM responses WHERE at < ?"),
    trim: database.prepare(
      "DELETE FROM responses WHERE rowid IN (SELECT rowid FROM responses ORDER BY at DESC LIMIT -1 OFFSET ?)",
    ),
  };
}
