/**
 * The turns of a session on a socket: each is admitted, settled and recorded like a request. Hides that a turn has no
 * answer of its own, and which stages it still goes through.
 */

import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import type { Usage } from "../../providers/exchange.ts";
import { emptyView } from "../http/request-view.ts";
import { callerOf } from "../http/socket-words.ts";
import type { Target } from "../routing/generation.ts";
import { workerWord } from "../runtime/worker-protocol.ts";
import { admit, type Lease } from "./admit.ts";
import { Exchange, type Route } from "./exchange.ts";
import { assertMayAsk } from "./key-bounds.ts";
import { asFailure } from "./pipeline.ts";
import type { Plane } from "./plane.ts";
import { record } from "./record.ts";
import type { ServerTools } from "./server-tools.ts";
import { settle } from "./settle.ts";

export type Session = {
  readonly request: IncomingMessage;
  readonly headers: IncomingHttpHeaders;
  readonly route: Route;
  /** What the key has to be allowed to ask for, where it is not the route itself. */
  readonly asks?: Route;
  readonly target: Target;
  /** As the client named it. */
  readonly model: string;
  /** Of the provider's, once one is used. */
  readonly credentialId: () => string;
  /** What the session has the provider run. */
  readonly tools?: () => ServerTools | undefined;
};

export type Turns = {
  isOpen(): boolean;
  /** Bytes of the client's, for the turn under way or the next. */
  heard(bytes: number): void;
  said(bytes: number): void;
  /** Throws what the session ends with: the key may no longer, or has nothing left. */
  begin(): void;
  /** Of none under way nothing is settled. */
  finish(usage: Usage | undefined, status: number): void;
};

export function meterTurns(session: Session, plane: Plane): Turns {
  const { request, headers, route, asks = route, target, model } = session;
  let turn: { readonly exchange: Exchange; readonly lease: Lease } | undefined;
  let bytes = 0;
  /** Tokens of what was said before, which each turn reads anew. */
  let context = 0;
  return {
    isOpen: () => turn !== undefined,
    heard(more) {
      bytes += more;
    },
    said(more) {
      if (turn !== undefined) turn.exchange.bytesOut += more;
    },
    begin() {
      const exchange = new Exchange(plane.nextId(), request, noResponse as never, route, plane.generation);
      exchange.caller = callerOf(headers, plane);
      exchange.bytesIn = bytes;
      exchange.contextTokens = context;
      const tools = session.tools?.();
      if (tools !== undefined) exchange.marks = { unbounded: false, dearest: false, service: undefined, tools };
      exchange.view = { ...emptyView(), model, stream: true };
      bytes = 0;
      plane.words[workerWord.total]!++;
      try {
        assertMayAsk(exchange.caller, asks);
        const lease = admit(exchange, target, plane);
        exchange.target = target;
        exchange.credentialId = session.credentialId();
        turn = { exchange, lease };
      } catch (error) {
        const failure = asFailure(error);
        exchange.error = failure;
        exchange.status = failure.status;
        record(exchange, plane);
        throw failure;
      }
    },
    finish(usage, status) {
      if (turn === undefined) return;
      const { exchange, lease } = turn;
      turn = undefined;
      if (usage?.input === undefined) bytes += exchange.bytesIn;
      else context = usage.input + (usage.output ?? 0);
      exchange.status = status;
      exchange.released = true;
      const end = {
        sent: true,
        refused: false,
        usage,
        finished: usage !== undefined,
        outputBytes: exchange.bytesOut,
      };
      settle(exchange, lease, end, plane);
      record(exchange, plane);
    },
  };
}

/** The response of no turn: nothing of it is ever written. */
const noResponse = Object.freeze({ writableFinished: true, destroyed: true, headersSent: true });

/** What one side has not taken; the other is not read until it has. */
const bufferedBytesMax = 1024 * 1024;

export function forward(from: WebSocket, to: WebSocket, message: string | Buffer): void {
  if (to.readyState !== to.OPEN) return;
  to.send(message, () => {
    if (from.isPaused && to.bufferedAmount < bufferedBytesMax / 2) from.resume();
  });
  if (to.bufferedAmount > bufferedBytesMax) from.pause();
}
