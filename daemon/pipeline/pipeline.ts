/**
 * The life of a request, as a table of contents: each line is a stage with a file of its own.
 *
 * authenticate → read → resolve → ( admit → attempt → relay → settle ) per target → record
 *
 * Another target is tried only while the client has seen nothing, and every hop is admitted anew.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import { endStalled, sendBody, sendFailure } from "../http/reply.ts";
import type { Target } from "../routing/generation.ts";
import { resolve } from "../routing/resolve.ts";
import { workerWord } from "../runtime/worker-protocol.ts";
import { settlementFlag } from "../store/rows.ts";
import { admit } from "./admit.ts";
import { answerHeaders } from "./answer-headers.ts";
import { type AttemptResult, attempt, clientLeft } from "./attempt.ts";
import { authenticate, type Connection } from "./authenticate.ts";
import { countsLocally } from "./count-tokens.ts";
import type { Exchange } from "./exchange.ts";
import type { Plane } from "./plane.ts";
import { read, releaseBody } from "./read.ts";
import { providerTargets, readOther } from "./read-other.ts";
import { record, recordAttempt } from "./record.ts";
import { isRelayed, relayAttempt } from "./relay-attempt.ts";
import { settle } from "./settle.ts";

/** `done` is called last, whatever happened. One function, so that a request costs two promises and not seven. */
export async function serve(exchange: Exchange, plane: Plane, done: (exchange: Exchange) => void): Promise<void> {
  try {
    assertServing(exchange, plane);
    const { headers, socket, url } = exchange.request;
    const query = exchange.route.dialect.id === "gemini" ? url : undefined; // only its SDKs put a key there
    exchange.caller = authenticate(headers, plane.keys, isOpen(exchange), exchange.at, socket as Connection, query);
    const { form } = exchange.route;
    const view = await (form === "json" ? read : readOther)(exchange, plane);
    const isForProvider = form === "object" || form === "any";
    const targets = isForProvider
      ? providerTargets(exchange)
      : resolve(exchange.generation, view.model!, view.fallbacks);
    let first: GatewayError | undefined;
    for (let hop = 0; hop < targets.length; hop++) {
      const target = targets[hop]!;
      const startedAt = targets.length > 1 ? performance.now() : 0;
      try {
        if (exchange.clientGone) throw clientLeft();
        recordAttempt(exchange, plane); // what the hop before this one cost, if there was one
        if (countsLocally(exchange, target, plane)) {
          if (hop > 0) trace(exchange, target, hop, startedAt, undefined);
          break;
        }
        const lease = admit(exchange, target, plane);
        exchange.target = target;
        let result: AttemptResult | undefined;
        try {
          if (isStrict(exchange) && lease.hold >= 0) await plane.state.durable();
          result = await (isRelayed(exchange) ? relayAttempt : attempt)(exchange, lease, plane);
        } finally {
          // On every exit, exactly once, with what is known; unknown is not zero.
          settle(exchange, lease, result ?? notSent, plane);
        }
        deliver(exchange, result);
        if (hop > 0) trace(exchange, target, hop, startedAt, undefined);
        break;
      } catch (error) {
        first = next(exchange, targets, hop, startedAt, error, first);
      }
    }
  } catch (error) {
    fail(exchange, asFailure(error));
  } finally {
    releaseBody(exchange, plane);
    record(exchange, plane);
    done(exchange);
  }
}

const notSent: AttemptResult = { sent: false, refused: true, usage: undefined, finished: false, outputBytes: 0 };

/** What this attempt came to, for the client. A stream has been told already. */
function deliver(exchange: Exchange, { answer, error }: AttemptResult): void {
  if (error !== undefined) throw error;
  if (answer === undefined) return;
  if (exchange.clientGone) throw clientLeft();
  sendBody(exchange.response, answer.status, answer.contentType, answer.body, exchange.id, answerHeaders(exchange));
  endStalled(exchange.response, exchange.target!.provider.data.timers.clientStallMs);
  exchange.released = true;
  exchange.status = answer.status;
  exchange.bytesOut = answer.body.length;
}

/** Returns when another target may be tried; throws what the client is to hear: the first failure, unless it has seen bytes. */
function next(
  exchange: Exchange,
  targets: readonly Target[],
  hop: number,
  startedAt: number,
  error: unknown,
  first: GatewayError | undefined,
): GatewayError {
  if (!(error instanceof GatewayError)) throw error;
  if (targets.length > 1) trace(exchange, targets[hop]!, hop, startedAt, error);
  const told = first ?? error;
  if (!mayTryNext(error, exchange)) throw exchange.released || exchange.clientGone ? error : told;
  if (hop + 1 === targets.length) throw told;
  return told;
}

function mayTryNext(error: GatewayError, exchange: Exchange): boolean {
  if (exchange.released || exchange.clientGone || exchange.consumed) return false;
  const { code, details } = error;
  if (details.source === "provider") return code !== "upstream_rejected" || details.upstreamStatus === 404;
  return (
    code === "model_not_allowed" ||
    code === "budget_exceeded" ||
    code === "unpriced_model" ||
    code === "rate_limit_exceeded" ||
    code === "overloaded"
  );
}

/** What was settled last is this hop's: each hop hands the one before it over to `recordAttempt`. */
function trace(
  exchange: Exchange,
  target: Target,
  hop: number,
  startedAt: number,
  error: GatewayError | undefined,
): void {
  const { settlement } = exchange;
  const priced = settlement !== undefined && (settlement.flags & settlementFlag.unpriced) === 0;
  exchange.attempts ??= [];
  exchange.attempts.push({
    target: target.name,
    reason: hop === 0 ? "requested" : "fallback",
    ...(error === undefined ? {} : { error: error.code }),
    ...(error?.details.upstreamStatus === undefined ? {} : { status: error.details.upstreamStatus }),
    ...(priced ? { costNano: settlement.costNano } : {}),
    ms: Math.round(performance.now() - startedAt),
  });
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
  exchange.status = error.status;
  exchange.bytesOut = sendFailure(
    exchange.response,
    exchange.route.dialect,
    error,
    exchange.id,
    exchange.limitHeaders.length === 0 ? exchange.droppedHeader : [...exchange.droppedHeader, ...exchange.limitHeaders],
  );
}

/** What is thrown and is no GatewayError is a bug: an id for the caller, the words for our log only. */
export function asFailure(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  return new GatewayError("internal_error", "internal error", { source: "gateway", cause: error });
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
