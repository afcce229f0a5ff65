/** Commands on single budgets: overrides, resets, wallets. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import { type Budget, budgetsPerScopeMax, type ScopeDefinition } from "../../governance/definitions.ts";
import { limitNanoMax } from "../../governance/duration.ts";
import { writeBudgets } from "../definitions.ts";
import type { StateWriter } from "../state-writer.ts";
import type { Command, CommandResult } from "./command.ts";
import { nextChange, record, result, run } from "./common.ts";
import { anew } from "./places.ts";
import { mustFind, nameOf, replaceBudgets } from "./scopes.ts";

const none: ReadonlySet<number> = new Set();

export function setOverride(
  writer: StateWriter,
  command: Command & { kind: "set_override" },
  actor: string,
): CommandResult {
  const before = mustFind(writer, command.scopeId);
  const budget = budgetAt(before, command.slot);
  const { extraNano: _nano, extraUntilMs: _until, ...bare } = budget;
  const { extraNano, extraUntilMs } = command;
  const changed: Budget = extraNano === null ? bare : { ...bare, extraNano, extraUntilMs };
  return change(writer, before, changed, none, "budget.override", actor);
}

export function resetBudget(
  writer: StateWriter,
  command: Command & { kind: "reset_budget" },
  actor: string,
): CommandResult {
  const before = mustFind(writer, command.scopeId);
  const budget = budgetAt(before, command.slot);
  const changed = { ...budget, anchorMs: anew(budget, writer.now()) };
  return change(writer, before, changed, new Set([command.slot]), "budget.reset", actor);
}

/**
 * Between the change of a budget on disk and in the shared tables requests are settled: those counted in the tables as
 * they were, so here they are not counted either.
 */
export function beginBudgets(
  writer: StateWriter,
  { scopeId, slots, anchorMs }: Command & { kind: "begin_budgets" },
): CommandResult {
  const list = JSON.stringify(slots);
  const where = "WHERE scope_id = ? AND slot IN (SELECT value FROM json_each(?))";
  // Told late, it says nothing of a budget that has begun anew since.
  run(writer, `UPDATE budgets SET anchor_at = ? ${where} AND anchor_at <= ?`, anchorMs, scopeId, list, anchorMs);
  const since = writer.database.prepare(`SELECT min(since_seq) FROM budgets ${where}`).pluck().get(scopeId, list);
  if (since !== null) writer.cells.recount(scopeId, new Set(slots), since as number);
  return result(writer);
}

export function topUp(writer: StateWriter, command: Command & { kind: "top_up" }, actor: string): CommandResult {
  const { scopeId, amountNano, note } = command;
  const before = mustFind(writer, scopeId);
  const old = before.budgets.find(({ wallet }) => wallet);
  const limitNano = (old?.limitNano ?? 0) + amountNano;
  if (limitNano < 0 || limitNano > limitNanoMax) {
    throw new GatewayError("invalid_request", "a wallet holds between nothing and $9,000,000", { param: "amount" });
  }
  run(
    writer,
    "INSERT INTO wallet_entries (scope_id, at, amount_nano, note, actor) VALUES (?, ?, ?, ?, ?)",
    ...[scopeId, writer.now(), amountNano, note, actor],
  );
  const wallet = old ?? newWallet(before, writer.now());
  const fresh = old === undefined ? new Set([wallet.slot]) : none;
  return change(writer, before, { ...wallet, limitNano }, fresh, "wallet.top_up", actor);
}

function newWallet({ budgets }: ScopeDefinition, nowMs: number): Budget {
  let slot = 0;
  while (budgets.some((budget) => budget.slot === slot)) slot += 1;
  if (slot >= budgetsPerScopeMax) {
    throw new GatewayError("invalid_request", `at most ${budgetsPerScopeMax} budgets a scope`, { param: "budgets" });
  }
  return { slot, limitNano: 0, window: { kind: "forever" }, anchorMs: nowMs, wallet: true };
}

function change(
  writer: StateWriter,
  before: ScopeDefinition,
  budget: Budget,
  fresh: ReadonlySet<number>,
  action: string,
  actor: string,
): CommandResult {
  const others = before.budgets.filter(({ slot }) => slot !== budget.slot);
  const budgets = [...others, budget].toSorted((one, other) => one.slot - other.slot);
  if (fresh.size > 0) replaceBudgets(writer, before.id, budgets, fresh);
  else writeBudgets(writer.database, before.id, budgets, fresh, writer.head.seq);
  run(writer, "UPDATE scopes SET change = ? WHERE id = ?", nextChange(writer), before.id);
  const after = mustFind(writer, before.id);
  record(writer, actor, action, nameOf(before), before.budgets, after.budgets);
  return { ...result(writer), scopes: [after] };
}

function budgetAt({ budgets, kind, name }: ScopeDefinition, slot: number): Budget {
  const budget = budgets.find((each) => each.slot === slot);
  if (budget === undefined) throw new GatewayError("not_found", `${kind} "${name}" has no budget ${slot}`);
  return budget;
}
