/**
 * The life of a request, as a table of contents: each line is a stage with a file of its own.
 *
 * authenticate → read → route → ( admit → attempt → relay → settle ) per target → record
 *
 * Another target is tried only while the client has seen nothing, and every hop is admitted anew.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import { endStalled, type FailureWords, sendBody, sendFailure } from "../http/reply.ts";
import { pause } from "../routing/pause.ts";
import type { Trip } from "../routing/trip.ts";
import { workerWord } from "../runtime/worker-protocol.ts";
import { stage } from "../telemetry/stages.ts";
import { admit, type Lease } from "./admit.ts";
import { answerHeaders, limitsLeft, remainingOf } from "./answer-headers.ts";
import { asFailure } from "./as-failure.ts";
import { askedModel, withAskedModel } from "./asked-model.ts";
import { type AttemptResult, attempt, clientLeft } from "./attempt.ts";
import { authenticate, type Connection } from "./authenticate.ts";
import { keepBackground } from "./background.ts";
import { answerSecret } from "./client-secrets.ts";
import { bifrostWords, fallbackModelHeader } from "./compat-bifrost.ts";
import { keepAnswer, keepRequest } from "./content.ts";
import { countsLocally } from "./count-tokens.ts";
import type { Exchange } from "./exchange.ts";
import { downgrade, watchHold } from "./exhaust.ts";
import { withExtraFields } from "./extra-fields.ts";
import { keepFilm } from "./films.ts";
import { hedged, mayHedge } from "./hedge.ts";
import { identify } from "./identify.ts";
import { assertMayAsk, assertSays } from "./key-bounds.ts";
import { fileIdsTaken, mayNameFile } from "./owned-bodies.ts";
import type { Plane } from "./plane.ts";
import { rememberProofs, watchProofs } from "./proofs.ts";
import { askRaw } from "./raw.ts";
import { read, releaseBody } from "./read.ts";
import { readOther } from "./read-other.ts";
import { record, recordAttempt } from "./record.ts";
import { isRelayed, isTranslated, relayAttempt } from "./relay-attempt.ts";
import {
  answersStored,
  continued,
  forgetStored,
  readsResponses,
  rememberAnswer,
  speaksResponses,
  watchResponse,
} from "./responses.ts";
import { route } from "./route.ts";
import { settle } from "./settle.ts";
import { beginSpan } from "./span.ts";
import { parametersOf } from "./span-parameters.ts";
import { trace } from "./trace.ts";
import { tellsCost, withUsageCost } from "./usage-cost.ts";

/** `done` is called last, whatever happened. One function, so that a request costs two promises and not seven. */
export async function serve(exchange: Exchange, plane: Plane, done: (exchange: Exchange) => void): Promise<void> {
  const { tracing } = exchange.generation.data;
  if (tracing.endpoint !== undefined) exchange.span = beginSpan(exchange, tracing.sample);
  try {
    assertServing(exchange, plane);
    const { headers, socket, url } = exchange.request;
    const query = exchange.route.dialect.id === "gemini" ? url : undefined; // only its SDKs put a key there
    exchange.caller = authenticate(headers, plane.keys, isOpen(exchange), exchange.at, socket as Connection, query);
    assertMayAsk(exchange.caller, exchange.route);
    let at = plane.stages.mark(stage.authenticate, exchange.startedAt);
    await (exchange.route.form === "json" ? read : readOther)(exchange, plane);
    if (exchange.caller.policy?.required !== undefined) assertSays(exchange);
    if (mayNameFile(exchange)) await fileIdsTaken(exchange, plane);
    const named = identify(exchange, plane);
    if (named !== undefined) await named;
    keepRequest(exchange, plane);
    if (exchange.span?.sampled) exchange.span.parameters = parametersOf(exchange);
    at = plane.stages.mark(stage.read, at);
    if (exchange.view?.preferences?.raw !== undefined) askRaw(exchange, plane);
    if (readsResponses(exchange)) {
      const before = continued(exchange, plane);
      if (before !== undefined) await before;
      if (speaksResponses(exchange)) watchResponse(exchange, plane);
    }
    if (exchange.stored !== undefined && (await answersStored(exchange, plane))) return;
    if (exchange.route.form === "secret") return await answerSecret(exchange, plane);
    let trip = route(exchange, plane);
    watchProofs(exchange, trip, plane);
    plane.stages.mark(stage.route, at);
    for (;;) {
      try {
        if (exchange.clientGone) throw clientLeft();
        recordAttempt(exchange, plane); // what the hop before this one cost, if there was one
        if (countsLocally(exchange, trip.target, plane)) break;
        const place = plane.places.take(trip.target, exchange);
        if (place !== undefined) await waited(place, exchange, trip, plane);
        let result: AttemptResult | undefined;
        if (mayHedge(exchange, trip)) ({ trip, result } = await hedged(exchange, trip, plane));
        else {
          let lease: Lease | undefined;
          trip.enter(performance.now());
          try {
            lease = admit(exchange, trip.target, plane);
            exchange.target = trip.target;
            watchHold(exchange, lease, plane);
            plane.stages.mark(stage.admit, trip.startedAt);
            if (isStrict(exchange) && lease.hold >= 0) await plane.state.durable();
            const isCoded = !isRelayed(exchange) || isTranslated(exchange, trip.target);
            result = await (isCoded ? attempt : relayAttempt)(exchange, lease, plane);
          } finally {
            leave(trip, plane);
            // On every exit, exactly once, with what is known; unknown is not zero.
            if (lease !== undefined) timedSettle(exchange, lease, result ?? notSent, plane);
          }
        }
        remainingTold(exchange, trip, result);
        if (exchange.film !== undefined && result.answer !== undefined)
          await keepFilm(exchange, result.answer.body, plane);
        if (exchange.view?.background === true && result.answer !== undefined)
          await keepBackground(exchange, result.answer.body, plane);
        deliver(exchange, result, plane);
        if (exchange.issuers !== undefined && result.answer !== undefined) rememberProofs(exchange, result.answer.body);
        if (exchange.ownInput !== undefined && result.answer !== undefined)
          rememberAnswer(exchange, result.answer.body, plane);
        if (exchange.stored !== undefined) forgetStored(exchange, plane);
        arrived(exchange, trip, result);
        break;
      } catch (error) {
        const cheaper = downgrade(exchange, error, plane);
        if (cheaper !== undefined) {
          trace(exchange, trip, error as GatewayError);
          trip = cheaper;
          continue;
        }
        const waitMs = goOn(exchange, trip, error, plane);
        if (typeof waitMs !== "number") await queued(waitMs, exchange, trip, plane);
        else if (waitMs > 0) {
          await pause(exchange, waitMs);
          trip.resume(Date.now());
        }
      }
    }
    trace(exchange, trip, undefined);
  } catch (error) {
    fail(exchange, asFailure(error));
  } finally {
    releaseBody(exchange, plane);
    const at = performance.now();
    record(exchange, plane);
    plane.stages.mark(stage.record, at);
    done(exchange);
  }
}

