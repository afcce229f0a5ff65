/** Keys and scopes as rows: reads and writes them. Hides columns, tombstones and the change counter's index. */
import type {
  Budget,
  KeyDefinition,
  KeyHash,
  RateLimit,
  ScopeAttributes,
  ScopeDefinition,
  ScopeKind,
  ScopeSource,
  Window,
} from "../governance/definitions.ts";
import type { Database } from "./database.ts";
import { plucked, prepared } from "./prepared.ts";

/** What became different after some change number. Each changed key comes with all its hashes: they replace what was known. */
export type Definitions = {
  /** The change counter these are true at. */
  readonly change: number;
  readonly keys: readonly KeyDefinition[];
  readonly hashes: readonly KeyHash[];
  readonly scopes: readonly ScopeDefinition[];
  readonly deletedKeys: readonly number[];
  readonly deletedScopes: readonly number[];
};

type KeyRow = {
  id: number;
  public_id: string;
  name: string;
  prefix: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  deleted_at: number | null;
  disabled: number;
  policy: string;
  scopes: string;
  source: ScopeSource;
  delete_expired: number;
  change: number;
};
type HashRow = { hash: string; key_id: number; expires_at: number | null };
export type ScopeRow = {
  id: number;
  kind: ScopeKind;
  name: string;
  concurrency_max: number | null;
  deleted_at: number | null;
  public_id: string | null;
  parent_id: number | null;
  source: ScopeSource;
  attributes: string;
  created_at: number;
  change: number;
};
type BudgetRow = {
  scope_id: number;
  slot: number;
  limit_nano: number;
  window: string;
  anchor_at: number;
  shadow: number;
  wallet: number;
  extra_nano: number | null;
  extra_until: number | null;
};
type LimitRow = {
  scope_id: number;
  slot: number;
  metric: RateLimit["metric"];
  amount: number;
  window_ms: number;
  shadow: number;
};

/** As text: a hundred thousand small buffers made by the driver take three times as long. */
const hashColumns = "hex(h.hash) AS hash, h.key_id, h.expires_at";

/** Everything that changed after `change`; 0: all there is. */
export function changedSince(database: Database, change: number): Definitions {
  const all = <Row>(sql: string) => database.prepare(sql).all(change) as Row[];
  const byId = (one: { id: number }, other: { id: number }) => one.id - other.id;
  const keyRows = all<KeyRow>("SELECT * FROM keys WHERE change > ?").sort(byId);
  const scopeRows = all<ScopeRow>("SELECT * FROM scopes WHERE change > ?").sort(byId);
  const hashRows =
    change === 0
      ? (database.prepare(`SELECT ${hashColumns} FROM key_hashes h`).all() as HashRow[])
      : all<HashRow>(`SELECT ${hashColumns} FROM key_hashes h JOIN keys k ON k.id = h.key_id WHERE k.change > ?`);
  const budgets = byScope(all<BudgetRow>(partOf("budgets", change)), readBudget);
  const limits = byScope(all<LimitRow>(partOf("limits", change)), readLimit);
  return {
    change: readChange(database),
    keys: keyRows.filter((row) => row.deleted_at === null).map(readKey),
    hashes: hashRows.map(readHash),
    scopes: scopeRows
      .filter((row) => row.deleted_at === null)
      .map((row) => readScope(row, budgets.get(row.id) ?? [], limits.get(row.id) ?? [])),
    deletedKeys: keyRows.filter((row) => row.deleted_at !== null).map((row) => row.id),
    deletedScopes: scopeRows.filter((row) => row.deleted_at !== null).map((row) => row.id),
  };
}

export function readChange(database: Database): number {
  return plucked(database, "SELECT value FROM meta WHERE name = 'change'").get() as number;
}

