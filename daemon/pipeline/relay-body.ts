/**
 * An answer that comes whole: collected, checked for a failure dressed as a success, and either left as it is
 * (same dialect) or translated. Nothing reaches the client here, so every failure may still go to another target.
 */
import type { Dialect, Event, JsonObject, RenderContext, Usage } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { mergeUsage } from "../governance/usage.ts";
import { retryAfterMs } from "../http/retry-after.ts";
import type { Receiver } from "./upstream-call.ts";

/** A whole answer, ready to be sent. */
export type Answer = {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
  readonly usage: Usage | undefined;
};

/** An upstream's answer that is not streamed may be this long. */
export const answerBytesMax = 256 * 1024 * 1024;
/** An upstream's error body is read this far. */
const failureBytesMax = 256 * 1024;

export type BodyOutcome = {
  answered(answer: Answer): void;
  failed(error: GatewayError): void;
};

export class BodyReceiver implements Receiver {
  readonly #upstream: Dialect;
  /** Absent: the caller speaks the upstream's dialect and gets its bytes. */
  readonly #client: Dialect | undefined;
  readonly #context: RenderContext;
  readonly #outcome: BodyOutcome;
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #status = 0;
  #contentType = "application/json";
  #retryAfter: string | undefined;

  constructor(upstream: Dialect, client: Dialect, context: RenderContext, outcome: BodyOutcome) {
    this.#upstream = upstream;
    this.#client = client.id === upstream.id ? undefined : client;
    this.#context = context;
    this.#outcome = outcome;
  }

  head(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
    this.#status = status;
    this.#contentType = String(headers["content-type"] ?? this.#contentType);
    this.#retryAfter = headers["retry-after-ms"] === undefined ? undefined : `${String(headers["retry-after-ms"])}ms`;
    this.#retryAfter ??= headers["retry-after"] === undefined ? undefined : String(headers["retry-after"]);
  }

  chunk(bytes: Buffer): void {
    this.#length += bytes.length;
    if (this.#status >= 300) {
      if (this.#length <= failureBytesMax) this.#chunks.push(bytes);
      return;
    }
    if (this.#length > answerBytesMax) {
      throw new GatewayError("upstream_protocol", `the upstream's answer is longer than ${answerBytesMax} bytes`, {
        source: "provider",
      });
    }
    this.#chunks.push(bytes);
  }

  end(): void {
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    if (this.#status >= 300) {
      this.#outcome.failed(decodeFailure(this.#upstream, this.#status, body, this.#retryAfter));
      return;
    }
    try {
      this.#outcome.answered(this.#client === undefined ? this.#relay(body) : this.#translate(body, this.#client));
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.#outcome.failed(error);
    }
  }

  fail(error: GatewayError): void {
    this.#outcome.failed(error);
  }

  #relay(body: Buffer): Answer {
    const tap = this.#upstream.tap();
    if (tap.body(body.toString("latin1")) === "error") {
      throw decodeFailure(this.#upstream, this.#status, body, this.#retryAfter);
    }
    return { status: this.#status, contentType: this.#contentType, body, usage: tap.usage() };
  }

  #translate(body: Buffer, client: Dialect): Answer {
    const events = this.#upstream.decode(parseJson(body));
    const rendered: JsonObject = client.render(events, this.#context);
    return {
      status: 200,
      contentType: "application/json",
      body: Buffer.from(JSON.stringify(rendered)),
      usage: usageOf(events),
    };
  }
}

/** What a list of events says was used, the last word winning field by field. */
export function usageOf(events: readonly Event[]): Usage | undefined {
  let usage: Usage | undefined;
  for (const event of events) {
    if (event.type === "usage" || event.type === "finish" || event.type === "start")
      usage = mergeUsage(usage, event.usage);
  }
  return usage;
}

/** The upstream's failure in our words, with the wait it asked for. */
export function decodeFailure(
  dialect: Dialect,
  status: number,
  body: Buffer,
  retryAfter: string | undefined,
): GatewayError {
  const text = body.toString("utf8");
  let value: unknown = text;
  try {
    value = JSON.parse(text);
  } catch {
    // not JSON: a proxy's HTML page, say; the dialect gets the text
  }
  const error = dialect.decodeFailure(status, value);
  const wait = retryAfter === undefined ? undefined : retryAfterMs(retryAfter, Date.now());
  if (wait === undefined) return error;
  return new GatewayError(error.code, error.message, { ...error.details, retryAfterMs: wait });
}

export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (cause) {
    throw new GatewayError("upstream_protocol", "the upstream's answer is not valid JSON", {
      source: "provider",
      cause,
    });
  }
}
