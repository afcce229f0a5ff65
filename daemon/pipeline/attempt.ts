/**
 * Stage: Target → an answer, or a failure that may go to the next target. Hides which credential is used, whether
 * bytes are relayed or translated, and how the transport reports.
 */
import type { Dispatcher } from "undici";
import type { RenderContext } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { forwardedHeaders, withProof } from "../http/forwarded-headers.ts";
import { framings } from "../http/framing.ts";
import { findEndpoint, noEndpoint, pathFor, type ReadyEndpoint } from "../routing/endpoints.ts";
import type { Target } from "../routing/generation.ts";
import { wishedTimers } from "../routing/timers.ts";
import { stage } from "../telemetry/stages.ts";
import { generates, type Lease } from "./admit.ts";
import { askedModel, askedModelPump } from "./asked-model.ts";
import { clientOf } from "./codecs.ts";
import type { Exchange } from "./exchange.ts";
import type { Plane } from "./plane.ts";
import { relayPump, translatePump } from "./pumps.ts";
import { rawSent, tapped } from "./raw.ts";
import { releaseBody } from "./read.ts";
import { type Answer, type BodyOutcome, BodyReceiver } from "./relay-body.ts";
import { StreamReceiver } from "./relay-stream.ts";
import type { AttemptEnd } from "./settle.ts";
import { endHop, tracedHeaders } from "./span.ts";
import { isLargeTranslation, translateLarge, type UpstreamBody, upstreamBody } from "./upstream-body.ts";
import { type Receiver, UpstreamCall } from "./upstream-call.ts";
import { costPump, tellsCost } from "./usage-cost.ts";
import { withoutSecrets } from "./without-secrets.ts";

/** How an attempt ended. Exactly one of `answer`, `streamed` and `error` tells what the client gets. */
export type AttemptResult = AttemptEnd & {
  /** A whole answer, still to be sent. */
  readonly answer?: Answer;
  /** The client has it all. */
  readonly streamed?: true;
  readonly error?: GatewayError;
};

export function attempt(exchange: Exchange, lease: Lease, plane: Plane): Promise<AttemptResult> {
  const { provider } = lease.target;
  const { operation, dialect } = exchange.route;
  const { mixed } = exchange;
  let endpoint = findEndpoint(provider.endpoints, operation, mixed ?? dialect, lease.target);
  if (mixed !== undefined && endpoint?.encoding.functionsOnly === true)
    endpoint = findEndpoint(provider.endpoints, operation, dialect, lease.target);
  exchange.isRelay = endpoint?.dialect === dialect && !endpoint.predict && !endpoint.asChat && mixed === undefined;
  if (endpoint === undefined) return Promise.resolve(notSent(noEndpoint(provider, operation)));
  if (!isLargeTranslation(exchange, endpoint)) return dial(exchange, lease, endpoint, plane, undefined);
  return new Promise((resolve) => {
    const notTranslated = (error: unknown): void => {
      exchange.onGone(undefined);
      resolve(notSent(error));
    };
    const { target, injectCap } = lease;
    const giveUp = translateLarge(exchange, target, endpoint, injectCap, plane.translator, (error, body) => {
      if (body === undefined) notTranslated(error);
      else resolve(dial(exchange, lease, endpoint, plane, body));
    });
    exchange.onGone(() => {
      giveUp();
      notTranslated(clientLeft());
    });
  });
}

export function notSent(error: unknown): AttemptResult {
  return {
    sent: false,
    error: asGatewayError(error),
    refused: true,
    usage: undefined,
    finished: false,
    outputBytes: 0,
  };
}

/** @param body what a helper has made of a large one */
function dial(
  exchange: Exchange,
  lease: Lease,
  endpoint: ReadyEndpoint,
  plane: Plane,
  body: UpstreamBody | undefined,
): Promise<AttemptResult> {
  const { target } = lease;
  const startedAt = performance.now();
  return new Promise((resolve) => {
    let call: UpstreamCall | undefined;
    const finish = (result: Omit<AttemptResult, "sent">): void => {
      exchange.onGone(undefined);
      const now = performance.now();
      exchange.upstreamMs += now - startedAt;
      if (call !== undefined) noteCall(call, exchange, plane, startedAt, now);
      if (exchange.span !== undefined) endHop(exchange, target, startedAt, result.error);
      resolve({ ...result, sent: call?.sent ?? false });
    };
    // Only text streams here: `stream` in anything else is the provider's to mind.
    const streamed = exchange.view!.stream && generates(exchange.route);
    const receiver = streamed
      ? streamReceiver(exchange, lease, endpoint, plane, finish)
      : bodyReceiver(exchange, target, endpoint, plane, finish);
    const send = (ready: Dispatcher.DispatchOptions): void => {
      const timers = wishedTimers(target.timers, exchange.view!.preferences?.timers);
      const { raw } = exchange;
      const heard = raw === undefined ? receiver : tapped(raw, receiver, streamed);
      call = new UpstreamCall(ready, heard, timers, streamed, plane.wheel);
      if (receiver instanceof StreamReceiver) receiver.attach(call);
      const running = call;
      exchange.onGone(() => running.abort(clientLeft()));
      if (running.done) return;
      if (!target.provider.origin.dispatch(running)) running.abort(tooManyWait(target.provider.name));
    };
    try {
      const ready = options(exchange, lease, endpoint, streamed, body);
      if (!(ready instanceof Promise)) send(ready);
      else sendLater(exchange, ready, send, (error) => finish(notSent(error)));
    } catch (error) {
      finish(notSent(error));
    }
  });
}

