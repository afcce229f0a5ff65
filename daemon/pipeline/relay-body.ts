/**
 * An answer that comes whole: collected, checked for a failure dressed as a success, and either left as it is
 * (same dialect) or translated. Nothing reaches the client here, so every failure may still go to another target.
 */
import type { Dialect, Ending, RenderContext, Usage } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { askedWaitMs } from "../http/retry-after.ts";
import { type Translator, translateInlineBytesMax } from "../runtime/translator.ts";
import type { Coded } from "./codecs.ts";
import { renderAnswer, streamEvents, type Translated, translateAnswer } from "./translate.ts";
import type { Receiver } from "./upstream-call.ts";

/** A whole answer, ready to be sent. */
export type Answer = {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
  readonly usage: Usage | undefined;
  /** Pairs that belong to it, beside those of every answer. */
  readonly headers?: readonly string[];
  readonly ending?: Ending | undefined;
  /** How much there is of it, for an estimate where it does not tell its usage. */
  readonly outputBytes: number;
};

/** An upstream's answer that is not streamed may be this long. */
export const answerBytesMax = 256 * 1024 * 1024;
/** An upstream's error body is read this far, and its connection then closed. */
export const failureBytesMax = 256 * 1024;

export type BodyOutcome = {
  answered(answer: Answer): void;
  failed(error: GatewayError): void;
  /** What the upstream says in its head. */
  told?(headers: Readonly<Record<string, string | string[] | undefined>>): void;
};

export class BodyReceiver implements Receiver {
  readonly #upstream: Dialect;
  /** Absent: the caller speaks the upstream's dialect and gets its bytes. */
  readonly #client: Dialect | undefined;
  readonly #context: RenderContext;
  readonly #outcome: BodyOutcome;
  readonly #translator: Translator | undefined;
  readonly #coded: (() => Coded | undefined) | undefined;
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #status = 0;
  #contentType = "application/json";
  #waitMs: number | undefined;

  /**
   * @param translator takes what is large; without it everything is translated here
   * @param coded known once the request was encoded: how an operation beside chat is translated; absent: it is not
   * @param always translated also between equals
   */
  constructor(
    upstream: Dialect,
    client: Dialect,
    context: RenderContext,
    outcome: BodyOutcome,
    translator?: Translator,
    coded?: () => Coded | undefined,
    always = false,
  ) {
    this.#upstream = upstream;
    this.#client = client.id === upstream.id && coded === undefined && !always ? undefined : client;
    this.#context = context;
    this.#outcome = outcome;
    this.#translator = translator;
    this.#coded = coded;
  }

  head(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
    this.#status = status;
    this.#contentType = String(headers["content-type"] ?? this.#contentType);
    this.#waitMs = askedWaitMs(headers, Date.now());
    this.#outcome.told?.(headers);
  }

  chunk(bytes: Buffer): void {
    this.#length += bytes.length;
    if (this.#status >= 300) {
      this.#chunks.push(bytes);
      if (this.#length > failureBytesMax) throw this.#failure(Buffer.concat(this.#chunks));
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
      this.#outcome.failed(this.#failure(body));
      return;
    }
    try {
      if (this.#contentType.includes("event-stream")) this.#outcome.answered(this.#gather(body));
      else if (this.#client === undefined) this.#outcome.answered(this.#relay(body));
      else this.#translate(body, this.#client);
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
      const failure = tap.failure();
      throw failure?.code === "upstream_protocol" ? failure : this.#failure(body);
    }
    const { outputBytes } = tap;
    return {
      status: this.#status,
      contentType: this.#contentType,
      body,
      usage: tap.usage(),
      ending: tap.ending(),
      outputBytes,
    };
  }

  /** A server that streams to whoever did not ask for it. */
  #gather(body: Buffer): Answer {
    const events = streamEvents(this.#upstream, body);
    return translatedAnswer(renderAnswer(events, this.#client ?? this.#upstream, this.#context));
  }

  #failure(body: Buffer): GatewayError {
    return decodeFailure(this.#upstream, this.#status, body, this.#waitMs);
  }

  #translate(body: Buffer, client: Dialect): void {
    const coded = this.#coded?.();
    if (coded !== undefined) {
      this.#outcome.answered(translatedAnswer(coded.answer(body, this.#context)));
      return;
    }
    const translator = this.#length > translateInlineBytesMax ? this.#translator : undefined;
    if (translator === undefined) {
      this.#outcome.answered(translatedAnswer(translateAnswer(this.#upstream, client, body, this.#context)));
      return;
    }
    // A client that leaves meanwhile changes nothing: the answer is paid for, and its usage is in it.
    translator.translate(
      { kind: "answer", client: client.id, upstream: this.#upstream.id, context: this.#context },
      body,
      (error, translated) => {
        if (translated === undefined) this.#outcome.failed(error!);
        else this.#outcome.answered(translatedAnswer(translated));
      },
    );
  }
}

function translatedAnswer({ body, usage, ending }: Translated): Answer {
  return { status: 200, contentType: "application/json", body, usage, ending, outputBytes: body.length };
}

/** The upstream's failure in our words, with the wait it asked for. */
export function decodeFailure(
  dialect: Dialect,
  status: number,
  body: Buffer,
  waitMs: number | undefined,
): GatewayError {
  const text = body.toString("utf8");
  let value: unknown = text;
  try {
    value = JSON.parse(text);
  } catch {
    // not JSON: a proxy's HTML page, say; the dialect gets the text
  }
  const error = dialect.decodeFailure(status, value);
  if (waitMs === undefined) return error;
  return new GatewayError(error.code, error.message, { ...error.details, retryAfterMs: waitMs });
}
