/** Owners and limits as rows, found by id or name. Hides columns and the ways of looking. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import { nearest } from "../../config/problems.ts";
import type { ScopeDefinition, ScopeKind } from "../../governance/definitions.ts";
import type { Database } from "../../store/database.ts";
import { findScope, isNamed } from "../../store/definitions.ts";
import { plucked } from "../../store/prepared.ts";
import type { Reach } from "../admin-services.ts";
import type { WalletEntry } from "../contract/owners.ts";
import { createCounting } from "./counting.ts";
import { isInReach, scopesInReach } from "./reach.ts";

export type OwnerPage = {
  readonly kinds: readonly ScopeKind[];
  readonly afterId: number;
  readonly limit: number;
  /** Column names. Absent: `id`. */
  readonly orderBy?: string | undefined;
  readonly offset?: number | undefined;
  readonly search?: string | undefined;
  readonly parentId?: number | undefined;
};

type Filter = Omit<OwnerPage, "afterId" | "limit" | "orderBy" | "offset">;

export type OwnerRows = {
  /** In order of id. */
  page(query: OwnerPage): readonly ScopeDefinition[];
  count(query: Filter): number;
  findById(id: number): ScopeDefinition | undefined;
  /** By public id or name. A key's scope is found by the key's. */
  find(kind: ScopeKind, reference: string): ScopeDefinition | undefined;
  /** The same, or `not_found` about the field. */
  mustFind(kind: ScopeKind, reference: string, param: string): ScopeDefinition;
  /** A name of this kind that may have been meant. */
  nearest(kind: ScopeKind, reference: string): string | undefined;
  /** Names are given once, whether or not who asks may see by whom. */
  isTaken(kind: ScopeKind, name: string): boolean;
  /** What people know a scope by: the key's id for a key's scope. */
  publicId(scope: ScopeDefinition): string;
  /** What its version is told by: a key's is the later one of its row and its scope. */
  change(scope: ScopeDefinition): number;
  /** Newest first. */
  walletEntries(scopeId: number, limit: number): readonly WalletEntry[];
  /** Scopes with budgets, or with limits, in order of id. */
  withNumbers(table: "budgets" | "limits", afterId: number, limit: number, search?: string): readonly ScopeDefinition[];
};

export const idPrefixes: Readonly<Record<ScopeKind, string>> = {
  customer: "cust_",
  team: "team_",
  user: "user_",
  key: "key_",
  provider_config: "pcfg_",
  model_limit: "mlim_",
  provider_limit: "plim_",
  end_user: "eu_",
  tag: "tag_",
};

/** Newer names that a reference which is none is compared with. */
const comparedMax = 1_000;

export function noSuch(rows: OwnerRows, kind: ScopeKind, reference: string, param: string): GatewayError {
  const near = rows.nearest(kind, reference);
  const hint = near === undefined ? "" : ` (did you mean "${near}"?)`;
  return new GatewayError("not_found", `there is no ${kind.replace("_", " ")} "${reference}"${hint}`, { param });
}

