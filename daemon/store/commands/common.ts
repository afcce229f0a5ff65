/** What every command does around its own change: the change counter, the audit record, the answer. */
import { randomUUID } from "node:crypto";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { findKey, readChange } from "../definitions.ts";
import { prepared } from "../prepared.ts";
import { settlementFlag } from "../rows.ts";
import type { StateWriter } from "../state-writer.ts";
import type { CommandResult } from "./command.ts";

const nameLengthMax = 200;

/** The audit record of a management action: who, what, to whom, and what changed. Never a hash or a secret. */
export function record(
  writer: StateWriter,
  actor: string,
  action: string,
  target: string,
  before: unknown,
  after: unknown,
  spent?: Spent,
): void {
  const text = JSON.stringify({ actor, action, target, before, after });
  const { scopes, costNano } = spent ?? { scopes: "", costNano: 0 };
  const flags = settlementFlag.admin | settlementFlag.unheld;
  writer.append(`adm_${randomUUID()}`, writer.now(), 0, scopes, costNano, 0, flags, text);
}

/** What was spent elsewhere, drawn on a scope by the record that tells of the scope: its balance stays a sum of records. */
export type Spent = { readonly scopes: string; readonly costNano: number };

export function spentBefore(scopeId: number, costNano: number | undefined): Spent | undefined {
  return costNano === undefined || costNano === 0 ? undefined : { scopes: String(scopeId), costNano };
}

export function result(writer: StateWriter, keyId?: number): CommandResult {
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

export function nextChange(writer: StateWriter): number {
  const change = readChange(writer.database) + 1;
  writer.setMeta("change", change);
  return change;
}

export function checkName(name: string): void {
  if (name.trim() !== "" && name.length <= nameLengthMax) return;
  throw new GatewayError("invalid_request", `a name has 1 to ${nameLengthMax} characters`, { param: "name" });
}

export function unknownRow(param: string, message: string): GatewayError {
  return new GatewayError("invalid_request", message, { param, status: 404 });
}

export function run(writer: StateWriter, sql: string, ...values: unknown[]): void {
  prepared(writer.database, sql).run(...values);
}

export function insert(writer: StateWriter, sql: string, ...values: unknown[]): number {
  return Number(prepared(writer.database, sql).run(...values).lastInsertRowid);
}