/** One key with its hashes and the scopes that are its own (not its owners'), as after a command. Undefined: there is none, or it was deleted. */
export function findKey(
  database: Database,
  keyId: number,
): Omit<Definitions, "change" | "deletedKeys" | "deletedScopes"> | undefined {
  const row = prepared(database, "SELECT * FROM keys WHERE id = ? AND deleted_at IS NULL").get(keyId) as
    | KeyRow
    | undefined;
  if (row === undefined) return undefined;
  const key = readKey(row);
  const hashes = prepared(database, `SELECT ${hashColumns} FROM key_hashes h WHERE key_id = ?`).all(keyId) as HashRow[];
  const scopes = ownScopes(key).flatMap((id) => findScope(database, id) ?? []);
  return { keys: [key], hashes: hashes.map(readHash), scopes };
}

/** The key's scope first, then those of its providers. */
export function ownScopes({ scopes, policy }: KeyDefinition): readonly number[] {
  return [...scopes.slice(0, 1), ...(policy.providers ?? []).flatMap(({ scope }) => scope ?? [])];
}

export function findScope(database: Database, scopeId: number): ScopeDefinition | undefined {
  const row = prepared(database, "SELECT * FROM scopes WHERE id = ? AND deleted_at IS NULL").get(scopeId) as
    | ScopeRow
    | undefined;
  if (row === undefined) return undefined;
  const budgets = prepared(database, "SELECT * FROM budgets WHERE scope_id = ? ORDER BY slot").all(
    scopeId,
  ) as BudgetRow[];
  const limits = prepared(database, "SELECT * FROM limits WHERE scope_id = ? ORDER BY slot").all(scopeId) as LimitRow[];
  return readScope(row, budgets.map(readBudget), limits.map(readLimit));
}

/**
 * What the index by name holds, in its own words: SQLite uses it for a question that says the same, whatever kind the
 * question is about. Without it every look-up by name reads all scopes, and each key has one.
 */
export const isNamed = "deleted_at IS NULL AND kind NOT IN ('key', 'provider_config')";

/** Owners and limits whose attributes say something, without their numbers. */
export function readRuled(database: Database): readonly ScopeDefinition[] {
  const sql = `SELECT * FROM scopes WHERE ${isNamed} AND attributes <> '{}'`;
  // One of each kind that requests name is enough to know that they are to be looked for.
  const named = ["end_user", "tag"].flatMap((kind) =>
    database.prepare(`SELECT * FROM scopes WHERE kind = ? AND ${isNamed} LIMIT 1`).all(kind),
  );
  return [...database.prepare(sql).all(), ...named].map((row) => readScope(row as ScopeRow, [], []));
}

/** The scope's whole list. Slots in `fresh` count from after `seq`, the others from where they did. */
export function writeBudgets(
  database: Database,
  scopeId: number,
  budgets: readonly Budget[],
  fresh: ReadonlySet<number>,
  seq: number,
): void {
  const before = database.prepare("SELECT slot, since_seq FROM budgets WHERE scope_id = ?").raw().all(scopeId);
  const since = new Map(before as [number, number][]);
  prepared(database, "DELETE FROM budgets WHERE scope_id = ?").run(scopeId);
  const insert = prepared(database, "INSERT INTO budgets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const { slot, limitNano, window, anchorMs, shadow, wallet, extraNano, extraUntilMs } of budgets) {
    const sinceSeq = fresh.has(slot) ? seq : (since.get(slot) ?? seq);
    const extra = [extraNano ?? null, extraUntilMs ?? null];
    const flags = [shadow ? 1 : 0, wallet ? 1 : 0];
    insert.run(scopeId, slot, limitNano, JSON.stringify(window), anchorMs, sinceSeq, ...flags, ...extra);
  }
}

export function writeLimits(database: Database, scopeId: number, limits: readonly RateLimit[]): void {
  prepared(database, "DELETE FROM limits WHERE scope_id = ?").run(scopeId);
  const insert = prepared(database, "INSERT INTO limits VALUES (?, ?, ?, ?, ?, ?)");
  for (const { slot, metric, limit, windowMs, shadow } of limits) {
    insert.run(scopeId, slot, metric, limit, windowMs, shadow ? 1 : 0);
  }
}

