/**
 * Who made which file or batch at a provider, in `responses.db`: one account there serves many keys here, and each is to
 * see its own. Hides the table and its bound.
 */
import type { Database } from "./database.ts";

export type Owner = {
  readonly keyId: number;
  /** The scope that the key belongs to; 0: none, so that only the key itself counts. */
  readonly scope: number;
};

export type ObjectOwners = {
  /** The first to claim an id keeps it. */
  claim(provider: string, ids: readonly string[], owner: Owner): void;
  /** Of these the ones that are the owner's, or its key's. */
  own(provider: string, ids: readonly string[], owner: Owner): readonly string[];
  /** Of these, whoever the provider, the ones that somebody else has made. */
  foreign(ids: readonly string[], owner: Owner): readonly string[];
  /** The providers where those of these are that are the owner's. */
  where(ids: readonly string[], owner: Owner): readonly string[];
  forget(provider: string, id: string): void;
};

/** Beyond it those that were made first are nobody's. */
const objectsMax = 1_000_000;
const claimsPerSweep = 1_000;

export function openObjectOwners(database: Database, now: () => number): ObjectOwners {
  database.exec(
    `CREATE TABLE IF NOT EXISTS objects (
       id TEXT NOT NULL, provider TEXT NOT NULL, key_id INTEGER NOT NULL, scope INTEGER NOT NULL, at INTEGER NOT NULL,
       PRIMARY KEY (id, provider)) STRICT`,
  );
  const insert = database.prepare("INSERT OR IGNORE INTO objects VALUES (?, ?, ?, ?, ?)");
  const find = database.prepare(
    "SELECT key_id = $keyId OR (scope = $scope AND scope > 0) FROM objects WHERE id = $id AND provider = coalesce($provider, provider)",
  );
  const place = database.prepare(
    "SELECT provider FROM objects WHERE id = $id AND (key_id = $keyId OR (scope = $scope AND scope > 0))",
  );
  const remove = database.prepare("DELETE FROM objects WHERE id = ? AND provider = ?");
  const trim = database.prepare(
    "DELETE FROM objects WHERE rowid IN (SELECT rowid FROM objects ORDER BY rowid DESC LIMIT -1 OFFSET ?)",
  );
  let claims = 0;

  const isTheirs = (id: string, provider: string | null, { keyId, scope }: Owner): readonly unknown[] =>
    find.pluck().all({ keyId, scope, id, provider });

  return {
    claim(provider, ids, { keyId, scope }) {
      for (const id of ids) insert.run(id, provider, keyId, scope, now());
      if (++claims % claimsPerSweep === 0) trim.run(objectsMax);
    },
    own: (provider, ids, owner) => ids.filter((id) => isTheirs(id, provider, owner).includes(1)),
    foreign(ids, owner) {
      return ids.filter((id) => {
        const found = isTheirs(id, null, owner);
        return found.length > 0 && !found.includes(1);
      });
    },
    where: (ids, { keyId, scope }) => [
      ...new Set(ids.flatMap((id) => place.pluck().all({ id, keyId, scope }) as string[])),
    ],
    forget: (provider, id) => void remove.run(id, provider),
  };
}
