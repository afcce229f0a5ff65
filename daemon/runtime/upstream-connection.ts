/**
 * One kept connection to an upstream, one call at a time. Hides sockets, TLS and the request's bytes. undici dials;
 * from there on its client would take as long for a request as all the rest of it (docs/decisions/0008), so requests
 * are written and answers read here.
 */
import type { Socket } from "node:net";
import type { Dispatcher } from "undici";
import buildConnector from "undici/lib/core/connect.js";
import { type AnswerHeaders, type AnswerListener, AnswerReader } from "./answer-reader.ts";
import { readInto, sharedReads } from "./read-buffer.ts";

export type ConnectorOptions = Parameters<typeof buildConnector>[0];
export type Connector = ReturnType<typeof buildConnector>;

/** The protocol of undici's handlers, each method given. */
export type CallHandler = Required<
  Pick<
    Dispatcher.DispatchHandler,
    "onRequestStart" | "onResponseStart" | "onResponseData" | "onResponseEnd" | "onResponseError"
  >
>;

export type Address = {
  readonly connect: Connector;
  readonly target: {
    readonly hostname: string;
    readonly host: string;
    readonly protocol: string;
    readonly port: string;
  };
  readonly headBytesMax: number;
};

export function addressOf(origin: string, options: ConnectorOptions, headBytesMax: number): Address {
  const { hostname, host, protocol, port } = new URL(origin);
  // An IPv6 literal stands in brackets in a URL, and without them everywhere else.
  const bare = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
  const connect = buildConnector({ ...options, onread: sharedReads() } as ConnectorOptions);
  return { connect, target: { hostname: bare, host, protocol, port }, headBytesMax };
}

/** Bodies up to this are copied behind their head: one write instead of two. */
const joinBytesMax = 64 * 1024;
const badPath = /[^\x21-\xff]/;
const badValue = /[^\t\x20-\x7e\x80-\xff]/;

export class UpstreamConnection implements AnswerListener, Dispatcher.DispatchController {
  /** Called once, when the connection can be used no more. */
  onGone: (() => void) | undefined;
  readonly #address: Address;
  readonly #reader: AnswerReader;
  #socket: Socket | undefined;
  #isConnected = false;
  #call: CallHandler | undefined;
  #options: Dispatcher.DispatchOptions | undefined;
  #usable = true;
  /** `performance.now()` scale: not to be used later, the server may have closed it by then. */
  #usableUntil = Number.POSITIVE_INFINITY;
  /** The request was handed to the socket whole. */
  #isSent = false;
  aborted = false;
  paused = false;
  reason: Error | null = null;
  rawHeaders = null;
  rawTrailers = null;

  constructor(address: Address) {
    this.#address = address;
    this.#reader = new AnswerReader(this, address.headBytesMax);
  }

  /** Whether another call may be made on it, as far as is known. */
  isUsable(now: number): boolean {
    return this.#usable && now < this.#usableUntil;
  }

