/**
 * The request body an upstream gets: the client's own bytes with the few splices we are allowed (same dialect), or
 * the request encoded in the upstream's dialect. Hides when a body is handed over as a stream so that it can be freed.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import { spliceRequest } from "../http/splice.ts";
import type { Target } from "../routing/generation.ts";
import type { Exchange } from "./exchange.ts";

/** undici keeps a Buffer body for as long as the answer streams; above this size it gets an iterable that lets go. */
const releasableBytesMin = 32 * 1024;

export type UpstreamBody = {
  readonly bytes: Buffer | AsyncIterable<Buffer>;
  /** Flat pairs the dialect or the transport needs. */
  readonly headers: readonly string[];
};

export function upstreamBody(exchange: Exchange, target: Target, injectCap: number | undefined): UpstreamBody {
  const { provider } = target;
  const same = provider.dialect.id === exchange.route.dialect.id;
  const { bytes, headers } = same ? spliced(exchange, target, injectCap) : encoded(exchange, target, injectCap);
  if (bytes.length < releasableBytesMin) return { bytes, headers };
  return { bytes: letGo(bytes), headers: [...headers, "content-length", String(bytes.length)] };
}

function spliced(
  exchange: Exchange,
  target: Target,
  injectCap: number | undefined,
): { bytes: Buffer; headers: readonly string[] } {
  const view = exchange.view!;
  const askUsage = exchange.route.operation === "chat" && view.stream && target.provider.dialect.id === "openai-chat";
  const bytes = spliceRequest(exchange.body!, view, {
    ...(target.model === view.model ? {} : { model: target.model }),
    ...(view.fallbacks === undefined ? {} : { cutFallbacks: true }),
    ...(askUsage && !view.includeUsage && !target.provider.usageUnasked ? { includeUsage: true } : {}),
    ...(injectCap === undefined ? {} : { injectMaxTokens: injectCap }),
  });
  return { bytes, headers: [] };
}

function encoded(
  exchange: Exchange,
  target: Target,
  injectCap: number | undefined,
): { bytes: Buffer; headers: readonly string[] } {
  if (exchange.route.operation !== "chat") {
    throw new GatewayError(
      "unsupported_parameter",
      `${target.provider.name} does not offer ${exchange.route.operation} in this dialect`,
      {
        source: "client",
        param: "model",
      },
    );
  }
  exchange.parsed ??= exchange.route.dialect.parse(JSON.parse(exchange.body!.toString("utf8")));
  const request = {
    ...exchange.parsed,
    model: target.model,
    includeUsage: true,
    ...(injectCap === undefined ? {} : { maxTokens: injectCap }),
  };
  const { body, headers, dropped } = target.provider.dialect.encode(request, target.provider.encoding);
  report(exchange, target, dropped);
  return { bytes: Buffer.from(JSON.stringify(body)), headers: Object.entries(headers).flat() };
}

function report(exchange: Exchange, target: Target, dropped: readonly string[]): void {
  if (dropped.length === 0) {
    exchange.droppedHeader = [];
    return;
  }
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
