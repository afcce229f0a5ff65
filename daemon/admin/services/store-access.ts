/** The database as the admin services use it: the same over running threads and over the files alone. */
import type { Command, CommandResult } from "../../store/commands/command.ts";
import type { Database } from "../../store/database.ts";
import { findKey } from "../../store/definitions.ts";
import type { Query, QueryAnswer } from "../../store/queries.ts";
import type { KeyStore, StoredKey } from "./keys.ts";

export type StoreAccess = {
  execute(command: Command, actor: string): Promise<CommandResult>;
  query<Kind extends Query["kind"]>(query: Extract<Query, { kind: Kind }>): Promise<QueryAnswer[Kind]>;
  /** A read-only connection of the calling thread, for look-ups of single rows. */
  database(): Database;
};

export function createKeyStore(access: StoreAccess): KeyStore {
  const ids = (sql: string, ...values: unknown[]): number[] =>
    access
      .database()
      .prepare(sql)
      .pluck()
      .all(...values) as number[];

  function load(id: number | undefined): StoredKey | undefined {
    const found = id === undefined ? undefined : findKey(access.database(), id);
    const key = found?.keys[0];
    return found === undefined || key === undefined ? undefined : { key, hashes: found.hashes, scopes: found.scopes };
  }

  function where({ all, search, parentId }: Parameters<KeyStore["count"]>[0]): [string, unknown[]] {
    const parts = ["deleted_at IS NULL"];
    const values: unknown[] = [];
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

  return {
    async page({ afterId, limit, ...filter }) {
      const [clause, values] = where(filter);
      return ids(
        `SELECT id FROM keys WHERE id > ? AND ${clause} ORDER BY id LIMIT ?`,
        afterId,
        ...values,
        limit,
      ).flatMap((id) => load(id) ?? []);
    },
    async count(filter) {
      const [clause, values] = where(filter);
      return ids(`SELECT count(*) FROM keys WHERE ${clause}`, ...values)[0]!;
    },
    findById: async (publicId) =>
      load(ids("SELECT id FROM keys WHERE public_id = ? AND deleted_at IS NULL", publicId)[0]),
    findByName: async (name) =>
      load(ids("SELECT id FROM keys WHERE name = ? AND revoked_at IS NULL AND deleted_at IS NULL LIMIT 1", name)[0]),
    execute: (command, actor) => access.execute(command, actor),
  };
}
