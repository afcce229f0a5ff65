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
import { asFailure } from "./as-failure.ts";
import { Exchange, type Route } from "./exchange.ts";
import { assertMayAsk } from "./key-bounds.ts";
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
  /** What its turns' rows tell of how it came to be where it is; the attempts are the first turn's. */
  readonly way: Pick<Exchange, "trip" | "attempts">;
};

export type Turn = {
  readonly exchange: Exchange;
  readonly lease: Lease;
  /** Of the response that came of it, once the provider has told. */
  id?: string | undefined;
  /** Of the client's message that asked for it, where it gave one. */
  readonly event?: string | undefined;
};

export type Turns = {
  /** In the order in which they were begun. */
  readonly open: readonly Turn[];
  /** Bytes of the client's, for the next turn. */
  heard(bytes: number): void;
  said(bytes: number, turn?: Turn): void;
  /** Throws what the session ends with: the key may no longer, or has nothing left. */
  begin(event?: string): Turn;
  /** Of none under way nothing is settled. */
  finish(usage: Usage | undefined, status: number, turn?: Turn): void;
  /** The provider would not, and nothing was generated. */
  refuse(turn: Turn): void;
  finishAll(status: number): void;
};

export function meterTurns(session: Session, plane: Plane): Turns {
  const { request, headers, route, asks = route, target, model } = session;
  const open: Turn[] = [];
  let bytes = 0;
  /** Tokens of what was said before, which each turn reads anew. */
  let context = 0;

  function close(turn: Turn | undefined, usage: Usage | undefined, status: number, refused: boolean): void {
    const at = turn === undefined ? -1 : open.indexOf(turn);
    if (at < 0) return;
    open.splice(at, 1);
    const { exchange, lease } = turn!;
    if (usage?.input === undefined) bytes += exchange.bytesIn;
    else context = usage.input + (usage.output ?? 0);
    exchange.status = status;
    exchange.released = true;
    const finished = usage !== undefined;
    settle(exchange, lease, { sent: true, refused, usage, finished, outputBytes: exchange.bytesOut }, plane);
    record(exchange, plane);
  }

  return {
    open,
    heard(more) {
      bytes += more;
    },
    said(more, turn = open[0]) {
      if (turn !== undefined) turn.exchange.bytesOut += more;
    },
    begin(event) {
      const exchange = new Exchange(plane.nextId(), request, noResponse as never, route, plane.generation);
      exchange.caller = callerOf(headers, plane);
      exchange.bytesIn = bytes;
      exchange.contextTokens = context;
      const tools = session.tools?.();
      if (tools !== undefined) exchange.marks = { unbounded: false, dearest: false, service: undefined, tools };
      exchange.view = { ...emptyView(), model, stream: true };
      exchange.trip = session.way.trip;
      exchange.attempts = session.way.attempts;
      session.way.attempts = undefined;
      bytes = 0;
      plane.words[workerWord.total]!++;
      try {
        assertMayAsk(exchange.caller, asks);
        const lease = admit(exchange, target, plane);
        exchange.target = target;
        exchange.credentialId = session.credentialId();
        const turn = { exchange, lease, event };
        open.push(turn);
        return turn;
      } catch (error) {
        const failure = asFailure(error);
        exchange.error = failure;
        exchange.status = failure.status;
        record(exchange, plane);
        throw failure;
      }
    },
    finish: (usage, status, turn = open[0]) => close(turn, usage, status, false),
    refuse: (turn) => close(turn, undefined, refusedStatus, true),
    finishAll(status) {
      for (const turn of [...open]) close(turn, undefined, status, false);
    },
  };
}

/** What is refused in a session has no status of its own. */
const refusedStatus = 400;

/** The response of no turn: nothing of it is ever written. */
export const noResponse = Object.freeze({ writableFinished: true, destroyed: true, headersSent: true });

/** What one side has not taken; the other is not read until it has. */
const bufferedBytesMax = 1024 * 1024;

export function forward(from: WebSocket, to: WebSocket, message: string | Buffer): void {
  if (to.readyState !== to.OPEN) return;
  to.send(message, () => {
    if (from.isPaused && to.bufferedAmount < bufferedBytesMax / 2) from.resume();
  });
  if (to.bufferedAmount > bufferedBytesMax) from.pause();
}