const notSent: AttemptResult = { sent: false, refused: true, usage: undefined, finished: false, outputBytes: 0 };

function timedSettle(exchange: Exchange, lease: Lease, result: AttemptResult, plane: Plane): void {
  const at = performance.now();
  settle(exchange, lease, result, plane);
  plane.stages.mark(stage.settle, at);
}

/** What this attempt came to, for the client. A stream has been told already. */
function deliver(exchange: Exchange, { answer, error }: AttemptResult, plane: Plane): void {
  if (error !== undefined) throw error;
  if (answer === undefined) return;
  if (exchange.clientGone) throw clientLeft();
  const at = performance.now();
  const priced = tellsCost(exchange) ? withUsageCost(exchange, answer.body, answer.contentType) : answer.body;
  const name = askedModel(exchange);
  const named = name === undefined ? priced : withAskedModel(priced, name);
  const body = withExtraFields(exchange, named, answer.contentType);
  const headers = answerHeaders(exchange, plane);
  if (answer.headers !== undefined) headers.push(...answer.headers);
  if (exchange.generation.data.compat.bifrost) headers.push(...fallbackModelHeader(exchange, answer.body));
  if (answer.ending?.untold !== undefined) headers.push("x-bifrost-untold", answer.ending.untold.join(","));
  sendBody(exchange.response, answer.status, answer.contentType, body, exchange.id, headers);
  endStalled(exchange.response, exchange.target!.timers.clientStallMs);
  if (exchange.kept !== undefined) keepAnswer(exchange.kept, answer.body);
  exchange.released = true;
  exchange.status = answer.status;
  exchange.bytesOut = body.length;
  plane.stages.mark(stage.write, at);
}

