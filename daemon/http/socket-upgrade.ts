/**
 * A client's connection as a WebSocket, and what is served on it. A file of its own, because it is loaded with the first
 * one: `ws` brings Node's HTTP client along, a megabyte and more in every worker.
 */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { startLive } from "../pipeline/live.ts";
import type { Plane } from "../pipeline/plane.ts";
import { startRealtime } from "../pipeline/realtime.ts";
import type { SocketKind } from "./routes.ts";
import { type Begin, takeTurns } from "./socket-turns.ts";

export type Asked = {
  readonly kind: SocketKind;
  readonly request: IncomingMessage;
  readonly headers: IncomingHttpHeaders;
  readonly socket: Duplex;
  readonly head: Buffer;
};

/** @param opened told of each socket, with what says whether a turn is under way on it */
export type Upgrade = (asked: Asked, opened: (client: WebSocket, isBusy: () => boolean) => void) => void;

export function createUpgrade(plane: Plane, begin: Begin): Upgrade {
  const { bodyBytesMax } = plane.generation.data.server;
  const server = new WebSocketServer({ noServer: true, maxPayload: bodyBytesMax, perMessageDeflate: false });
  return ({ kind, request, headers, socket, head }, opened) =>
    server.handleUpgrade(request, socket, head, (client) => {
      const isBusy =
        kind === "live"
          ? startLive(client, request, headers, plane)
          : kind === "realtime"
            ? startRealtime(client, request, headers, plane)
            : takeTurns(client, request, headers, plane, begin);
      opened(client, isBusy);
    });
}
