/** One run of the simulator: what arrives, what comes of it, and what must hold whatever happens. */
import type { createLedger } from "../../daemon/governance/ledger.ts";
import { judge } from "../../daemon/routing/faults.ts";
import type { Generation, Target } from "../../daemon/routing/generation.ts";
import { plan } from "../../daemon/routing/planner.ts";
import type { Routing } from "../../daemon/routing/routing.ts";
import { Trip } from "../../daemon/routing/trip.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { failure } from "../support/routing-lab.ts";
import { type Scenario, stragglerEvery, type Trouble } from "./scenarios.ts";

export type Report = {
  readonly requests: number;
  readonly answered: number;
  /** By the gateway itself: budget, rate, nobody to ask. */
  readonly refused: number;
  readonly attempts: number;
  readonly retries: number;
  /** Second attempts beside one that said nothing. */
  readonly hedges: number;
  /** Of answered requests, from the arrival to the answer. */
  readonly latenciesMs: readonly number[];
};

const usualMs = 100;
const slowMs = 2_000;
const costNano = 1_000;
export const budgetNano = 1_000_000;
export const requestsPerWindow = 60;
export const windowMs = 1_000;
export const attemptsMax = 12;
export const startMs = 1_790_000_000_000;

type Event = { readonly atMs: number; readonly order: number; readonly happen: () => void };
type Money = { readonly ledger: ReturnType<typeof createLedger>; readonly scope: number };

type Asked = { readonly index: number; readonly arrivedAt: number; holds: number };
/** One attempt under way. */
type Call = { readonly trip: Trip; isOver: boolean; readonly cancel: () => void };
type Race = { first: Call | undefined; second: Call | undefined; winner: Call | undefined };

