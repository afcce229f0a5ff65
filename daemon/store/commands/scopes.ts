/** Commands on scopes: owners of keys, and limits by model, provider, end user and tag. Hides the tree's upkeep. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { KeyDefinition, ScopeDefinition } from "../../governance/definitions.ts";
import { findKey, findScope, writeBudgets, writeLimits } from "../definitions.ts";
import type { StateWriter } from "../state-writer.ts";
import type { Command, CommandResult, ScopeChange } from "./command.ts";
import { checkName, insert, nextChange, record, result, run, spentBefore, unknownRow } from "./common.ts";
import { allSlots, anew, placeBudgets, placeLimits } from "./places.ts";

/** Customer, team, user, key: no tree is deeper. */
const depthMax = 4;

export function createScope(
  writer: StateWriter,
  command: Command & { kind: "create_scope" },
  actor: string,
): CommandResult {
  checkName(command.name);
  const id = insertScope(writer, command.scopeKind, command.name, command);
  run(writer, "UPDATE scopes SET public_id = ? WHERE id = ?", command.publicId, id);
  const after = mustFind(writer, id);
  const spent = spentBefore(id, command.spentNano);
  record(writer, actor, `${command.scopeKind}.create`, command.publicId, undefined, after, spent);
  return { ...result(writer), scopes: [after], balances: spent && writer.cells.balances(id) };
}

/** The row, its budgets and its limits. */
export function insertScope(
  writer: StateWriter,
  kind: ScopeDefinition["kind"],
  name: string,
  wanted: ScopeChange & Pick<Command & { kind: "update_scope" }, "parentId" | "source" | "attributes">,
): number {
  const id = insert(
    writer,
    "INSERT INTO scopes (kind, name, concurrency_max, change, parent_id, source, attributes, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    kind,
    name,
    wanted.concurrencyMax ?? null,
    nextChange(writer),
    wanted.parentId ?? null,
    wanted.source ?? "database",
    JSON.stringify(wanted.attributes ?? {}),
    writer.now(),
  );
  const placed = placeBudgets([], wanted.budgets ?? [], writer.now());
  writeBudgets(writer.database, id, placed.budgets, placed.fresh, writer.head.seq);
  writeLimits(writer.database, id, placeLimits([], wanted.limits ?? []));
  return id;
}

export function updateScope(
  writer: StateWriter,
  command: Command & { kind: "update_scope" },
  actor: string,
): CommandResult {
  const { scopeId } = command;
  const before = mustFind(writer, scopeId);
  changeScope(writer, scopeId, command);
  if (command.resetsBudgets) resetBudgets(writer, scopeId, actor);
  if (command.name !== undefined) {
    checkName(command.name);
    run(writer, "UPDATE scopes SET name = ? WHERE id = ?", command.name, scopeId);
  }
  if (command.source !== undefined) run(writer, "UPDATE scopes SET source = ? WHERE id = ?", command.source, scopeId);
  if (command.attributes !== undefined) {
    run(writer, "UPDATE scopes SET attributes = ? WHERE id = ?", JSON.stringify(command.attributes), scopeId);
  }
  const touched = command.parentId === undefined ? [] : moveScope(writer, scopeId, command.parentId);
  run(writer, "UPDATE scopes SET change = ? WHERE id = ?", nextChange(writer), scopeId);
  const after = mustFind(writer, scopeId);
  record(writer, actor, `${after.kind}.update`, nameOf(after), before, after);
  return { ...result(writer), scopes: [after], touched };
}

/** Every key below draws on another list of scopes from now on. */
export function moveScope(writer: StateWriter, scopeId: number, parentId: number | null): readonly KeyDefinition[] {
  run(writer, "UPDATE scopes SET parent_id = ? WHERE id = ?", parentId, scopeId);
  const keyIds = writer.database
    .prepare(
      "WITH RECURSIVE below(id) AS (VALUES(?) UNION SELECT s.id FROM scopes s JOIN below b ON s.parent_id = b.id WHERE s.deleted_at IS NULL) SELECT k.id FROM keys k JOIN below b ON k.scope_id = b.id WHERE k.deleted_at IS NULL",
    )
    .pluck()
    .all(scopeId) as number[];
  return keyIds.flatMap((keyId) => {
    const own = findKey(writer.database, keyId)?.keys[0]?.scopes[0];
    if (own === undefined) return [];
    const change = nextChange(writer);
    run(writer, "UPDATE keys SET scopes = ?, change = ? WHERE id = ?", chainOf(writer, own).join(","), change, keyId);
    return findKey(writer.database, keyId)?.keys ?? [];
  });
}

