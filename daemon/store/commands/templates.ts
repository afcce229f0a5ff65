/** Commands on what keys and owners are given by name: budgets, and groups of models. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { StateWriter } from "../state-writer.ts";
import type { Command, CommandResult } from "./command.ts";
import { checkName, record, result, run, unknownRow } from "./common.ts";

export function putTemplate(
  writer: StateWriter,
  { id, fields, isNew, resource }: Command & { kind: "put_template" },
  actor: string,
): CommandResult {
  checkName(id);
  const before = find(writer, id);
  if (isNew && before !== undefined) throw new GatewayError("conflict", `there is "${id}" already`, { param: "id" });
  if (!isNew && before === undefined) throw unknownRow("id", `there is no "${id}"`);
  const text = JSON.stringify(fields);
  run(
    writer,
    `INSERT INTO budget_templates (id, fields, created_at, updated_at, created_by, updated_by) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET fields = excluded.fields, updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
    ...[id, text, writer.now(), writer.now(), actor, actor],
  );
  record(writer, actor, `${resource}.${isNew ? "create" : "update"}`, id, before, fields);
  return result(writer);
}

export function deleteTemplate(
  writer: StateWriter,
  { id, resource }: Command & { kind: "delete_template" },
  actor: string,
): CommandResult {
  const before = find(writer, id);
  if (before === undefined) throw unknownRow("id", `there is no "${id}"`);
  run(writer, "DELETE FROM budget_templates WHERE id = ?", id);
  record(writer, actor, `${resource}.delete`, id, before, undefined);
  return result(writer);
}

function find(writer: StateWriter, id: string): unknown {
  const text = writer.database.prepare("SELECT fields FROM budget_templates WHERE id = ?").pluck().get(id);
  return text === undefined ? undefined : JSON.parse(text as string);
}
