/**
 * Stage: Target → an answer that is relayed as it comes. For whatever is not text from a model: sound, pictures, forms,
 * files, and calls that are passed through raw. Hides where at the provider each goes and what its body is; access,
 * limits, budget and record are those of every other call.
 */
import type { Dispatcher } from "undici";
import type { Dialect, Usage } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { forwardedHeaders, withProof } from "../http/forwarded-headers.ts";
import { findEndpoint, noEndpoint, pathFor, type ReadyEndpoint } from "../routing/endpoints.ts";
import type { Provider, Target } from "../routing/generation.ts";
import { wishedTimers } from "../routing/timers.ts";
import type { Lease } from "./admit.ts";
import {
  type AttemptResult,
  attributed,
  clientLeft,
  noteCall,
  notSent,
  refusedBy,
  sendLater,
  tooManyWait,
  withQuery,
} from "./attempt.ts";
import { sawResponse } from "./background.ts";
import { watchResults } from "./batch-ends.ts";
import { findBatch, noted } from "./batch-notes.ts";
import { batchBody, linesBody, mayBeBatch, mayBeLines } from "./batch-upload.ts";
import type { Exchange } from "./exchange.ts";
import { filmTold, giveBackFailed, isFilmOfModel, tellsOfFilm } from "./films.ts";
import { ObjectReceiver, objectBody, objectPath } from "./objects.ts";
import { aboutObject, idsIn, isOwned, ownedAttempt, ownerOf } from "./owned.ts";
import { passedBody, passthroughPath } from "./passthrough.ts";
import type { Plane } from "./plane.ts";
import { aboutRaw } from "./raw-rules.ts";
import { releaseBody } from "./read.ts";
import { drain, growth, uploadBody } from "./read-form.ts";
import type { Answer } from "./relay-body.ts";
import { RawReceiver, type WholeWatch } from "./relay-raw.ts";
import { learnItems } from "./responses.ts";
import { endHop, tracedHeaders } from "./span.ts";
import { upstreamBody } from "./upstream-body.ts";
import { UpstreamCall } from "./upstream-call.ts";
import { formAs, heardWatch, speakAs } from "./voices.ts";

/** Answered with something else than one JSON text of the dialect, or events of it. */
export const rawOperations: ReadonlySet<string> = new Set([
  "speech",
  "transcriptions",
  "translations",
  "image_generations",
  "image_edits",
  "image_variations",
  "ocr",
]);

export function isRelayed({ route }: Exchange): boolean {
  return (
    route.form === "object" || route.form === "stored" || route.form === "any" || rawOperations.has(route.operation)
  );
}

/** Pictures are asked for in the provider's words where it does not know the caller's. */
export function isTranslated({ route }: Exchange, target: Target): boolean {
  if (route.operation !== "image_generations" || route.form !== "json") return false;
  const endpoint = findEndpoint(target.provider.endpoints, route.operation, route.dialect, target);
  return endpoint !== undefined && (endpoint.predict || endpoint.dialect !== route.dialect);
}

type Place = {
  readonly dialect: Dialect;
  readonly path: string;
  readonly endpoint: ReadyEndpoint | undefined;
  /** What is sent in place of the caller's own body. */
  readonly body?: Buffer;
};

export async function relayAttempt(exchange: Exchange, lease: Lease, plane: Plane): Promise<AttemptResult> {
  const { form } = exchange.route;
  if (form === "any") exchange.about = aboutRaw(exchange, lease.target.provider);
  else if (form === "object" && isOwned(exchange)) exchange.about = aboutObject(exchange);
  if (form === "object") await findBatch(exchange, lease.target.provider.name, plane);
  const attempt = exchange.about === undefined ? relayed : ownedAttempt;
  const result = await attempt(exchange, lease, plane, relayed);
  if (form === "stored") await sawResponse(exchange, result, plane);
  if (form !== "object") return result;
  if (result.answer !== undefined && tellsOfFilm(exchange))
    await giveBackFailed(exchange, lease.target, result.answer.body, plane);
  return noted(exchange, lease, plane, result);
}

