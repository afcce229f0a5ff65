/** Small tables and scopes for the tests of this folder. */
import type { Budget, RateLimit, ScopeDefinition } from "../../../daemon/governance/definitions.ts";
import { createLedger, type Ledger } from "../../../daemon/governance/ledger.ts";
import { createPeek, type Peek } from "../../../daemon/governance/peek.ts";
import { createScopes, type Scopes } from "../../../daemon/governance/scopes.ts";
import { createTables, openTables, type Tables } from "../../../daemon/governance/tables.ts";

export const dollar = 1_000_000_000;
/** 2026-11-23T12:00:00Z, a Monday. */
export const noon = Date.UTC(2026, 10, 23, 12);

export type Scenario = {
  readonly tables: Tables;
  readonly ledger: Ledger;
  readonly scopes: Scopes;
  readonly peek: Peek;
};

export function smallTables(holdsMax = 1_024): Tables {
  return openTables(createTables({ keysMax: 1_000, scopesMax: 1_000, holdsMax, workersMax: 8 }), 0);
}

export function scenario(...definitions: readonly ScopeDefinition[]): Scenario {
  const tables = smallTables();
  const scopes = createScopes(tables);
  for (const definition of definitions) scopes.defineScope(definition, [], noon);
  return { tables, scopes, ledger: createLedger(tables), peek: createPeek(tables) };
}

export function scope(id: number, parts: Partial<ScopeDefinition> = {}): ScopeDefinition {
  return { id, kind: "key", name: `k${id}`, budgets: [], limits: [], ...parts };
}

export function dailyBudget(limitNano: number, slot = 0): Budget {
  return { slot, limitNano, window: { kind: "rolling", lengthMs: 86_400_000 }, anchorMs: noon };
}

export function perMinute(metric: RateLimit["metric"], limit: number, slot = 0): RateLimit {
  return { slot, metric, limit, windowMs: 60_000 };
}

/** Empties a scenario and fills it anew: a property's runs share one reservation of memory. */
export function refill({ ledger, scopes }: Scenario, ...definitions: readonly ScopeDefinition[]): void {
  for (const { handle } of ledger.holdsOf()) ledger.settle(handle, noon, 0, 0);
  // Far enough back to be taken for a clock that was set, not for one that differs a little.
  ledger.charge([], noon - 3_600_000, 0, 0);
  for (const definition of definitions) {
    scopes.removeScope(definition.id);
    scopes.defineScope(definition, [], noon);
  }
}
