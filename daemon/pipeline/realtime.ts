/**
 * A realtime session: a client's WebSocket and a provider's, every message as it came, metered a turn at a time. Hides
 * where a turn begins (what the client asks for, or what the provider begins by itself), and that each is admitted and
 * settled like a request: a key that may no longer, or has nothing left, ends the session before its next turn.
 */

import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { RawData, WebSocket } from "ws";
import { mediaUsage } from "../../providers/dialects/media-usage.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { parseJson, type Shape, shape } from "../../providers/json.ts";
import { routeByName } from "../http/routes.ts";
import { callerOf, grantOf, tell } from "../http/socket-words.ts";
import { findEndpoint, noEndpoint, pathFor } from "../routing/endpoints.ts";
import type { Target } from "../routing/generation.ts";
import { asFailure } from "./as-failure.ts";
import type { Exchange } from "./exchange.ts";
import type { Plane } from "./plane.ts";
import { unreachable } from "./realtime-dial.ts";
import { meterSpeech, type Speech } from "./realtime-speech.ts";
import { readServerTools, type ServerTools } from "./server-tools.ts";
import { type Door, openSession, routeSession } from "./session-route.ts";
import { forward, meterTurns, type Turn, type Turns } from "./session-turns.ts";

const modelCharactersMax = 512;
/** Messages that wait for the provider's socket to open. */
const waitingMax = 256;
/** At once: one of the conversation, and others beside it. */
const responsesMax = 4;
const policyViolation = 1008;
const internalFault = 1011;

/** Once the provider's socket is open. */
type Open = { readonly target: Target; readonly turns: Turns; readonly speech: Speech };

export function startRealtime(
  client: WebSocket,
  request: IncomingMessage,
  headers: IncomingHttpHeaders,
  plane: Plane,
): () => boolean {
  let upstream: WebSocket | undefined;
  let session: Open | undefined;
  const early: (readonly [RawData, boolean])[] = [];
  const asks = routeByName("realtime");
  let tools: ServerTools | undefined;
  let model: string;
  let way: Exchange;
  try {
    model = modelOf(request, headers);
    way = routeSession(request, headers, asks, model, plane);
  } catch (error) {
    end(asFailure(error));
    return () => false;
  }
  const close = openSession(way, doorOf(headers), plane, {
    opened(socket, target, credential) {
      upstream = socket;
      const common = { request, headers, target, credentialId: () => credential, way };
      const turns = meterTurns({ ...common, route: asks, model, tools: () => tools }, plane);
      const speech = meterSpeech(target, plane, (writer) =>
        meterTurns({ ...common, route: routeByName("speech"), asks, target: writer, model: writer.name }, plane),
      );
      session = { target, turns, speech };
      listen(socket, session);
      const granted = grantOf(headers)?.session;
      if (granted !== undefined) {
        const text = JSON.stringify({ type: "session.update", session: granted });
        try {
          agree(text, session);
        } catch (error) {
          end(asFailure(error));
          return;
        }
        forward(client, socket, text);
      }
      for (const [data, isBinary] of early.splice(0)) say(data, isBinary, socket, session);
    },
    failed: end,
  });

  function end(error: GatewayError): void {
    if (client.readyState === client.OPEN) {
      tell(client, error);
      client.close(error.details.source === "provider" ? internalFault : policyViolation, error.code);
    }
  }

  function say(data: RawData, isBinary: boolean, to: WebSocket, session: Open): void {
    if (client.readyState !== client.OPEN) return; // one before it has ended the session
    const { turns, speech } = session;
    const text = data.toString(); // a server may read bytes as it reads text
    const { length } = data as Buffer;
    turns.heard(length);
    speech.heard(length);
    try {
      const type = typeOf(text);
      if (type === "session.update" || type === "transcription_session.update") agree(text, session);
      if (type === "input_audio_buffer.commit") speech.begin();
      if (type === "response.create") {
        tools = readServerTools(text) ?? tools;
        if (turns.open.length >= responsesMax) throw tooMany();
        const { event_id: event } = shape(parseJson(text));
        turns.begin(typeof event === "string" ? event : undefined);
      }
    } catch (error) {
      end(asFailure(error));
      return;
    }
    forward(client, to, isBinary ? (data as Buffer) : text);
  }

  client.on("message", (data: RawData, isBinary: boolean) => {
    if (upstream !== undefined && session !== undefined) say(data, isBinary, upstream, session);
    else if (early.length < waitingMax) early.push([data, isBinary]);
  });
  client.on("close", () => {
    session?.turns.finishAll(499);
    session?.speech.end();
    close();
    upstream?.terminate();
  });

  /** The provider was told of the model that was asked about, and no message may change it; others may be called beside it. */
  function agree(text: string, { target, speech }: Open): void {
    const told = shape(shape(parseJson(text))["session"]);
    assertSameModel(told, target);
    speech.agree(told, callerOf(headers, plane));
    if ("tools" in told) tools = readServerTools(text);
  }

  function listen(provider: WebSocket, { target, turns, speech }: Open): void {
    provider.on("message", (data: RawData, isBinary: boolean) => {
      const text = isBinary ? undefined : data.toString();
      const type = text === undefined ? undefined : typeOf(text);
      const told = type === "response.created" || type === "response.done" ? responseOf(text!) : undefined;
      let turn: Turn | undefined;
      // The provider began by itself: what may not be paid for is stopped before it goes on.
      try {
        if (told !== undefined) turn = turnOf(turns, told.id);
        if (type === "error") refuse(turns, text!);
        if (type === "input_audio_buffer.committed") speech.begin();
        if (type === "conversation.item.input_audio_transcription.completed") speech.done(text!);
      } catch (error) {
        provider.send('{"type":"response.cancel"}');
        end(asFailure(error));
        return;
      }
      turns.said((data as Buffer).length, turn ?? speaking(turns, text));
      forward(provider, client, text ?? (data as Buffer));
      if (type === "response.done") turns.finish(mediaUsage(JSON.stringify(told)), 200, turn);
    });
    provider.on("error", () => end(unreachable(target)));
    provider.on("close", () => {
      turns.finishAll(502);
      speech.end();
      if (client.readyState === client.OPEN) client.close(1000);
    });
  }

  return () => (session?.turns.open.length ?? 0) > 0;
}

