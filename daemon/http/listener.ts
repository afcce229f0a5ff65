/**
 * The inference listener of one worker: node:http in, exchanges out. Hides connection limits and timeouts, requests
 * that are not HTTP, and the small routes (models, health) that are no calls.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { dialects } from "../../providers/dialects/index.ts";
import type { Operation } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { asFailure } from "../pipeline/as-failure.ts";
import { bifrostWords } from "../pipeline/compat-bifrost.ts";
import { Exchange, type Route } from "../pipeline/exchange.ts";
import { listModels } from "../pipeline/models.ts";
import { answerOpenrouter } from "../pipeline/openrouter.ts";
import { describeOwnActivity } from "../pipeline/own-activity.ts";
import { describeOwnKey } from "../pipeline/own-key.ts";
import { describeOwnRequest } from "../pipeline/own-request.ts";
import { splitRest } from "../pipeline/passthrough.ts";
import { serve } from "../pipeline/pipeline.ts";
import type { Plane } from "../pipeline/plane.ts";
import { workerWord } from "../runtime/worker-protocol.ts";
import type { ClientRequest, ClientResponse } from "./client-messages.ts";
import { type H2c, serveH2c } from "./h2c.ts";
import { openLane, type PlainCall } from "./lane/lane.ts";
import { isManagement, sendManaged } from "./management.ts";
import { sendBody, sendFailure } from "./reply.ts";
import { dialectOf, type Match, match } from "./router.ts";
import { type Sockets, serveSockets } from "./sockets.ts";
import { whyUnserved } from "./unserved.ts";

/** A client may keep this many connections to one worker. */
const connectionsMax = 20_000;
/** For whoever tries whether something is here: coding agents do, with `HEAD`, before their first call. */
const greeting = Buffer.from('{"name":"bifrost","health":"/health","models":"/v1/models"}');
/** A request's head must have arrived within this, or within the time for the whole request. */
const headMsMax = 60_000;
/** A refused connection whose other half stays open is closed after this. */
const refusedLingerMs = 1_000;

export type Listener = Server & { readonly second: H2c; readonly sockets: Sockets };

export function createListener(plane: Plane, log: (error: GatewayError, id: string) => void): Listener {
  const { server: settings } = plane.generation.data;
  const done = (exchange: Exchange): void => {
    plane.words[workerWord.inFlight]!--;
    exchange.generation.inFlight--;
    if (exchange.error?.code === "internal_error") log(exchange.error, exchange.id);
  };
  const headMs = Math.min(settings.requestReadMs, headMsMax);
  const take = (request: IncomingMessage, response: ServerResponse): void =>
    handle(request, response, plane, done, log);
  const server = createServer(
    {
      keepAliveTimeout: settings.keepAliveMs,
      headersTimeout: headMs,
      requestTimeout: settings.requestReadMs,
      connectionsCheckingInterval: 5_000,
      maxHeaderSize: settings.headerBytesMax,
      noDelay: true,
    },
    take,
  );
  server.maxConnections = connectionsMax;
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => refuseBytes(error, socket as Socket, plane));
  const second = serveH2c(server, { ...settings, headMs }, take, (response) =>
    sendFailure(response, dialects["openai-chat"], tooSlow(), plane.nextId()),
  );
  openLane(server, {
    callOf: plainCall,
    serve: ({ route, model }, request, response) => {
      plane.leaving?.watch(request.socket);
      begin(route, request, response, plane, done, model);
    },
    mayKeep: () => !plane.draining && plane.leaving?.begun !== true,
    keepAliveMs: settings.keepAliveMs,
    headMs,
    bodyBytesMax: () => plane.generation.data.server.bodyBytesMax,
    headBytesMax: settings.headerBytesMax,
  });
  const sockets = serveSockets(server, plane, (route, request, response) =>
    begin(route, request, response, plane, done),
  );
  return Object.assign(server, { second, sockets });
}

/** Operations whose body is a JSON text that is read whole. */
const readWhole: ReadonlySet<Operation> = new Set(["chat", "embeddings", "count_tokens"]);

function plainCall(url: string): PlainCall | undefined {
  const found = match("POST", url);
  if (found.kind !== "call") return undefined;
  return readWhole.has(found.route.operation) && found.route.form === "json" ? found : undefined;
}

function begin(
  route: Route,
  request: ClientRequest,
  response: ClientResponse,
  plane: Plane,
  done: (exchange: Exchange) => void,
  model?: string,
  rest?: string,
): void {
  const exchange = new Exchange(plane.nextId(), request, response, route, plane.generation, model);
  if (rest !== undefined) exchange.rest = rest;
  plane.words[workerWord.inFlight]!++;
  plane.words[workerWord.total]!++;
  exchange.generation.inFlight++;
  response.on("close", () => exchange.gone());
  void serve(exchange, plane, done);
}

