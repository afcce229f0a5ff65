/** Whom a key belongs to, for rows of the log. Hides that it is looked up in state.db, and remembered for a moment. */
import { dirname, join } from "node:path";
import { type Column, type Columns, isVaried, valueAt } from "./columns.ts";
import { type Database, openDatabase } from "./database.ts";
import { requestColumn as column } from "./rows.ts";

/** Public ids of a key's owners, from the nearest up. */
export type KeyOwners = {
  readonly team: string | null;
  readonly customer: string | null;
  readonly user: string | null;
};

const none: KeyOwners = { team: null, customer: null, user: null };
/** Owners rarely change; what a row says may be this much out of date. */
const rememberMs = 5_000;
const rememberedMax = 50_000;

export function ownersOf(database: Database, keyId: number): KeyOwners {
  const rows = database
    .prepare(
      `WITH RECURSIVE up (kind, public_id, parent_id, depth) AS (
        SELECT kind, scopes.public_id, parent_id, 0 FROM scopes JOIN keys ON keys.scope_id = scopes.id WHERE keys.id = ?
        UNION ALL
        SELECT scopes.kind, scopes.public_id, scopes.parent_id, depth + 1 FROM scopes JOIN up ON scopes.id = up.parent_id WHERE depth < 8
      ) SELECT kind, public_id FROM up WHERE kind IN ('team', 'customer', 'user') ORDER BY depth`,
    )
    .raw()
    .all(keyId) as [keyof KeyOwners, string][];
  return rows.length === 0 ? none : { ...none, ...Object.fromEntries(rows.toReversed()) };
}

export type OwnerFiller = {
  /** The same rows, with what workers leave open filled in. */
  fill(rows: Columns): Columns;
  close(): void;
};

/** `file`: of traffic.db, beside which state.db lies. */
export function createOwnerFiller(file: string): OwnerFiller {
  const known = new Map<number, KeyOwners>();
  let database: Database | undefined;
  let forgetAt = 0;

  function find(keyId: number): KeyOwners {
    const now = performance.now();
    if (now > forgetAt || known.size > rememberedMax) {
      known.clear();
      forgetAt = now + rememberMs;
    }
    let owners = known.get(keyId);
    if (owners === undefined) {
      owners = look(keyId);
      known.set(keyId, owners);
    }
    return owners;
  }

  /** A row without its owners is better than no row. */
  function look(keyId: number): KeyOwners {
    try {
      database ??= openDatabase(join(dirname(file), "state.db"), { readonly: true });
      return ownersOf(database, keyId);
    } catch {
      return none;
    }
  }

  function ownersFor(keyId: unknown): KeyOwners {
    return typeof keyId === "number" && keyId > 0 ? find(keyId) : none;
  }

  return {
    fill({ count, values }) {
      const keyIds = values[column.key_id];
      const filled = [...values];
      for (const name of ["team", "customer", "user"] as const) {
        filled[column[name]] = fillColumn(values[column[name]] ?? null, keyIds ?? null, count, name);
      }
      return { count, values: filled };
    },
    close: () => database?.close(),
  };

  function fillColumn(given: Column, keyIds: Column, count: number, name: keyof KeyOwners): Column {
    if (!isVaried(given) && !isVaried(keyIds)) return given ?? ownersFor(keyIds)[name];
    return Array.from({ length: count }, (_, row) => valueAt(given, row) ?? ownersFor(valueAt(keyIds, row))[name]);
  }
}
