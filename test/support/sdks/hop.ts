/**
 * A hop between an SDK and the gateway, HTTP/1.1 and h2c on one port, that changes one thing of what passes, or nothing
 * and counts the keep-alives. Hides the framing of streams: a fault is said in frames, not in bytes.
 */
import http, { type IncomingHttpHeaders } from "node:http";
import http2 from "node:http2";
import net from "node:net";

export type Fault = {
  /** What is asked, as text. */
  readonly request?: (body: string) => string;
  readonly status?: (status: number) => number;
  /** An answer that is no stream, as text. */
  readonly body?: (body: string, status: number, path: string) => string;
  /** A frame of a stream that says something: as it is, left out, or where the stream ends (well, as if all was said). */
  readonly frame?: (frame: string) => "keep" | "drop" | "end";
  /** No frame is passed on before the whole stream is there. */
  readonly holdsBack?: true;
  readonly dropsKeepAlives?: true;
  /** Reads on when the client has left. */
  readonly deaf?: true;
};

export type Hop = { readonly origin: string; readonly keepAlives: () => number; readonly stop: () => Promise<void> };

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

export async function startHop(target: string, fault: Fault = {}): Promise<Hop> {
  const agent = new http.Agent({ keepAlive: true });
  const sockets = new Set<net.Socket>();
  let keepAlives = 0;
  const handler: Handler = (request, response) => {
    const forward = (body: Buffer) => {
      const asked = fault.request === undefined ? body : Buffer.from(fault.request(body.toString()));
      const headers = { ...plain(request.headers), "content-length": String(asked.length) };
      const { method, url } = request;
      const forwarded = http.request(`${target}${url}`, { agent, method, headers }, (answer) => {
        const status = fault.status?.(answer.statusCode!) ?? answer.statusCode!;
        const streamed = /event-?stream/.test(answer.headers["content-type"] ?? "");
        if (!streamed) {
          void whole(answer).then((text) => {
            const said = Buffer.from(fault.body?.(text.toString(), answer.statusCode!, url!) ?? text);
            response.writeHead(status, { ...plain(answer.headers), "content-length": String(said.length) });
            response.end(said);
          });
          return;
        }
        response.writeHead(status, plain(answer.headers));
        if (!fault.holdsBack) response.flushHeaders();
        const held: Buffer[] = [];
        const framesOf = /amazon/.test(answer.headers["content-type"]!) ? awsFrames : lineFrames;
        let rest: Buffer = Buffer.alloc(0);
        let ended = false;
        const pass = (frame: Buffer) => void (fault.holdsBack ? held.push(frame) : response.write(frame));
        answer.on("data", (chunk: Buffer) => {
          const read = framesOf(Buffer.concat([rest, chunk]));
          rest = read.rest;
          for (const frame of read.frames) {
            if (ended) return;
            const text = frame.toString();
            if (isKeepAlive(text)) {
              keepAlives++;
              if (!fault.dropsKeepAlives) pass(frame);
              continue;
            }
            const verdict = fault.frame?.(text) ?? "keep";
            if (verdict === "keep") pass(frame);
            if (verdict === "end") {
              ended = true;
              response.end();
            }
          }
        });
        answer.on("end", () => {
          for (const frame of [...held, rest]) response.write(frame);
          response.end();
        });
        answer.on("error", () => response.destroy());
      });
      forwarded.on("error", () => response.destroy());
      response.on("close", () => {
        // After its end this changes nothing; HTTP/2's answers say that they are finished when they were reset.
        if (fault.deaf === undefined) forwarded.destroy();
      });
      forwarded.end(asked);
    };
    void whole(request).then(forward, () => response.destroy());
  };
  const first = http.createServer(handler);
  const second = http2.createServer(handler as unknown as Parameters<typeof http2.createServer>[1]);
  const server = net.createServer((socket) => {
    sockets.add(socket.on("close", () => sockets.delete(socket)).on("error", () => undefined));
    socket.once("readable", () => {
      const head = socket.read() as Buffer | null;
      if (head === null) return;
      socket.unshift(head);
      (head.subarray(0, 3).toString() === "PRI" ? second : first).emit("connection", socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    keepAlives: () => keepAlives,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      agent.destroy();
      await closed;
    },
  };
}

async function whole(readable: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of readable) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Without what belongs to one connection, or to HTTP/2. */
function plain(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const own = ["connection", "keep-alive", "transfer-encoding", "content-length", "host", "http2-settings", "upgrade"];
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || name.startsWith(":") || own.includes(name) ? [] : [[name, value]],
    ),
  );
}

type Frames = { readonly frames: readonly Buffer[]; readonly rest: Buffer };

/** Server-sent events; a comment and an empty line of its own are frames too. */
function lineFrames(bytes: Buffer): Frames {
  const frames: Buffer[] = [];
  let at = 0;
  for (;;) {
    const text = bytes.subarray(at).toString("latin1");
    const length = /^(?:\r?\n|:[^\n]*\n|(?:[^\n]*[^\r\n][^\n]*\n)+\r?\n)/.exec(text)?.[0].length;
    if (length === undefined) return { frames, rest: bytes.subarray(at) };
    frames.push(bytes.subarray(at, at + length));
    at += length;
  }
}

/** AWS's frames begin with their length. */
function awsFrames(bytes: Buffer): Frames {
  const frames: Buffer[] = [];
  let at = 0;
  while (bytes.length - at >= 4 && bytes.length - at >= bytes.readUInt32BE(at)) {
    const length = bytes.readUInt32BE(at);
    frames.push(bytes.subarray(at, at + length));
    at += length;
  }
  return { frames, rest: bytes.subarray(at) };
}

function isKeepAlive(frame: string): boolean {
  return /^(?::[^\n]*\n|\r?\n|event: ping\n(?:data:.*)?\s*)$/.test(frame) || /:event-type\W+ping\W/.test(frame);
}
