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
  /** Ids of what is in it, by which its caller may name a piece of it later. */
  readonly items: readonly string[];
};

/** A piece of a kept response. */
export type KeptItem = {
  readonly id: string;
  /** `provider/model` that keeps it; undefined: it is here, as JSON. */
  readonly provider: string | undefined;
  readonly json: string;
};

export type KeptResponses = {
  get(id: string, keyId: number): KeptResponse | undefined;
  /** Those of these that the key has. */
  items(ids: readonly string[], keyId: number): readonly KeptItem[];
  /** Of these, of responses and of pieces, the ones that other keys have and this one has not. */
  foreign(ids: readonly string[], keyId: number): readonly string[];
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
     CREATE INDEX IF NOT EXISTS responses_at ON responses (at);
     CREATE TABLE IF NOT EXISTS response_items (
       id TEXT NOT NULL, key_id INTEGER NOT NULL, response TEXT NOT NULL, PRIMARY KEY (id, key_id)) STRICT, WITHOUT ROWID;
     CREATE INDEX IF NOT EXISTS response_items_of ON response_items (response, key_id);
     CREATE TRIGGER IF NOT EXISTS response_gone AFTER DELETE ON responses BEGIN
       DELETE FROM response_items WHERE response = old.id AND key_id = old.key_id;
     END;`,
  );
  const statements = prepare(database);
  let puts = 0;

  function sweep(): void {
    statements.expire.run(now() - keptMs);
    statements.trim.run(keptMax);
  }
  sweep();

  function get(id: string, key: number): KeptResponse | undefined {
    const row = statements.get.get(id, key) as Row | undefined;
    if (row === undefined || row.at < now() - keptMs) return undefined;
    const { key_id: keyId, provider, previous, ...rest } = row;
    return { ...rest, keyId, provider: provider ?? undefined, previous: previous ?? undefined, items: [] };
  }

  function item(id: string, key: number): KeptItem | undefined {
    const of = statements.itemOf.get(id, key) as { readonly response: string } | undefined;
    const kept = of === undefined ? undefined : get(of.response, key);
    if (kept === undefined) return undefined;
    if (kept.provider !== undefined) return { id, provider: kept.provider, json: "" };
    const { output } = JSON.parse(kept.response) as { readonly output: readonly { readonly id?: unknown }[] };
    const found = output.find((one) => one?.id === id);
    return found === undefined ? undefined : { id, provider: undefined, json: JSON.stringify(found) };
  }

  return {
    get,
    items: (ids, key) => ids.flatMap((id) => item(id, key) ?? []),
    foreign: (ids, keyId) => ids.filter((id) => statements.foreign.pluck().get({ id, keyId }) === 1),
    put({ id, keyId, provider, previous, at, input, response, items }) {
      statements.put.run(id, keyId, provider ?? null, previous ?? null, at, input, response);
      for (const one of items) statements.putItem.run(one, keyId, id);
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

type Questions = "get" | "put" | "putItem" | "itemOf" | "foreign" | "remove" | "expire" | "trim";

function prepare(database: Database): Readonly<Record<Questions, Statement>> {
  return {
    get: database.prepare("SELECT * FROM responses WHERE id = ? AND key_id = ?"),
    // Ids are the providers' to choose: two keys may be told the same, and each has its own.
    put: database.prepare("INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?, ?, ?, ?)"),
    putItem: database.prepare("INSERT OR REPLACE INTO response_items VALUES (?, ?, ?)"),
    itemOf: database.prepare("SELECT response FROM response_items WHERE id = ? AND key_id = ?"),
    foreign: database.prepare(
      `SELECT count(*) > 0 AND max(key_id = $keyId) = 0 FROM (
         SELECT key_id FROM responses WHERE id = $id UNION ALL SELECT key_id FROM response_items WHERE id = $id)`,
    ),
    remove: database.prepare("DELETE FROM responses WHERE id = ? AND key_id = ?"),
    expire: database.prepare("DELETE FROM responses WHERE at < ?"),
    trim: database.prepare(
      "DELETE FROM responses WHERE rowid IN (SELECT rowid FROM responses ORDER BY at DESC LIMIT -1 OFFSET ?)",
    ),
  };
}
