/**
 * The misbehaving upstream, a process of its own over bare sockets, so that it can reset, stall and lie at byte level.
 * Prints `{"data":PORT,"control":PORT}` when it listens, and ends when its standard input does.
 *
 * Which behaviour: the path prefix `/b/NAME/…`, else the `model` of the body; `script-ID` plays what `POST /script`
 * registered. What it received is read at the control port: `GET /calls`, `GET /body?index=`, `POST /step?index=`.
 */
import http from "node:http";
import net from "node:net";
import { type FaultRequest, type Step, stepsFor } from "./fault-behaviours.ts";
import type { RecordedCall, Script } from "./fault-upstream.ts";
import { wireAt } from "./wire-frames.ts";

type Call = { -readonly [key in keyof RecordedCall]: RecordedCall[key] } & { body: Buffer; step: () => void };

const calls: Call[] = [];
const scripts = new Map<string, Script>();
let connections = 0;
let openConnections = 0;

const dataServer = net.createServer({ noDelay: true, allowHalfOpen: true }, serveConnection);
const control = http.createServer((request, response) => void answerControl(request, response));
dataServer.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  control.keepAliveTimeout = 600_000; // the tests' fetch must not meet a connection that is just being closed
  control.listen(0, "127.0.0.1", () => {
    console.log(JSON.stringify({ data: portOf(dataServer), control: portOf(control) }));
  });
});
process.stdin.on("end", () => process.exit(0)).resume();

function portOf(server: net.Server): number {
  return (server.address() as net.AddressInfo).port;
}

function serveConnection(socket: net.Socket): void {
  const connection = ++connections;
  openConnections += 1;
  let pending = Buffer.alloc(0);
  let busy = false;
  let current: Call | undefined;
  const left = () => {
    if (current !== undefined && current.clientLeftAt === undefined && current.endedAt === undefined) {
      current.clientLeftAt = Date.now();
    }
  };
  socket.on("error", left); // a reset by the reader is an answer, not an accident
  socket.on("end", () => {
    left();
    socket.end();
  });
  socket.on("close", () => {
    left();
    openConnections -= 1;
    for (const call of calls) if (call.connection === connection) call.socketClosedAt ??= Date.now();
  });
  socket.on("data", (bytes) => {
    pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
    pump();
  });

  function pump(): void {
    if (busy) return;
    const received = readRequest(pending);
    if (received === undefined) return;
    pending = pending.subarray(received.length);
    busy = true;
    const call = record(connection, received);
    current = call;
    void play(socket, call, stepsOf(call)).then((alive) => {
      call.endedAt = Date.now();
      busy = false;
      if (alive) pump();
    });
  }
}

type Received = { length: number; method: string; path: string; headers: [string, string][]; body: Buffer };

/** `undefined`: not all of it is here yet. */
function readRequest(bytes: Buffer): Received | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [first = "", ...lines] = bytes.subarray(0, headEnd).toString("latin1").split("\r\n");
  const [method = "", path = ""] = first.split(" ");
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const header = (name: string) => headers.find(([key]) => key === name)?.[1];
  const start = headEnd + 4;
  if (/chunked/i.test(header("transfer-encoding") ?? "")) return readChunked(bytes, start, { method, path, headers });
  const length = Number(header("content-length") ?? 0);
  if (bytes.length < start + length) return undefined;
  return { length: start + length, method, path, headers, body: bytes.subarray(start, start + length) };
}

function readChunked(bytes: Buffer, start: number, head: Omit<Received, "length" | "body">): Received | undefined {
  const parts: Buffer[] = [];
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString("latin1"), 16);
    const next = lineEnd + 2 + size + 2;
    if (bytes.length < next) return undefined;
    if (size === 0) return { ...head, length: next, body: Buffer.concat(parts) };
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = next;
  }
}

function record(connection: number, received: Received): Call {
  let body: {
    model?: unknown;
    stream?: unknown;
    stream_options?: { include_usage?: unknown };
    encoding_format?: unknown;
  } = {};
  try {
    body = JSON.parse(received.body.toString("utf8"));
  } catch {
    // Not JSON: the journal keeps the bytes, the behaviour must come from the path.
  }
  const said = wireAt(received.path);
  const call: Call = {
    index: calls.length,
    at: Date.now(),
    connection,
    method: received.method,
    path: received.path,
    headers: received.headers,
    wire: said.wire,
    model: said.model ?? (typeof body.model === "string" ? body.model : ""),
    stream: said.stream ?? body.stream === true,
    includeUsage: body.stream_options?.include_usage === true,
    base64: body.encoding_format === "base64",
    bodyBytes: received.body.length,
    bytesWritten: 0,
    steps: 0,
    body: Buffer.from(received.body),
    step: () => {},
  };
  calls.push(call);
  return call;
}

