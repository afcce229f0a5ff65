/**
 * One request's way through its plan: which target and credential is asked now, and what is asked next when that has
 * failed. Hides breakers, resting credentials, retries and their budget; knows nothing of sockets or clients, so that a
 * simulator can take the same way under a clock of its own.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Probe } from "./breaker.ts";
import { noteCredentialFault } from "./credential-fault.ts";
import { failureNumber } from "./failures.ts";
import { judge } from "./faults.ts";
import type { Target } from "./generation.ts";
import { healthWord, tickOf } from "./health-table.ts";
import { hedgeDelayMs } from "./hedging.ts";
import type { Remaining } from "./outcomes.ts";
import { concurrencyRow } from "./places.ts";
import type { Plan } from "./plan.ts";
import type { Hop } from "./resolve.ts";
import { backoffMs } from "./retry-budget.ts";
import { providerRowOf, type Routing, rowOf } from "./routing.ts";

/** Something that was not asked, and why. */
export type Skip = {
  readonly target: string;
  readonly why: "breaker_open" | "credentials_resting" | "ramping" | "saturated";
};

export class Trip {
  readonly plan: Plan;
  readonly #routing: Routing;
  target: Target;
  row = 0;
  /** Index into the provider's credentials. */
  credential = 0;
  /** Why it is asked: `requested`, `retry`, `key`, `fallback`. */
  reason = "requested";
  /** Attempts begun. */
  attempts = 0;
  /** Position of the target among those that were asked; 0: the first. */
  fallback = 0;
  skipped: Skip[] | undefined;
  /** Scale of `performance.now()`, or of whatever clock the attempt is timed by. */
  startedAt = 0;
  /** What the client is told when nothing helps. */
  first: GatewayError | undefined;
  #hops: readonly Hop[];
  #position = -1;
  #retriesLeft = 0;
  #retried = 0;
  #probe: Probe | undefined;
  #used: Set<number> | undefined;
  #deferred: Hop[] | undefined;
  #switched = false;
  /** Milliseconds until the first of those that were left out may be asked. */
  #soonest = Number.POSITIVE_INFINITY;

  constructor(plan: Plan, routing: Routing) {
    this.plan = plan;
    this.#routing = routing;
    this.#hops = plan.hops;
    this.target = plan.hops[0]!.target;
  }

