/** Commands on scopes. Hides slots and anchors: a caller says which budgets and limits it wants, not where they stand. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import {
  type Budget,
  budgetsPerScopeMax,
  limitsPerScopeMax,
  type RateLimit,
  type ScopeDefinition,
} from "../../governance/definitions.ts";
import { findScope, writeBudgets, writeLimits } from "../definitions.ts";
import type { StateWriter } from "../state-writer.ts";
import type { BudgetInput, Command, CommandResult, LimitInput, ScopeChange } from "./command.ts";
import { nextChange, record, result, run, unknownRow } from "./common.ts";

export const allSlots: ReadonlySet<number> = new Set(Array.from({ length: budgetsPerScopeMax }, (_, slot) => slot));

export function updateScope(
  writer: StateWriter,
  command: Command & { kind: "update_scope" },
  actor: string,
): CommandResult {
  const before = findScope(writer.database, command.scopeId);
  if (before === undefined) throw unknownRow("scopeId", `no scope with row id ${command.scopeId}`);
  changeScope(writer, command.scopeId, command);
  const after = findScope(writer.database, command.scopeId) as ScopeDefinition;
  record(writer, actor, "scope.update", `scope_${command.scopeId}`, before, after);
  return { ...result(writer), scopes: [after] };
}

export function changeScope(writer: StateWriter, scopeId: number, wanted: ScopeChange): void {
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

export function placeLimits(before: readonly RateLimit[], wanted: readonly LimitInput[]): readonly RateLimit[] {
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