/** What the attempt tells of its target, for those that come after. */
function arrived(exchange: Exchange, trip: Trip, result: AttemptResult): void {
  if (!result.finished) return;
  const streamed = result.streamed === true;
  const now = performance.now();
  const tokens = exchange.usage?.output ?? 0;
  const beganAt = streamed ? exchange.firstByteAt : trip.startedAt;
  const left = trip.plan.decision === undefined ? undefined : limitsLeft(exchange.upstreamHeaders);
  if (left !== undefined) trip.limitsTold(Date.now(), left);
  const perTokenMs = tokens > 0 ? (now - beganAt) / tokens : undefined;
  trip.succeeded(Date.now(), streamed, exchange.firstByteAt - trip.startedAt, perTokenMs);
}

/** What the provider says is left of its own limits. A refusal tells it too, and then most of all. */
function remainingTold({ upstreamHeaders }: Exchange, trip: Trip, { finished, error }: AttemptResult): void {
  if (!finished && error?.details.upstreamStatus === undefined) return; // the headers would be another attempt's
  const left = remainingOf(upstreamHeaders);
  if (left !== undefined) trip.remainingTold(Date.now(), left);
}

/** While it waited its target may have been given up: then it is not asked after all. */
async function waited(place: Promise<void>, exchange: Exchange, trip: Trip, plane: Plane): Promise<void> {
  await timed(place, exchange, plane);
  const shut = trip.whyShut(Date.now());
  if (shut === undefined) return;
  plane.places.give(trip.target);
  throw shut;
}

/** For a limit on requests in flight; nobody else is asked when that takes too long. */
async function queued(place: Promise<void>, exchange: Exchange, trip: Trip, plane: Plane): Promise<void> {
  try {
    await timed(place, exchange, plane);
  } catch (error) {
    trace(exchange, trip, asFailure(error));
    throw error;
  }
}

async function timed(place: Promise<void>, exchange: Exchange, { stages }: Plane): Promise<void> {
  const beganAt = performance.now();
  try {
    await place;
  } finally {
    exchange.waitedMs += stages.mark(stage.queue, beganAt) - beganAt;
  }
}

function leave(trip: Trip, { places }: Plane): void {
  trip.leave();
  places.give(trip.target);
  places.freed();
}

/**
 * Returns how long to wait before the next attempt, or for what; throws what the client is to hear, always once it has
 * seen bytes.
 */
function goOn(exchange: Exchange, trip: Trip, error: unknown, plane: Plane): number | Promise<void> {
  if (!(error instanceof GatewayError)) throw error;
  const now = Date.now();
  if (isConcurrency(error, plane)) return plane.places.waitFor(error.details.scope ?? "", exchange);
  trace(exchange, trip, error);
  trip.failed(error, now);
  if (exchange.released || exchange.clientGone || exchange.consumed) throw error;
  return trip.next(error, now);
}

/** A limit on requests in flight, where the config lets them wait for it. */
function isConcurrency({ code, details }: GatewayError, { routing, ledger }: Plane): boolean {
  if (!routing.settings.queue.scopes || code !== "rate_limit_exceeded" || details.source !== "gateway") return false;
  return ledger.refusal.kind === "concurrency";
}

function fail(exchange: Exchange, error: GatewayError): void {
  exchange.error = error;
  if (exchange.clientGone || error.code === "client_closed_request") {
    exchange.status = 499;
    exchange.response.destroy();
    return;
  }
  if (exchange.released) {
    // The stage that released the bytes has told the client in band.
    exchange.truncated = true;
    return;
  }
  const { failures } = exchange.route;
  const words: FailureWords = exchange.generation.data.compat.bifrost
    ? bifrostWords(exchange.request.url, failures, exchange)
    : failures;
  exchange.status = words.statusOf?.(error) ?? error.status;
  exchange.bytesOut = sendFailure(
    exchange.response,
    words,
    error,
    exchange.id,
    exchange.limitHeaders.length === 0 ? exchange.droppedHeader : [...exchange.droppedHeader, ...exchange.limitHeaders],
  );
}

function assertServing(exchange: Exchange, plane: Plane): void {
  if (plane.draining)
    throw new GatewayError("shutting_down", "the gateway is shutting down", { source: "gateway", retryAfterMs: 1000 });
  if (plane.words[workerWord.inFlight]! > exchange.generation.data.server.requestsMax) {
    throw new GatewayError("overloaded", "too many requests are in flight", { source: "gateway", retryAfterMs: 1000 });
  }
}

function isStrict(exchange: Exchange): boolean {
  return exchange.generation.data.ledger.durability === "strict";
}

function isOpen(exchange: Exchange): boolean {
  return exchange.generation.data.auth.inference === "open";
}
