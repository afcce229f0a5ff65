/**
 * The life of a request, as a table of contents: each line is a stage with a file of its own.
 *
 * authenticate → read → resolve → ( admit → attempt → relay → settle ) per target → record
 *
 * Another target is tried only while the client has seen nothing, and every hop is admitted anew.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import { sendBody, sendFailure } from "../http/reply.ts";
import type { Target } from "../routing/generation.ts";
import { resolve } from "../routing/resolve.ts";
import { workerWord } from "../runtime/worker-protocol.ts";
import { admit } from "./admit.ts";
import { answerHeaders } from "./answer-headers.ts";
import { type AttemptResult, attempt, clientLeft } from "./attempt.ts";
import { authenticate } from "./authenticate.ts";
import { countLocally } from "./count-tokens.ts";
import type { Exchange } from "./exchange.ts";
import type { Plane } from "./plane.ts";
import { read, releaseBody } from "./read.ts";
import { record, recordAttempt } from "./record.ts";
import { settle } from "./settle.ts";

export async function serve(exchange: Exchange, plane: Plane): Promise<void> {
  try {
    assertServing(exchange, plane);
    exchange.caller = authenticate(exchange.request.headers, plane.keys, isOpen(exchange), exchange.at);
    const view = await read(exchange, plane);
    await answer(exchange, plane, resolve(exchange.generation, view.model!, view.fallbacks));
  } catch (error) {
    fail(exchange, asFailure(error));
  } finally {
    releaseBody(exchange, plane);
    record(exchange, plane);
  }
}

async function answer(exchange: Exchange, plane: Plane, targets: readonly Target[]): Promise<void> {
  let first: GatewayError | undefined;
  for (let hop = 0; hop < targets.length; hop++) {
    const target = targets[hop]!;
    try {
      await tryTarget(exchange, plane, target);
      if (first !== undefined) trace(exchange, target, hop, undefined);
      return;
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      first ??= error;
      if (targets.length > 1) trace(exchange, target, hop, error);
      if (!mayTryNext(error, exchange)) throw exchange.released || exchange.clientGone ? error : first;
    }
  }
  throw first ?? new GatewayError("internal_error", "a plan without targets");
}

async function tryTarget(exchange: Exchange, plane: Plane, target: Target): Promise<void> {
  if (exchange.clientGone) throw clientLeft();
  if (exchange.route.operation === "count_tokens" && target.provider.paths.count_tokens === undefined) {
    countLocally(exchange, target);
    return;
  }
  recordAttempt(exchange, plane); // what the hop before this one cost, if there was one
  const lease = admit(exchange, target, plane);
  exchange.target = target;
  let result: AttemptResult | undefined;
  try {
    if (exchange.generation.data.ledger.durability === "strict" && lease.hold >= 0) await plane.state.durable();
    result = await attempt(exchange, lease, plane);
  } finally {
    // On every exit, exactly once, with what is known; unknown is not zero.
    settle(exchange, lease, result ?? { sent: false, refused: true, usage: undefined, outputBytes: 0 }, plane);
  }
  if (result.answer !== undefined) {
    const { status, contentType, body } = result.answer;
    exchange.status = status;
    exchange.bytesOut = body.length;
    exchange.released = true;
    if (exchange.clientGone) throw clientLeft();
    sendBody(exchange.response, status, contentType, body, exchange.id, answerHeaders(exchange));
    return;
  }
  if (result.error !== undefined) throw result.error;
}

function mayTryNext(error: GatewayError, exchange: Exchange): boolean {
  if (exchange.released || exchange.clientGone) return false;
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

function trace(exchange: Exchange, target: Target, hop: number, error: GatewayError | undefined): void {
  exchange.attempts ??= [];
  exchange.attempts.push({
    target: target.name,
    reason: hop === 0 ? "requested" : "fallback",
    ...(error === undefined ? {} : { error: error.code }),
    ...(error?.details.upstreamStatus === undefined ? {} : { status: error.details.upstreamStatus }),
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
    exchange.droppedHeader,
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

function isOpen(exchange: Exchange): boolean {
  return exchange.generation.data.auth.inference === "open";
}
