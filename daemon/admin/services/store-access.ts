/** The database as the admin services use it: the same over running threads and over the files alone. */
import type { Command, CommandResult } from "../../store/commands/command.ts";
import type { Database } from "../../store/database.ts";
import { findKey } from "../../store/definitions.ts";
import { plucked } from "../../store/prepared.ts";
import type { Query, QueryAnswer } from "../../store/queries.ts";
import type { Tell } from "../../store/requests.ts";
import type { Reach } from "../admin-services.ts";
import { createCounting } from "./counting.ts";
import type { KeyStore, StoredKey } from "./keys.ts";
import { isInReach, scopesInReach } from "./reach.ts";

export type StoreAccess = {
  execute(command: Command, actor: string): Promise<CommandResult>;
  query<Kind extends Query["kind"]>(query: Extract<Query, { kind: Kind }>, tell?: Tell): Promise<QueryAnswer[Kind]>;
  /** A read-only connection of the calling thread, for look-ups of single rows. */
  database(): Database;
};

/** With a reach, what is out of it is not found. */
export function createKeyStore(access: StoreAccess, reach?: Reach): KeyStore {
  const ids = (sql: string, ...values: unknown[]): number[] =>
    plucked(access.database(), sql).all(...values) as number[];

  const count = createCounting(access.database);

  function load(id: number | undefined): StoredKey | undefined {
    if (id !== undefined && reach !== undefined && !isReachable(id, reach)) return undefined;
    const found = id === undefined ? undefined : findKey(access.database(), id);
    const key = found?.keys[0];
    return found === undefined || key === undefined ? undefined : { key, hashes: found.hashes, scopes: found.scopes };
  }

  function isReachable(id: number, within: Reach): boolean {
    const [scopeId] = ids("SELECT scope_id FROM keys WHERE id = ?", id);
    return scopeId !== undefined && isInReach(access.database(), within, scopeId);
  }

  function where({ all, search, parentId }: Parameters<KeyStore["count"]>[0]): [string, unknown[]] {
    const parts = ["deleted_at IS NULL"];
    const values: unknown[] = [];
    if (reach !== undefined) {
      parts.push(`scope_id IN ${scopesInReach}`);
      values.push(reach.scopeId);
    }
    if (!all) parts.push("revoked_at IS NULL");
    if (search !== undefined) {
      parts.push("(instr(lower(name), lower(?)) > 0 OR instr(public_id, ?) > 0)");
      values.push(search, search);
    }
    if (parentId !== undefined) {
      parts.push("scope_id IN (SELECT id FROM scopes WHERE parent_id = ?)");
      values.push(parentId);
    }
    return [parts.join(" AND "), values];
  }

  const byName = "SELECT id FROM keys WHERE name = ? AND revoked_at IS NULL AND deleted_at IS NULL LIMIT 1";
  return {
    async page({ afterId, limit, orderBy = "id", offset = 0, ...filter }) {
      const [clause, values] = where(filter);
      const from = afterId === 0 ? "" : "id > ? AND ";
      const sql = `SELECT id FROM keys WHERE ${from}${clause} ORDER BY ${orderBy} LIMIT ? OFFSET ?`;
      const found = ids(sql, ...(afterId === 0 ? [] : [afterId]), ...values, limit, offset);
      return found.flatMap((id) => load(id) ?? []);
    },
    async count(filter) {
      const [clause, values] = where(filter);
      return count(`SELECT count(*) FROM keys WHERE ${clause}`, values);
    },
    findById: async (publicId) =>
      load(ids("SELECT id FROM keys WHERE public_id = ? AND deleted_at IS NULL", publicId)[0]),
    findByHash: async (hash) => load(ids("SELECT key_id FROM key_hashes WHERE hash = ?", hash)[0]),
    findByName: async (name) => load(ids(byName, name)[0]),
    isTaken: async (name) => ids(byName, name).length > 0,
    execute: (command, actor) => access.execute(command, actor),
  };
}
