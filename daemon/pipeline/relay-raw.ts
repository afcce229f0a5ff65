/**
 * An answer that goes to the client as it comes, whatever it is: sound, a picture, events of a kind of their own, a file.
 * Hides when its status is committed (with its first bytes), back-pressure, and that its usage is looked for all the
 * same, in a copy that is bounded.
 */

import { mediaUsage } from "../../providers/dialects/media-usage.ts";
import type { Dialect, Ending, Tap, Usage } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { ClientResponse } from "../http/client-messages.ts";
import { endStalled } from "../http/reply.ts";
import { askedWaitMs } from "../http/retry-after.ts";
import { readFrame, SseSplitter } from "../http/sse-splitter.ts";
import type { ResultWatch } from "./batch-ends.ts";
import type { Exchange } from "./exchange.ts";
import { type Answer, decodeFailure, failureBytesMax } from "./relay-body.ts";
import type { Receiver, UpstreamCall } from "./upstream-call.ts";
import { maskBytes, withoutSecrets } from "./without-secrets.ts";

export type RawOutcome = {
  /** A byte has left: the request cannot be needed again. */
  released(): void;
  /** `status`: as the upstream gave it. */
  completed(status: number): void;
  failed(error: GatewayError): void;
  /** Sees results of a batch that go by; the last of them leave when it is done. */
  readonly results?: ResultWatch | undefined;
  watch?: WholeWatch | undefined;
  /** Sees a good answer in JSON that has gone by. */
  readonly read?: ((answer: Buffer) => void) | undefined;
};

/** An answer that is not passed on before it was looked at; events are, as they come. */
export type WholeWatch = {
  /** Whatever it says that it is; else only JSON. */
  readonly always: boolean;
  answered(answer: Answer): void;
  /** The data of one of the first events. */
  heard(text: string): void;
};

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Of an answer that is not streamed so much is looked through for its usage. */
const watchedBytesMax = 4 * 1024 * 1024;
const eventBytesMax = 16 * 1024 * 1024;
const wholeBytesMax = 16 * 1024 * 1024;
/** What was made is told at the beginning. */
const eventsHeardMax = 32;
/** What describes the bytes; nothing that tells of our account at the provider. */
const passedHeaders = [
  "content-type",
  "content-disposition",
  "content-range",
  "accept-ranges",
  "cache-control",
  "etag",
  "last-modified",
  "retry-after",
  "x-request-duration",
] as const;

const nothing = Buffer.alloc(0);