/** A scope and those above it, from the nearest up. */
export function chainOf(writer: StateWriter, scopeId: number): readonly number[] {
  const chain: number[] = [];
  let at: number | undefined = scopeId;
  while (at !== undefined) {
    if (chain.includes(at) || chain.length === depthMax) {
      throw new GatewayError("invalid_request", "an owner cannot be below itself", { param: "parent" });
    }
    chain.push(at);
    at = mustFind(writer, at).parentId;
  }
  return chain;
}

export function deleteScope(
  writer: StateWriter,
  { scopeId }: Command & { kind: "delete_scope" },
  actor: string,
): CommandResult {
  const before = mustFind(writer, scopeId);
  const below = writer.database
    .prepare(
      "SELECT count(*) FROM scopes s LEFT JOIN keys k ON k.scope_id = s.id WHERE s.parent_id = ? AND s.deleted_at IS NULL AND (k.id IS NULL OR k.revoked_at IS NULL)",
    )
    .pluck()
    .get(scopeId) as number;
  if (below > 0) {
    throw new GatewayError("conflict", `${before.kind} "${before.name}" still has ${below} below it: move them first`);
  }
  dropScope(writer, scopeId);
  record(writer, actor, `${before.kind}.delete`, nameOf(before), before, undefined);
  return { ...result(writer), deletedScopes: [scopeId] };
}

/** The row stays as a tombstone: records name it, and a snapshot must learn that it went. */
export function dropScope(writer: StateWriter, scopeId: number): void {
  const change = nextChange(writer);
  run(writer, "UPDATE scopes SET deleted_at = ?, change = ? WHERE id = ?", writer.now(), change, scopeId);
  writeLimits(writer.database, scopeId, []);
  writeBudgets(writer.database, scopeId, [], new Set(), writer.head.seq);
  writer.cells.redefine(scopeId, allSlots);
  writer.limits.redefine(scopeId);
}

export function changeScope(writer: StateWriter, scopeId: number, wanted: ScopeChange): void {
  const { budgets, limits, concurrencyMax } = wanted;
  const before = findScope(writer.database, scopeId);
  if (before === undefined || (budgets ?? limits ?? concurrencyMax) === undefined) return;
  if (concurrencyMax !== undefined) {
    run(writer, "UPDATE scopes SET concurrency_max = ? WHERE id = ?", concurrencyMax, scopeId);
  }
  if (limits !== undefined) {
    writer.limits.keep(scopeId); // what was counted is in memory before the rows change
    writeLimits(writer.database, scopeId, placeLimits(before.limits, limits));
    writer.limits.redefine(scopeId);
  }
  if (budgets !== undefined) {
    const placed = placeBudgets(before.budgets, budgets, writer.now());
    replaceBudgets(writer, scopeId, placed.budgets, placed.fresh);
  }
  run(writer, "UPDATE scopes SET change = ? WHERE id = ?", nextChange(writer), scopeId);
}

export function resetBudgets(writer: StateWriter, scopeId: number, actor: string): void {
  const before = mustFind(writer, scopeId);
  const fresh = new Set(before.budgets.flatMap(({ slot, wallet }) => (wallet ? [] : [slot])));
  if (fresh.size === 0) return;
  const nowMs = writer.now();
  const budgets = before.budgets.map((budget) =>
    fresh.has(budget.slot) ? { ...budget, anchorMs: anew(budget, nowMs) } : budget,
  );
  replaceBudgets(writer, scopeId, budgets, fresh);
  run(writer, "UPDATE scopes SET change = ? WHERE id = ?", nextChange(writer), scopeId);
  record(writer, actor, "budget.reset", nameOf(before), before.budgets, mustFind(writer, scopeId).budgets);
}

/** Slots in `fresh` begin at nothing spent. */
export function replaceBudgets(
  writer: StateWriter,
  scopeId: number,
  budgets: ScopeDefinition["budgets"],
  fresh: ReadonlySet<number>,
): void {
  writer.cells.balances(scopeId); // what was spent is in memory before the rows change
  writeBudgets(writer.database, scopeId, budgets, fresh, writer.head.seq);
  writer.cells.redefine(scopeId, fresh);
}

export function mustFind(writer: StateWriter, scopeId: number): ScopeDefinition {
  const found = findScope(writer.database, scopeId);
  if (found === undefined) throw unknownRow("scopeId", `no scope with row id ${scopeId}`);
  return found;
}

export function nameOf({ publicId, id }: ScopeDefinition): string {
  return publicId ?? `scope_${id}`;
}