  /** Finds the first target that may be asked. Throws `targets_unavailable` or `rate_limit_exceeded` with the wait. */
  begin(nowMs: number): void {
    if (!this.#advance(nowMs)) throw this.#unavailable();
  }

  /** Before every attempt. */
  enter(at: number): void {
    this.attempts++;
    this.startedAt = at;
    this.#routing.table.enter(this.row);
  }

  /** After every attempt that was begun, whatever came of it. */
  leave(): void {
    this.#routing.table.leave(this.row);
  }

  /** Content has come: whatever happens now, the upstream is there. */
  alive(nowMs: number): void {
    if (this.#probe === undefined) return;
    this.#probe = undefined;
    this.#routing.breaker.succeeded(this.row, nowMs);
  }

  /** See `Outcomes.timed` for the times. */
  succeeded(nowMs: number, streamed: boolean, firstByteMs: number, perTokenMs: number | undefined): void {
    this.opened(nowMs);
    this.#routing.outcomes.timed(this.row, nowMs, streamed, firstByteMs, perTokenMs);
  }

  /** It has answered, or a session has begun there: which says nothing of how long an answer takes. */
  opened(nowMs: number): void {
    const { breaker, outcomes } = this.#routing;
    this.#probe = undefined;
    breaker.succeeded(this.row, nowMs);
    outcomes.counted(this.row, nowMs, false);
    const { bind } = this.plan;
    if (bind === undefined) return;
    const credential = this.target.provider.hashes[this.credential]!;
    this.#routing.affinity.bind(bind.key, this.row, credential, nowMs, bind.ttlMs);
  }

  /** How much of its rate limits the provider says is left. */
  limitsTold(nowMs: number, left: number): void {
    this.#routing.outcomes.limitsTold(this.row, nowMs, left);
  }

  remainingTold(nowMs: number, told: Partial<Remaining>): void {
    this.#routing.outcomes.remainingTold(this.row, nowMs, told);
  }

  /** When another target is asked as well, if this one has said nothing by then, in ms; undefined: not this time. */
  hedgeAfterMs(nowMs: number, streamed: boolean): number | undefined {
    const { hedge } = this.plan;
    if (hedge === undefined || this.row === 0 || this.attempts > 0) return undefined;
    this.#routing.budget.depositHedge(this.row, hedge.maxShare);
    return hedgeDelayMs(hedge, this.#routing, this.row, nowMs, streamed);
  }

  /** Within the share that second attempts may have, and paid. */
  mayHedge(): boolean {
    return this.#routing.budget.withdrawHedge(this.row);
  }

  /** The next target that stands ready, as a trip of its own that goes on from there. Nobody is probed for this. */
  beside(nowMs: number): Trip | undefined {
    const { breaker, settings } = this.#routing;
    if (this.attempts >= settings.attemptsMax) return undefined;
    for (let position = this.#position + 1; position < this.#hops.length; position++) {
      const hop = this.#hops[position]!;
      const row = rowOf(hop.target, this.#routing);
      if (hop.target.name === this.target.name || breaker.state(row, nowMs) !== "closed") continue;
      const other = new Trip(this.plan, this.#routing);
      other.#hops = this.#hops;
      other.#position = position;
      other.attempts = this.attempts;
      if (!other.#take(hop, nowMs)) continue;
      other.skipped = undefined;
      other.fallback = this.fallback + 1;
      other.reason = "hedge";
      return other;
    }
    return undefined;
  }

  /** The other has been asked and has failed: it is not asked again. */
  passed(other: Trip): void {
    this.#position = other.#position;
    this.attempts++;
  }

  /** Another was faster, which says how slow this one is at least. */
  outpaced(nowMs: number, streamed: boolean, elapsedMs: number): void {
    this.abandoned(nowMs);
    this.#routing.outcomes.timed(this.row, nowMs, streamed, elapsedMs, undefined);
  }

  /** Nothing was learned of the target: the client left, or we refused. */
  abandoned(nowMs: number): void {
    if (this.#probe !== undefined) this.#routing.breaker.abandoned(this.row, nowMs, this.#probe);
    this.#probe = undefined;
  }

  /** Notes what the failure says of the target and its credential. */
  failed(error: GatewayError, nowMs: number): void {
    const { breaker, outcomes, table } = this.#routing;
    const { fault } = judge(error);
    if (fault !== "upstream") {
      this.abandoned(nowMs);
      noteCredentialFault(this.#routing, this.target.provider, this.row, this.credential, error, nowMs);
      return;
    }
    this.#probe = undefined;
    outcomes.counted(this.row, nowMs, true);
    breaker.failed(this.row, nowMs);
    if (this.row === 0) return;
    table.words[this.row + healthWord.lastFailure] = failureNumber(error);
    table.words[this.row + healthWord.lastFailureAt] = tickOf(nowMs);
  }

  /** Chooses what is asked next and returns how long to wait before; throws what the client is to hear. */
  next(error: GatewayError, nowMs: number): number {
    this.first ??= error;
    const { verdict, kind } = judge(error);
    if (verdict === "stop" || this.attempts >= this.#routing.settings.attemptsMax) throw this.first;
    const wait = error.details.retryAfterMs ?? 0;
    if (verdict === "retry" && this.#mayRetry(wait, nowMs)) return this.#retry(wait);
    if ((verdict === "rotate" || verdict === "replace") && this.#rotate(nowMs)) {
      this.reason = "key";
      if (!this.#reenter(nowMs)) return this.#orThrow(nowMs);
      return verdict === "replace" ? 0 : backoffMs(this.#routing.settings.retries, 0, this.#routing.random);
    }
    if (kind === "context_window" && this.#switchTo(this.plan.onContext, nowMs)) return 0;
    if (kind === "content_policy" && this.#switchTo(this.plan.onPolicy, nowMs)) return 0;
    if (this.#advance(nowMs)) return 0;
    // Nobody else is left: a provider that named a short wait is asked again after it.
    if (verdict === "rotate" && wait > 0 && this.#mayRetry(wait, nowMs)) {
      this.#used = undefined;
      return this.#retry(wait);
    }
    throw this.first;
  }

  /** Of a target that was chosen a while ago; undefined: it may be asked. */
  whyShut(nowMs: number): GatewayError | undefined {
    const waitMs = this.#probe !== undefined ? 0 : this.#routing.breaker.waitMs(this.row, nowMs);
    if (waitMs === 0) return undefined;
    const message = `${this.target.name} has failed while the request waited for a place there`;
    return new GatewayError("targets_unavailable", message, { source: "gateway", retryAfterMs: waitMs });
  }

  /** After a wait: the target may have been given up meanwhile. Throws what the client is to hear. */
  resume(nowMs: number): void {
    if (this.#probe !== undefined || this.#reenter(nowMs)) return;
    this.#skip(this.target, "breaker_open", this.#routing.breaker.waitMs(this.row, nowMs));
    this.#orThrow(nowMs);
  }

  #orThrow(nowMs: number): number {
    if (this.#advance(nowMs)) return 0;
    throw this.first!;
  }

  #mayRetry(waitMs: number, nowMs: number): boolean {
    const { settings, budget, breaker } = this.#routing;
    if (this.#retriesLeft <= 0 || waitMs > settings.retries.waitMaxMs) return false;
    if (breaker.waitMs(this.row, nowMs) > 0) return false;
    return budget.withdraw(providerRowOf(this.target, this.#routing)) && this.#reenter(nowMs);
  }

  #retry(waitMs: number): number {
    const { settings, random } = this.#routing;
    this.#retriesLeft--;
    this.reason = "retry";
    return Math.max(waitMs, backoffMs(settings.retries, this.#retried++, random));
  }

  /** The same target again: its breaker may have opened meanwhile, by this very failure. */
  #reenter(nowMs: number): boolean {
    const entered = this.#routing.breaker.enter(this.row, nowMs);
    this.#probe = typeof entered === "object" ? entered : undefined;
    return entered !== "open";
  }

  #rotate(nowMs: number): boolean {
    const { provider } = this.target;
    this.#used ??= this.#barredAt(this.target) ?? new Set();
    this.#used.add(this.credential);
    const other =
      this.plan.credential === undefined ? this.#routing.credentials.pick(provider, this.row, this.#used, nowMs) : -1;
    if (other < 0) return false;
    this.credential = other;
    return true;
  }

  #switchTo(hops: readonly Hop[] | undefined, nowMs: number): boolean {
    if (hops === undefined || this.#switched) return false;
    this.#switched = true;
    const before = { hops: this.#hops, position: this.#position };
    this.#hops = hops.filter(({ target }) => target.name !== this.target.name);
    this.#position = -1;
    if (this.#advance(nowMs)) return true;
    this.#hops = before.hops;
    this.#position = before.position;
    return false;
  }

  /** On to the next target that may be asked. */
  #advance(nowMs: number): boolean {
    const isFirst = this.attempts === 0;
    for (;;) {
      this.#position++;
      const hop = this.#hops[this.#position] ?? this.#deferred?.shift();
      if (hop === undefined) return false;
      if (this.#take(hop, nowMs)) {
        if (!isFirst) {
          this.fallback++;
          this.reason = "fallback";
        } else if (this.#position > 0) {
          this.fallback = this.#position;
          this.reason = "fallback";
        }
        return true;
      }
    }
  }

  #take(hop: Hop, nowMs: number): boolean {
    const routing = this.#routing;
    const { target } = hop;
    const row = rowOf(target, routing);
    const later = this.#hops[this.#position + 1] === undefined ? undefined : this.#whyLater(target, row, nowMs);
    if (later !== undefined) {
      this.#deferred ??= [];
      this.#deferred.push(hop);
      this.#skip(target, later, 0);
      return false;
    }
    const entered = routing.breaker.enter(row, nowMs);
    if (entered === "open") {
      this.#skip(target, "breaker_open", routing.breaker.waitMs(row, nowMs));
      return false;
    }
    const credential = this.#credentialFor(target, row, nowMs);
    if (credential < 0) {
      if (entered !== "go") routing.breaker.abandoned(row, nowMs, entered);
      this.#skip(target, "credentials_resting", routing.credentials.restingMs(target.provider, row, nowMs));
      return false;
    }
    this.target = target;
    this.row = row;
    this.credential = credential;
    this.#used = undefined;
    this.#probe = entered === "go" ? undefined : entered;
    this.#retriesLeft = this.plan.retries ?? hop.retries;
    this.#retried = 0;
    if (this.#retriesLeft > 0) routing.budget.deposit(providerRowOf(target, routing));
    return true;
  }

  #credentialFor(target: Target, row: number, nowMs: number): number {
    const { provider } = target;
    const { credential, binding } = this.plan;
    const barred = this.#barredAt(target);
    if (credential !== undefined)
      return provider.credentials.findIndex(({ id }, index) => id === credential && barred?.has(index) !== true);
    if (binding !== undefined && binding.row === row) {
      const bound = provider.hashes.indexOf(binding.credential);
      if (
        bound >= 0 &&
        barred?.has(bound) !== true &&
        !this.#routing.credentials.isResting(provider, row, bound, nowMs)
      )
        return bound;
    }
    return this.#routing.credentials.pick(provider, row, barred, nowMs);
  }

  /** Credentials that the caller's key may not use. */
  #barredAt({ provider }: Target): Set<number> | undefined {
    const allowed = this.plan.allowed?.get(provider.name);
    if (allowed === undefined) return undefined;
    return new Set(provider.credentials.flatMap(({ id }, index) => (allowed.includes(id) ? [] : [index])));
  }

  /** Why the targets behind it are asked first, though it might be asked itself. */
  #whyLater({ provider }: Target, row: number, nowMs: number): Skip["why"] | undefined {
    const { breaker, random, table } = this.#routing;
    const max = provider.data.concurrencyMax;
    if (max !== undefined && table.inFlight(table.peek(concurrencyRow(provider.name))) >= max) return "saturated";
    const next = this.#hops[this.#position + 1]!;
    const share = this.attempts > 0 ? 1 : breaker.ramp(row, nowMs);
    // One that was open a moment ago leaves a part of its traffic to the next, if the next can take it.
    if (share === 1 || breaker.waitMs(rowOf(next.target, this.#routing), nowMs) > 0) return undefined;
    return random() >= share ? "ramping" : undefined;
  }

  #skip({ name }: Target, why: Skip["why"], waitMs: number): void {
    this.skipped ??= [];
    this.skipped.push({ target: name, why });
    if (why === "breaker_open" || why === "credentials_resting") this.#soonest = Math.min(this.#soonest, waitMs);
  }

  #unavailable(): GatewayError {
    const wait = Number.isFinite(this.#soonest) ? Math.max(1, this.#soonest) : 1_000;
    const names = [...new Set(this.skipped?.map(({ target }) => target))].join(", ");
    // What its provider would answer, and what clients wait for. Without a wait none rests: the caller may use none.
    if (this.#soonest > 0 && this.skipped?.every(({ why }) => why === "credentials_resting")) {
      const message = `${names}: the provider's rate limit is used up, and it told the gateway to wait`;
      return new GatewayError("rate_limit_exceeded", message, { source: "provider", retryAfterMs: wait });
    }
    return new GatewayError(
      "targets_unavailable",
      `no target can be asked now: ${names} failed lately or told the gateway to wait`,
      { source: "gateway", retryAfterMs: wait },
    );
  }
}