function stepsOf(call: Call): readonly Step[] {
  const name = /^\/b\/([^/]+)/.exec(call.path)?.[1] ?? call.model;
  const script = name.startsWith("script-") ? scripts.get(name.slice("script-".length)) : undefined;
  if (script !== undefined) return scriptSteps(script);
  const request: FaultRequest = call;
  const steps = stepsFor(name, request);
  if (steps !== undefined) return steps;
  const body = JSON.stringify({ error: { message: `the fault upstream has no behaviour ${JSON.stringify(name)}` } });
  return [
    { kind: "head", status: 418, headers: { "content-type": "application/json", "content-length": `${body.length}` } },
    { kind: "raw", bytes: Buffer.from(body) },
    { kind: "end" },
  ];
}

function scriptSteps(script: Script): readonly Step[] {
  const encoding = script.encoding ?? "utf8";
  const chunks = script.chunks.map(({ data, delayMs }) => ({ bytes: Buffer.from(data, encoding), delayMs }));
  const steps: Step[] = [{ kind: "head", status: script.status, headers: script.headers }];
  const raw = Object.keys(script.headers).some((name) => name.toLowerCase() === "content-length");
  for (const { bytes, delayMs } of chunks) {
    if (delayMs !== undefined) steps.push({ kind: "wait", ms: delayMs });
    steps.push({ kind: raw ? "raw" : "data", bytes });
  }
  return [...steps, { kind: script.ending ?? "end" }];
}

/** Resolves to whether the connection can take another request. */
async function play(socket: net.Socket, call: Call, steps: readonly Step[]): Promise<boolean> {
  let chunked = false;
  for (const step of steps) {
    if (socket.destroyed) return false;
    call.steps += 1;
    switch (step.kind) {
      case "head":
        chunked = !Object.keys(step.headers).some((name) => name.toLowerCase() === "content-length");
        await write(socket, call, Buffer.from(headText(step.status, step.headers, chunked)));
        break;
      case "data":
        await write(socket, call, chunked ? framed(step.bytes) : step.bytes);
        break;
      case "raw":
        await write(socket, call, step.bytes);
        break;
      case "flood":
        for (let count = 0; count < step.times && !socket.destroyed; count += 1) {
          await write(socket, call, framed(step.bytes));
          if (step.gapMs > 0) await new Promise((resolve) => setTimeout(resolve, step.gapMs));
        }
        break;
      case "wait":
        await new Promise((resolve) => setTimeout(resolve, step.ms));
        break;
      case "gate":
        await new Promise<void>((resolve) => {
          call.step = resolve;
          socket.once("close", resolve);
        });
        break;
      case "hang":
        await new Promise((resolve) => socket.once("close", resolve));
        return false;
      case "close":
        socket.destroySoon();
        return false;
      case "reset":
        socket.resetAndDestroy();
        return false;
      case "end":
        if (chunked) await write(socket, call, Buffer.from("0\r\n\r\n"));
        return !socket.destroyed;
    }
  }
  return !socket.destroyed;
}

/** Resolves when the kernel has taken the bytes, so that `bytesWritten` tells what a slow reader let through. */
function write(socket: net.Socket, call: Call, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed || !socket.writable) return resolve();
    socket.once("close", resolve);
    socket.write(bytes, (error) => {
      socket.off("close", resolve);
      if (!error) call.bytesWritten += bytes.length;
      resolve();
    });
  });
}

function framed(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
}

function headText(status: number, headers: Readonly<Record<string, string>>, chunked: boolean): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const framing = chunked ? "transfer-encoding: chunked\r\n" : "";
  return `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? "Fault"}\r\n${lines.join("")}${framing}\r\n`;
}

async function answerControl(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://control");
  const index = Number(url.searchParams.get("index") ?? -1);
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString("utf8");
  switch (`${request.method} ${url.pathname}`) {
    case "GET /calls": {
      const model = url.searchParams.get("model");
      const chosen = calls.filter((call) => model === null || call.model === model);
      response.end(
        JSON.stringify({ openConnections, calls: chosen.map(({ body: _body, step: _step, ...rest }) => rest) }),
      );
      break;
    }
    case "GET /body":
      response.end(calls[index]?.body);
      break;
    case "POST /step":
      calls[index]?.step();
      response.end("{}");
      break;
    case "POST /script":
      scripts.set(url.searchParams.get("id") ?? "", JSON.parse(body) as Script);
      response.end("{}");
      break;
    default:
      response.writeHead(404).end();
  }
}
