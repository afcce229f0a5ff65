/** Commands on virtual keys. Hides that a key is a row, its hashes and a scope. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { KeyDefinition, ScopeDefinition } from "../../governance/definitions.ts";
import { findKey, writeBudgets, writeLimits } from "../definitions.ts";
import type { StateWriter } from "../state-writer.ts";
import type { Command, CommandResult } from "./command.ts";
import { checkName, insert, nextChange, record, result, run, unknownRow } from "./common.ts";
import { allSlots, changeScope, placeBudgets, placeLimits } from "./scopes.ts";

export function createKey(
  writer: StateWriter,
  command: Command & { kind: "create_key" },
  actor: string,
): CommandResult {
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
export function changeKey(
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

export function updateKey(writer: StateWriter, command: Command & { kind: "update_key" }): void {
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

/** The rows stay as tombstones: records name the key, and a snapshot must learn that it went. */
export function deleteKey(writer: StateWriter, key: KeyDefinition): void {
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

function seen(key: KeyDefinition | undefined, scopes: readonly ScopeDefinition[]): unknown {
  return key === undefined ? undefined : { key, scopes };
}

function checkHash(writer: StateWriter, hash: Uint8Array): void {
  if (hash.length !== 32) throw new GatewayError("invalid_request", "a key hash has 32 bytes", { param: "hash" });
  const taken = writer.database.prepare("SELECT 1 FROM key_hashes WHERE hash = ?").get(hash);
  if (taken !== undefined) throw new GatewayError("invalid_request", "this secret is in use", { param: "hash" });
}
