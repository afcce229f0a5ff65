/**
 * Stage in place of one attempt: Target → an answer of it or of another. Where the first takes unusually long another
 * is asked as well; whoever has something for the client first answers it, and the other is ended at once. Hides that
 * each has an exchange, a lease and a settlement of its own. Only a request's first attempt is hedged, and nothing that
 * is uploaded: its bytes exist once.
 */
import { judge } from "../routing/faults.ts";
import type { Trip } from "../routing/trip.ts";
import type { Timed } from "../runtime/wheel.ts";
import { stage } from "../telemetry/stages.ts";
import { admit, generates, type Lease } from "./admit.ts";
import { asFailure } from "./as-failure.ts";
import { type AttemptResult, attempt, clientLeft, notSent } from "./attempt.ts";
import { Exchange, type Race } from "./exchange.ts";
import { watchHold } from "./exhaust.ts";
import type { Plane } from "./plane.ts";
import { unasked } from "./raw.ts";
import { releaseBody } from "./read.ts";
import { recordAttempt } from "./record.ts";
import { isRelayed } from "./relay-attempt.ts";
import { settle } from "./settle.ts";
import { trace, traceOutpaced, traceRefused } from "./trace.ts";

/** Which way it went in the end; its lease is settled, and so is the other's. */
export type Hedged = { readonly trip: Trip; readonly result: AttemptResult };

/** One of the two. `own` is what the attempt writes to, until it has won. */
type Runner = { readonly own: Exchange; readonly trip: Trip; readonly lease: Lease; result: AttemptResult | undefined };

export function mayHedge(exchange: Exchange, trip: Trip): boolean {
  return trip.plan.hedge !== undefined && trip.attempts === 0 && !isRelayed(exchange);
}

/** Throws what admission throws; how the attempt failed is in its result. */
export function hedged(exchange: Exchange, trip: Trip, plane: Plane): Promise<Hedged> {
  return new Hedge(exchange, trip, plane).run();
}

/** Between two looks whether another can be asked. */
const againMs = 100;

class Hedge implements Timed, Race {
  deadlineAt = Number.POSITIVE_INFINITY;
  wheelIndex = -1;
  undecidedUntil = 0;
  readonly #exchange: Exchange;
  readonly #plane: Plane;
  readonly #first: Runner;
  #second: Runner | undefined;
  /** The second attempt is within the share that such may have. */
  #isPaid = false;
  #winner: Runner | undefined;
  #resolve: ((hedged: Hedged) => void) | undefined;

  constructor(exchange: Exchange, trip: Trip, plane: Plane) {
    this.#exchange = exchange;
    this.#plane = plane;
    const afterMs = trip.hedgeAfterMs(Date.now(), isStreamed(exchange));
    this.#first = this.#enter(trip);
    exchange.target = trip.target;
    if (afterMs === undefined) return;
    this.deadlineAt = performance.now() + afterMs;
    this.#waitFrom(this.deadlineAt);
    plane.wheel.add(this);
  }

