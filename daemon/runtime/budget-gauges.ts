/** What is left of budgets, for metrics under LiteLLM's names. Hides that which scopes have one is looked up again only after a change. */
import type { Peek } from "../governance/peek.ts";
import type { Database } from "../store/database.ts";
import { readChange } from "../store/definitions.ts";

export type BudgetedKind = "key" | "team" | "user" | "customer";
export type BudgetGauge = {
  readonly kind: BudgetedKind;
  /** Public id. */
  readonly id: string;
  readonly name: string;
  readonly limitNano: number;
  readonly leftNano: number;
  /** Until it begins anew; undefined: never. */
  readonly resetsInMs: number | undefined;
};

type Row = { readonly scope: number; readonly kind: BudgetedKind; readonly id: string; readonly name: string };

/** Of each kind: labels are bounded, whatever there is. What requests named is nobody's label. */
export const budgetedMax = 1_000;
const owners = `SELECT id AS scope, kind, coalesce(public_id, name) AS id, name FROM scopes
  WHERE kind = ? AND deleted_at IS NULL AND source <> 'runtime'
  AND id IN (SELECT scope_id FROM budgets WHERE shadow = 0) ORDER BY id LIMIT ?`;
const keys = `SELECT scope_id AS scope, 'key' AS kind, public_id AS id, name FROM keys
  WHERE deleted_at IS NULL AND revoked_at IS NULL
  AND scope_id IN (SELECT scope_id FROM budgets WHERE shadow = 0) ORDER BY id LIMIT ?`;

export function createBudgetGauges(
  database: () => Database,
  peek: Peek,
  now: () => number,
): () => readonly BudgetGauge[] {
  let rows: readonly Row[] = [];
  let change = -1;

  function read(): readonly Row[] {
    const ofKind = database().prepare(owners);
    return [
      ...(database().prepare(keys).all(budgetedMax) as Row[]),
      ...["team", "user", "customer"].flatMap((kind) => ofKind.all(kind, budgetedMax) as Row[]),
    ];
  }

  return () => {
    const changed = readChange(database());
    if (changed !== change) rows = read();
    change = changed;
    const atMs = now();
    return rows.flatMap(({ scope, kind, id, name }) => {
      const state = peek(scope, atMs);
      const budget = state?.budgets.find(({ wouldRefuse }) => wouldRefuse === undefined);
      if (state === undefined || budget === undefined) return [];
      const limitNano = budget.limitNano + (budget.extraNano ?? 0);
      const leftNano = limitNano - budget.spentNano;
      const resetsInMs = budget.resetsAtMs === undefined ? undefined : Math.max(0, budget.resetsAtMs - atMs);
      return [{ kind, id, name, limitNano, leftNano, resetsInMs }];
    });
  };
}
