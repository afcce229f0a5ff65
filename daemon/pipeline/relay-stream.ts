/**
 * A streamed answer on its way to the client. Hides when the status is committed (at the first event with content,
 * an error or the finish; or after the hold-back), what is held until then, keep-alives, back-pressure, and that a
 * stream that just ends is a failure. Two kinds of pump feed it: byte relay and translation.
 */
import { endingOfEvents } from "../../providers/dialects/ending.ts";
import type { Dialect, Ending, RenderContext, Usage } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { ClientResponse } from "../http/client-messages.ts";
import type { Splitter } from "../http/framing.ts";
import { endStalled } from "../http/reply.ts";
import { askedWaitMs } from "../http/retry-after.ts";
import { StreamWriter } from "../http/stream-writer.ts";
import { routeHeaders } from "./answer-headers.ts";
import { keepPiece } from "./content.ts";
import type { Exchange } from "./exchange.ts";
import { asksExtraFields, extraFieldsWriter } from "./extra-fields.ts";
import type { Framings } from "./pumps.ts";
import { decodeFailure, failureBytesMax } from "./relay-body.ts";
import { parseJson, usageOf } from "./translate.ts";
import type { Receiver, UpstreamCall } from "./upstream-call.ts";

/** What one frame means for the stream as a whole. */
export type Step = "hold" | "release" | "drop" | "terminal";

/** Turns upstream frames into client bytes. Throws GatewayError for a failure inside the stream. */
export type Pump = {
  /** Looks at one frame; what it wants written is in `out` afterwards. */
  frame(frame: Buffer): Step;
  /** Bytes for the frame just seen, as latin1 text. */
  readonly out: string;
  /** Bytes after the terminal event go on to the client as well: the stream is its upstream's, to the last byte. */
  readonly relaysAll: boolean;
  /** The answer has come to its end, whether or not the terminal event has. */
  finished(): boolean;
  /** What is written beside the pump, with what the usage in it costs; absent: as it is. */
  tell?(text: string, usage: Usage | undefined): string;
  /** The bytes have ended: closing bytes, or throws `upstream_truncated`. */
  end(): string;
  usage(): Usage | undefined;
  ending(): Ending | undefined;
  /** The failure in the client's words, as latin1 text, from where the stream stands. */
  fail(error: GatewayError, requestId: string): string;
  /** Bytes of visible output so far, for an estimate. */
  outputBytes(): number;
};

export type StreamOutcome = {
  /** A byte has left: the prompt cannot be needed again. */
  released(): void;
  /** The answer is complete and was handed to the client whole. */
  completed(): void;
  /** `exchange.released` tells whether the client has seen anything. */
  failed(error: GatewayError): void;
};

const frameBytesMax = 16 * 1024 * 1024;
/** A finished upstream may take this long to end its response before its socket is closed. */
const lingerMs = 1_000;
/** Held-back preamble beyond this is released early: it is content in all but name. */
const heldBytesMax = 256 * 1024;
const bytesPerToken = 4;
/** Frames that came together leave together up to here: what is longer does not die young. */
const pieceBytes = 16 * 1024;

