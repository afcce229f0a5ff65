/**
 * HTTP/2 with prior knowledge on the port that serves HTTP/1.1: the stock AWS SDK speaks it to every `http://` address.
 * Hides how the two are told apart (three bytes), and what node's HTTP/2 server leaves to its user: idle connections,
 * requests that never end, and answers in the form that the rest of the gateway knows from HTTP/1.1.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Http2Server, Http2ServerRequest, ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";

/** Node's HTTP/2 is as large as all else of node that a worker loads: it comes with the first connection that speaks it. */
const http2 = (): typeof import("node:http2") => process.getBuiltinModule("node:http2");

/** Streams that one connection may have open; one more is refused by the protocol. */
const streamsMax = 256;
/** What one connection may hold in node's HTTP/2 (header tables, queued frames), in megabytes. */
const sessionMegabytesMax = 16;
/** Header lists hold at least this many fields before their bytes are looked at. */
const headerPairsMax = 256;

export type H2cSettings = {
  readonly headerBytesMax: number;
  /** A connection without a request is closed after this. */
  readonly keepAliveMs: number;
  /** A connection's first bytes, and a request's head, must arrive within. */
  readonly headMs: number;
  /** A request's head and body must have arrived within. */
  readonly requestReadMs: number;
};

export type H2c = {
  /** Polite: connections are told to go away and end with their last request. */
  close(): void;
  /** Ends them all. */
  closeAllConnections(): void;
};

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** `late` is told of a request whose body did not come in time, before its stream is closed. */
export function serveH2c(
  server: Server,
  settings: H2cSettings,
  handler: Handler,
  late: (response: ServerResponse) => void,
): H2c {
  const sessions = new Set<ServerHttp2Session>();
  let second: Http2Server | undefined;
  const listeners = server.listeners("connection") as ((socket: Socket) => void)[];
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    tellApart(socket, settings.headMs, (isSecond) => {
      if (!isSecond) {
        for (const listener of listeners) listener.call(server, socket);
        return;
      }
      socket.allowHalfOpen = false; // HTTP/1.1 has it so; the session would never hear of the end
      second ??= createSecond(settings, sessions, handler, late);
      second.emit("connection", socket);
    });
  });
  return {
    close: () => {
      for (const session of sessions) session.close();
    },
    closeAllConnections: () => {
      for (const session of sessions) session.destroy();
    },
  };
}

/** No method of HTTP/1.1 begins like the preface of HTTP/2. */
const preface = "PRI";

/**
 * Looks at the first bytes and puts them back. An HTTP/2 socket is never resumed here: its session reads from the
 * handle itself.
 */
function tellApart(socket: Socket, headMs: number, decide: (isSecond: boolean) => void): void {
  const end = (): void => void socket.destroy();
  let held: Buffer | undefined; // one or two bytes that may become either: put back at once, they would be told of for ever
  const look = (): void => {
    const more: Buffer | null = socket.read();
    if (more === null) return; // the end, or nothing yet
    const bytes = held === undefined ? more : Buffer.concat([held, more]);
    const seen = bytes.toString("latin1", 0, preface.length);
    if (seen !== preface && preface.startsWith(seen)) {
      held = bytes;
      return;
    }
    socket.off("readable", look);
    socket.off("error", end);
    socket.off("end", end);
    socket.setTimeout(0);
    socket.off("timeout", end);
    socket.unshift(bytes);
    decide(seen === preface);
  };
  socket.setTimeout(headMs);
  socket.on("timeout", end);
  socket.on("error", end);
  socket.on("end", end);
  socket.on("readable", look);
}

/** Where node's own parts from `ServerResponse`: a stream that was reset has not finished, whatever it says. */
function responseClass() {
  class Response extends http2().Http2ServerResponse {}
  Object.defineProperties(Response.prototype, {
    writableFinished: {
      get(this: Response): boolean {
        return this.writableEnded && this.stream.writableFinished && !this.stream.aborted;
      },
    },
    destroyed: {
      get(this: Response): boolean {
        return this.stream.destroyed;
      },
    },
  });
  return Response;
}

/** A request that was reset comes to an `end` like a whole one. */
export function isReset(request: IncomingMessage): boolean {
  return request.httpVersionMajor === 2 && (request as unknown as Http2ServerRequest).stream.rstCode !== 0;
}

function createSecond(
  settings: H2cSettings,
  sessions: Set<ServerHttp2Session>,
  handler: Handler,
  late: (response: ServerResponse) => void,
): Http2Server {
  const second = http2().createServer(
    {
      maxHeaderListPairs: headerPairsMax,
      maxSessionMemory: sessionMegabytesMax,
      settings: { maxConcurrentStreams: streamsMax, maxHeaderListSize: settings.headerBytesMax, enablePush: false },
      Http2ServerResponse: responseClass(),
    },
    (request, response) => {
      const asked = request as unknown as IncomingMessage;
      const answer = response as unknown as ServerResponse;
      boundBody(request, () => late(answer), settings.requestReadMs);
      handler(asked, answer);
    },
  );
  second.on("session", (session) => {
    sessions.add(session);
    let streams = 0;
    session.on("stream", (stream) => {
      streams++;
      stream.once("close", () => {
        streams--;
      });
    });
    session.setTimeout(settings.keepAliveMs, () => {
      if (streams === 0) session.close();
    });
    session.on("error", () => {}); // the peer's protocol faults end its connection, and nothing else
    session.once("close", () => sessions.delete(session));
  });
  second.on("sessionError", () => {});
  return second;
}

function boundBody(request: Http2ServerRequest, late: () => void, ms: number): void {
  if (request.complete || request.stream.readableEnded) return;
  const timer = setTimeout(() => {
    late();
    request.stream.close(http2().constants.NGHTTP2_NO_ERROR);
  }, ms);
  timer.unref();
  const clear = (): void => clearTimeout(timer);
  request.once("end", clear);
  request.stream.once("close", clear);
}
