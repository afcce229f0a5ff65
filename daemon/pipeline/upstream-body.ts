/**
 * The request body an upstream gets: the client's own bytes with the few splices we are allowed (same dialect), or
 * the request encoded in the upstream's dialect. Hides when a body is handed over as a stream so that it can be freed.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import { spliceRequest } from "../http/splice.ts";
import { noEndpoint, type ReadyEndpoint } from "../routing/endpoints.ts";
import type { Target } from "../routing/generation.ts";
import { type Translator, translateInlineBytesMax } from "../runtime/translator.ts";
import type { Exchange } from "./exchange.ts";
import { encodeRequest, parseRequest, type Translated } from "./translate.ts";

/** undici keeps a Buffer body for as long as the answer streams; above this size it gets an iterable that lets go. */
const releasableBytesMin = 32 * 1024;

/** Request fields that only we understand: no target is meant to express them. */
const ours = new Set(["fallbacks"]);

export type UpstreamBody = {
  readonly bytes: Buffer | AsyncIterable<Buffer>;
  /** Flat pairs the dialect or the transport needs. */
  readonly headers: readonly string[];
};

export function upstreamBody(
  exchange: Exchange,
  target: Target,
  endpoint: ReadyEndpoint,
  injectCap: number | undefined,
): UpstreamBody {
  const same = endpoint.dialect.id === exchange.route.dialect.id;
  exchange.droppedHeader = []; // of the hop before this one
  return same
    ? ready(spliced(exchange, target, endpoint, injectCap), [])
    : checked(exchange, target, encoded(exchange, target, endpoint, injectCap));
}

/** Does this body have to be translated, and is it so large that others would feel it? */
export function isLargeTranslation(exchange: Exchange, { dialect }: ReadyEndpoint): boolean {
  return (
    exchange.body!.length > translateInlineBytesMax &&
    dialect.id !== exchange.route.dialect.id &&
    exchange.route.operation === "chat"
  );
}

/** The same as `upstreamBody`, by the helper thread. The function it returns gives it up. */
export function translateLarge(
  exchange: Exchange,
  target: Target,
  endpoint: ReadyEndpoint,
  injectCap: number | undefined,
  translator: Translator,
  done: (error: unknown, body: UpstreamBody | undefined) => void,
): () => void {
  const { dialect, encoding } = endpoint;
  return translator.translate(
    {
      kind: "request",
      client: exchange.route.dialect.id,
      upstream: dialect.id,
      model: target.deployment,
      injectCap,
      encoding,
    },
    exchange.body!,
    (error, translated) => {
      if (translated === undefined) {
        done(error, undefined);
        return;
      }
      let body: UpstreamBody;
      try {
        body = checked(exchange, target, translated);
      } catch (refused) {
        done(refused, undefined);
        return;
      }
      done(undefined, body);
    },
  );
}

function ready(bytes: Buffer, headers: readonly string[]): UpstreamBody {
  if (bytes.length < releasableBytesMin) return { bytes, headers };
  return { bytes: letGo(bytes), headers: [...headers, "content-length", String(bytes.length)] };
}

function checked(exchange: Exchange, target: Target, { body, headers, dropped }: Translated): UpstreamBody {
  report(exchange, target, dropped);
  return ready(body, headers);
}

function spliced(exchange: Exchange, target: Target, endpoint: ReadyEndpoint, injectCap: number | undefined): Buffer {
  const view = exchange.view!;
  const { dialect, encoding, path } = endpoint;
  const askUsage = exchange.route.operation === "chat" && view.stream && dialect.id === "openai-chat";
  // Where the path tells the model, the body need not; if it does, it says the same.
  const model = target.deployment === view.model || (path.after !== undefined && view.modelStart < 0);
  return spliceRequest(exchange.body!, view, {
    ...(model ? {} : { model: target.deployment }),
    ...(view.fallbacks === undefined ? {} : { cutFallbacks: true }),
    ...(askUsage && !view.includeUsage && encoding.usageUnasked !== true ? { includeUsage: true } : {}),
    ...(injectCap === undefined ? {} : { injectMaxTokens: injectCap }),
  });
}

function encoded(
  exchange: Exchange,
  target: Target,
  { dialect, encoding }: ReadyEndpoint,
  injectCap: number | undefined,
): Translated {
  if (exchange.route.operation !== "chat") throw noEndpoint(target.provider.name, exchange.route.operation);
  exchange.parsed ??= parseRequest(exchange.route.dialect, exchange.body!);
  return encodeRequest(exchange.parsed, dialect, { model: target.deployment, injectCap, encoding });
}

function report(exchange: Exchange, target: Target, unexpressed: readonly string[]): void {
  const dropped = unexpressed.filter((name) => !ours.has(name));
  if (dropped.length === 0) return;
  if (target.provider.data.strict) {
    throw new GatewayError("unsupported_parameter", `${target.name} cannot express: ${dropped.join(", ")}`, {
      source: "client",
      param: dropped[0]!,
    });
  }
  exchange.droppedHeader = ["x-bifrost-dropped-params", dropped.join(",").replace(/[^\x20-\x7e]/g, "?")];
}

async function* letGo(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
