/**
 * A session of Gemini's Live API: a client's WebSocket and Google's, every message as it came, metered a turn at a time.
 * Hides that the model is named by the first message and by no other, where a turn begins and ends, and that a message
 * may name a file, which has to be the caller's own.
 */

import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { RawData, WebSocket } from "ws";
import { searchesIn } from "../../providers/dialects/gemini/grounding.ts";
import { decodeUsage } from "../../providers/dialects/gemini/usage.ts";
import type { Usage } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { parseJson, shape } from "../../providers/json.ts";
import { routeByName } from "../http/routes.ts";
import { callerOf, tell } from "../http/socket-words.ts";
import { findEndpoint, noEndpoint, pathFor } from "../routing/endpoints.ts";
import type { Target } from "../routing/generation.ts";
import { asFailure } from "./as-failure.ts";
import { mayNameThings, ownThingsOnly } from "./owned-bodies.ts";
import type { Plane } from "./plane.ts";
import { unreachable } from "./realtime-dial.ts";
import { readServerTools } from "./server-tools.ts";
import { openSession, routeSession } from "./session-route.ts";
import { forward, meterTurns, type Turns } from "./session-turns.ts";

/** Messages that wait for the provider's socket to open, or for a look at what one of them names. */
const waitingMax = 256;
/** Usage may come after a turn's end, and then at once. */
const usageWaitMs = 1_000;
const policyViolation = 1008;
const internalFault = 1011;
/** RFC 6455 §5.5: a close frame has 125 bytes, two of them the code. */
const reasonBytesMax = 123;

