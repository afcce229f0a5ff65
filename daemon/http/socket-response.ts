/**
 * The answer to one turn of a WebSocket, in the form of an HTTP answer: what a stream says event by event leaves as one
 * message each. Hides frames, comments, and what `ws` calls back-pressure.
 */
import { EventEmitter } from "node:events";
import type { WebSocket } from "ws";
import type { ClientResponse } from "./client-messages.ts";
import { readFrame, SseSplitter } from "./sse-splitter.ts";

/** A client that has not taken so much of its messages is waited for. */
const bufferedBytesMax = 1024 * 1024;
const eventBytesMax = 16 * 1024 * 1024;
/** The head of the events with which a turn comes to its end: what comes after it may be long. */
const carriesAll = /^\{[^{]{0,200}"type":\s*"response\.(?:completed|incomplete)"/;

export class SocketResponse extends EventEmitter implements ClientResponse {
  readonly req = { httpVersionMajor: 1 };
  headersSent = false;
  chunkedEncoding = false;
  readonly #socket: WebSocket;
  readonly #splitter = new SseSplitter(eventBytesMax);
  readonly #ended: () => void;
  readonly #told: ((event: string) => void) | undefined;
  #status = 0;
  #isStream = false;
  #whole: Buffer[] = [];
  #isOver = false;
  #waits = false;
  readonly #onClose = (): void => {
    if (!this.#isOver) this.emit("close");
  };

  /**
   * @param ended the turn is over, whatever it came to
   * @param told is given the event that carries the whole response, before the turn is over
   */
  constructor(socket: WebSocket, ended: () => void, told?: (event: string) => void) {
    super();
    this.#socket = socket;
    this.#ended = ended;
    this.#told = told;
    socket.once("close", this.#onClose);
  }

  get destroyed(): boolean {
    return this.#socket.readyState !== this.#socket.OPEN;
  }

  get writableFinished(): boolean {
    return this.#isOver;
  }

  get writableLength(): number {
    return this.#socket.bufferedAmount;
  }

  get writableNeedDrain(): boolean {
    return this.#socket.bufferedAmount > bufferedBytesMax;
  }

  writeHead(status: number, headers: string[]): this {
    this.headersSent = true;
    this.#status = status;
    for (let index = 0; index + 1 < headers.length; index += 2) {
      if (headers[index]!.toLowerCase() === "content-type")
        this.#isStream = headers[index + 1]!.includes("event-stream");
    }
    return this;
  }

  flushHeaders(): void {}

  write(bytes: string | Buffer, encoding: BufferEncoding = "utf8"): boolean {
    const chunk = typeof bytes === "string" ? Buffer.from(bytes, encoding) : bytes;
    if (!this.#isStream) this.#whole.push(chunk);
    else this.#splitter.push(chunk, (frame) => this.#event(frame));
    return !this.writableNeedDrain;
  }

  end(bytes?: string | Buffer, encoding?: BufferEncoding): this {
    if (bytes !== undefined && bytes.length > 0) this.write(bytes, encoding);
    if (!this.#isStream && this.#whole.length > 0)
      this.#send(this.#refusal(Buffer.concat(this.#whole).toString("utf8")));
    this.#finish();
    return this;
  }

  setTimeout(): this {
    return this; // `ws` ends a client that takes nothing by its ping
  }

  /** This turn can say no more; the socket stays for the next, unless it was to say something and cannot. */
  destroy(): this {
    if (!this.#isOver) this.#socket.terminate();
    this.#finish();
    return this;
  }

  #event(frame: Buffer): void {
    const { data } = readFrame(frame.toString("utf8"));
    if (data === "" || data === "[DONE]") return;
    if (this.#told !== undefined && carriesAll.test(data)) this.#told(data);
    this.#send(data);
  }

  #send(text: string): void {
    if (this.destroyed) return;
    this.#socket.send(text, () => {
      if (!this.#waits && this.#socket.bufferedAmount > 0) return;
      this.#waits = false;
      this.emit("drain");
    });
    this.#waits = this.writableNeedDrain;
  }

  /** A refusal, as the events of this socket tell one. */
  #refusal(body: string): string {
    if (this.#status < 400) return body;
    const { error } = JSON.parse(body) as { error?: { param?: unknown } };
    // The code by which clients of these sockets know that they must send their whole conversation.
    if (this.#status === 404 && error?.param === "previous_response_id")
      return JSON.stringify({ type: "error", status: 400, error: { ...error, code: "previous_response_not_found" } });
    return JSON.stringify({ type: "error", status: this.#status, error });
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#whole = [];
    this.#socket.off("close", this.#onClose);
    this.emit("close");
    this.#ended();
  }
}
