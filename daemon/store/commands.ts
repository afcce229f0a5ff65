/**
 * What management may do to keys and scopes, and doing it. Each command writes its audit record in the same
 * transaction. Hides slots and anchors: a caller says which budgets and limits it wants, not where they stand.
 */
import { randomUUID } from "node:crypto";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { ChainHead } from "../audit/chain.ts";
import {
  type Budget,
  budgetsPerScopeMax,
  type KeyDefinition,
  type KeyHash,
  type KeyPolicy,
  limitsPerScopeMax,
  type RateLimit,
  type ScopeDefinition,
  type Window,
} from "../governance/definitions.ts";
import { workerOfRequest } from "../http/request-id.ts";
import { findKey, findScope, readChange, writeBudgets, writeLimits } from "./definitions.ts";
import { settlementFlag } from "./rows.ts";
import type { StateWriter } from "./state-writer.ts";

export type BudgetInput = { readonly limitNano: number; readonly window: Window };
export type LimitInput = Omit<RateLimit, "slot">;

/** Absent: as it was. Null: none. */
export type ScopeChange = {
  /** The whole list; a budget whose window was there before keeps what it has spent. */
  readonly budgets?: readonly BudgetInput[] | undefined;
  readonly limits?: readonly LimitInput[] | undefined;
  readonly concurrencyMax?: number | null | undefined;
};

export type Command =
  | ({
      readonly kind: "create_key";
      readonly publicId: string;
      readonly name: string;
      readonly prefix: string;
      /** SHA-256 of the secret; the secret itself never comes here. */
      readonly hash: Uint8Array;
      readonly policy: KeyPolicy;
      readonly expiresAtMs?: number | undefined;
    } & ScopeChange)
  /** Its scope may be changed in the same breath. */
  | ({
      readonly kind: "update_key";
      readonly keyId: number;
      readonly name?: string | undefined;
      readonly policy?: KeyPolicy | undefined;
      readonly disabled?: boolean | undefined;
      readonly expiresAtMs?: number | null | undefined;
    } & ScopeChange)
  | { readonly kind: "revoke_key"; readonly keyId: number }
  | {
      readonly kind: "rotate_key";
      readonly keyId: number;
      readonly prefix: string;
      readonly hash: Uint8Array;
      /** Until when the old secrets still open the key; absent: not at all. */
      readonly graceUntilMs?: number | undefined;
    }
  | { readonly kind: "delete_key"; readonly keyId: number }
  | ({ readonly kind: "update_scope"; readonly scopeId: number } & ScopeChange)
  /** A management action that is kept elsewhere (a config reload), told to the audit trail. `before` and `after` are redacted by the caller. */
  | {
      readonly kind: "audit";
      readonly action: string;
      readonly target: string;
      readonly before?: unknown;
      readonly after?: unknown;
    }
  /** Writes the file so that it is known to be writable. */
  | { readonly kind: "probe" }
  | { readonly kind: "checkpoint" }
  /** A worker ended: what it held until then and nobody has settled is settled as estimated. */
  | { readonly kind: "settle_lost"; readonly worker: number; readonly heldUntilMs: number }
  /** Keeps a dump of the shared-memory tables, which holds every change up to `change`, for a quick boot. */
  | { readonly kind: "snapshot"; readonly change: number; readonly tables: Uint8Array };

export type CommandResult = {
  /** The change counter after the command. */
  readonly change: number;
  readonly head: ChainHead;
  /** The key as it is now; absent when the command deleted it or touched none. */
  readonly key?: KeyDefinition;
  /** All hashes of that key: they replace what was known. */
  readonly hashes: readonly KeyHash[];
  readonly scopes: readonly ScopeDefinition[];
};

const nameLengthMax = 200;
const allSlots: ReadonlySet<number> = new Set(Array.from({ length: budgetsPerScopeMax }, (_, slot) => slot));

