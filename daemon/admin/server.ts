/**
 * The admin API over a Unix socket. Hides HTTP: what the handler sees and gives are values.
 *
 * Only the owner can connect (0600). A browser cannot be made to speak for the owner: whatever carries `Origin` or
 * `Referer`, or a `Host` that is not ours, is refused before anything is read.
 */
import { chmodSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { AdminAddress, AdminRequest, AdminResponse } from "./contract/calling.ts";
import { type FaultReporter, renderAdminError } from "./failure.ts";
import { type AdminHandler, localCaller } from "./handler.ts";
import { readJson } from "./read-json.ts";
import { writeAnswer } from "./render-answer.ts";
import type { Caller } from "./route.ts";
import { prepareSocketPath } from "./socket-path.ts";
import { serveSocket } from "./web-socket.ts";
import { whileHeld } from "./while-held.ts";

/** A config of a million characters, JSON-escaped, still passes. */
export const adminBodyBytesMax = 4_000_000;
export const adminRequestsMax = 64;
const requestReadMs = 30_000;
/** At the end, for answers that are under way. */
const lastAnswersMs = 3_000;
/** Requests of one caller over TCP that lack a token are told so after this, so that guessing is slow. */
const refusalMs = 100;
const hosts: ReadonlySet<string> = new Set(["bifrost", "localhost"]);

export type AdminServerOptions = FaultReporter & {
  readonly home: string;
  readonly version: string;
  readonly handle: AdminHandler;
  /** For XDG_RUNTIME_DIR; the composition root reads the environment. */
  readonly environment: NodeJS.ProcessEnv;
};

export type AdminServer = {
  readonly socket: string;
  /** Takes no new connection, lets running answers end for a moment, removes the socket. */
  close(): Promise<void>;
};

/** The caller holds the home's lock: a socket file found here is a dead daemon's. */
export async function listenAdmin(options: AdminServerOptions): Promise<AdminServer> {
  const socket = prepareSocketPath(options.home, options.environment);
  const server = createServer({ requestTimeout: requestReadMs, keepAliveTimeout: 5_000 });
  const connections = connectionsOf(server);
  const caller = localCaller();
  let running = 0;
  server.on("request", (incoming, outgoing) => {
    running += 1;
    serveOne(options, caller, incoming, outgoing, running > adminRequestsMax)
      .catch(() => outgoing.destroy())
      .finally(() => {
        running -= 1;
      });
  });
  server.on("upgrade", (incoming, connection, head) => {
    connection.on("error", () => connection.destroy());
    upgrade(options, caller, incoming, connection, head).catch(() => connection.destroy());
  });
  rmSync(socket, { force: true });
  await listen(server, socket);
  const addressFile = writeAddress(options.home, { pid: process.pid, version: options.version, socket });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= closeServer(server, connections, [addressFile, socket]);
    return closing;
  };
  return { socket, close };
}

/** The caller of a request, by its bearer token; throws `missing_` or `invalid_api_key`. */
export type Authenticate = (authorization: string | undefined) => Caller;

export type AdminTcpOptions = Omit<AdminServerOptions, "home" | "environment"> & {
  readonly listen: { readonly host: string; readonly port: number };
  readonly authenticate: Authenticate;
};