export class World {
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
  #hedges = 0;
  #settledNano = 0;
  readonly #latencies: number[] = [];
  readonly #admitted: number[] = [];
  /** Second attempts that are paid for, by the row of the first. */
  readonly #mayHedge = new Map<number, number>();
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
      hedges: this.#hedges,
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
    this.#attempt(trip, { index, arrivedAt, holds: 0 });
  }

  #attempt(trip: Trip, asked: Asked): void {
    if (trip.plan.hedge !== undefined && trip.attempts === 0) {
      this.#race(trip, asked);
      return;
    }
    const call = this.#call(trip, asked, (error, isReleased) => this.#goOn(trip, asked, error, isReleased));
    if (call === undefined) this.#refuse(trip, asked);
  }

  /** As `Hedge` does it with sockets: whoever has something to say first answers, and the other is ended. */
  #race(trip: Trip, asked: Asked): void {
    const afterMs = trip.hedgeAfterMs(this.#nowMs, true);
    const { maxShare } = trip.plan.hedge!;
    this.#mayHedge.set(trip.row, (this.#mayHedge.get(trip.row) ?? 0) + maxShare);
    const race: Race = { first: undefined, second: undefined, winner: undefined };
    race.first = this.#runner(trip, asked, race);
    if (race.first === undefined) this.#refuse(trip, asked);
    if (race.first === undefined || afterMs === undefined) return;
    this.#at(this.#nowMs + afterMs, () => {
      if (race.winner !== undefined || race.first!.isOver) return;
      const other = trip.beside(this.#nowMs);
      if (other === undefined || !trip.mayHedge()) return;
      this.#expect(this.#routing.breaker.state(other.row, this.#nowMs) === "closed", "a probe is asked beside another");
      const paid = this.#mayHedge.get(trip.row)! - 1;
      this.#expect(paid > -1e-6, `more second attempts beside ${trip.target.name} than its share`);
      this.#mayHedge.set(trip.row, paid);
      race.second = this.#runner(other, asked, race);
      if (race.second === undefined) other.abandoned(this.#nowMs);
      else this.#hedges++;
    });
  }

  #runner(trip: Trip, asked: Asked, race: Race): Call | undefined {
    const own = (): Call => (race.first?.trip === trip ? race.first : race.second)!;
    const spoke = (): void => {
      if (race.winner !== undefined) return;
      race.winner = own();
      const other = otherThan(own(), race);
      if (other === undefined || other.isOver) return;
      other.trip.outpaced(this.#nowMs, true, this.#nowMs - other.trip.startedAt);
      other.cancel();
    };
    return this.#call(
      trip,
      asked,
      (error, isReleased) => {
        if (error === undefined) spoke();
        const other = otherThan(own(), race);
        const isLast = other === undefined || other.isOver || race.winner === own();
        if (isLast || judge(error!).verdict === "stop") {
          race.winner ??= own();
          if (other?.isOver === false) {
            other.trip.abandoned(this.#nowMs);
            other.cancel();
          }
          this.#goOn(trip, asked, error, isReleased);
          return;
        }
        trip.failed(error!, this.#nowMs);
        if (own() === race.first) other.trip.first = error;
        else race.first!.trip.passed(trip);
      },
      spoke,
    );
  }

  /** Undefined: the ledger does not admit it. */
  #call(
    trip: Trip,
    asked: Asked,
    ended: (error: GatewayError | undefined, isReleased: boolean) => void,
    spoke?: () => void,
  ): Call | undefined {
    const { ledger, scope } = this.#money;
    const isFirst = asked.holds === 0;
    const id = `r${asked.index}:${asked.holds}`;
    const hold = ledger.admit([scope], this.#nowMs, costNano, 10, costNano / 2, isFirst, id);
    if (hold < 0) return undefined;
    if (isFirst) this.#admitted.push(this.#nowMs);
    asked.holds++;
    this.#attempts++;
    if (trip.reason === "retry") this.#retries++;
    const { name } = trip.target;
    const state = this.#routing.breaker.state(trip.row, this.#nowMs);
    this.#expect(state !== "open", `${name} was asked while open`);
    const isProbe = state === "probing";
    if (isProbe) {
      this.#expect((this.#probes.get(name) ?? 0) === 0, `${name} has two probes`);
      this.#probes.set(name, 1);
    }
    trip.enter(this.#nowMs);
    const close = (spent: number): void => {
      call.isOver = true;
      if (isProbe) this.#probes.set(name, 0);
      trip.leave();
      this.#expect(ledger.settle(hold, this.#nowMs, spent, 10), "a hold was settled twice");
      this.#settledNano += spent;
    };
    // Its input may have been read.
    const call: Call = { trip, isOver: false, cancel: () => close(costNano / 2) };
    const { ms, error, alive } = this.#reply(trip);
    if (alive !== undefined)
      this.#at(this.#nowMs + alive, () => {
        if (call.isOver) return;
        trip.alive(this.#nowMs);
        if (isProbe) this.#probes.set(name, 0);
        spoke?.();
      });
    this.#at(this.#nowMs + ms, () => {
      if (call.isOver) return;
      const isReleased = error === undefined || alive !== undefined;
      close(error === undefined ? Math.floor(costNano * (0.2 + 0.8 * this.#random())) : isReleased ? costNano / 2 : 0);
      if (error === undefined) trip.succeeded(this.#nowMs, true, ms, 1);
      ended(error, isReleased);
    });
    return call;
  }

  #refuse(trip: Trip, { arrivedAt }: Asked): void {
    trip.abandoned(this.#nowMs);
    this.#end(new GatewayError("rate_limit_exceeded", "ours", { source: "gateway" }), arrivedAt);
  }

  #goOn(trip: Trip, asked: Asked, error: GatewayError | undefined, isReleased: boolean): void {
    if (error !== undefined) trip.failed(error, this.#nowMs);
    // The client has seen content: nobody else may be asked.
    if (error === undefined || isReleased) {
      this.#end(error, asked.arrivedAt);
      return;
    }
    let wait: number;
    try {
      wait = trip.next(error, this.#nowMs);
    } catch (final) {
      this.#end(final, asked.arrivedAt);
      return;
    }
    // Without a wait nothing comes between: what the breaker said a moment ago still holds.
    if (wait === 0) {
      this.#attempt(trip, asked);
      return;
    }
    this.#at(this.#nowMs + wait, () => {
      try {
        trip.resume(this.#nowMs);
      } catch (final) {
        this.#end(final, asked.arrivedAt);
        return;
      }
      this.#attempt(trip, asked);
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
      case "straggling":
        return { ms: this.#random() * stragglerEvery < 1 ? slowMs : usual };
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

function otherThan(call: Call, { first, second }: Race): Call | undefined {
  return call === first ? second : first;
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
