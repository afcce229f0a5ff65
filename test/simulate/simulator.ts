/**
 * A day in the life of the router, in a millisecond: the real planner, trips, breakers, retry budget, rate limits and
 * ledger under a clock of its own, with upstreams that are slow, cut, lie or refuse. Everything comes from one seed, so
 * that what a failure names can be played again.
 */
import { createLedger } from "../../daemon/governance/ledger.ts";
import { createScopes } from "../../daemon/governance/scopes.ts";
import { createTables, openTables } from "../../daemon/governance/tables.ts";
import { createAffinityMemory } from "../../daemon/routing/affinity.ts";
import type { Generation, Target } from "../../daemon/routing/generation.ts";
import { createHealth } from "../../daemon/routing/health-table.ts";
import { plan } from "../../daemon/routing/planner.ts";
import { openRouting, type Routing } from "../../daemon/routing/routing.ts";
import { Trip } from "../../daemon/routing/trip.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { dice, failure, key, provider, routingLab } from "../support/routing-lab.ts";

/** How an upstream behaves, from and until when; outside of that it is well. */
export type Trouble = {
  readonly provider: string;
  readonly credential?: string;
  readonly kind: "down" | "slow" | "limited" | "revoked" | "cut" | "lying" | "flaky";
  readonly fromMs: number;
  readonly untilMs: number;
};

export type Scenario = {
  readonly name: string;
  readonly requests: number;
  readonly everyMs: number;
  readonly troubles: readonly Trouble[];
};

export type Report = {
  readonly requests: number;
  readonly answered: number;
  /** By the gateway itself: budget, rate, nobody to ask. */
  readonly refused: number;
  readonly attempts: number;
  readonly retries: number;
  /** Of answered requests, from the arrival to the answer. */
  readonly latenciesMs: readonly number[];
};