  run(): Promise<Hedged> {
    this.#exchange.onGone(() => {
      this.#first.own.gone();
      this.#second?.own.gone();
    });
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#start(this.#first);
    });
  }

  /** The first has said nothing for so long. */
  onDeadline(): void {
    this.#stopWaiting();
    this.undecidedUntil = 0;
    const { trip } = this.#first;
    const other = trip.beside(Date.now());
    if (other === undefined) return;
    const { places } = this.#plane;
    if (!places.tryTake(other.target)) {
      this.#lookAgain();
      return;
    }
    if (!this.#isPaid && !trip.mayHedge()) {
      places.give(other.target);
      return;
    }
    this.#isPaid = true;
    try {
      this.#second = this.#enter(other);
    } catch (thrown) {
      const error = asFailure(thrown);
      if (error.code === "ledger_behind") this.#lookAgain();
      // Not allowed there, or no money for two: the first goes on alone.
      else traceRefused(this.#exchange, other, error);
      return;
    }
    this.#waitFrom(performance.now());
    this.#start(this.#second);
  }

  /** What is in the way is so for the moment only, and the first may be silent for minutes. */
  #lookAgain(): void {
    this.deadlineAt = performance.now() + againMs;
    this.#plane.wheel.add(this);
  }

  /** A status without content waits for the other, but not for longer than it would wait anyway. */
  #waitFrom(at: number): void {
    this.undecidedUntil = at + this.#exchange.generation.data.server.holdBackMs;
  }

  #enter(trip: Trip): Runner {
    trip.enter(performance.now());
    try {
      const lease = admit(this.#exchange, trip.target, this.#plane);
      const own = fork(this.#exchange, trip, this);
      watchHold(own, lease, this.#plane);
      this.#plane.stages.mark(stage.admit, trip.startedAt);
      return { own, trip, lease, result: undefined };
    } catch (error) {
      this.#leave(trip);
      throw error;
    }
  }

  #start(runner: Runner): void {
    send(runner, this.#plane).then(
      (result) => this.#ended(runner, result),
      (error: unknown) => this.#ended(runner, notSent(error)),
    );
  }

  spoke(own: Exchange): void {
    this.#win(own === this.#first.own ? this.#first : this.#second!);
    this.#exchange.released = true;
    releaseBody(this.#exchange, this.#plane);
  }

  #win(runner: Runner): void {
    if (this.#winner !== undefined) return;
    this.#winner = runner;
    this.#stopWaiting();
    this.undecidedUntil = 0;
    if (this.#second !== undefined) runner.own.hedge = runner === this.#second ? "won" : "lost";
    this.#adopt(runner);
    const other = this.#otherThan(runner);
    if (other !== undefined && other.result === undefined) other.own.gone();
  }

  #ended(runner: Runner, result: AttemptResult): void {
    runner.result = result;
    this.#leave(runner.trip);
    const other = this.#otherThan(runner);
    if (this.#winner !== undefined && this.#winner !== runner) this.#close(runner);
    else if (result.error === undefined) this.#win(runner);
    // What is wrong with the request is wrong at the other as well.
    else if (other === undefined || other.result !== undefined || judge(result.error).verdict === "stop")
      this.#lose(runner);
    else this.#close(runner);
    const last = this.#winner;
    if (last?.result === undefined) return;
    const rest = this.#otherThan(last);
    if (rest === undefined || rest.result !== undefined) this.#end(last);
  }

  /** Its failure is what the request goes on from. */
  #lose(runner: Runner): void {
    if (this.#winner !== undefined) return;
    this.#stopWaiting();
    this.#winner = runner;
    const other = this.#otherThan(runner);
    if (other !== undefined && other.result === undefined) other.own.gone();
  }

  /** Of the one that the request does not go on from: settled at what it may have cost, and told in the trail. */
  #close({ trip, lease, result }: Runner): void {
    const exchange = this.#exchange;
    const { usage } = exchange;
    settle(exchange, lease, result!, this.#plane);
    exchange.usage = usage;
    const isOutpaced = result!.error === undefined || (this.#winner !== undefined && !exchange.clientGone);
    if (isOutpaced) {
      // Where the other was refused for good nobody was outpaced, and the time says nothing.
      if (this.#winner?.result?.error !== undefined) trip.abandoned(Date.now());
      else trip.outpaced(Date.now(), isStreamed(exchange), performance.now() - trip.startedAt);
      traceOutpaced(exchange, trip);
    } else {
      trace(exchange, trip, result!.error);
      trip.failed(result!.error!, Date.now());
      // The other goes on from here: nobody is asked twice, and the first failure is the one that is told.
      if (trip === this.#first.trip) this.#second!.trip.first = result!.error;
      else this.#first.trip.passed(trip);
    }
    recordAttempt(exchange, this.#plane);
  }

  #end(last: Runner): void {
    const exchange = this.#exchange;
    exchange.onGone(undefined);
    this.#adopt(last);
    settle(exchange, last.lease, last.result!, this.#plane);
    this.#resolve!({ trip: last.trip, result: last.result! });
  }

  /** What the attempt has found out is the request's. */
  #adopt({ own, trip }: Runner): void {
    const { target, upstreamHeaders, credentialId, isRelay, droppedHeader, rendering, coded, hedge, raw } = own;
    const { status, bytesOut, firstByteAt, upstreamMs } = own;
    const found = { target, upstreamHeaders, credentialId, isRelay, droppedHeader, rendering, coded, hedge, raw };
    Object.assign(this.#exchange, found, { status, bytesOut, firstByteAt, upstreamMs, trip });
  }

  #leave(trip: Trip): void {
    const { places } = this.#plane;
    trip.leave();
    places.give(trip.target);
    places.freed();
  }

  #stopWaiting(): void {
    this.deadlineAt = Number.POSITIVE_INFINITY;
    this.#plane.wheel.delete(this);
  }

  #otherThan(runner: Runner): Runner | undefined {
    return runner === this.#first ? this.#second : this.#first;
  }
}

async function send({ own, lease }: Runner, plane: Plane): Promise<AttemptResult> {
  if (own.generation.data.ledger.durability === "strict" && lease.hold >= 0) await plane.state.durable();
  return own.clientGone ? notSent(clientLeft()) : attempt(own, lease, plane);
}

function isStreamed({ view, route }: Exchange): boolean {
  return view!.stream && generates(route);
}

/** The same request, to be answered by one attempt of several. The bytes stay the original's. */
function fork(exchange: Exchange, trip: Trip, race: Race): Exchange {
  const { id, request, response, route, generation, pathModel } = exchange;
  const own = Object.assign(new Exchange(id, request, response, route, generation, pathModel), exchange);
  own.bodyBytesHeld = 0;
  own.trip = trip;
  own.target = trip.target;
  own.race = race;
  if (own.raw !== undefined) own.raw = unasked(own.raw);
  return own;
}
