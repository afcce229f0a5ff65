/** Commands on virtual keys. Hides that a key is a row, its hashes, a scope, and a scope for each provider with limits. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { KeyDefinition, KeyPolicy, ProviderConfig, ScopeDefinition } from "../../governance/definitions.ts";
import { findKey, ownScopes } from "../definitions.ts";
import { prepared } from "../prepared.ts";
import type { StateWriter } from "../state-writer.ts";
import type { Command, CommandResult, KeyChange, NewKey, ProviderChange } from "./command.ts";
import { checkName, insert, nextChange, record, result, run, spentBefore, unknownRow } from "./common.ts";
import { chainOf, changeScope, dropScope, insertScope, moveScope, mustFind, resetBudgets } from "./scopes.ts";

export function createKey(writer: StateWriter, command: NewKey, actor: string): CommandResult {
  checkName(command.name);
  checkHash(writer, command.hash);
  const scopeId = insertScope(writer, "key", command.name, command);
  const policy = withProviders(writer, command, command.policy, scopeId);
  const keyId = insert(
    writer,
    "INSERT INTO keys (public_id, name, prefix, created_at, expires_at, policy, scopes, change, scope_id, source, delete_expired, disabled) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    command.publicId,
    command.name,
    command.prefix,
    writer.now(),
    command.expiresAtMs ?? null,
    JSON.stringify(policy),
    chainOf(writer, scopeId).join(","),
    nextChange(writer),
    scopeId,
    command.source ?? "database",
    command.deleteExpired ? 1 : 0,
    command.disabled ? 1 : 0,
  );
  run(writer, "INSERT INTO key_hashes VALUES (?, ?, NULL)", command.hash, keyId);
  const made = result(writer, keyId);
  const spent = spentBefore(scopeId, command.spentNano);
  record(
    writer,
    actor,
    command.adopted ? "key.adopt" : "key.create",
    command.publicId,
    undefined,
    seen(made.key, made.scopes),
    spent,
  );
  return { ...made, head: writer.head, balances: spent && writer.cells.balances(scopeId) };
}

/** A change to one key: before and after go to the audit trail, the change counter to the key. */
export function changeKey(
  writer: StateWriter,
  keyId: number,
  action: string,
  actor: string,
  change: (key: KeyDefinition) => readonly number[] | undefined,
): CommandResult {
  const found = findKey(writer.database, keyId);
  const key = found?.keys[0];
  if (found === undefined || key === undefined) throw unknownRow("keyId", `no key with row id ${keyId}`);
  const deletedScopes = change(key) ?? [];
  run(writer, "UPDATE keys SET change = ? WHERE id = ?", nextChange(writer), keyId);
  const made = result(writer, keyId);
  record(writer, actor, action, key.publicId, seen(key, found.scopes), seen(made.key, made.scopes));
  const deletedKeys = made.key === undefined ? [keyId] : [];
  return { ...made, deletedScopes, deletedKeys, head: writer.head };
}

/** Returns the scopes that went. */
export function updateKey(
  writer: StateWriter,
  key: KeyDefinition,
  command: Command & { kind: "update_key" },
  actor: string,
): readonly number[] {
  const { keyId } = command;
  const set = (column: string, value: unknown): void => {
    if (value !== undefined) run(writer, `UPDATE keys SET ${column} = ? WHERE id = ?`, value, keyId);
  };
  if (command.name !== undefined) checkName(command.name);
  set("name", command.name);
  set("disabled", command.disabled === undefined ? undefined : Number(command.disabled));
  set("delete_expired", command.deleteExpired === undefined ? undefined : Number(command.deleteExpired));
  set("expires_at", command.expiresAtMs);
  set("source", command.source);
  const [scopeId] = key.scopes;
  if (scopeId === undefined) return [];
  const wanted = command.policy ?? key.policy;
  const policy = withProviders(writer, command, wanted, scopeId, key.policy.providers);
  if (policy !== key.policy) set("policy", JSON.stringify(policy));
  if (command.name !== undefined || command.attributes !== undefined) {
    const sql =
      "UPDATE scopes SET name = coalesce(?, name), attributes = coalesce(?, attributes), change = ? WHERE id = ?";
    const attributes = command.attributes === undefined ? null : JSON.stringify(command.attributes);
    run(writer, sql, command.name ?? null, attributes, nextChange(writer), scopeId);
  }
  if (command.parentId !== undefined) moveScope(writer, scopeId, command.parentId);
  changeScope(writer, scopeId, command);
  if (command.resetsBudgets) for (const own of ownScopes({ ...key, policy })) resetBudgets(writer, own, actor);
  const left = new Set((policy.providers ?? []).map(({ scope }) => scope));
  return (key.policy.providers ?? []).flatMap(({ scope }) => (scope === undefined || left.has(scope) ? [] : [scope]));
}

/** The policy with the providers wanted, each with budgets or limits drawing on a scope below the key's. */
function withProviders(
  writer: StateWriter,
  { providers }: KeyChange,
  policy: KeyPolicy,
  keyScope: number,
  before: readonly ProviderConfig[] = [],
): KeyPolicy {
  if (providers === undefined) return policy;
  const { providers: _before, ...bare } = policy;
  const kept = new Set<number>();
  const made = providers?.map((wanted): ProviderConfig => {
    const { budgets, limits, concurrencyMax, ...config } = wanted;
    const scope = providerScope(
      writer,
      wanted,
      keyScope,
      before.find((each) => each.provider === config.provider),
    );
    if (scope !== undefined) kept.add(scope);
    return scope === undefined ? config : { ...config, scope };
  });
  for (const { scope } of before) if (scope !== undefined && !kept.has(scope)) dropScope(writer, scope);
  return made === undefined ? bare : { ...bare, providers: made };
}

function providerScope(
  writer: StateWriter,
  wanted: ProviderChange,
  keyScope: number,
  before: ProviderConfig | undefined,
): number | undefined {
  const { budgets = [], limits = [], concurrencyMax = null } = wanted;
  if (budgets.length + limits.length === 0 && concurrencyMax === null) return undefined;
  if (before?.scope === undefined) {
    return insertScope(writer, "provider_config", `${mustFind(writer, keyScope).name}/${wanted.provider}`, {
      ...wanted,
      parentId: keyScope,
    });
  }
  changeScope(writer, before.scope, { budgets, limits, concurrencyMax });
  return before.scope;
}

export function rotateKey(writer: StateWriter, command: Command & { kind: "rotate_key" }): void {
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

/** The rows stay as tombstones: records name the key, and a snapshot must learn that it went. Returns its scopes. */
export function deleteKey(writer: StateWriter, key: KeyDefinition): readonly number[] {
  run(writer, "UPDATE keys SET deleted_at = ? WHERE id = ?", writer.now(), key.id);
  run(writer, "DELETE FROM key_hashes WHERE key_id = ?", key.id);
  for (const scopeId of ownScopes(key)) dropScope(writer, scopeId);
  return ownScopes(key);
}

function seen(key: KeyDefinition | undefined, scopes: readonly ScopeDefinition[]): unknown {
  return key === undefined ? undefined : { key, scopes };
}

function checkHash(writer: StateWriter, hash: Uint8Array): void {
  if (hash.length !== 32) throw new GatewayError("invalid_request", "a key hash has 32 bytes", { param: "hash" });
  const taken = prepared(writer.database, "SELECT 1 FROM key_hashes WHERE hash = ?").get(hash);
  if (taken !== undefined) throw new GatewayError("conflict", "this secret is in use", { param: "hash" });
}