/** Only within the writer's transaction. */
export function executeCommand(writer: StateWriter, command: Command, actor: string): CommandResult {
  switch (command.kind) {
    case "create_key":
      return createKey(writer, command, actor);
    case "update_key":
      return changeKey(writer, command.keyId, "key.update", actor, () => updateKey(writer, command));
    case "revoke_key":
      return changeKey(writer, command.keyId, "key.revoke", actor, () => {
        run(writer, "UPDATE keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?", writer.now(), command.keyId);
      });
    case "rotate_key":
      return changeKey(writer, command.keyId, "key.rotate", actor, () => rotateKey(writer, command));
    case "delete_key":
      return changeKey(writer, command.keyId, "key.delete", actor, (key) => deleteKey(writer, key));
    case "update_scope":
      return updateScope(writer, command, actor);
    case "audit":
      record(writer, actor, command.action, command.target, command.before, command.after);
      return result(writer);
    case "probe":
      writer.setMeta("probed_at", writer.now());
      return result(writer);
    case "settle_lost":
      writer.settleOpen(
        (holdId, heldAtMs) => heldAtMs <= command.heldUntilMs && workerOfRequest(holdId) === command.worker,
      );
      return result(writer);
    case "checkpoint":
    case "snapshot":
      return result(writer); // done before, by the writer: neither fits in one transaction with anything else
    default:
      throw new GatewayError("invalid_request", `unknown command ${(command as { kind: unknown }).kind}`);
  }
}

function createKey(writer: StateWriter, command: Command & { kind: "create_key" }, actor: string): CommandResult {
  checkName(command.name);
  checkHash(writer, command.hash);
  const change = nextChange(writer);
  const scopeId = insert(
    writer,
    "INSERT INTO scopes (kind, name, concurrency_max, change) VALUES ('key', ?, ?, ?)",
    command.name,
    command.concurrencyMax ?? null,
    change,
  );
  const keyId = insert(
    writer,
    "INSERT INTO keys (public_id, name, prefix, created_at, expires_at, policy, scopes, change) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    command.publicId,
    command.name,
    command.prefix,
    writer.now(),
    command.expiresAtMs ?? null,
    JSON.stringify(command.policy),
    String(scopeId),
    change,
  );
  run(writer, "INSERT INTO key_hashes VALUES (?, ?, NULL)", command.hash, keyId);
  const placed = placeBudgets([], command.budgets ?? [], writer.now());
  writeBudgets(writer.database, scopeId, placed.budgets, placed.fresh, writer.head.seq);
  writeLimits(writer.database, scopeId, placeLimits([], command.limits ?? []));
  const made = result(writer, keyId);
  record(writer, actor, "key.create", command.publicId, undefined, seen(made.key, made.scopes));
  return { ...made, head: writer.head };
}

/** A change to one key: before and after go to the audit trail, the change counter to the key. */
function changeKey(
  writer: StateWriter,
  keyId: number,
  action: string,
  actor: string,
  change: (key: KeyDefinition) => void,
): CommandResult {
  const found = findKey(writer.database, keyId);
  const key = found?.keys[0];
  if (found === undefined || key === undefined) throw unknownRow("keyId", `no key with row id ${keyId}`);
  change(key);
  run(writer, "UPDATE keys SET change = ? WHERE id = ?", nextChange(writer), keyId);
  const made = result(writer, keyId);
  record(writer, actor, action, key.publicId, seen(key, found.scopes), seen(made.key, made.scopes));
  return { ...made, head: writer.head };
}

function updateKey(writer: StateWriter, command: Command & { kind: "update_key" }): void {
  const { keyId } = command;
  if (command.name !== undefined) {
    checkName(command.name);
    run(writer, "UPDATE keys SET name = ? WHERE id = ?", command.name, keyId);
  }
  if (command.policy !== undefined) {
    run(writer, "UPDATE keys SET policy = ? WHERE id = ?", JSON.stringify(command.policy), keyId);
  }
  if (command.disabled !== undefined) {
    run(writer, "UPDATE keys SET disabled = ? WHERE id = ?", command.disabled ? 1 : 0, keyId);
  }
  if (command.expiresAtMs !== undefined) {
    run(writer, "UPDATE keys SET expires_at = ? WHERE id = ?", command.expiresAtMs, keyId);
  }
  const scopeId = findKey(writer.database, keyId)?.keys[0]?.scopes[0];
  if (scopeId === undefined) return;
  if (command.name !== undefined) {
    run(writer, "UPDATE scopes SET name = ?, change = ? WHERE id = ?", command.name, nextChange(writer), scopeId);
  }
  changeScope(writer, scopeId, command);
}

