/**
 * WebSockets of clients: Responses a turn at a time, and realtime sessions. Hides the upgrade, where a browser's SDK puts
 * its key, how many there may be, and that a key which is revoked, expires or gets another secret ends what it opened.
 * Turns are taken in `socket-turns.ts`.
 */
import type { IncomingHttpHeaders, IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { Dialect } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { asFailure } from "../pipeline/as-failure.ts";
import type { Connection } from "../pipeline/authenticate.ts";
import { openSecret, secretStart } from "../pipeline/client-secrets.ts";
import type { Plane } from "../pipeline/plane.ts";
import { dialectOf } from "./router.ts";
import { socketPaths } from "./routes.ts";
import type { Begin } from "./socket-turns.ts";
import type { Upgrade } from "./socket-upgrade.ts";
import { callerOf, grantTo, tell } from "./socket-words.ts";

const socketsMax = 5_000;
/** A socket is asked whether it is still there. */
const pingMs = 30_000;
/** Between two turns its key is looked at so often: a session may sit and listen for hours. */
const keyCheckMs = 1_000;
/** RFC 6455 §7.4.1. */
const goingAway = 1001;
const policyViolation = 1008;

export type Sockets = {
  /** Polite: each ends with its turn, told that we go away. */
  close(): void;
};

type Entry = {
  readonly socket: WebSocket;
  readonly headers: IncomingHttpHeaders;
  /** What was found of its key, so that it is not hashed each time. */
  readonly connection: Connection;
  readonly isBusy: () => boolean;
  readonly dialect: Dialect;
};

export function serveSockets(server: Server, plane: Plane, begin: Begin): Sockets {
  const open = new Set<Entry>();
  let checking: NodeJS.Timeout | undefined;
  let loading: Promise<Upgrade> | undefined;

  /** A turn under way runs to its end, as a stream does. */
  function checkKeys(): void {
    for (const { socket, headers, connection, isBusy, dialect } of open) {
      if (isBusy()) continue;
      try {
        callerOf(headers, plane, connection);
      } catch (error) {
        const failure = asFailure(error);
        tell(socket, failure, dialect);
        socket.close(policyViolation, failure.code);
      }
    }
    if (open.size > 0) return;
    clearInterval(checking);
    checking = undefined;
  }

  function opened(client: WebSocket, headers: IncomingHttpHeaders, isBusy: () => boolean, dialect: Dialect): void {
    const entry = { socket: client, headers, connection: {}, isBusy, dialect };
    open.add(entry);
    checking ??= setInterval(checkKeys, keyCheckMs).unref();
    const ping = setInterval(() => client.ping(), pingMs).unref();
    client.on("error", () => {}); // "close" follows
    client.once("close", () => {
      clearInterval(ping);
      open.delete(entry);
    });
  }

  /** What cannot be loaded is tried again for the next. */
  async function loadUpgrade(): Promise<Upgrade> {
    try {
      return (await import("./socket-upgrade.ts")).createUpgrade(plane, begin);
    } catch (error) {
      loading = undefined;
      throw error;
    }
  }

  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    const dialect = dialectOf(request.url ?? "/", request.headers);
    try {
      const { kind, headers, secret } = admitted(request, plane, open.size);
      loading ??= loadUpgrade();
      Promise.all([loading, secret === undefined ? undefined : granted(secret, headers, plane)])
        .then(([upgrade]) =>
          upgrade({ kind, request, headers, socket, head }, (client, isBusy) =>
            opened(client, headers, isBusy, dialect),
          ),
        )
        .catch((error: unknown) => refuse(socket, asFailure(error), plane.nextId(), dialect));
    } catch (error) {
      refuse(socket, asFailure(error), plane.nextId(), dialect);
    }
  });

  return {
    close() {
      for (const { socket, isBusy } of open) {
        const end = (): void => {
          if (isBusy()) setTimeout(end, 50).unref();
          else socket.close(goingAway, "the gateway is shutting down");
        };
        end();
      }
    },
  };
}

function admitted(request: IncomingMessage, plane: Plane, count: number) {
  const path = (request.url ?? "/").split("?")[0]!;
  const kind = socketPaths.get(path);
  if (kind === undefined) throw new GatewayError("route_not_found", "there is no socket here", { source: "client" });
  if (plane.draining || count >= socketsMax) {
    throw new GatewayError("overloaded", "no further socket is taken now", { source: "gateway", retryAfterMs: 1000 });
  }
  const headers = kind === "live" ? withQueryKey(request) : withProtocolKey(request.headers);
  const token = /^Bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1];
  const secret = kind === "realtime" && token?.startsWith(secretStart) === true ? token : undefined;
  if (secret === undefined) callerOf(headers, plane); // once for the upgrade, and again for each turn
  return { kind, headers, secret };
}

/** It is the key's session that made the secret. */
async function granted(secret: string, headers: IncomingHttpHeaders, plane: Plane): Promise<void> {
  grantTo(headers, await openSecret(secret, plane));
  callerOf(headers, plane);
}

/** A browser cannot set headers: OpenAI's SDK names the key as a protocol. */
function withProtocolKey(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { "sec-websocket-protocol": protocols, ...rest } = headers;
  const key = protocols
    ?.split(",")
    .map((protocol) => protocol.trim())
    .find((protocol) => protocol.startsWith(keyProtocol));
  return key === undefined ? rest : { ...rest, authorization: `Bearer ${key.slice(keyProtocol.length)}` };
}

/** Google's SDK has it in the address, as there is no header for it in a browser. */
function withQueryKey({ headers, url }: IncomingMessage): IncomingHttpHeaders {
  const key = new URLSearchParams((url ?? "").split("?")[1] ?? "").get("key");
  return key === null || headers["x-goog-api-key"] !== undefined ? headers : { ...headers, "x-goog-api-key": key };
}

const keyProtocol = "openai-insecure-api-key.";

function refuse(socket: Duplex, error: GatewayError, id: string, dialect: Dialect): void {
  const body = JSON.stringify(dialect.renderFailure(error, id));
  socket.end(
    `HTTP/1.1 ${error.status} ${error.code}\r\ncontent-type: application/json\r\nx-request-id: ${id}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
