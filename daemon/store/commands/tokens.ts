/** Commands on tokens of the management API. Like keys, they are stored as hashes only. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { StateWriter } from "../state-writer.ts";
import type { Command, CommandResult } from "./command.ts";
import { checkName, record, result, run, unknownRow } from "./common.ts";

export function createToken(
  writer: StateWriter,
  command: Command & { kind: "create_token" },
  actor: string,
): CommandResult {
  const { publicId, name, prefix, hash, permissions, within, expiresAtMs } = command;
  checkName(name);
  if (hash.length !== 32) throw new GatewayError("invalid_request", "a token's hash has 32 bytes", { param: "hash" });
  run(
    writer,
    "INSERT INTO admin_tokens (public_id, name, prefix, hash, permissions, within, created_at, expires_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ...[publicId, name, prefix, hash, JSON.stringify(permissions)],
    ...[within ?? null, writer.now(), expiresAtMs ?? null, actor],
  );
  record(writer, actor, "token.create", publicId, undefined, { name, permissions, within, expiresAtMs });
  return result(writer);
}

export function updateToken(
  writer: StateWriter,
  { publicId, name, permissions, expiresAtMs }: Command & { kind: "update_token" },
  actor: string,
): CommandResult {
  checkName(name);
  const sql = "SELECT name, permissions, expires_at FROM admin_tokens WHERE public_id = ?";
  const before = writer.database.prepare(sql).get(publicId);
  if (before === undefined) throw unknownRow("token", `there is no token "${publicId}"`);
  const change = "UPDATE admin_tokens SET name = ?, permissions = ?, expires_at = ? WHERE public_id = ?";
  run(writer, change, name, JSON.stringify(permissions), expiresAtMs ?? null, publicId);
  record(writer, actor, "token.update", publicId, before, { name, permissions, expiresAtMs });
  return result(writer);
}

export function revokeToken(
  writer: StateWriter,
  { publicId }: Command & { kind: "revoke_token" },
  actor: string,
): CommandResult {
  const known = writer.database.prepare("SELECT name FROM admin_tokens WHERE public_id = ?").get(publicId);
  if (known === undefined) throw unknownRow("token", `there is no token "${publicId}"`);
  const sql = "UPDATE admin_tokens SET revoked_at = coalesce(revoked_at, ?) WHERE public_id = ?";
  run(writer, sql, writer.now(), publicId);
  record(writer, actor, "token.revoke", publicId, known, { ...known, revoked: true });
  return result(writer);
}