function rotateKey(writer: StateWriter, command: Command & { kind: "rotate_key" }): void {
  const { keyId, graceUntilMs } = command;
  checkHash(writer, command.hash);
  if (graceUntilMs === undefined || graceUntilMs <= writer.now()) {
    run(writer, "DELETE FROM key_hashes WHERE key_id = ?", keyId);
  } else {
    run(writer, "DELETE FROM key_hashes WHERE key_id = ? AND expires_at <= ?", keyId, writer.now());
    run(
      writer,
      "UPDATE key_hashes SET expires_at = min(coalesce(expires_at, ?), ?) WHERE key_id = ?",
      graceUntilMs,
      graceUntilMs,
      keyId,
    );
  }
  run(writer, "INSERT INTO key_hashes VALUES (?, ?, NULL)", command.hash, keyId);
  run(writer, "UPDATE keys SET prefix = ? WHERE id = ?", command.prefix, keyId);
}

/** The rows stay as tombstones: records name the key, and a snapshot must learn that it went. */
function deleteKey(writer: StateWriter, key: KeyDefinition): void {
  const change = nextChange(writer);
  run(writer, "UPDATE keys SET deleted_at = ? WHERE id = ?", writer.now(), key.id);
  run(writer, "DELETE FROM key_hashes WHERE key_id = ?", key.id);
  for (const scopeId of key.scopes) {
    run(writer, "UPDATE scopes SET deleted_at = ?, change = ? WHERE id = ?", writer.now(), change, scopeId);
    writeLimits(writer.database, scopeId, []);
    writeBudgets(writer.database, scopeId, [], new Set(), writer.head.seq);
    writer.cells.redefine(scopeId, allSlots);
  }
}

function updateScope(writer: StateWriter, command: Command & { kind: "update_scope" }, actor: string): CommandResult {
  const before = findScope(writer.database, command.scopeId);
  if (before === undefined) throw unknownRow("scopeId", `no scope with row id ${command.scopeId}`);
  changeScope(writer, command.scopeId, command);
  const after = findScope(writer.database, command.scopeId) as ScopeDefinition;
  record(writer, actor, "scope.update", `scope_${command.scopeId}`, before, after);
  return { ...result(writer), scopes: [after] };
}

function changeScope(writer: StateWriter, scopeId: number, wanted: ScopeChange): void {
  const { budgets, limits, concurrencyMax } = wanted;
  const before = findScope(writer.database, scopeId);
  if (before === undefined || (budgets ?? limits ?? concurrencyMax) === undefined) return;
  if (concurrencyMax !== undefined) {
    run(writer, "UPDATE scopes SET concurrency_max = ? WHERE id = ?", concurrencyMax, scopeId);
  }
  if (limits !== undefined) writeLimits(writer.database, scopeId, placeLimits(before.limits, limits));
  if (budgets !== undefined) {
    const placed = placeBudgets(before.budgets, budgets, writer.now());
    writer.cells.balances(scopeId); // what was spent is in memory before the rows change
    writeBudgets(writer.database, scopeId, placed.budgets, placed.fresh, writer.head.seq);
    writer.cells.redefine(scopeId, placed.fresh);
  }
  run(writer, "UPDATE scopes SET change = ? WHERE id = ?", nextChange(writer), scopeId);
}

