/** Commands on routing rules and prices that are the database's own. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { StateWriter } from "../state-writer.ts";
import type { Command, CommandResult } from "./command.ts";
import { checkName, record, result, run } from "./common.ts";

type Known = { readonly kind: "rule" | "price"; readonly name: string; readonly fields: string };

export function putOwn(writer: StateWriter, command: Command & { kind: "put_own" }, actor: string): CommandResult {
  const { publicId, entry, name, fields } = command;
  checkName(name);
  const before = find(writer, publicId);
  const text = JSON.stringify(fields);
  const at = writer.now();
  run(
    writer,
    `INSERT INTO own_config (public_id, kind, name, fields, change, created_at, updated_at, updated_by)
     VALUES (?, ?, ?, ?, 1, ?, ?, ?)
     ON CONFLICT (public_id) DO UPDATE SET name = excluded.name, fields = excluded.fields, change = change + 1,
       updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
    ...[publicId, entry, name, text, at, at, actor],
  );
  const verb = before === undefined ? "create" : "update";
  record(writer, actor, `${actionOf(entry)}.${verb}`, publicId, shown(before), { name, ...fields });
  return result(writer);
}

export function deleteOwn(
  writer: StateWriter,
  { publicId }: Command & { kind: "delete_own" },
  actor: string,
): CommandResult {
  const before = find(writer, publicId);
  if (before === undefined) throw new GatewayError("not_found", `there is no entry "${publicId}"`);
  run(writer, "DELETE FROM own_config WHERE public_id = ?", publicId);
  record(writer, actor, `${actionOf(before.kind)}.delete`, publicId, shown(before), undefined);
  return result(writer);
}

/** As the audit trail calls it. */
function actionOf(kind: Known["kind"]): string {
  return kind === "rule" ? "routing_rule" : "price";
}

function shown(known: Known | undefined): unknown {
  return known === undefined ? undefined : { name: known.name, ...(JSON.parse(known.fields) as object) };
}

function find({ database }: StateWriter, publicId: string): Known | undefined {
  const sql = "SELECT kind, name, fields FROM own_config WHERE public_id = ?";
  return database.prepare(sql).get(publicId) as Known | undefined;
}
