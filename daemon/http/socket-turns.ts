/**
 * The turns of a Responses socket. Hides that each goes through the same pipeline as a request (key, models, limits,
 * budget and record are asked anew), and what the socket itself remembers: the last response that nobody was to store,
 * so that the next turn may go on from it and send only what is new.
 */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { RawData, WebSocket } from "ws";
import { dialects } from "../../providers/dialects/index.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { list, nestingLevelsMax, nestsWithin, parseJson, shape } from "../../providers/json.ts";
import { asFailure } from "../pipeline/as-failure.ts";
import type { Route } from "../pipeline/exchange.ts";
import type { Plane } from "../pipeline/plane.ts";
import type { ClientResponse, WholeRequest } from "./client-messages.ts";
import { callRoutes } from "./routes.ts";
import { SocketResponse } from "./socket-response.ts";
import { callerOf, tell } from "./socket-words.ts";
import { readFrame } from "./sse-splitter.ts";

/** Turns of one socket that wait for the one before them. */
const turnsMax = 16;
/** RFC 6455 §7.4.1. */
const policyViolation = 1008;
/** What one socket remembers, and all of a worker together: beyond that a client sends its whole conversation again. */
const rememberedBytesMax = 4 * 1024 * 1024;
const allRememberedBytesMax = 64 * 1024 * 1024;
let allRememberedBytes = 0;

export type Begin = (route: Route, request: WholeRequest, response: ClientResponse) => void;

type Turn = { readonly [field: string]: unknown };
/** `items` is everything said so far, as JSON: the input of a turn and what came of it. */
type Remembered = { readonly id: string; readonly items: string };

/** Each `response.create` is a streamed request of its own, one after the other. Returns whether one is under way. */
export function takeTurns(
  client: WebSocket,
  request: IncomingMessage,
  headers: IncomingHttpHeaders,
  plane: Plane,
  begin: Begin,
): () => boolean {
  const waiting: Turn[] = [];
  let busy = false;
  let last: Remembered | undefined;
  const route = callRoutes.get("/v1/responses")!;

  function remember(remembered: Remembered | undefined): void {
    allRememberedBytes -= last?.items.length ?? 0;
    const bytes = remembered?.items.length ?? 0;
    const fits = bytes <= rememberedBytesMax && allRememberedBytes + bytes <= allRememberedBytesMax;
    last = fits ? remembered : undefined;
    allRememberedBytes += last?.items.length ?? 0;
  }

  function next(): void {
    const turn = waiting.shift();
    busy = turn !== undefined;
    if (turn === undefined) return;
    const { generate, ...asked } =
      last !== undefined && turn["previous_response_id"] === last.id ? goOn(turn, last) : turn;
    if (generate === false) {
      warmUp(asked);
      next();
      return;
    }
    const isForgotten = asked["store"] === false || !plane.generation.data.record.responses;
    const input = isForgotten ? inputOf(asked) : undefined;
    const told = input === undefined ? undefined : (event: string) => remember(rememberedOf(event, input));
    const wholeBody = Buffer.from(JSON.stringify({ ...asked, stream: true }));
    const rawHeaders = Object.entries(headers).flatMap(([name, value]) =>
      typeof value === "string" ? [name, value] : [],
    );
    const whole = { method: "POST", url: "/v1/responses", headers, rawHeaders, socket: request.socket, wholeBody };
    begin(route, whole, new SocketResponse(client, next, told));
  }

  /** A turn that is only to be prepared: there is nothing to prepare at a provider, so nothing is asked and nothing paid. */
  function warmUp(asked: Turn): void {
    try {
      callerOf(headers, plane);
      const id = plane.nextId().replace(/^req_/, "resp_");
      const model = typeof asked["model"] === "string" ? asked["model"] : "";
      const context = { id, model, created: Math.floor(Date.now() / 1000), includeUsage: true };
      const renderer = dialects["openai-responses"].renderStream(context);
      const usage = { input: 0, output: 0 };
      const text = renderer.push({ type: "start", id }) + renderer.push({ type: "finish", reason: "stop", usage });
      for (const frame of (text + renderer.end()).split("\n\n")) if (frame !== "") client.send(readFrame(frame).data);
      const input = inputOf(asked);
      remember(input === undefined ? undefined : { id, items: JSON.stringify(input) });
    } catch (error) {
      tell(client, asFailure(error));
    }
  }

  client.on("message", (data: RawData, isBinary: boolean) => {
    const turn = isBinary ? undefined : turnOf(data);
    if (turn === undefined)
      tell(client, new GatewayError("invalid_request", "send `response.create` as JSON text", { source: "client" }));
    else if (waiting.length >= turnsMax) client.close(policyViolation, "too many turns wait");
    else {
      waiting.push(turn);
      if (!busy) next();
    }
  });
  client.once("close", () => remember(undefined));
  return () => busy;
}

/** The request that this event stands for. */
function turnOf(data: RawData): Turn | undefined {
  let event: unknown;
  try {
    event = JSON.parse(data.toString());
  } catch {
    return undefined;
  }
  if (typeof event !== "object" || event === null) return undefined;
  const { type, response, ...flat } = event as { type?: unknown; response?: unknown };
  if (type !== "response.create") return undefined;
  return typeof response === "object" && response !== null ? (response as Turn) : flat;
}

function goOn({ previous_response_id: _, ...turn }: Turn, { items }: Remembered): Turn {
  const input = inputOf(turn);
  // What is no input is refused as what it is.
  return input === undefined ? turn : { ...turn, input: [...(JSON.parse(items) as unknown[]), ...input] };
}

/** Undefined: no input at all, which is refused further on, or one that goes on from what is stored elsewhere. */
function inputOf({ input, previous_response_id: previous }: Turn): readonly unknown[] | undefined {
  if (previous !== undefined && previous !== null) return undefined;
  if (Array.isArray(input)) return input;
  return typeof input === "string" ? [{ type: "message", role: "user", content: input }] : undefined;
}

/** Of the event that ends a turn, which is its provider's and may be anything. */
function rememberedOf(event: string, input: readonly unknown[]): Remembered | undefined {
  const { id, output } = shape(shape(parseJson(event))["response"]);
  if (typeof id !== "string" || !Array.isArray(output) || !nestsWithin(output, nestingLevelsMax)) return undefined;
  return { id, items: JSON.stringify([...input, ...output.filter(saysSomething)]) };
}

/** Reasoning without a word and without its encrypted form is a name for what its provider has not kept: it refuses it. */
function saysSomething(item: unknown): boolean {
  const { type, summary, content, encrypted_content: encrypted } = shape(item);
  if (type !== "reasoning" || typeof encrypted === "string") return true;
  return list(summary).length > 0 || list(content).length > 0;
}