function relayed(exchange: Exchange, lease: Lease, plane: Plane): Promise<AttemptResult> {
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
      if (exchange.upload !== undefined) drain(exchange);
      resolve({ ...result, sent: call?.sent ?? false });
    };
    try {
      const place = placeFor(exchange, lease);
      const receiver = receiverFor(exchange, lease, place, plane, finish);
      const send = (ready: Dispatcher.DispatchOptions): void => {
        const timers = wishedTimers(target.timers, exchange.view!.preferences?.timers);
        call = new UpstreamCall(ready, receiver, timers, false, plane.wheel);
        if (receiver instanceof RawReceiver) receiver.attach(call);
        const running = call;
        exchange.onGone(() => running.abort(clientLeft()));
        if (running.done) return;
        if (!target.provider.origin.dispatch(running)) running.abort(tooManyWait(target.provider.name));
      };
      const violated = (error: GatewayError): void => call?.abort(error);
      const ready = request(exchange, lease, place, plane, violated);
      if (!(ready instanceof Promise)) send(ready);
      else sendLater(exchange, ready, send, (error) => finish(notSent(error)));
    } catch (error) {
      finish(notSent(error));
    }
  });
}

function placeFor(exchange: Exchange, { target }: Lease): Place {
  const { route } = exchange;
  const { provider } = target;
  if (route.form === "any") {
    return { dialect: provider.dialect, path: passthroughPath(exchange, provider), endpoint: undefined };
  }
  const operation = route.form === "stored" ? "chat" : route.operation;
  const endpoint = findEndpoint(provider.endpoints, operation, route.dialect, target);
  if (endpoint === undefined || endpoint.dialect.id !== route.dialect.id) throw noEndpoint(provider, route.operation);
  const path = pathFor(endpoint, target.deployment, false);
  if (endpoint.voice !== undefined && exchange.body !== undefined) {
    const spoken = speakAs(exchange, target, endpoint.voice);
    return { dialect: endpoint.dialect, path: path + spoken.path, endpoint, body: spoken.body };
  }
  if (route.form === "stored") return { dialect: endpoint.dialect, path: storedPath(exchange, path), endpoint };
  return { dialect: endpoint.dialect, path: route.form === "object" ? objectPath(exchange, path) : path, endpoint };
}

/** `/responses/{id}` and what comes after it, which the router has looked at. */
function storedPath({ rest, stored, request }: Exchange, base: string): string {
  const verb = rest.split("/")[2];
  const query = (request.url ?? "").split("?")[1];
  const path = `${base}/${encodeURIComponent(stored!.id)}${verb === undefined ? "" : `/${verb}`}`;
  return query === undefined ? path : `${path}?${query}`;
}

function containerMade({ units }: Lease): Usage | undefined {
  return units?.containerGb === undefined ? undefined : { containerGb: units.containerGb };
}

function receiverFor(
  exchange: Exchange,
  lease: Lease,
  { dialect, endpoint }: Place,
  plane: Plane,
  finish: (result: Omit<AttemptResult, "sent">) => void,
): RawReceiver | ObjectReceiver {
  const { target } = lease;
  const answered = (answer: Answer): void => {
    const { usage, outputBytes, ending } = answer;
    finish({ answer, refused: false, usage, finished: true, outputBytes, ending });
  };
  const failed = (error: GatewayError, outputBytes: number): void =>
    finish({
      error: attributed(error, target),
      refused: refusedBy(error),
      usage: undefined,
      finished: false,
      outputBytes,
    });
  const { family } = exchange.route;
  if (family !== undefined && family.raw?.test(exchange.rest) !== true) {
    return new ObjectReceiver(exchange, dialect, target.provider.name, {
      answered(answer) {
        const made = exchange.film === undefined ? containerMade(lease) : filmTold(answer.body);
        const usage = exchange.batch === undefined ? made : exchange.batch.usage;
        // What costs nothing by its nature is settled at nothing; a batch by an estimate.
        const finished = usage === made;
        finish({ answer, refused: usage === undefined, usage, finished, outputBytes: 0 });
      },
      failed: (error) => failed(error, 0),
    });
  }
  const receiver: RawReceiver = new RawReceiver(exchange, dialect, exchange.route.form === "any", {
    released() {
      exchange.trip!.alive(exchange.at);
      releaseBody(exchange, plane);
    },
    completed: (status) =>
      finish({
        streamed: true,
        // What costs nothing by its nature, or was refused, is settled at nothing.
        refused: status >= 400 || exchange.route.form === "object" || exchange.route.form === "stored",
        usage: receiver.usage(),
        finished: true,
        outputBytes: receiver.outputBytes,
        ending: receiver.ending(),
      }),
    failed: (error) => failed(error, receiver.outputBytes),
    read: exchange.route.form === "stored" ? (answer) => learnItems(exchange, answer, plane) : undefined,
    results: watchResults(exchange, target.provider.name, plane),
    watch:
      endpoint?.voice !== undefined && exchange.upload !== undefined
        ? heardWatch(exchange, endpoint.voice, answered, (error) => failed(error, 0))
        : keptWatch(exchange, target.provider.name, plane, answered),
  });
  return receiver;
}