/** The same API for holders of tokens. Whoever reaches the port and has none learns nothing. */
export async function listenAdminTcp(
  options: AdminTcpOptions,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer({ requestTimeout: requestReadMs, keepAliveTimeout: 5_000 });
  const connections = connectionsOf(server);
  let running = 0;
  server.on("request", (incoming, outgoing) => {
    running += 1;
    serveTokenHolder(options, incoming, outgoing, running > adminRequestsMax)
      .catch(() => outgoing.destroy())
      .finally(() => {
        running -= 1;
      });
  });
  server.on("upgrade", (incoming, connection, head) => {
    connection.on("error", () => connection.destroy());
    try {
      const { authorization } = incoming.headers;
      const caller = options.authenticate(authorization);
      upgrade(holding(options, authorization), caller, incoming, connection, head).catch(() => connection.destroy());
    } catch {
      connection.end("HTTP/1.1 401 Unauthorized\r\nconnection: close\r\n\r\n");
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.listen, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.listen.port,
    close: () => closeServer(server, connections, []),
  };
}

async function serveTokenHolder(
  options: AdminTcpOptions,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  isOverloaded: boolean,
): Promise<void> {
  let caller: Caller;
  try {
    caller = options.authenticate(incoming.headers.authorization);
  } catch (error) {
    await new Promise((resolve) => setTimeout(resolve, refusalMs));
    outgoing.setHeader("connection", "close");
    outgoing.setHeader("www-authenticate", "Bearer");
    return writeAnswer(options, outgoing, renderAdminError(error, options));
  }
  return serveOne(holding(options, incoming.headers.authorization), caller, incoming, outgoing, isOverloaded);
}

function holding(options: AdminTcpOptions, authorization: string | undefined): AdminTcpOptions {
  const handle: AdminHandler = async (request, caller) =>
    whileHeld(await options.handle(request, caller), caller, () => options.authenticate(authorization));
  return { ...options, handle };
}

async function serveOne(
  options: Pick<AdminServerOptions, "version" | "handle"> & FaultReporter,
  caller: Caller,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  isOverloaded: boolean,
): Promise<void> {
  outgoing.setHeader("x-bifrost-version", options.version);
  outgoing.setHeader("cache-control", "no-store");
  let response: AdminResponse;
  try {
    if (isOverloaded) throw new GatewayError("overloaded", `more than ${adminRequestsMax} admin requests at once`);
    response = await options.handle(await read(incoming), caller);
  } catch (error) {
    response = renderAdminError(error, options);
  }
  // An unread rest of a body would be taken for the next request.
  if (!incoming.complete) outgoing.setHeader("connection", "close");
  return writeAnswer(options, outgoing, response);
}

async function upgrade(
  options: Pick<AdminServerOptions, "handle"> & FaultReporter,
  caller: Caller,
  incoming: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  let response: AdminResponse;
  try {
    assertNoPage(incoming);
    response = await options.handle({ method: "GET", path: incoming.url ?? "" }, caller);
  } catch (error) {
    response = renderAdminError(error, options);
  }
  await serveSocket(response, incoming, socket, head);
}

function assertNoPage({ headers }: IncomingMessage): void {
  if (headers.origin !== undefined || headers.referer !== undefined)
    throw new GatewayError("permission_denied", "the admin API does not answer web pages");
  // A page that was made to believe another name of ours has no token to send.
  if (headers.authorization !== undefined) return;
  const host = headers.host?.replace(/:\d+$/, "").toLowerCase();
  if (host === undefined || !hosts.has(host))
    throw new GatewayError("permission_denied", 'the admin API answers to the host "bifrost" or "localhost" only');
}

async function read(incoming: IncomingMessage): Promise<AdminRequest> {
  assertNoPage(incoming);
  const { headers } = incoming;
  const { accept } = headers;
  const method = incoming.method ?? "";
  const path = incoming.url ?? "";
  const ifMatch = headers["if-match"];
  const idempotencyKey = textOf(headers["idempotency-key"]);
  const bytes = await readBody(incoming);
  if (bytes.length === 0) return { method, path, accept, ifMatch, idempotencyKey };
  if (!/^application\/json\s*(;|$)/i.test(headers["content-type"] ?? ""))
    throw new GatewayError("unsupported_media_type", "the body must be application/json");
  return { method, path, accept, ifMatch, idempotencyKey, body: parse(bytes) };
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > adminBodyBytesMax)
      throw new GatewayError("payload_too_large", `the body is larger than ${adminBodyBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(bytes: Buffer): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new GatewayError("invalid_json", "the body is not UTF-8", { cause });
  }
  return readJson(text);
}

/** `bind` happens inside `listen`, so the mask makes the socket private from its first moment. */
function listen(server: Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const mask = process.umask(0o177);
    try {
      server.listen(socket, () => {
        server.off("error", reject);
        chmodSync(socket, 0o600);
        resolve();
      });
    } finally {
      process.umask(mask);
    }
  });
}

function writeAddress(home: string, address: AdminAddress): string {
  const file = join(home, "admin.json");
  const half = `${file}.${process.pid}`;
  writeFileSync(half, `${JSON.stringify(address)}\n`, { mode: 0o600 });
  renameSync(half, file);
  return file;
}

/** Every connection, upgraded ones included, which the server itself forgets. */
function connectionsOf(server: Server): ReadonlySet<Socket> {
  const connections = new Set<Socket>();
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });
  return connections;
}

function closeServer(server: Server, connections: ReadonlySet<Socket>, files: readonly string[]): Promise<void> {
  for (const file of files) rmSync(file, { force: true });
  return new Promise((resolve) => {
    // Whoever takes nothing of an answer must not keep the daemon.
    const late = setTimeout(() => {
      for (const socket of connections) socket.destroy();
    }, lastAnswersMs);
    server.close(() => {
      clearTimeout(late);
      resolve();
    });
    server.closeIdleConnections();
  });
}