export class StreamReceiver implements Receiver {
  readonly #exchange: Exchange;
  readonly #response: ClientResponse;
  readonly #upstream: Dialect;
  readonly #client: Dialect;
  readonly #context: RenderContext;
  readonly #pump: Pump;
  readonly #outcome: StreamOutcome;
  readonly #framings: Framings;
  readonly #splitter: Splitter;
  readonly #onFrame = (frame: Buffer): void => this.#frame(frame);
  readonly #onDrain = (): void => {
    this.#isWaiting = false;
    this.#call?.resume();
  };
  #call: UpstreamCall | undefined;
  #status = 0;
  #contentType: string;
  #waitMs: number | undefined;
  /** Not an event stream: an error body, or a whole answer where a stream was asked for. */
  #whole: Buffer[] | undefined;
  #wholeLength = 0;
  #wholeUsage: Usage | undefined;
  #wholeEnding: Ending | undefined;
  readonly #writer: StreamWriter;
  /** Bytes that wait for the status to be committed; undefined from then on. */
  #held: string | undefined = "";
  /** Bytes for the client, of the upstream bytes in hand. */
  #pending = "";
  /** The client has not taken what it was given. */
  #isWaiting = false;
  #over = false;
  #finished = false;
  #lastWriteAt = 0;
  /** When the first content came, and until when it is looked at before it is let go; 0: it need not be. */
  #contentAt = 0;
  /** Adds what the client asks for to each event; undefined: bytes stay as they are. */
  readonly #extra: ReturnType<typeof extraFieldsWriter> | undefined;
  #showUntil = 0;

  constructor(
    exchange: Exchange,
    upstream: Dialect,
    client: Dialect,
    context: RenderContext,
    pump: Pump,
    framings: Framings,
    outcome: StreamOutcome,
  ) {
    this.#exchange = exchange;
    this.#response = exchange.response;
    this.#writer = new StreamWriter(exchange.response);
    this.#upstream = upstream;
    this.#client = client;
    this.#context = context;
    this.#pump = pump;
    this.#framings = framings;
    this.#splitter = framings.upstream.splitter(frameBytesMax);
    this.#contentType = framings.client.contentType;
    this.#outcome = outcome;
    const isText = framings.client.contentType === "text/event-stream";
    if (isText && asksExtraFields(exchange)) this.#extra = extraFieldsWriter(exchange);
  }

  /** The call that feeds this receiver, for pausing it and ending it early. */
  attach(call: UpstreamCall): void {
    this.#call = call;
  }

  usage(): Usage | undefined {
    return this.#wholeUsage ?? this.#pump.usage();
  }

  ending(): Ending | undefined {
    return this.#wholeEnding ?? this.#pump.ending();
  }

  get finished(): boolean {
    return this.#pump.finished() || this.#wholeUsage !== undefined;
  }

  get outputBytes(): number {
    return this.#whole === undefined || this.#status >= 300 ? this.#pump.outputBytes() : this.#wholeLength;
  }

  head(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
    this.#status = status;
    const type = String(headers["content-type"] ?? "");
    if (status >= 300 || type.includes("json")) this.#whole = [];
    else if (type !== "" && this.#pump.relaysAll) this.#contentType = type;
    this.#waitMs = askedWaitMs(headers, Date.now());
    this.#exchange.upstreamHeaders = headers;
    this.#call?.wakeAt(performance.now() + this.#exchange.generation.data.server.holdBackMs);
  }

  chunk(bytes: Buffer): void {
    if (this.#over || (this.#finished && !this.#pump.relaysAll)) return;
    if (this.#whole !== undefined) {
      this.#wholeLength += bytes.length;
      this.#whole.push(bytes);
      if (this.#wholeLength > (this.#status >= 300 ? failureBytesMax : frameBytesMax)) throw this.#tooLong(this.#whole);
      return;
    }
    try {
      this.#splitter.push(bytes, this.#onFrame);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.#finished = false;
      this.#flush();
      this.#call?.abort(error);
      return;
    }
    this.#flush();
    if (!this.#finished) {
      if (this.#pump.outputBytes() <= this.#exchange.outputBytesMax) return;
      const exhausted = this.#exchange.onExhausted?.();
      if (exhausted !== undefined) this.#call?.abort(exhausted);
      return;
    }
    if (this.#pump.relaysAll) this.#call?.wakeAt(performance.now() + lingerMs);
    else this.#complete();
  }

  end(): void {
    if (this.#over) return;
    if (this.#whole !== undefined) {
      this.#endWhole(Buffer.concat(this.#whole));
      return;
    }
    try {
      const rest = this.#splitter.rest();
      // Some servers forget the last blank line; what is left is then one more event.
      if (rest !== undefined && rest.length > 0) this.#frame(rest);
      if (!this.#finished) this.#pending += this.#pump.end();
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.fail(error);
      return;
    }
    this.#release();
    this.#flush();
    this.#complete();
  }

  fail(error: GatewayError): void {
    if (this.#over) return;
    if (this.#finished) {
      // The answer was complete; how its connection ends afterwards is nobody's failure.
      this.#complete();
      return;
    }
    this.#over = true;
    this.#response.off("drain", this.#onDrain);
    if (this.#exchange.released && !this.#exchange.clientGone) {
      this.#flush();
      this.#writer.end(this.#pump.fail(error, this.#exchange.id));
    }
    this.#outcome.failed(error);
  }

  tick(now: number): void {
    if (this.#over) {
      this.#call?.enough();
      return;
    }
    if (this.#finished) {
      this.#complete();
      this.#call?.enough();
      return;
    }
    if (this.#whole !== undefined) return;
    const every = this.#exchange.generation.data.server.keepAliveCommentMs;
    if (!this.#exchange.released) {
      if (this.#isSlow(now)) {
        this.#call?.abort(new GatewayError("upstream_slow", "the stream began too slowly", { source: "provider" }));
        return;
      }
      const later = this.#contentAt === 0 ? (this.#exchange.race?.undecidedUntil ?? 0) : 0;
      if (later > now) {
        this.#call?.wakeAt(later);
        return;
      }
      this.#release();
      this.#flush();
      this.#lastWriteAt = now;
    } else if (now - this.#lastWriteAt >= every && !this.#response.writableNeedDrain) {
      const { keepAlive, contentType } = this.#framings.client;
      this.#writer.write(contentType === "text/event-stream" ? (this.#client.keepAlive ?? keepAlive) : keepAlive);
      this.#lastWriteAt = now;
    }
    this.#call?.wakeAt(Math.max(this.#lastWriteAt + every, now + 1));
  }

  #frame(frame: Buffer): void {
    if (this.#finished && !this.#pump.relaysAll) return;
    const step = this.#pump.frame(frame);
    const out =
      this.#extra === undefined ? this.#pump.out : this.#withExtra(step === "drop" ? "" : this.#pump.out, frame);
    if (step === "drop") return;
    if (this.#held !== undefined && (step === "hold" || (step === "release" && this.#mustShow()))) {
      this.#held += out;
      this.#exchange.onFrames?.(out, this.#exchange);
      if (this.#held.length > heldBytesMax) this.#release();
      return;
    }
    if (this.#held !== undefined) this.#release();
    this.#exchange.onFrames?.(out, this.#exchange);
    this.#pending += out;
    if (this.#pending.length >= pieceBytes) this.#flush();
    if (step === "terminal") this.#finished = true;
  }

  #withExtra(out: string, frame: Buffer): string {
    return this.#extra!(out, () => this.#framings.upstream.read(frame).data);
  }

  /** Content has come, but not yet as much as a stream must show before it is let go. */
  #mustShow(): boolean {
    const { releaseTokens, releaseMs, rateMin, rateWindowMs } = this.#exchange.generation.data.routing.streams;
    if (releaseTokens === 0 && rateMin === 0) return false;
    const now = performance.now();
    if (this.#contentAt === 0) {
      this.#contentAt = now;
      this.#showUntil = now + Math.max(releaseTokens === 0 ? 0 : releaseMs, rateMin === 0 ? 0 : rateWindowMs);
      this.#call?.wakeAt(this.#showUntil);
    }
    const wanted = Math.max(releaseTokens * bytesPerToken, (rateMin * rateWindowMs) / 1000);
    return now < this.#showUntil && this.#pump.outputBytes() < wanted;
  }

  /** Its time is over, and it was too slow: nothing has left, so another may be asked. */
  #isSlow(now: number): boolean {
    const { rateMin } = this.#exchange.generation.data.routing.streams;
    if (rateMin === 0 || this.#contentAt === 0) return false;
    return this.#pump.outputBytes() < (rateMin * (now - this.#contentAt)) / 1000;
  }

  /** Commits the status and lets go of what was held. */
  #release(): void {
    if (this.#held === undefined) return;
    const exchange = this.#exchange;
    if (!exchange.released) {
      exchange.released = true;
      exchange.status = 200;
      exchange.firstByteAt = performance.now();
      this.#outcome.released();
      if (!exchange.clientGone) {
        this.#writer.begin([
          "content-type",
          this.#contentType,
          "cache-control",
          "no-cache",
          "x-request-id",
          exchange.id,
          "request-id",
          exchange.id,
          ...routeHeaders(exchange),
        ]);
        if (this.#held === "" && this.#pending === "") this.#response.flushHeaders();
      }
    }
    this.#pending = this.#held + this.#pending;
    this.#held = undefined;
    this.#call?.wakeAt(performance.now() + exchange.generation.data.server.keepAliveCommentMs);
  }

  #flush(): void {
    const bytes = this.#pending;
    if (bytes === "") return;
    this.#pending = "";
    if (this.#exchange.clientGone) return;
    this.#exchange.bytesOut += bytes.length;
    if (this.#exchange.kept !== undefined) keepPiece(this.#exchange.kept, bytes);
    this.#lastWriteAt = this.#call?.now ?? performance.now();
    if (!this.#writer.write(bytes) && !this.#isWaiting) {
      this.#isWaiting = true;
      this.#call?.pause();
      this.#response.once("drain", this.#onDrain);
    }
  }

  #complete(): void {
    if (this.#over) return;
    this.#over = true;
    this.#response.off("drain", this.#onDrain);
    if (!this.#exchange.clientGone) {
      this.#writer.end("");
      endStalled(this.#response, this.#exchange.target!.timers.clientStallMs);
    }
    // The upstream may still owe the end of its response; it is awaited for the sake of its connection only.
    this.#call?.wakeAt(performance.now() + lingerMs);
    this.#outcome.completed();
  }

  /** What came of an error is enough to tell it. */
  #tooLong(whole: readonly Buffer[]): GatewayError {
    if (this.#status >= 300) return decodeFailure(this.#upstream, this.#status, Buffer.concat(whole), this.#waitMs);
    const message = `the upstream's answer is longer than ${frameBytesMax} bytes`;
    return new GatewayError("upstream_protocol", message, { source: "provider" });
  }

  /** An error, or a server that does not stream: then its whole answer is told as a stream. */
  #endWhole(body: Buffer): void {
    if (this.#status >= 300 || this.#upstream.tap().body(body.toString("latin1")) === "error") {
      this.fail(decodeFailure(this.#upstream, this.#status, body, this.#waitMs));
      return;
    }
    try {
      const events = this.#upstream.decode(parseJson(body));
      const renderer = this.#client.renderStream(this.#context);
      this.#wholeUsage = usageOf(events);
      this.#wholeEnding = endingOfEvents(events, this.#client.id);
      this.#contentType = this.#framings.client.contentType;
      const text = this.#framings.client.write(events.map((event) => renderer.push(event)).join("") + renderer.end());
      this.#pending += this.#pump.tell === undefined ? text : this.#pump.tell(text, this.#wholeUsage);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.fail(error);
      return;
    }
    this.#release();
    this.#flush();
    this.#complete();
  }
}