export class RawReceiver implements Receiver {
  readonly #exchange: Exchange;
  readonly #response: ClientResponse;
  readonly #upstream: Dialect;
  readonly #outcome: RawOutcome;
  /** The client gets an upstream's own failures as they are, but for our credential in them. */
  readonly #passesFailures: boolean;
  readonly #onDrain = (): void => {
    this.#isWaiting = false;
    this.#call?.resume();
  };
  readonly #onEvent = (frame: Buffer): void => {
    if (this.#outcome.watch !== undefined && this.#eventsHeard++ < eventsHeardMax)
      this.#outcome.watch.heard(readFrame(frame.toString("utf8")).data);
    this.#tap.frame(frame.toString("latin1"));
    if (frame.includes('"usage"'))
      this.#mediaUsage = mediaUsage(readFrame(frame.toString("utf8")).data) ?? this.#mediaUsage;
  };
  readonly #tap: Tap;
  #call: UpstreamCall | undefined;
  #status = 0;
  #headers: Headers = {};
  #waitMs: number | undefined;
  /** A failure's body, until it is told in the caller's words. */
  #failure: Buffer[] | undefined;
  #failureLength = 0;
  #watched: Buffer[] | undefined;
  #watchedLength = 0;
  #events: SseSplitter | undefined;
  #mediaUsage: Usage | undefined;
  #eventsHeard = 0;
  #whole: Buffer[] | undefined;
  /** A failure that is passed on, which may quote what it was told. */
  #quoted: Buffer[] | undefined;
  #heldLength = 0;
  #isWaiting = false;
  #over = false;
  /** While all of them go by in order. */
  #results: ResultWatch | undefined;
  #last: Buffer = nothing;
  /** A raw call may ask for whatever its provider serves, a mirror among it. */
  readonly #mask: ReturnType<typeof maskBytes> | undefined;

  constructor(exchange: Exchange, upstream: Dialect, passesFailures: boolean, outcome: RawOutcome) {
    this.#exchange = exchange;
    this.#response = exchange.response;
    this.#upstream = upstream;
    this.#passesFailures = passesFailures;
    this.#outcome = outcome;
    this.#tap = upstream.tap();
    if (passesFailures) this.#mask = maskBytes(exchange.target!.provider);
  }

  attach(call: UpstreamCall): void {
    this.#call = call;
  }

  usage(): Usage | undefined {
    const usage = this.#tap.usage();
    return usage?.output === undefined ? (this.#mediaUsage ?? usage) : usage;
  }

  ending(): Ending | undefined {
    return this.#tap.ending();
  }

  get outputBytes(): number {
    return this.#tap.outputBytes;
  }

  head(status: number, headers: Headers): void {
    this.#status = status;
    this.#headers = headers;
    this.#waitMs = askedWaitMs(headers, Date.now());
    const type = String(headers["content-type"] ?? "");
    const isOurs = status === 401 || status === 403; // told of our credential, which is nothing to the caller
    if (status >= 300 && (!this.#passesFailures || isOurs || status < 400)) this.#failure = [];
    else if (type.includes("json")) this.#watched = [];
    else if (type.includes("event-stream")) this.#events = new SseSplitter(eventBytesMax);
    if (status >= 400 && this.#failure === undefined) {
      this.#quoted = [];
      return;
    }
    const { watch, results } = this.#outcome;
    if (status === 200 && headers["content-encoding"] === undefined) this.#results = results;
    if (watch !== undefined && status < 300 && (watch.always || type.includes("json"))) this.#whole = [];
  }

  chunk(bytes: Buffer): void {
    if (this.#over) return;
    if (this.#failure !== undefined) {
      this.#failureLength += bytes.length;
      this.#failure.push(bytes);
      if (this.#failureLength > failureBytesMax) throw this.#told();
      return;
    }
    this.#watch(bytes);
    const held = this.#whole ?? this.#quoted;
    if (held !== undefined) {
      this.#hold(held, bytes);
      return;
    }
    this.#release();
    if (this.#results !== undefined) this.#pass(this.#behind(bytes));
    else this.#pass(bytes);
  }

  /** One chunk late. */
  #behind(bytes: Buffer): Buffer {
    this.#results!.push(bytes);
    const before = this.#last;
    this.#last = bytes;
    return before;
  }

  #pass(came: Buffer, isLast = false): void {
    if (this.#exchange.clientGone) return;
    const bytes = this.#mask === undefined ? came : this.#mask(came, isLast);
    if (bytes.length === 0) return;
    this.#exchange.bytesOut += bytes.length;
    if (!this.#response.write(bytes) && !this.#isWaiting) {
      this.#isWaiting = true;
      this.#call?.pause();
      this.#response.once("drain", this.#onDrain);
    }
  }

  end(): void {
    if (this.#over) return;
    if (this.#failure !== undefined) {
      this.fail(this.#told());
      return;
    }
    this.#over = true;
    this.#readUsage();
    if (this.#whole !== undefined) {
      this.#outcome.watch!.answered(this.#answer(this.#whole));
      return;
    }
    if (this.#quoted !== undefined) this.#passQuoted(this.#quoted);
    else this.#release();
    if (this.#results === undefined) this.#finish();
    else void this.#results.end().then(() => this.#finish());
  }

  #finish(): void {
    this.#pass(this.#last, true);
    this.#response.off("drain", this.#onDrain);
    if (!this.#exchange.clientGone) {
      this.#response.end();
      endStalled(this.#response, this.#exchange.target!.provider.data.timers.clientStallMs);
    }
    this.#outcome.completed(this.#status);
  }

  /** After the first byte only the end of the connection can say that something is missing. */
  fail(error: GatewayError): void {
    if (this.#over) return;
    this.#over = true;
    this.#response.off("drain", this.#onDrain);
    if (this.#exchange.released && !this.#exchange.clientGone) this.#response.destroy();
    this.#outcome.failed(error);
  }

  #hold(held: Buffer[], bytes: Buffer): void {
    this.#heldLength += bytes.length;
    held.push(bytes);
    if (held === this.#quoted && this.#heldLength > failureBytesMax) {
      this.#failure = held;
      throw this.#told();
    }
    if (this.#heldLength > wholeBytesMax)
      throw new GatewayError("upstream_protocol", `the provider's answer is longer than ${wholeBytesMax} bytes`, {
        source: "provider",
      });
  }

  #passQuoted(quoted: readonly Buffer[]): void {
    const text = Buffer.concat(quoted).toString("latin1");
    const bytes = Buffer.from(withoutSecrets(text, this.#exchange.target!.provider), "latin1");
    this.#release(bytes.length);
    if (bytes.length > 0) this.#pass(bytes);
  }

  #answer(chunks: readonly Buffer[]): Answer {
    return {
      status: this.#status,
      contentType: String(this.#headers["content-type"] ?? "application/json"),
      body: Buffer.concat(chunks),
      usage: this.usage(),
      ending: this.ending(),
      outputBytes: this.outputBytes,
    };
  }

  #told(): GatewayError {
    return decodeFailure(this.#upstream, this.#status, Buffer.concat(this.#failure!), this.#waitMs);
  }

  /** @param bytes of the body, where they are others than the upstream said */
  #release(bytes?: number): void {
    const exchange = this.#exchange;
    if (exchange.released) return;
    exchange.released = true;
    exchange.status = this.#status;
    exchange.firstByteAt = performance.now();
    this.#outcome.released();
    if (exchange.clientGone) return;
    const head = ["x-request-id", exchange.id, "request-id", exchange.id, ...exchange.droppedHeader];
    for (const name of passedHeaders) {
      const value = this.#headers[name];
      if (typeof value === "string")
        head.push(name, bytes === undefined ? value : withoutSecrets(value, this.#exchange.target!.provider));
    }
    const length = bytes === undefined ? this.#headers["content-length"] : String(bytes);
    if (typeof length === "string" && this.#headers["content-encoding"] === undefined)
      head.push("content-length", length);
    const encoding = this.#headers["content-encoding"];
    if (typeof encoding === "string") head.push("content-encoding", encoding);
    this.#response.writeHead(this.#status, head);
  }

  /** What is wrong with the copy is nobody's failure: it is only looked at. */
  #watch(bytes: Buffer): void {
    if (this.#events !== undefined) {
      try {
        this.#events.push(bytes, this.#onEvent);
      } catch {
        this.#events = undefined;
      }
      return;
    }
    if (this.#watched === undefined) return;
    this.#watchedLength += bytes.length;
    if (this.#watchedLength > watchedBytesMax) this.#watched = undefined;
    else this.#watched.push(bytes);
  }

  #readUsage(): void {
    if (this.#watched === undefined || this.#watchedLength === 0 || this.#status >= 300) return;
    const whole = Buffer.concat(this.#watched);
    this.#outcome.read?.(whole);
    this.#tap.body(whole.toString("latin1"));
    if (this.#tap.usage()?.output === undefined) this.#mediaUsage = mediaUsage(whole.toString("utf8"));
  }
}
