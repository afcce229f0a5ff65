/** Refuses a scope that the ledger could not hold exactly. Hides the ranges from whoever builds one. */
import { budgetsPerScopeMax, limitsPerScopeMax, type ScopeDefinition } from "./definitions.ts";
import { limitNanoMax } from "./duration.ts";
import { limitWindowMsMax } from "./rate-limits.ts";
import { idsMax } from "./tables.ts";
import { checkWindow } from "./windows.ts";

const countMax = 2 ** 40;

/** Throws RangeError with the field at fault. */
export function checkScope({ id, budgets, limits, concurrencyMax }: ScopeDefinition): void {
  whole("id", id, 1, idsMax - 1);
  slots("budgets", budgets, budgetsPerScopeMax);
  slots("limits", limits, limitsPerScopeMax);
  for (const budget of budgets) {
    whole("limitNano", budget.limitNano, 0, limitNanoMax);
    whole("anchorMs", budget.anchorMs, 0, Number.MAX_SAFE_INTEGER);
    checkWindow(budget.window);
    if (budget.extraNano !== undefined) whole("extraNano", budget.extraNano, 0, limitNanoMax - budget.limitNano);
  }
  for (const limit of limits) {
    whole("limit", limit.limit, 0, limit.metric === "spend" ? limitNanoMax : countMax);
    whole("windowMs", limit.windowMs, 1, limitWindowMsMax);
  }
  if (concurrencyMax !== undefined) whole("concurrencyMax", concurrencyMax, 0, countMax);
}

function slots(name: string, rows: readonly { readonly slot: number }[], slotsMax: number): void {
  for (const { slot } of rows) whole(`${name}.slot`, slot, 0, slotsMax - 1);
  if (new Set(rows.map(({ slot }) => slot)).size !== rows.length) throw new RangeError(`${name}: a slot is used twice`);
}

function whole(name: string, value: number, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${value}`);
  }
}