const providers = ["alpha", "beta", "gamma"] as const;
const usualMs = 100;
const slowMs = 2_000;
const costNano = 1_000;
const budgetNano = 1_000_000;
const requestsPerWindow = 60;
const windowMs = 1_000;
const attemptsMax = 12;
const startMs = 1_790_000_000_000;

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
  const lab = await routingLab({ ...config, ...key, api_key: undefined });
  const { generation } = lab;
  const affinity = createAffinityMemory();
  const tables = openTables(createTables({ keysMax: 16, scopesMax: 65_536, holdsMax: 4_096, workersMax: 1 }), 1);
  const ledger = createLedger(tables);
  const scopes = createScopes(openTables(tables.shared, 0));
  let scope = 0;

  function run(seed: number, scenario: Scenario): Report {
    for (const target of generation.targets.values()) target.row = -1;
    for (const each of generation.providers.values()) each.row = -1;
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

type Event = { readonly atMs: number; readonly order: number; readonly happen: () => void };
type Money = { readonly ledger: ReturnType<typeof createLedger>; readonly scope: number };

class World {
  readonly #seed: number;
  readonly #scenario: Scenario;
  readonly #generation: Generation;
  readonly #routing: Routing;
  readonly #random: () => number;
  readonly #money: Money;
  readonly #events: Event[] = [];
  #order = 0;
  #nowMs = startMs;
  #answered = 0;
  #refused = 0;
  #ended = 0;
  #attempts = 0;
  #retries = 0;
  #settledNano = 0;
  readonly #latencies: number[] = [];
  readonly #admitted: number[] = [];
  /** Probes under way, by target. */
  readonly #probes = new Map<string, number>();

  constructor(
    seed: number,
    scenario: Scenario,
    generation: Generation,
    routing: Routing,
    random: () => number,
    money: Money,
  ) {
    this.#seed = seed;
    this.#scenario = scenario;
    this.#generation = generation;
    this.#routing = routing;
    this.#random = random;
    this.#money = money;
  }

  play(): Report {
    const { requests, everyMs } = this.#scenario;
    let atMs = startMs;
    for (let index = 0; index < requests; index++) {
      atMs += Math.ceil(-Math.log(1 - this.#random()) * everyMs);
      this.#at(atMs, () => this.#arrive(index));
    }
    while (this.#events.length > 0) {
      const event = this.#events.pop()!;
      this.#nowMs = event.atMs;
      event.happen();
    }
    this.#check();
    return {
      requests,
      answered: this.#answered,
      refused: this.#refused,
      attempts: this.#attempts,
      retries: this.#retries,
      latenciesMs: this.#latencies,
    };
  }

  #arrive(index: number): void {
    const model = this.#random() < 0.5 ? "even" : "adaptive";
    const preferences = this.#random() < 0.3 ? { session: `s${index % 7}` } : undefined;
    const arrivedAt = this.#nowMs;
    const trip = new Trip(
      plan(this.#generation, { ...quiet, model, preferences, nowMs: arrivedAt, callerId: this.#seed }, this.#routing),
      this.#routing,
    );
    try {
      trip.begin(arrivedAt);
    } catch (error) {
      this.#end(error, arrivedAt);
      return;
    }
    this.#attempt(trip, arrivedAt, index, 0);
  }

  #attempt(trip: Trip, arrivedAt: number, index: number, holds: number): void {
    const { ledger, scope } = this.#money;
    const hold = ledger.admit([scope], this.#nowMs, costNano, 10, costNano / 2, holds === 0, `r${index}:${holds}`);
    if (hold < 0) {
      trip.abandoned(this.#nowMs);
      this.#end(new GatewayError("rate_limit_exceeded", "ours", { source: "gateway" }), arrivedAt);
      return;
    }
    if (holds === 0) this.#admitted.push(this.#nowMs);
    this.#attempts++;
    if (trip.reason === "retry") this.#retries++;
    this.#expect(
      this.#routing.breaker.state(trip.row, this.#nowMs) !== "open",
      `${trip.target.name} was asked while open`,
    );
    const isProbe = this.#routing.breaker.state(trip.row, this.#nowMs) === "probing";
    const { name } = trip.target;
    if (isProbe) {
      this.#expect((this.#probes.get(name) ?? 0) === 0, `${name} has two probes`);
      this.#probes.set(name, 1);
    }
    trip.enter(this.#nowMs);
    const { ms, error, alive } = this.#reply(trip);
    if (alive !== undefined)
      this.#at(this.#nowMs + alive, () => {
        trip.alive(this.#nowMs);
        if (isProbe) this.#probes.set(name, 0);
      });
    this.#at(this.#nowMs + ms, () => {
      if (isProbe) this.#probes.set(name, 0);
      trip.leave();
      const spent =
        error === undefined
          ? Math.floor(costNano * (0.2 + 0.8 * this.#random()))
          : alive === undefined
            ? 0
            : costNano / 2;
      this.#expect(ledger.settle(hold, this.#nowMs, spent, 10), "a hold was settled twice");
      this.#settledNano += spent;
      if (error === undefined) {
        trip.succeeded(this.#nowMs, true, ms, 1);
        this.#end(undefined, arrivedAt);
        return;
      }
      trip.failed(error, this.#nowMs);
      // Content had been released: the client has seen it, nobody else may be asked.
      if (alive !== undefined) return this.#end(error, arrivedAt);
      let wait: number;
      try {
        wait = trip.next(error, this.#nowMs);
      } catch (final) {
        this.#end(final, arrivedAt);
        return;
      }
      // Without a wait nothing comes between: what the breaker said a moment ago still holds.
      if (wait === 0) return this.#attempt(trip, arrivedAt, index, holds + 1);
      this.#at(this.#nowMs + wait, () => {
        try {
          trip.resume(this.#nowMs);
        } catch (final) {
          this.#end(final, arrivedAt);
          return;
        }
        this.#attempt(trip, arrivedAt, index, holds + 1);
      });
    });
  }

  /** `alive`: content is released after that long. */
  #reply({ target, credential }: Trip): {
    readonly ms: number;
    readonly error?: GatewayError;
    readonly alive?: number;
  } {
    const usual = Math.ceil(usualMs * (0.5 + this.#random()));
    switch (this.#troubleOf(target, target.provider.credentials[credential]!.id)) {
      case "down":
        return { ms: 2, error: failure("upstream_unreachable") };
      case "slow":
        return { ms: Math.ceil(slowMs * (0.5 + this.#random())) };
      case "limited":
        return { ms: 5, error: failure("rate_limit_exceeded", { upstreamStatus: 429, retryAfterMs: 1_000 }) };
      case "revoked":
        return { ms: 5, error: failure("upstream_credential", { upstreamStatus: 401 }) };
      case "cut":
        return this.#random() < 0.5
          ? { ms: usual, error: failure("upstream_truncated") }
          : { ms: usual, error: failure("upstream_truncated"), alive: Math.ceil(usual / 2) };
      case "lying":
        return { ms: usual, error: failure("upstream_protocol") };
      case "flaky":
        return this.#random() < 0.3
          ? { ms: 5, error: failure("upstream_error", { upstreamStatus: 500 }) }
          : { ms: usual };
      case undefined:
        return { ms: usual };
    }
  }

  #troubleOf({ provider: { name } }: Target, credential: string): Trouble["kind"] | undefined {
    const at = this.#nowMs - startMs;
    return this.#scenario.troubles.find(
      (trouble) =>
        trouble.provider === name &&
        (trouble.credential === undefined || trouble.credential === credential) &&
        at >= trouble.fromMs &&
        at < trouble.untilMs,
    )?.kind;
  }

  #end(error: unknown, arrivedAt: number): void {
    if (error !== undefined && !(error instanceof GatewayError)) throw error;
    this.#ended++;
    if (error === undefined) {
      this.#answered++;
      this.#latencies.push(this.#nowMs - arrivedAt);
    } else if (error.details.source === "gateway") this.#refused++;
  }

  #check(): void {
    const { ledger, scope } = this.#money;
    const { requests } = this.#scenario;
    this.#expect(this.#ended === requests, `${this.#ended} of ${requests} requests ended`);
    this.#expect(ledger.holdsOf(1).length === 0, "a hold is left open");
    this.#expect(this.#settledNano <= budgetNano, "the budget was overspent");
    this.#expect(this.#attempts <= requests * attemptsMax, "more attempts than allowed");
    // Each of three providers has a reserve of five.
    this.#expect(this.#retries <= 0.15 * this.#attempts + 15, `${this.#retries} retries for ${requests} requests`);
    for (const { row, name } of this.#routing.table.rows())
      this.#expect(this.#routing.table.inFlight(row) === 0, `${name} still has requests under way`);
    for (let index = 0; index + requestsPerWindow < this.#admitted.length; index++) {
      const span = this.#admitted[index + requestsPerWindow]! - this.#admitted[index]!;
      this.#expect(span >= windowMs, `${requestsPerWindow + 1} requests in ${span} ms`);
    }
    const left = ledger.admit([scope], this.#nowMs + 2 * windowMs, budgetNano - this.#settledNano, 1, 0, false, "last");
    this.#expect(left >= 0, "what was settled and what the budget says differ");
    ledger.settle(left, this.#nowMs + 2 * windowMs, 0, 0);
    const over = ledger.admit(
      [scope],
      this.#nowMs + 2 * windowMs,
      budgetNano - this.#settledNano + 1,
      1,
      0,
      false,
      "over",
    );
    this.#expect(over < 0, "the budget admits more than is left");
  }

  #expect(holds: boolean, what: string): void {
    if (!holds) throw new Error(what);
  }

  /** Kept in order, the next last: what is due soon is put in near the end. */
  #at(atMs: number, happen: () => void): void {
    const event: Event = { atMs, order: this.#order++, happen };
    let at = this.#events.length;
    while (at > 0 && isLater(event, this.#events[at - 1]!)) at--;
    this.#events.splice(at, 0, event);
  }
}

function isLater(one: Event, other: Event): boolean {
  return one.atMs > other.atMs || (one.atMs === other.atMs && one.order > other.order);
}

const quiet = {
  fallbacks: undefined,
  keyProviders: undefined,
  requestType: "chat",
  stream: true,
  inputTokens: 100,
  outputTokens: 100,
  maxTokens: undefined,
  hasTools: false,
  headers: () => ({}),
  params: () => ({}),
  promptKey: () => undefined,
  issuer: () => undefined,
  caller: () => ({ key: "", keyId: "", user: "", team: "", customer: "" }),
  usage: () => ({ budget: 0, tokens: 0, requests: 0 }),
} as const;

const kinds = ["down", "slow", "limited", "revoked", "cut", "lying", "flaky"] as const;

/** Two or three troubles at any time and place. */
export function randomScenario(seed: number): Scenario {
  const random = dice(seed ^ 0x5eed);
  const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(random() * values.length)]!;
  const troubles = Array.from({ length: 1 + Math.floor(random() * 3) }, (): Trouble => {
    const name = pick(providers);
    const kind = pick(kinds);
    const fromMs = Math.floor(random() * 3_000);
    const untilMs = fromMs + Math.floor(random() * 8_000);
    return { provider: name, ...(kind === "revoked" ? { credential: `${name}-one` } : {}), kind, fromMs, untilMs };
  });
  return {
    name: JSON.stringify(troubles),
    requests: 24 + Math.floor(random() * 16),
    everyMs: pick([5, 40, 250]),
    troubles,
  };
}

const always = { fromMs: 0, untilMs: Number.POSITIVE_INFINITY };
const steady = { requests: 2_000, everyMs: 40 };

/** What the table is about. */
export const scenarios: readonly Scenario[] = [
  { name: "all well", ...steady, troubles: [] },
  { name: "one provider down", ...steady, troubles: [{ provider: "alpha", kind: "down", ...always }] },
  { name: "one provider slow", ...steady, troubles: [{ provider: "alpha", kind: "slow", ...always }] },
  { name: "one provider rate-limited", ...steady, troubles: [{ provider: "alpha", kind: "limited", ...always }] },
  {
    name: "one key revoked",
    ...steady,
    troubles: [{ provider: "alpha", credential: "alpha-one", kind: "revoked", ...always }],
  },
];
