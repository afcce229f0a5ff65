/**
 * Makes owners, keys and limits of the database what the config file declares, and nothing more than what differs.
 * Hides the order: owners before what belongs to them, and the other way round for what has gone from the file. A
 * generator of commands, so that a start runs it on the file and a reload through the writer thread.
 */
import type {
  DeclaredKey,
  DeclaredNumbers,
  DeclaredScope,
  GovernanceData,
  OwnerName,
} from "../config/governance-data.ts";
import type { KeyDefinition, ScopeDefinition, ScopeKind } from "../governance/definitions.ts";
import type { Command, CommandResult, ProviderChange } from "./commands/command.ts";
import type { Database } from "./database.ts";
import { findKey, findScope, isNamed } from "./definitions.ts";

/** As the audit trail names it. */
export const declareActor = "config";

export type DeclareOptions = {
  readonly database: () => Database;
  /** `team_…`, random. */
  readonly publicId: (kind: ScopeKind) => string;
};

const nothing: GovernanceData = { scopes: [], keys: [] };
const ownerKinds: ReadonlySet<ScopeKind> = new Set(["customer", "team", "user"]);

export function* declare(
  data: GovernanceData = nothing,
  { database, publicId }: DeclareOptions,
): Generator<Command, void, CommandResult> {
  const kept = new Set<number>();
  const ids = new Map<string, number>();
  const one = (sql: string, ...values: unknown[]): number | undefined =>
    database()
      .prepare(sql)
      .pluck()
      .get(...values) as number | undefined;
  const parentId = (parent: OwnerName | undefined): number | undefined =>
    parent === undefined ? undefined : ids.get(`${parent.kind} ${parent.name}`);

  function* scope(wanted: DeclaredScope): Generator<Command, void, CommandResult> {
    const { kind, name, attributes, budgets, limits, concurrencyMax } = wanted;
    const id = one(`SELECT id FROM scopes WHERE kind = ? AND name = ? AND ${isNamed}`, kind, name);
    const above = parentId(wanted.parent);
    const numbers = { budgets, limits };
    if (id === undefined) {
      const made = yield {
        ...{ kind: "create_scope", scopeKind: kind, publicId: publicId(kind), name, attributes, source: "file" },
        ...{ ...numbers, concurrencyMax, parentId: above },
      } as Command;
      remember(wanted, made.scopes[0]!.id);
      return;
    }
    remember(wanted, id);
    const before = findScope(database(), id)!;
    if (before.source === "file" && sameScope(before, wanted, above)) return;
    const concurrency = concurrencyMax ?? null;
    const change = { ...numbers, attributes, concurrencyMax: concurrency, parentId: above ?? null, source: "file" };
    yield { kind: "update_scope", scopeId: id, ...change } as Command;
  }

  function* key(wanted: DeclaredKey): Generator<Command, void, CommandResult> {
    const { name, policy, providers, attributes, budgets, limits, concurrencyMax, disabled, expiresAtMs } = wanted;
    const hash = new Uint8Array(Buffer.from(wanted.hash, "hex"));
    const above = parentId(wanted.parent);
    const shared = { policy, attributes, budgets, limits, source: "file" };
    let id = one(
      "SELECT id FROM keys WHERE name = ? AND revoked_at IS NULL AND deleted_at IS NULL ORDER BY id LIMIT 1",
      name,
    );
    if (id === undefined) {
      const made = yield {
        ...{ kind: "create_key", publicId: publicId("key"), name, prefix: wanted.prefix, hash },
        ...{ ...shared, providers, expiresAtMs, concurrencyMax, parentId: above },
      } as Command;
      id = made.key!.id;
    }
    const { keys, hashes, scopes } = findKey(database(), id)!;
    const [before] = keys;
    keptKeys.add(id);
    ids.set(`key ${name}`, before!.scopes[0]!);
    if (!hashes.some((each) => Buffer.from(each.hash).equals(hash)))
      yield { kind: "rotate_key", keyId: id, prefix: wanted.prefix, hash };
    if (sameKey(before!, scopes, wanted, above)) return;
    const change = { disabled, expiresAtMs: expiresAtMs ?? null, concurrencyMax: concurrencyMax ?? null };
    yield { kind: "update_key", keyId: id, ...shared, ...change, providers, parentId: above ?? null } as Command;
  }

  const keptKeys = new Set<number>();
  function remember({ kind, name }: { readonly kind: string; readonly name: string }, id: number): void {
    kept.add(id);
    ids.set(`${kind} ${name}`, id);
  }

  for (const wanted of data.scopes) if (ownerKinds.has(wanted.kind)) yield* scope(wanted);
  for (const wanted of data.keys) yield* key(wanted);
  for (const wanted of data.scopes) if (!ownerKinds.has(wanted.kind)) yield* scope(wanted);

  const gone = (sql: string): readonly number[] => database().prepare(sql).pluck().all() as number[];
  const fileScopes = gone("SELECT id FROM scopes WHERE source = 'file' AND deleted_at IS NULL");
  const fileKeys = gone("SELECT id FROM keys WHERE source = 'file' AND deleted_at IS NULL");
  const left = fileScopes.filter((id) => !kept.has(id)).flatMap((id) => findScope(database(), id) ?? []);
  for (const each of left) {
    const isOwner = ownerKinds.has(each.kind) || each.kind === "key" || each.kind === "provider_config";
    if (!isOwner) yield { kind: "delete_scope", scopeId: each.id };
  }
  for (const keyId of fileKeys) if (!keptKeys.has(keyId)) yield { kind: "delete_key", keyId };
  for (const kind of ["user", "team", "customer"])
    for (const each of left) if (each.kind === kind) yield letGo(each, one);
}