function handle(
  request: IncomingMessage,
  response: ServerResponse,
  plane: Plane,
  done: (exchange: Exchange) => void,
  log: (error: GatewayError, id: string) => void,
): void {
  plane.leaving?.served(request, response);
  const target = request.url ?? "/";
  const found = match(request.method ?? "GET", target, request.headers);
  if (found.kind === "call") {
    const route = found.route.form === "any" ? inProvidersWords(found.route, found.rest!, plane) : found.route;
    begin(route, request, response, plane, done, found.model, found.rest);
    return;
  }
  const id = plane.nextId();
  /** Where another thread answers. */
  const failed = (error: unknown): void => {
    const failure = asFailure(error);
    if (failure.code === "internal_error") log(failure, id);
    sendFailure(response, dialects["openai-chat"], failure, id);
    request.resume();
  };
  if (found.kind === "none" && plane.generation.data.compat.litellm && isManagement(target) && plane.manage) {
    sendManaged(request, response, plane.manage, id).catch(failed);
    return;
  }
  if (found.kind === "own_request" || found.kind === "own_activity") {
    const describe = found.kind === "own_request" ? describeOwnRequest : describeOwnActivity;
    describe(request.headers, target, plane, Date.now())
      .then((answer) => sendAnswer(response, answer, id))
      .catch(failed);
    return;
  }
  if (request.method === "OPTIONS" && found.kind === "none" && found.allow !== undefined) {
    response.writeHead(204, ["allow", `${found.allow}, OPTIONS`, "x-request-id", id]);
    response.end();
    request.resume();
    return;
  }
  try {
    if (found.kind === "health") sendHealth(found.check, response, plane, id);
    else if (found.kind === "models") sendModels(request, response, found, plane, id);
    else if (found.kind === "own_key") sendOwnKey(request, response, plane, id);
    else if (found.kind === "about")
      sendAnswer(response, answerOpenrouter(found.question, request.headers, plane, Date.now()), id);
    else if (found.kind === "root") sendBody(response, 200, "application/json", greeting, id, []);
    else throw missing(request, target, found.allow);
  } catch (error) {
    const failure = asFailure(error);
    if (failure.code === "internal_error") log(failure, id);
    const extra = found.kind === "none" && found.allow !== undefined ? ["allow", found.allow] : [];
    const dialect = dialectOf(target, request.headers);
    const words = plane.generation.data.compat.bifrost ? bifrostWords(target, dialect) : dialect;
    sendFailure(response, words, failure, id, extra);
    request.resume();
  }
}

/** Who passes a call through speaks as its provider does. */
function inProvidersWords(route: Route, rest: string, { generation }: Plane): Route {
  const provider = generation.providers.get(splitRest(rest).provider);
  return provider === undefined ? route : { ...route, dialect: provider.dialect };
}

function tooSlow(): GatewayError {
  return new GatewayError("request_timeout", "the request did not arrive in time", { source: "client" });
}

function missing(request: IncomingMessage, target: string, allow: string | undefined): GatewayError {
  if (allow !== undefined && whyUnserved(target.split("?")[0]!) === undefined) {
    return new GatewayError("method_not_allowed", `${request.method} is not possible here; use ${allow}`, {
      source: "client",
    });
  }
  const why = whyUnserved(target.split("?")[0]!);
  const told =
    why === undefined
      ? `there is nothing at ${target.slice(0, 200)}`
      : `${target.slice(0, 200)} is not served here: ${why}`;
  return new GatewayError("route_not_found", told, { source: "client" });
}

function sendModels(
  request: IncomingMessage,
  response: ServerResponse,
  { model, shape }: Extract<Match, { kind: "models" }>,
  plane: Plane,
  id: string,
): void {
  const body = listModels(request.headers, request.url ?? "", model, shape, plane);
  sendBody(response, 200, "application/json", Buffer.from(JSON.stringify(body)), id, []);
}

function sendOwnKey(request: ClientRequest, response: ClientResponse, plane: Plane, id: string): void {
  sendAnswer(response, describeOwnKey(request.headers, plane, Date.now()), id);
}

function sendAnswer(response: ClientResponse, answer: object, id: string): void {
  const body = Buffer.from(JSON.stringify(answer));
  sendBody(response, 200, "application/json", body, id, ["cache-control", "no-store"]);
}

/** `live`: the process answers. `ready`: it can serve, which includes that the ledger can be written. Never asks a provider. */
function sendHealth(check: "all" | "live" | "ready", response: ServerResponse, plane: Plane, id: string): void {
  const database = plane.health.stateWritable;
  const ready = database && !plane.draining;
  const status = check === "live" || ready ? 200 : 503;
  const body = {
    status: check === "live" ? "ok" : plane.draining ? "draining" : ready ? "ok" : "unavailable",
    ...(check === "live"
      ? {}
      : {
          checks: { database: database ? "ok" : "unavailable", config: `generation ${plane.generation.data.number}` },
        }),
  };
  sendBody(response, status, "application/json", Buffer.from(JSON.stringify(body)), id, ["cache-control", "no-store"]);
}

/** What node's parser refused: no request exists yet, so the answer is written by hand and the connection ends. */
function refuseBytes(error: NodeJS.ErrnoException, socket: Socket, plane: Plane): void {
  if (error.code === "ECONNRESET" || !socket.writable || owesAnswer(socket)) {
    socket.destroy();
    return;
  }
  const id = plane.nextId();
  const failure =
    error.code === "HPE_HEADER_OVERFLOW"
      ? new GatewayError("headers_too_large", "the request headers are too large", { source: "client" })
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? tooSlow()
        : new GatewayError("invalid_request", "this is not an HTTP/1.1 request", { source: "client" });
  const body = Buffer.from(JSON.stringify(dialects["openai-chat"].renderFailure(failure, id)));
  socket.end(
    `HTTP/1.1 ${failure.status} ${failure.code}\r\ncontent-type: application/json\r\nx-request-id: ${id}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  );
  setTimeout(() => socket.destroy(), refusedLingerMs).unref();
}

/**
 * Something written now would stand in the middle of an answer that is under way, or be taken for the answer to an
 * earlier request of the same connection.
 */
function owesAnswer(socket: Socket & { readonly _httpMessage?: ServerResponse | null }): boolean {
  const answer = socket._httpMessage; // what node's own handler of this event looks at
  return answer !== undefined && answer !== null && (answer.headersSent || answer.req.complete);
}