/** With a reach, what is out of it is not found. */
export function createOwnerRows(database: () => Database, reach?: Reach): OwnerRows {
  const ids = (sql: string, ...values: unknown[]): number[] => plucked(database(), sql).all(...values) as number[];
  const count = createCounting(database);
  const load = (found: readonly number[]): readonly ScopeDefinition[] =>
    found.flatMap((id) => findScope(database(), id) ?? []);

  function where({ kinds, search, parentId }: Filter): [string, unknown[]] {
    const parts = [`kind IN (${kinds.map(() => "?").join(", ")})`, isNamed];
    const values: unknown[] = [...kinds];
    if (reach !== undefined) {
      parts.push(`id IN ${scopesInReach}`);
      values.push(reach.scopeId);
    }
    if (parentId !== undefined) {
      parts.push("parent_id = ?");
      values.push(parentId);
    }
    if (search !== undefined) {
      parts.push("(instr(lower(name), lower(?)) > 0 OR instr(public_id, ?) > 0)");
      values.push(search, search);
    }
    return [parts.join(" AND "), values];
  }

  const reachable = (found: ScopeDefinition | undefined): ScopeDefinition | undefined =>
    found === undefined || reach === undefined || isInReach(database(), reach, found.id) ? found : undefined;

  function find(kind: ScopeKind, reference: string): ScopeDefinition | undefined {
    if (kind === "key") {
      const column = reference.startsWith("key_") ? "public_id" : "name";
      const sql = `SELECT scope_id FROM keys WHERE ${column} = ? AND deleted_at IS NULL AND revoked_at IS NULL LIMIT 1`;
      return load(ids(sql, reference))[0];
    }
    const column = reference.startsWith(idPrefixes[kind]) ? "public_id" : "name";
    return load(ids(`SELECT id FROM scopes WHERE kind = ? AND ${column} = ? AND ${isNamed}`, kind, reference))[0];
  }

  const rows: OwnerRows = {
    page(query) {
      const [clause, values] = where(query);
      const { afterId, orderBy = "id", limit, offset = 0 } = query;
      const from = afterId === 0 ? "" : "id > ? AND ";
      const sql = `SELECT id FROM scopes WHERE ${from}${clause} ORDER BY ${orderBy} LIMIT ? OFFSET ?`;
      return load(ids(sql, ...(afterId === 0 ? [] : [afterId]), ...values, limit, offset));
    },
    count(query) {
      const [clause, values] = where(query);
      return count(`SELECT count(*) FROM scopes WHERE ${clause}`, values);
    },
    findById: (id) => reachable(findScope(database(), id)),
    find: (kind, reference) => reachable(find(kind, reference)),
    isTaken: (kind, name) => find(kind, name) !== undefined,
    mustFind(kind, reference, param) {
      const found = reachable(find(kind, reference));
      if (found !== undefined) return found;
      throw noSuch(rows, kind, reference, param);
    },
    nearest(kind, reference) {
      const [clause, values] = where({ kinds: [kind] });
      const sql = `SELECT name FROM scopes WHERE ${clause} ORDER BY id DESC LIMIT ${comparedMax}`;
      const names = ids(sql, ...values) as unknown as readonly string[];
      const near = nearest(reference, names);
      return near === undefined || find(kind, near) === undefined ? undefined : near;
    },
    publicId(scope) {
      if (scope.kind !== "key") return scope.publicId ?? `${idPrefixes[scope.kind]}${scope.id}`;
      const sql = "SELECT public_id FROM keys WHERE scope_id = ?";
      return (plucked(database(), sql).get(scope.id) as string | undefined) ?? "";
    },
    change(scope) {
      const change = scope.change ?? 0;
      if (scope.kind !== "key") return change;
      const sql = "SELECT change FROM keys WHERE scope_id = ?";
      return Math.max(change, (plucked(database(), sql).get(scope.id) as number | undefined) ?? 0);
    },
    walletEntries: (scopeId, limit) =>
      database()
        .prepare(
          "SELECT at AS at_ms, amount_nano, note, actor FROM wallet_entries WHERE scope_id = ? ORDER BY id DESC LIMIT ?",
        )
        .all(scopeId, limit) as WalletEntry[],
    withNumbers(table, afterId, limit, search) {
      const within = reach === undefined ? "" : ` AND s.id IN ${scopesInReach}`;
      const named =
        search === undefined
          ? ""
          : " AND (instr(lower(s.name), lower(?)) > 0 OR instr(s.public_id, ?) > 0 OR s.id IN (SELECT scope_id FROM keys WHERE instr(public_id, ?) > 0))";
      const values = [
        ...(reach === undefined ? [] : [reach.scopeId]),
        ...(search === undefined ? [] : Array(3).fill(search)),
      ];
      const sql = `SELECT DISTINCT t.scope_id FROM ${table} t JOIN scopes s ON s.id = t.scope_id WHERE t.scope_id > ? AND s.deleted_at IS NULL${within}${named} ORDER BY t.scope_id LIMIT ?`;
      return load(ids(sql, afterId, ...values, limit));
    },
  };
  return rows;
}
