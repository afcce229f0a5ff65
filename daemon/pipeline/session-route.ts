/**
 * Where a session on a socket goes: routed at its start like a request, by rules, groups, weights and health, and on to
 * the next place while the provider's socket has not opened. Hides the way there; what is said afterwards stays with
 * whoever has opened.
 */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import type { GatewayError } from "../../providers/gateway-error.ts";
import { emptyView } from "../http/request-view.ts";
import { callerOf } from "../http/socket-words.ts";
import type { Target } from "../routing/generation.ts";
import { wishedTimers } from "../routing/timers.ts";
import { assertAccess } from "./admit.ts";
import { asFailure } from "./as-failure.ts";
import { Exchange, type Route } from "./exchange.ts";
import { assertMayAsk, assertSaysNothing } from "./key-bounds.ts";
import type { Plane } from "./plane.ts";
import { noBody, readPreferences } from "./preferences.ts";
import { dialRealtime, type Entrance } from "./realtime-dial.ts";
import { record } from "./record.ts";
import { route } from "./route.ts";
import { noResponse } from "./session-turns.ts";
import { trace } from "./trace.ts";

/** Where at a target sessions are served. Throws where it serves none. */
export type Door = (target: Target) => Entrance;

export type OpeningEvents = {
  /** Nothing has been read from it yet. */
  opened(upstream: WebSocket, target: Target, credentialId: string): void;
  /** Nobody has. */
  failed(error: GatewayError): void;
};

/** Whom the session is with first, before anybody is called. Throws where its key may not, or nobody may be asked. */
export function routeSession(
  request: IncomingMessage,
  headers: IncomingHttpHeaders,
  asked: Route,
  model: string,
  plane: Plane,
): Exchange {
  const exchange = new Exchange(plane.nextId(), request, noResponse as never, asked, plane.generation);
  exchange.caller = callerOf(headers, plane);
  assertMayAsk(exchange.caller, asked);
  assertSaysNothing(exchange.caller);
  const preferences = readPreferences(noBody, undefined, request.rawHeaders);
  exchange.view = { ...emptyView(), model, stream: true, preferences };
  route(exchange, plane);
  return exchange;
}

/** Returns what ends it: nothing is called from then on. */
export function openSession(exchange: Exchange, door: Door, plane: Plane, events: OpeningEvents): () => void {
  const trip = exchange.trip!;
  let isOver = false;
  let isUnderWay = false;
  let giveUp = (): void => {};
  let timer: NodeJS.Timeout | undefined;

  function attempt(): void {
    const { target } = trip;
    try {
      assertAccess(exchange, target, plane, Date.now());
      const entrance = door(target);
      const { connectMs } = wishedTimers(target.timers, exchange.view!.preferences?.timers);
      const { id } = target.provider.credentials[trip.credential]!;
      trip.enter(performance.now());
      isUnderWay = true;
      giveUp = dialRealtime(target, trip.credential, entrance, connectMs, plane, {
        opened(socket) {
          trip.opened(Date.now());
          trace(exchange, trip, undefined);
          events.opened(socket, target, id);
        },
        failed,
      });
    } catch (error) {
      failed(asFailure(error));
    }
  }

  function failed(error: GatewayError): void {
    leave();
    if (isOver) return;
    const now = Date.now();
    trace(exchange, trip, error);
    trip.failed(error, now);
    goOn(() => {
      const waitMs = trip.next(error, now);
      if (waitMs === 0) return attempt();
      timer = setTimeout(() => {
        goOn(() => {
          trip.resume(Date.now());
          attempt();
        });
      }, waitMs);
    });
  }

  /** Until nobody is left to ask. */
  function goOn(step: () => void): void {
    try {
      step();
    } catch (error) {
      isOver = true;
      const failure = asFailure(error);
      exchange.error = failure;
      exchange.status = failure.status;
      record(exchange, plane);
      events.failed(failure);
    }
  }

  function leave(): void {
    if (isUnderWay) trip.leave();
    isUnderWay = false;
  }

  attempt();
  return () => {
    if (!isOver && isUnderWay) trip.abandoned(Date.now());
    isOver = true;
    clearTimeout(timer);
    giveUp();
    leave();
  };
}