/** Where the time of a call went: until it was made, until a connection had it, until the first byte, until the end. */
export function noteCall(
  call: UpstreamCall,
  exchange: Exchange,
  plane: Plane,
  startedAt: number,
  endedAt: number,
): void {
  const { stages } = plane;
  const { firstByteAt } = exchange;
  stages.took(stage.encode, call.startedAt - startedAt);
  if (call.sentAt === 0) return;
  stages.took(stage.connect, call.sentAt - call.startedAt);
  if (firstByteAt < call.sentAt) return; // of an attempt before, or none came
  stages.took(stage.first_byte, firstByteAt - call.sentAt);
  if (exchange.view!.stream) stages.took(stage.stream, endedAt - firstByteAt);
}

/** The first call with a credential that must be fetched waits for it, and so does every one that is signed, a moment. */
export function sendLater(
  exchange: Exchange,
  ready: Promise<Dispatcher.DispatchOptions>,
  send: (options: Dispatcher.DispatchOptions) => void,
  fail: (error: unknown) => void,
): void {
  let over = false;
  const end = (step: () => void): void => {
    if (over) return;
    over = true;
    step();
  };
  exchange.onGone(() => end(() => fail(clientLeft())));
  ready.then(
    (options) => end(() => send(options)),
    (error: unknown) => end(() => fail(error)),
  );
}

export function tooManyWait(provider: string): GatewayError {
  return new GatewayError("overloaded", `too many requests wait for ${provider}`, {
    source: "gateway",
    retryAfterMs: 1000,
  });
}

export function clientLeft(): GatewayError {
  return new GatewayError("client_closed_request", "the client closed the connection", { source: "client" });
}

function bodyReceiver(
  exchange: Exchange,
  target: Target,
  endpoint: ReadyEndpoint,
  plane: Plane,
  finish: (result: Omit<AttemptResult, "sent">) => void,
): Receiver {
  let over = false;
  const outcome: BodyOutcome = {
    told(headers) {
      exchange.upstreamHeaders = headers;
    },
    answered(answer) {
      if (over) return;
      over = true;
      exchange.firstByteAt = performance.now();
      finish({
        answer,
        refused: false,
        usage: answer.usage,
        finished: true,
        outputBytes: answer.outputBytes,
        ending: answer.ending,
      });
    },
    failed(error) {
      if (over) return;
      over = true;
      finish({
        error: attributed(error, target),
        refused: refusedBy(error),
        usage: undefined,
        finished: false,
        outputBytes: 0,
      });
    },
  };
  const isChat = exchange.route.operation === "chat";
  const coded = isChat || exchange.isRelay ? undefined : () => exchange.coded;
  return new BodyReceiver(
    endpoint.dialect,
    clientOf(exchange, endpoint),
    context(exchange),
    outcome,
    plane.translator,
    coded,
    isChat && !exchange.isRelay,
  );
}

function streamReceiver(
  exchange: Exchange,
  lease: Lease,
  endpoint: ReadyEndpoint,
  plane: Plane,
  finish: (result: Omit<AttemptResult, "sent">) => void,
): StreamReceiver {
  const { target } = lease;
  const upstream = endpoint.dialect;
  const client = clientOf(exchange, endpoint);
  const rendering = context(exchange);
  const wires = {
    upstream: framings[endpoint.framing],
    client: framings[exchange.route.framing ?? client.framing],
  };
  const plain =
    upstream === client && exchange.mixed === undefined
      ? relayPump(upstream, rendering, !rendering.includeUsage, wires)
      : translatePump(upstream, client, rendering, wires);
  const name = askedModel(exchange);
  const named = name === undefined ? plain : askedModelPump(plain, name);
  const pump = tellsCost(exchange) ? costPump(named, exchange, lease) : named;
  const receiver: StreamReceiver = new StreamReceiver(exchange, upstream, client, rendering, pump, wires, {
    released() {
      exchange.race?.spoke(exchange);
      exchange.trip!.alive(exchange.at);
      releaseBody(exchange, plane);
    },
    completed: () =>
      finish({
        streamed: true,
        refused: false,
        usage: receiver.usage(),
        finished: true,
        outputBytes: receiver.outputBytes,
        ending: receiver.ending(),
      }),
    failed(error) {
      finish({
        error: attributed(error, target),
        refused: refusedBy(error) && receiver.outputBytes === 0,
        usage: receiver.usage(),
        finished: receiver.finished,
        outputBytes: receiver.outputBytes,
        ending: receiver.ending(),
      });
    },
  });
  return receiver;
}