/** A budget keeps its slot and anchor while its window stays; slots that are new or gone start from zero. */
export function placeBudgets(
  before: readonly Budget[],
  wanted: readonly BudgetInput[],
  nowMs: number,
): { readonly budgets: readonly Budget[]; readonly fresh: ReadonlySet<number> } {
  if (wanted.length > budgetsPerScopeMax) {
    throw new GatewayError("invalid_request", `at most ${budgetsPerScopeMax} budgets a scope`, { param: "budgets" });
  }
  const kept = place(before, wanted, (one, other) => JSON.stringify(one.window) === JSON.stringify(other.window));
  const fresh = new Set(allSlots);
  const budgets = kept.map(({ slot, old, value }) => {
    if (old !== undefined) fresh.delete(slot);
    return { slot, limitNano: value.limitNano, window: value.window, anchorMs: old?.anchorMs ?? nowMs };
  });
  return { budgets, fresh };
}

function placeLimits(before: readonly RateLimit[], wanted: readonly LimitInput[]): readonly RateLimit[] {
  if (wanted.length > limitsPerScopeMax) {
    throw new GatewayError("invalid_request", `at most ${limitsPerScopeMax} limits a scope`, { param: "limits" });
  }
  const same = (one: LimitInput, other: LimitInput) => one.metric === other.metric && one.windowMs === other.windowMs;
  return place(before, wanted, same).map(({ slot, value }) => ({
    slot,
    metric: value.metric,
    limit: value.limit,
    windowMs: value.windowMs,
  }));
}

function place<Old extends { slot: number }, Wanted>(
  before: readonly Old[],
  wanted: readonly Wanted[],
  same: (old: Old, wanted: Wanted) => boolean,
): { slot: number; old: Old | undefined; value: Wanted }[] {
  const left = [...before];
  const matched = wanted.map((value) => {
    const at = left.findIndex((old) => same(old, value));
    return { value, old: at < 0 ? undefined : left.splice(at, 1)[0] };
  });
  const used = new Set(matched.flatMap(({ old }) => old?.slot ?? []));
  return matched.map(({ value, old }) => {
    let slot = old?.slot ?? 0;
    if (old === undefined) while (used.has(slot)) slot += 1;
    used.add(slot);
    return { slot, old, value };
  });
}

/** The audit record of a management action: who, what, to whom, and what changed. Never a hash or a secret. */
function record(
  writer: StateWriter,
  actor: string,
  action: string,
  target: string,
  before: unknown,
  after: unknown,
): void {
  const text = JSON.stringify({ actor, action, target, before, after });
  writer.append(`adm_${randomUUID()}`, writer.now(), 0, "", 0, 0, settlementFlag.admin | settlementFlag.unheld, text);
}

function seen(key: KeyDefinition | undefined, scopes: readonly ScopeDefinition[]): unknown {
  return key === undefined ? undefined : { key, scopes };
}

function result(writer: StateWriter, keyId?: number): CommandResult {
  const found = keyId === undefined ? undefined : findKey(writer.database, keyId);
  const key = found?.keys[0];
  return {
    change: readChange(writer.database),
    head: writer.head,
    ...(key === undefined ? {} : { key }),
    hashes: found?.hashes ?? [],
    scopes: found?.scopes ?? [],
  };
}

function nextChange(writer: StateWriter): number {
  const change = readChange(writer.database) + 1;
  writer.setMeta("change", change);
  return change;
}

function checkName(name: string): void {
  if (name.trim() !== "" && name.length <= nameLengthMax) return;
  throw new GatewayError("invalid_request", `a name has 1 to ${nameLengthMax} characters`, { param: "name" });
}

function checkHash(writer: StateWriter, hash: Uint8Array): void {
  if (hash.length !== 32) throw new GatewayError("invalid_request", "a key hash has 32 bytes", { param: "hash" });
  const taken = writer.database.prepare("SELECT 1 FROM key_hashes WHERE hash = ?").get(hash);
  if (taken !== undefined) throw new GatewayError("invalid_request", "this secret is in use", { param: "hash" });
}

function unknownRow(param: string, message: string): GatewayError {
  return new GatewayError("invalid_request", message, { param, status: 404 });
}

function run(writer: StateWriter, sql: string, ...values: unknown[]): void {
  writer.database.prepare(sql).run(...values);
}

function insert(writer: StateWriter, sql: string, ...values: unknown[]): number {
  return Number(writer.database.prepare(sql).run(...values).lastInsertRowid);
}