/** An owner that others still belong to stays, and is theirs to change from now on. */
function letGo({ id }: ScopeDefinition, one: (sql: string, ...values: unknown[]) => number | undefined): Command {
  const below = one("SELECT count(*) FROM scopes WHERE parent_id = ? AND deleted_at IS NULL", id) ?? 0;
  if (below > 0) return { kind: "update_scope", scopeId: id, source: "database" };
  return { kind: "delete_scope", scopeId: id };
}

function sameScope(before: ScopeDefinition, wanted: DeclaredScope, parent: number | undefined): boolean {
  return (
    before.parentId === parent &&
    same(before.attributes ?? {}, wanted.attributes) &&
    same(numbersOf(before), numbersOf(wanted))
  );
}

function sameKey(
  before: KeyDefinition,
  scopes: readonly ScopeDefinition[],
  wanted: DeclaredKey,
  parent: number | undefined,
): boolean {
  const [own] = scopes;
  const providers = before.policy.providers?.map(({ scope, ...config }): ProviderChange => {
    const numbers = scopes.find(({ id }) => id === scope);
    return { ...config, ...(numbers === undefined ? { budgets: [], limits: [] } : numbersOf(numbers)) };
  });
  const { providers: _providers, ...policy } = before.policy;
  return (
    before.source === "file" &&
    before.disabled === wanted.disabled &&
    before.expiresAtMs === wanted.expiresAtMs &&
    own?.parentId === parent &&
    same(own?.attributes ?? {}, wanted.attributes) &&
    same(policy, wanted.policy) &&
    same(providers ?? null, wanted.providers?.map((each) => ({ ...each })) ?? null) &&
    same(own === undefined ? {} : numbersOf(own), numbersOf(wanted))
  );
}

/** Without slots, anchors and wallets, which are not the file's. */
function numbersOf({ budgets, limits, concurrencyMax }: DeclaredNumbers | ScopeDefinition): object {
  return {
    budgets: budgets
      .filter((budget) => !("wallet" in budget && budget.wallet))
      .map(({ limitNano, window, shadow = false }) => ({ limitNano, window, shadow })),
    limits: limits.map(({ metric, limit, windowMs, shadow = false }) => ({ metric, limit, windowMs, shadow })),
    ...(concurrencyMax === undefined ? {} : { concurrencyMax }),
  };
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

/** Names in one order, and what is absent left out. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(
    entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => [name, sorted(each)]),
  );
}
