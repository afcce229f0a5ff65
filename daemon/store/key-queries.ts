/** Single keys and pages of them, for management. Hides that there is no index on names: a scan of 10⁵ rows is 10 ms. */
import type { KeyDefinition, KeyHash, ScopeDefinition } from "../governance/definitions.ts";
import type { Database } from "./database.ts";
import { findKey } from "./definitions.ts";

/** A key with everything that is its own. */
export type KeyRows = {
  readonly key: KeyDefinition;
  readonly hashes: readonly KeyHash[];
  readonly scopes: readonly ScopeDefinition[];
};

export const keyPageMax = 1_001;

export function findKeyByPublicId(database: Database, publicId: string): KeyRows | undefined {
  return read(database, "SELECT id FROM keys WHERE public_id = ?", publicId)[0];
}

/** Of the keys that are not revoked; should two have the name, the older. */
export function findKeyByName(database: Database, name: string): KeyRows | undefined {
  return read(
    database,
    "SELECT id FROM keys WHERE name = ? AND revoked_at IS NULL AND deleted_at IS NULL ORDER BY id LIMIT 1",
    name,
  )[0];
}

/** In order of id, from the one after `afterId`; `all`: revoked ones too. */
export function pageKeys(database: Database, afterId: number, limit: number, all: boolean): readonly KeyRows[] {
  const live = all ? "" : " AND revoked_at IS NULL";
  const sql = `SELECT id FROM keys WHERE id > ? AND deleted_at IS NULL${live} ORDER BY id LIMIT ?`;
  return read(database, sql, afterId, Math.min(limit, keyPageMax));
}

function read(database: Database, sql: string, ...values: unknown[]): readonly KeyRows[] {
  const ids = database
    .prepare(sql)
    .pluck()
    .all(...values) as number[];
  return ids.flatMap((id) => {
    const found = findKey(database, id);
    const key = found?.keys[0];
    return found === undefined || key === undefined ? [] : [{ key, hashes: found.hashes, scopes: found.scopes }];
  });
}