  dispatch(options: Dispatcher.DispatchOptions, call: CallHandler): void {
    this.#call = call;
    this.#options = options;
    if (this.#isConnected) this.#send();
    else if (this.#socket === undefined) this.#connect();
  }

  pause(): void {
    this.paused = true;
    this.#socket?.pause();
  }

  resume(): void {
    this.paused = false;
    this.#socket?.resume();
  }

  abort(reason: Error): void {
    this.aborted = true;
    this.reason = reason;
    this.#fail(reason);
  }

  destroy(): void {
    this.#call = undefined;
    this.#end();
  }

  head(status: number, headers: AnswerHeaders): void {
    this.#call?.onResponseStart(this, status, headers as never);
  }

  data(bytes: Buffer): void {
    this.#call?.onResponseData(this, bytes);
  }

  end(keep: boolean, keepMs: number | undefined): void {
    // Ahead of what the server says, since its clock may be: undici's margin.
    if (keepMs !== undefined) this.#usableUntil = performance.now() + keepMs - 2_000;
    if (!keep || !this.#isSent) this.#usable = false;
    const call = this.#call;
    this.#call = undefined;
    this.#options = undefined;
    if (this.paused) this.resume();
    call?.onResponseEnd(this, {});
    if (!this.#usable) this.#end();
  }

  #connect(): void {
    this.#socket = this.#address.connect(this.#address.target as never, (error, socket) => {
      if (error !== null) this.#fail(error);
      else if (!this.#usable) socket.destroy();
      else {
        this.#isConnected = true;
        this.#listen(socket);
        this.#send();
      }
    }) as unknown as Socket;
  }

  #listen(socket: Socket): void {
    const read = (bytes: Buffer): void => {
      try {
        this.#reader.push(bytes);
      } catch (error) {
        this.#fail(error as Error);
      }
    };
    readInto(socket, read);
    socket.on("data", read); // of a socket that was made by a proxy's client; and it lets the end be told
    socket.on("end", () => {
      if (!this.#reader.close()) this.#fail(closedError());
    });
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(closedError()));
  }

  #send(): void {
    const call = this.#call;
    const options = this.#options;
    if (call === undefined || options === undefined || !this.#usable) return;
    this.#options = undefined; // a prompt must not stay for as long as its answer streams
    this.#isSent = false;
    call.onRequestStart(this, undefined);
    if (this.#call !== call) return;
    this.#reader.expect(options.method === "HEAD");
    try {
      this.#write(options);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #write(options: Dispatcher.DispatchOptions): void {
    const socket = this.#socket!;
    const { body } = options;
    if (body === null || body === undefined || typeof body === "string" || Buffer.isBuffer(body)) {
      const bytes = typeof body === "string" ? Buffer.from(body) : (body ?? undefined);
      const head = headOf(options, this.#address.target.host, bytes?.length);
      this.#isSent = true;
      if (bytes === undefined || bytes.length === 0) socket.write(head, "latin1");
      else if (bytes.length <= joinBytesMax) {
        const whole = Buffer.allocUnsafe(head.length + bytes.length);
        whole.write(head, 0, "latin1");
        whole.set(bytes, head.length);
        socket.write(whole);
      } else {
        socket.cork();
        socket.write(head, "latin1");
        socket.write(bytes);
        socket.uncork();
      }
      return;
    }
    void this.#stream(options, body as unknown as AsyncIterable<Buffer>);
  }

  /** A body that comes in pieces: by its told length, else in chunks. */
  async #stream(options: Dispatcher.DispatchOptions, body: AsyncIterable<Buffer>): Promise<void> {
    const socket = this.#socket!;
    const call = this.#call;
    try {
      const head = headOf(options, this.#address.target.host, undefined);
      const isChunked = !/\r\ncontent-length:/i.test(head);
      const lines = isChunked ? `${head.slice(0, -2)}transfer-encoding: chunked\r\n\r\n` : head;
      socket.write(lines, "latin1");
      for await (const piece of body) {
        if (this.#call !== call || socket.destroyed) return;
        if (piece.length === 0) continue;
        if (isChunked) socket.write(`${piece.length.toString(16)}\r\n`, "latin1");
        const isTaken = socket.write(piece);
        if (isChunked) socket.write("\r\n", "latin1");
        if (!isTaken) await drained(socket);
      }
      if (isChunked) socket.write("0\r\n\r\n", "latin1");
      this.#isSent = true;
    } catch (error) {
      if (this.#call === call) this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    const call = this.#call;
    this.#call = undefined;
    this.#options = undefined;
    this.#end();
    call?.onResponseError(this, error);
  }

  #end(): void {
    this.#usable = false;
    this.#socket?.destroy();
    const gone = this.onGone;
    this.onGone = undefined;
    gone?.();
  }
}

function headOf(
  { method, path, headers }: Dispatcher.DispatchOptions,
  host: string,
  length: number | undefined,
): string {
  if (badPath.test(path)) throw new TypeError("the path of a request has a character that it must not have");
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n`;
  let hasLength = false;
  const flat = (headers ?? []) as readonly string[];
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const name = flat[index]!;
    const value = flat[index + 1]!;
    if (badValue.test(value)) throw new TypeError(`the value of ${name} has a character that no header may have`);
    if (name === "content-length") hasLength = true;
    head += `${name}: ${value}\r\n`;
  }
  if (!hasLength && length !== undefined) head += `content-length: ${length}\r\n`;
  return `${head}\r\n`;
}

/** Resolves when the socket takes more, or never will. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
  });
}

function closedError(): Error {
  return Object.assign(new Error("other side closed"), { code: "UND_ERR_SOCKET" });
}
