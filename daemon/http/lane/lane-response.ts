/**
 * The answer to a plain request, written straight to its socket. Hides that head and body leave in one piece, since
 * each further write costs as much as everything else here. Speaks HTTP/1.1 to a client that keeps its connection.
 */
import { EventEmitter } from "node:events";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { ClientResponse } from "../client-messages.ts";

/** What a connection wants to hear of its answer. */
export type ResponseOwner = {
  /** The answer has left whole. `keep`: the connection may carry another. */
  answered(keep: boolean): void;
  /** Asked once an answer: false when this connection should end with it. */
  mayKeep(): boolean;
};

/** Bodies up to this are copied behind their head; a larger one is not worth the copy. */
const joinBytesMax = 64 * 1024;
// What a header value must not have; the same as in node.
const badValue = /[^\t\x20-\x7e\x80-\xff]/;

const first = { httpVersionMajor: 1 } as const;

export class LaneResponse extends EventEmitter implements ClientResponse {
  readonly req = first;
  headersSent = false;
  writableFinished = false;
  chunkedEncoding = false;
  readonly #socket: Socket;
  readonly #owner: ResponseOwner;
  readonly #keepAliveHeaders: string;
  /** Written, and waits for the first bytes of the body. */
  #head = "";
  #keep = true;
  #ended = false;
  #closed = false;

  /** @param keepAliveHeaders the header lines that tell the client it may go on */
  constructor(socket: Socket, owner: ResponseOwner, keepAliveHeaders: string) {
    super();
    this.#socket = socket;
    this.#owner = owner;
    this.#keepAliveHeaders = keepAliveHeaders;
  }

  get destroyed(): boolean {
    return this.#closed || this.#socket.destroyed;
  }

  get writableLength(): number {
    return this.#head.length + this.#socket.writableLength;
  }

  get writableNeedDrain(): boolean {
    return this.#socket.writableNeedDrain;
  }

  writeHead(status: number, headers: readonly string[]): void {
    if (this.headersSent) throw new Error("the head was sent before");
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Unknown"}\r\n`;
    let hasLength = false;
    for (let index = 0; index + 1 < headers.length; index += 2) {
      const name = headers[index]!;
      const value = headers[index + 1]!;
      if (badValue.test(value)) throw new TypeError(`the value of ${name} has a character that no header may have`);
      if (name === "content-length") hasLength = true;
      else if (name === "connection" && value === "close") this.#keep = false;
      head += `${name}: ${value}\r\n`;
    }
    if (this.#keep && !this.#owner.mayKeep()) {
      this.#keep = false;
      head += "connection: close\r\n";
    }
    this.chunkedEncoding = !hasLength;
    this.#head = `${head}Date: ${dateOf(Date.now())}\r\n${this.#keep ? this.#keepAliveHeaders : ""}${hasLength ? "" : "Transfer-Encoding: chunked\r\n"}\r\n`;
    this.headersSent = true;
  }

  flushHeaders(): void {
    if (this.#head !== "") this.#send("", "latin1");
  }

  write(bytes: string | Buffer, encoding: BufferEncoding = "utf8"): boolean {
    if (!this.chunkedEncoding) return this.#send(bytes, encoding);
    const length = typeof bytes === "string" ? Buffer.byteLength(bytes, encoding) : bytes.length;
    if (length === 0) return !this.#socket.writableNeedDrain; // it would be the last chunk
    this.#send(`${length.toString(16)}\r\n`, "latin1");
    this.#send(bytes, encoding);
    return this.#send("\r\n", "latin1");
  }

  end(bytes: string | Buffer = "", encoding: BufferEncoding = "utf8"): void {
    if (this.#ended || this.destroyed) return;
    this.#ended = true;
    if (this.chunkedEncoding) {
      this.write(bytes, encoding);
      this.#send("0\r\n\r\n", "latin1");
    } else if (bytes.length > 0 || this.#head !== "") this.#send(bytes, encoding);
    if (this.#socket.writableLength === 0) this.#finish();
    else this.#socket.write("", () => this.#finish());
  }

  setTimeout(ms: number, listener: () => void): void {
    this.#socket.setTimeout(ms, listener);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** The connection is gone. */
  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.emit("close");
  }

  #send(bytes: string | Buffer, encoding: BufferEncoding): boolean {
    const socket = this.#socket;
    const head = this.#head;
    if (head === "") return typeof bytes === "string" ? socket.write(bytes, encoding) : socket.write(bytes);
    this.#head = "";
    if (typeof bytes === "string" && encoding === "latin1") return socket.write(head + bytes, "latin1");
    if (bytes.length <= joinBytesMax) {
      const body = typeof bytes === "string" ? Buffer.from(bytes, encoding) : bytes;
      const whole = Buffer.allocUnsafe(head.length + body.length);
      whole.write(head, 0, "latin1");
      whole.set(body, head.length);
      return socket.write(whole);
    }
    socket.write(head, "latin1");
    return typeof bytes === "string" ? socket.write(bytes, encoding) : socket.write(bytes);
  }

  #finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.writableFinished = true;
    this.#owner.answered(this.#keep);
    this.emit("close");
  }
}

let datedSecond = 0;
let date = "";

/** RFC 9110 §6.6.1, made once a second. */
function dateOf(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (second !== datedSecond) {
    datedSecond = second;
    date = new Date(nowMs).toUTCString();
  }
  return date;
}