/** The upstream said no, so it did not generate. A broken, late or lost answer may well have been generated, and paid for. */
export function refusedBy(error: GatewayError): boolean {
  return error.details.upstreamStatus !== undefined;
}

export function attributed(error: GatewayError, target: Target): GatewayError {
  if (error.details.source !== "provider") return error;
  const { name } = target.provider;
  if (error.code === "upstream_credential") return credentialRefused(error, target);
  const { param } = error.details; // the upstream's word as well
  return new GatewayError(error.code, withoutSecrets(error.message, target.provider), {
    provider: name,
    ...error.details,
    ...(param === undefined ? {} : { param: withoutSecrets(param, target.provider) }),
  });
}

/** In words of our own: what a server says of a key quotes parts of it, and is for whoever runs the gateway. */
function credentialRefused(error: GatewayError, { provider: { name } }: Target): GatewayError {
  const status = error.details.upstreamStatus;
  const told = status === undefined ? "" : ` (${status})`;
  return new GatewayError(error.code, `${name} refused the gateway's own credential${told}; check it in the config`, {
    provider: name,
    ...error.details,
  });
}

/** `echo` is known once the request was encoded, which is after this and before any answer. */
function context(exchange: Exchange): RenderContext {
  exchange.rendering = {
    id: exchange.id,
    model: exchange.view!.model!,
    created: Math.floor(exchange.at / 1000),
    includeUsage: exchange.view!.includeUsage || tellsCost(exchange),
    framing: exchange.route.framing,
    echo: undefined,
  };
  return exchange.rendering;
}

function options(
  exchange: Exchange,
  lease: Lease,
  endpoint: ReadyEndpoint,
  streamed: boolean,
  large: UpstreamBody | undefined,
): Dispatcher.DispatchOptions | Promise<Dispatcher.DispatchOptions> {
  const { target } = lease;
  const { provider } = target;
  const credential = provider.credentials[exchange.trip!.credential]!;
  exchange.credentialId = credential.id;
  const body = large ?? upstreamBody(exchange, target, endpoint, lease.injectCap);
  if (exchange.raw !== undefined) rawSent(exchange.raw, body.bytes, provider);
  const same = endpoint.dialect.id === exchange.route.dialect.id;
  const wanted = joined(endpoint.headers, body.headers);
  const forwarded = forwardedHeaders(exchange.request.rawHeaders, same, wanted, credential.headers);
  const headers = tracedHeaders(exchange.span, forwarded);
  const place = pathFor(endpoint, target.deployment, streamed);
  const isBeta = same && place.includes("/messages") && betaCall.test(exchange.request.url ?? "");
  const path = withQuery(isBeta ? withQuery(place, "beta=true") : place, credential.query);
  const ready = { path, method: "POST", headers, body: body.bytes } as const;
  if (credential.authorizer === undefined) return ready;
  const host = new URL(provider.data.baseUrl).host;
  const proof = credential.authorizer.authorize({
    method: "POST",
    host,
    path,
    contentType: "application/json",
    body: body.bytes,
  });
  const proven = (pairs: readonly string[]) => ({ ...ready, headers: withProof(headers, pairs) });
  return proof instanceof Promise ? proof.then(proven) : proven(proof);
}

/** What Anthropic's SDK says of the calls of its beta namespace; clouds have no such paths. */
const betaCall = /[?&]beta=true(?:&|$)/;

function joined(one: readonly string[], other: readonly string[]): readonly string[] {
  if (one.length === 0) return other;
  return other.length === 0 ? one : [...one, ...other];
}

export function withQuery(path: string, query: string | undefined): string {
  if (query === undefined) return path;
  return `${path}${path.includes("?") ? "&" : "?"}${query}`;
}

function asGatewayError(error: unknown): GatewayError {
  return error instanceof GatewayError ? error : new GatewayError("internal_error", "internal error", { cause: error });
}