function partOf(table: "budgets" | "limits", change: number): string {
  if (change === 0) return `SELECT * FROM ${table} WHERE ? = 0 ORDER BY scope_id, slot`;
  // In this order: for the sake of the last words SQLite would rather read all of the table than sort a few rows.
  return `SELECT p.* FROM scopes s CROSS JOIN ${table} p ON p.scope_id = s.id WHERE s.change > ? ORDER BY p.scope_id, p.slot`;
}

function byScope<Row extends { scope_id: number }, Part>(
  rows: readonly Row[],
  read: (row: Row) => Part,
): Map<number, Part[]> {
  const parts = new Map<number, Part[]>();
  for (const row of rows) {
    const list = parts.get(row.scope_id);
    if (list === undefined) parts.set(row.scope_id, [read(row)]);
    else list.push(read(row));
  }
  return parts;
}

function readKey(row: KeyRow): KeyDefinition {
  return {
    id: row.id,
    publicId: row.public_id,
    name: row.name,
    prefix: row.prefix,
    createdAtMs: row.created_at,
    ...(row.expires_at === null ? {} : { expiresAtMs: row.expires_at }),
    ...(row.revoked_at === null ? {} : { revokedAtMs: row.revoked_at }),
    disabled: row.disabled !== 0,
    policy: parsed(row.policy) as KeyDefinition["policy"],
    scopes: row.scopes === "" ? [] : row.scopes.split(",").map(Number),
    ...(row.source === "database" ? {} : { source: row.source }),
    ...(row.delete_expired === 0 ? {} : { deleteExpired: true }),
    change: row.change,
  };
}

function readHash(row: HashRow): KeyHash {
  return {
    keyId: row.key_id,
    hash: new Uint8Array(Buffer.from(row.hash, "hex")),
    ...(row.expires_at === null ? {} : { expiresAtMs: row.expires_at }),
  };
}

function readScope(row: ScopeRow, budgets: readonly Budget[], limits: readonly RateLimit[]): ScopeDefinition {
  return {
    id: row.id,
    kind: row.kind,
    name: row.name,
    ...(row.public_id === null ? {} : { publicId: row.public_id }),
    ...(row.parent_id === null ? {} : { parentId: row.parent_id }),
    ...(row.source === "database" ? {} : { source: row.source }),
    ...(row.created_at === 0 ? {} : { createdAtMs: row.created_at }),
    change: row.change,
    ...(row.attributes === "{}" ? {} : { attributes: parsed(row.attributes) as ScopeAttributes }),
    budgets,
    limits,
    ...(row.concurrency_max === null ? {} : { concurrencyMax: row.concurrency_max }),
  };
}

function readBudget(row: BudgetRow): Budget {
  return {
    slot: row.slot,
    limitNano: row.limit_nano,
    window: parsed(row.window) as Window,
    anchorMs: row.anchor_at,
    ...(row.shadow === 0 ? {} : { shadow: true }),
    ...(row.wallet === 0 ? {} : { wallet: true }),
    ...(row.extra_nano === null ? {} : { extraNano: row.extra_nano }),
    ...(row.extra_until === null ? {} : { extraUntilMs: row.extra_until }),
  };
}

function readLimit(row: LimitRow): RateLimit {
  return {
    slot: row.slot,
    metric: row.metric,
    limit: row.amount,
    windowMs: row.window_ms,
    ...(row.shadow === 0 ? {} : { shadow: true }),
  };
}

const parsedTexts = new Map<string, unknown>();
/** Policies and windows are few and repeat; equal ones share one value. */
const parsedTextsMax = 1_000;

function parsed(text: string): unknown {
  let value = parsedTexts.get(text);
  if (value === undefined) {
    value = JSON.parse(text);
    if (parsedTexts.size >= parsedTextsMax) parsedTexts.clear();
    parsedTexts.set(text, value);
  }
  return value;
}
