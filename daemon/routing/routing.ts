/** What routing knows and uses in one worker: the shared health table and what reads it. Made once, outlives generations. */
import type { RoutingData } from "../config/routing-data.ts";
import { type Affinity, createAffinity, createAffinityMemory } from "./affinity.ts";
import { type Breaker, createBreaker } from "./breaker.ts";
import { type Credentials, createCredentials } from "./credentials.ts";
import type { Target } from "./generation.ts";
import { createHealth, type HealthTable, openHealthTable, type SharedHealth } from "./health-table.ts";
import { createOutcomes, type Outcomes } from "./outcomes.ts";
import { createRetryBudget, type RetryBudget } from "./retry-budget.ts";

/** What a worker is started with. */
export type SharedRouting = {
  readonly health: SharedHealth;
  readonly affinity: SharedArrayBuffer;
  readonly issuers: SharedArrayBuffer;
};

export type Routing = {
  readonly table: HealthTable;
  readonly breaker: Breaker;
  readonly outcomes: Outcomes;
  readonly credentials: Credentials;
  readonly budget: RetryBudget;
  readonly affinity: Affinity;
  /** Who has made a proof of thinking; see `issuers.ts`. */
  readonly issuers: Affinity;
  readonly random: () => number;
  /** False where decisions are only thought of: then nothing is counted. */
  readonly counts: boolean;
  /** The settings of the generation in force. */
  settings: RoutingData;
};

export type RoutingOptions = {
  readonly shared: SharedRouting;
  readonly worker: number;
  readonly settings: RoutingData;
  readonly random?: () => number;
};

export function createSharedRouting(workersMax: number): SharedRouting {
  return { health: createHealth(workersMax), affinity: createAffinityMemory(), issuers: createAffinityMemory() };
}

export function openRouting({ shared, worker, settings, random = Math.random }: RoutingOptions): Routing {
  const table = openHealthTable(shared.health, worker);
  const routing: Routing = {
    table,
    breaker: createBreaker(table, () => routing.settings.breaker),
    outcomes: createOutcomes(table),
    credentials: createCredentials(table, random),
    budget: createRetryBudget(table, () => routing.settings.retries),
    affinity: createAffinity(shared.affinity),
    issuers: createAffinity(shared.issuers),
    random,
    counts: true,
    settings,
  };
  return routing;
}

/** The target's row, looked up with its first use. */
export function rowOf(target: Target, { table }: Pick<Routing, "table">): number {
  if (target.row < 0) target.row = table.find(target.name);
  return target.row;
}

/** The row of a provider as a whole: its retry budget, and its place in `bifrost providers`. */
export function providerRowOf(target: Target, { table }: Pick<Routing, "table">): number {
  const { provider } = target;
  if (provider.row < 0) provider.row = table.find(`${provider.name}/`);
  return provider.row;
}