/** What a raw call makes, or is told of, is its caller's before it hears of it. */
function keptWatch(
  exchange: Exchange,
  provider: string,
  plane: Plane,
  answered: (answer: Answer) => void,
): WholeWatch | undefined {
  const { about } = exchange;
  if (about === undefined || about.kind === "pass" || exchange.route.form !== "any") return undefined;
  const { kind, makes } = about;
  const owner = ownerOf(exchange);
  return {
    always: kind === "list" || kind === "forget",
    answered,
    heard(text) {
      const ids = idsIn(text, makes).filter((id) => !exchange.begun!.includes(id));
      if (ids.length === 0) return;
      exchange.begun!.push(...ids); // and again when all is over, where it is waited for
      plane.responses.objects({ type: "claim", provider, ids, owner }).catch(() => {});
    },
  };
}

function request(
  exchange: Exchange,
  lease: Lease,
  { path: place, endpoint, body: spoken }: Place,
  plane: Plane,
  violated: (error: GatewayError) => void,
): Dispatcher.DispatchOptions | Promise<Dispatcher.DispatchOptions> {
  const { target } = lease;
  const { provider, deployment } = target;
  const { upload, request: asked } = exchange;
  const credential = provider.credentials[exchange.trip!.credential]!;
  exchange.credentialId = credential.id;
  let whole: Buffer | undefined;
  let body: Buffer | AsyncIterable<Buffer> | null = null;
  const wanted: string[] = [...(endpoint?.headers ?? [])];
  if (upload !== undefined) {
    if (exchange.consumed) throw new GatewayError("internal_error", "an upload cannot be sent twice");
    exchange.consumed = true;
    const bytes = uploadBody(exchange, upload, deployment, () => releaseBody(exchange, plane), violated);
    if (mayBeBatch(exchange)) body = batchBody(bytes, exchange, plane, target, violated);
    else body = mayBeLines(exchange) ? linesBody(bytes, exchange, plane, target) : bytes;
    const length = asked.headers["content-length"];
    // Other names for its fields make a form longer by what is not known yet.
    if (endpoint?.voice !== undefined) body = formAs(exchange, lease.target, endpoint.voice, bytes, violated);
    else if (length !== undefined)
      wanted.push("content-length", String(Number(length) + growth(exchange.view!, deployment)));
  } else if (exchange.body !== undefined) {
    whole = spoken ?? bodyFor(exchange, lease, endpoint, wanted);
    body = whole;
  }
  const forwarded = forwardedHeaders(asked.rawHeaders, true, wanted, credential.headers);
  const headers = withContentType(
    tracedHeaders(exchange.span, forwarded),
    body === null ? undefined : asked.headers["content-type"],
  );
  const path = withQuery(place, credential.query);
  const method = (asked.method ?? "POST") as Dispatcher.HttpMethod;
  // undici takes iterables, its types do not say so.
  const ready = { path, method, headers, body: body as Buffer | null } as const;
  if (credential.authorizer === undefined) return ready;
  const proof = credential.authorizer.authorize({
    method,
    host: hostOf(provider),
    path,
    contentType: body === null ? undefined : asked.headers["content-type"],
    body: whole ?? nothing,
  });
  const proven = (pairs: readonly string[]) => ({ ...ready, headers: withProof(headers, pairs) });
  return proof instanceof Promise ? proof.then(proven) : proven(proof);
}

const nothing = Buffer.alloc(0);

function bodyFor(exchange: Exchange, lease: Lease, endpoint: ReadyEndpoint | undefined, wanted: string[]): Buffer {
  if (exchange.route.form === "any") return passedBody(exchange);
  if (exchange.route.form === "object" && !isFilmOfModel(exchange)) return objectBody(exchange);
  const { bytes, headers } = upstreamBody(exchange, lease.target, endpoint!, lease.injectCap);
  wanted.push(...headers);
  return bytes;
}

/** The prepared headers say JSON; a form says what it is, and what has no body says nothing. */
function withContentType(headers: readonly string[], type: string | undefined): string[] {
  const changed: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    if (headers[index] !== "content-type") changed.push(headers[index]!, headers[index + 1]!);
  }
  if (type !== undefined) changed.push("content-type", type);
  return changed;
}

function hostOf(provider: Provider): string {
  return new URL(provider.data.baseUrl).host;
}