export function startLive(
  client: WebSocket,
  request: IncomingMessage,
  headers: IncomingHttpHeaders,
  plane: Plane,
): () => boolean {
  const { generation } = plane;
  const route = routeByName("live");
  const waiting: string[] = [];
  let isLooking = false;
  let isOver = false;
  let turns: Turns | undefined;
  let upstream: WebSocket | undefined;
  let isSetUp = false;
  /** Bytes that came before the provider's socket had opened. */
  let early = 0;
  let close = (): void => {};
  let usage: Usage | undefined;
  let searches = 0;
  let ending: NodeJS.Timeout | undefined;

  function end(error: GatewayError): void {
    if (isOver || client.readyState !== client.OPEN) return;
    isOver = true;
    tell(client, error, route.dialect);
    const reason = Buffer.from(error.message)
      .subarray(0, reasonBytesMax)
      .toString("utf8")
      .replace(/\ufffd+$/, "");
    client.close(error.details.source === "provider" ? internalFault : policyViolation, reason);
  }

  function finishTurn(status: number): void {
    clearTimeout(ending);
    ending = undefined;
    turns?.finish(usage, status);
    usage = undefined;
    searches = 0;
  }

  function begin(): void {
    if (ending !== undefined) finishTurn(200);
    if (turns!.open.length === 0) turns!.begin();
  }

  /** The first message says with which model; it is told of that as the provider knows it. */
  function open(text: string): void {
    const message = shape(parseJson(text));
    const setup = shape(message["setup"]);
    const { model } = setup;
    if (typeof model !== "string")
      throw refused("the first message must be a setup that names the model", "setup.model");
    const name = model.replace(/^models\//, "");
    isSetUp = true;
    const way = routeSession(request, headers, route, name, plane);
    const tools = readServerTools(text, true);
    close = openSession(way, door, plane, {
      opened(socket, target, credential) {
        upstream = socket;
        const session = { request, headers, route, target, model: name, way };
        turns = meterTurns({ ...session, credentialId: () => credential, tools: () => tools }, plane);
        turns.heard(early);
        listen(socket, target);
        const first = JSON.stringify({ ...message, setup: { ...setup, model: `models/${target.deployment}` } });
        forward(client, socket, first);
        next();
      },
      failed: end,
    });
  }

  function door(target: Target) {
    const endpoint = findEndpoint(target.provider.endpoints, "live", route.dialect, target);
    if (endpoint === undefined) throw noEndpoint(target.provider, "live");
    return { path: pathFor(endpoint, target.deployment, false), headers: {}, dialect: endpoint.dialect };
  }

  /** One after the other, in their order: one that names something waits until it is known whose that is. */
  function next(): void {
    while (!isLooking && upstream !== undefined && !isOver) {
      const text = waiting.shift();
      if (text === undefined) return;
      if (mayNameThings(text, generation)) look(text);
      else send(text);
    }
  }

  function look(text: string): void {
    isLooking = true;
    ownThingsOnly(text, { caller: callerOf(headers, plane), generation }, plane).then(
      (own) => {
        isLooking = false;
        if (!isOver) send(own);
        next();
      },
      (error: unknown) =>
        end(error instanceof SyntaxError ? refused("a message is not valid JSON", "") : asFailure(error)),
    );
  }

  function send(text: string): void {
    try {
      const isPlain = text.length > 512 && !text.includes('"setup"') && !text.includes("\\u00");
      const message = isPlain ? undefined : shape(parseJson(text));
      if (message !== undefined && "setup" in message) throw refused("a session is set up once", "setup");
      begin();
    } catch (error) {
      end(asFailure(error));
      return;
    }
    forward(client, upstream!, text);
  }

  function listen(provider: WebSocket, target: Target): void {
    provider.on("message", (data: RawData) => {
      const text = (data as Buffer).toString("utf8");
      try {
        hear(text);
      } catch (error) {
        end(asFailure(error)); // the provider began by itself, and may not be paid for
        provider.terminate();
        return;
      }
      turns!.said((data as Buffer).length);
      forward(provider, client, text);
      if (ending !== undefined && usage !== undefined) finishTurn(200);
    });
    provider.on("error", () => end(unreachable(target)));
    provider.on("close", (code, reason) => {
      finishTurn(ending === undefined ? 502 : 200);
      if (client.readyState === client.OPEN) client.close(isSayable(code) ? code : 1000, reason);
    });
  }

  /** Sound comes in many messages of the one kind: only what can decide is parsed. */
  function hear(text: string): void {
    if (
      (text.includes('"serverContent"') || text.includes('"toolCall"')) &&
      ending === undefined &&
      turns!.open.length === 0
    )
      begin();
    const isGrounded = text.includes('"groundingMetadata"');
    if (!isGrounded && !text.includes('"usageMetadata"') && !text.includes('"turnComplete"')) return;
    const message = shape(parseJson(text));
    if (isGrounded)
      searches = Math.max(searches, searchesIn(shape(shape(message["serverContent"])["groundingMetadata"])));
    usage = decodeUsage(message["usageMetadata"], searches) ?? usage;
    if (shape(message["serverContent"])["turnComplete"] !== true || turns!.open.length === 0) return;
    ending = setTimeout(() => finishTurn(200), usageWaitMs).unref();
  }

  client.on("message", (data: RawData) => {
    if (isOver) return;
    const text = (data as Buffer).toString("utf8");
    try {
      if (!isSetUp) {
        open(text);
        return;
      }
      if (turns === undefined) early += (data as Buffer).length;
      else turns.heard((data as Buffer).length);
      if (waiting.length >= waitingMax) throw refused("too many messages wait for the provider", "messages");
      waiting.push(text);
      next();
    } catch (error) {
      end(asFailure(error));
    }
  });
  client.on("close", () => {
    isOver = true;
    finishTurn(ending === undefined ? 499 : 200);
    close();
    upstream?.terminate();
  });

  return () => (turns?.open.length ?? 0) > 0;
}

/** RFC 6455 §7.4: others are for whoever finds that something went wrong, and may not be sent. */
function isSayable(code: number): boolean {
  return (code >= 3000 && code <= 4999) || (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code));
}

function refused(message: string, param: string): GatewayError {
  return new GatewayError("invalid_request", message, { source: "client", param });
}