function responseOf(text: string): Shape {
  return shape(shape(parseJson(text))["response"]);
}

/** Whose response this is: one that was told of before, the first that was asked for and is not, or one nobody asked for. */
function turnOf(turns: Turns, id: unknown): Turn {
  const { open } = turns;
  const isNamed = typeof id === "string";
  const known = isNamed ? open.find((turn) => turn.id === id) : open[0];
  const turn = known ?? open.find((turn) => turn.id === undefined) ?? turns.begin();
  if (isNamed) turn.id = id;
  return turn;
}

/** An error may be of anything that the client sent; of a response that has begun it is not. */
function refuse(turns: Turns, text: string): void {
  const { event_id: event } = shape(shape(parseJson(text))["error"]);
  const waiting = turns.open.filter(({ id }) => id === undefined);
  const refused = typeof event === "string" ? waiting.find((turn) => turn.event === event) : waiting[0];
  if (refused !== undefined) turns.refuse(refused);
}

/** Of several at once each message names its own. */
function speaking({ open }: Turns, text: string | undefined): Turn | undefined {
  if (open.length < 2 || text === undefined) return open[0];
  return open.find(({ id }) => id !== undefined && text.includes(id)) ?? open[0];
}

function doorOf(headers: IncomingHttpHeaders): Door {
  const beta = headers["openai-beta"];
  const carried: Record<string, string> = typeof beta === "string" ? { "openai-beta": beta } : {};
  return (target) => {
    const { provider, deployment } = target;
    const endpoint = findEndpoint(provider.endpoints, "realtime", routeByName("realtime").dialect, target);
    if (endpoint === undefined || provider.data.baseUrl.startsWith("echo:")) throw noEndpoint(provider, "realtime");
    const path = `${pathFor(endpoint, deployment, false)}?model=${encodeURIComponent(deployment)}`;
    return { path, headers: carried, dialect: endpoint.dialect };
  };
}

function tooMany(): GatewayError {
  const message = `a session may ask for ${responsesMax} responses at once`;
  return new GatewayError("rate_limit_exceeded", message, { source: "gateway" });
}

/** A secret for a browser is good for the one model that it was made for. */
function modelOf({ url }: IncomingMessage, headers: IncomingHttpHeaders): string {
  const granted = grantOf(headers)?.model;
  const query = new URLSearchParams((url ?? "").split("?")[1] ?? "");
  const named = [query.get("model"), query.get("deployment")].filter((name) => name !== null && name !== "");
  if (granted !== undefined && named.every((name) => name === granted)) return granted;
  if (granted !== undefined)
    throw new GatewayError("model_not_allowed", `this client secret is for ${granted}`, {
      source: "client",
      param: "model",
    });
  if (named.length === 1 && named[0]!.length <= modelCharactersMax) return named[0]!;
  throw new GatewayError("invalid_request", "name the model once: `?model=` or `?deployment=`", {
    source: "client",
    param: "model",
  });
}

function assertSameModel({ model }: Shape, { deployment }: Target): void {
  if (model === undefined || model === deployment) return;
  throw new GatewayError("forbidden_parameter", "the model of a session cannot be changed", {
    source: "client",
    param: "session.model",
  });
}

/** Sound comes in many messages of the one kind: only what can decide is parsed. */
function typeOf(text: string): string | undefined {
  // A name that is written with escapes is read by the provider all the same.
  const isTold =
    text.includes("response.c") ||
    text.includes("response.done") ||
    text.includes("session.update") ||
    text.includes("buffer.commit") ||
    text.includes("transcription.c") ||
    text.includes('"error"');
  if (!isTold && !text.includes("\\u00")) return undefined;
  try {
    const { type } = JSON.parse(text) as { type?: unknown };
    return typeof type === "string" ? type : undefined;
  } catch {
    return undefined;
  }
}
