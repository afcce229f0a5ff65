/**
 * A day in the life of the router, in a millisecond: the real planner, trips, breakers, retry budget, rate limits and
 * ledger under a clock of its own, with upstreams that are slow, cut, lie or refuse. Everything comes from one seed, so
 * that what a failure names can be played again.
 */
import { createLedger } from "../../daemon/governance/ledger.ts";
import { createScopes } from "../../daemon/governance/scopes.ts";
import { createTables, openTables } from "../../daemon/governance/tables.ts";
import { createAffinityMemory } from "../../daemon/routing/affinity.ts";
import type { Generation } from "../../daemon/routing/generation.ts";
import { createHealth } from "../../daemon/routing/health-table.ts";
import { openRouting } from "../../daemon/routing/routing.ts";
import { dice, key, provider, routingLab } from "../support/routing-lab.ts";
import { hedgings, providers, type Scenario } from "./scenarios.ts";
import { attemptsMax, budgetNano, type Report, requestsPerWindow, startMs, World, windowMs } from "./world.ts";

const config = {
  providers: Object.fromEntries(
    providers.map((name) => [
      name,
      provider({ keys: ["one", "two"].map((id) => ({ name: `${name}-${id}`, value: "env.SECRET" })) }),
    ]),
  ),
  groups: {
    even: { targets: ["alpha/m", "beta/m"], strategy: "weighted" },
    adaptive: { targets: ["alpha/m", "beta/m", "gamma/m"], strategy: "adaptive" },
  },
  fallbacks: { even: "gamma/m" },
  routing: { retries: { max: 2, backoff: "100ms" }, attempts_max: attemptsMax },
};

export type Simulator = { run(seed: number, scenario: Scenario): Report };

/** A run that breaks a promise throws, and names its seed. */
export async function createSimulator(): Promise<Simulator> {
  const generationWith = async (more: object) =>
    (await routingLab({ ...config, ...more, ...key, api_key: undefined })).generation;
  const plain = await generationWith({});
  const hedged = new Map<string, Generation>();
  for (const [name, hedging] of Object.entries(hedgings))
    hedged.set(name, await generationWith({ hedging: { even: hedging, adaptive: hedging } }));
  const affinity = createAffinityMemory();
  const tables = openTables(createTables({ keysMax: 16, scopesMax: 65_536, holdsMax: 4_096, workersMax: 1 }), 1);
  const ledger = createLedger(tables);
  const scopes = createScopes(openTables(tables.shared, 0));
  let scope = 0;

  function run(seed: number, scenario: Scenario): Report {
    const generation = scenario.hedging === undefined ? plain : hedged.get(scenario.hedging)!;
    for (const target of generation.targets.values()) target.row = -1;
    for (const each of generation.providers.values()) each.row = each.placesRow = -1;
    const random = dice(seed);
    const routing = openRouting({
      shared: { health: createHealth(1, 32), affinity, issuers: affinity },
      worker: 1,
      settings: generation.data.routing,
      random,
    });
    const id = ++scope;
    const window = { kind: "rolling", lengthMs: 86_400_000 } as const;
    scopes.defineScope(
      {
        id,
        kind: "key",
        name: `seed ${seed}`,
        budgets: [{ slot: 0, limitNano: budgetNano, window, anchorMs: startMs }],
        limits: [{ slot: 0, metric: "requests", limit: requestsPerWindow, windowMs }],
      },
      [],
      startMs,
    );
    const world = new World(seed, scenario, generation, routing, random, { ledger, scope: id });
    try {
      return world.play();
    } catch (error) {
      throw new Error(`seed ${seed}, ${scenario.name}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    } finally {
      scopes.removeScope(id);
    }
  }

  return { run };
}
