/**
 * A request's place in a trace: what the client's `traceparent` says, what the provider's will say, and when each hop
 * began and ended. Spans are built from it elsewhere, when the request is over. Absent where nothing is traced.
 */
import { randomFillSync } from "node:crypto";
import type { GatewayError } from "../../providers/gateway-error.ts";
import type { Target } from "../routing/generation.ts";
import type { Exchange } from "./exchange.ts";
import type { SpanParameters } from "./span-parameters.ts";

/** One dial of a provider. Times are milliseconds since the request began. */
export type HopSpan = readonly [
  target: string,
  credential: string,
  startMs: number,
  endMs: number,
  error: string,
  status: number,
  /** Of the provider. */
  address: string,
  port: number,
];

export type RequestSpan = {
  readonly traceId: string;
  /** Of the request's own span; a hop's is derived from it. */
  readonly spanId: string;
  /** The client's span, or "". */
  readonly parentId: string;
  readonly sampled: boolean;
  readonly hops: HopSpan[];
  parameters?: SpanParameters | undefined;
};

/** What the main thread needs besides the row; see `Tapped.spans`. */
export function spanText({ spanId, parentId, hops, parameters }: RequestSpan): string {
  return JSON.stringify([spanId, parentId, hops, parameters]);
}

/** @param share of requests that are traced where the client does not say */
export function beginSpan(exchange: Exchange, share: number): RequestSpan {
  const given = readTraceparent(exchange.request.headers["traceparent"]);
  const spanId = randomHex(8);
  if (given !== undefined) return { ...given, spanId, hops: [] };
  return { traceId: randomHex(16), spanId, parentId: "", sampled: Math.random() < share, hops: [] };
}

/** Of the hop that is about to begin: flat name and value. */
export function hopHeader(span: RequestSpan): readonly [string, string] {
  return ["traceparent", `00-${span.traceId}-${hopId(span.spanId, span.hops.length)}-${span.sampled ? "01" : "00"}`];
}

/** The headers of a hop with our `traceparent` in place of the client's. */
export function tracedHeaders(span: RequestSpan | undefined, headers: string[]): string[] {
  if (span === undefined) return headers;
  const [name, value] = hopHeader(span);
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index] !== name) continue;
    headers[index + 1] = value;
    return headers;
  }
  headers.push(name, value);
  return headers;
}

/** @param startedAt `performance.now()` scale, as the exchange's */
export function endHop(exchange: Exchange, target: Target, startedAt: number, error: GatewayError | undefined): void {
  if (exchange.span === undefined) return;
  const [address, port] = exchange.span.sampled ? addressOf(target.provider.data.baseUrl) : (["", 0] as const);
  exchange.span.hops.push([
    ...([
      target.name,
      exchange.credentialId ?? "",
      Math.round((startedAt - exchange.startedAt) * 1_000) / 1_000,
    ] as const),
    Math.round((performance.now() - exchange.startedAt) * 1_000) / 1_000,
    error?.code ?? "",
    error === undefined ? 200 : (error.details.upstreamStatus ?? 0),
    address,
    port,
  ]);
}

/** "" where there is none: the built-in echo has no address. */
function addressOf(baseUrl: string): readonly [address: string, port: number] {
  const { hostname, port, protocol } = new URL(baseUrl);
  return [hostname.replace(/^\[|\]$/g, ""), Number(port) || (protocol === "http:" ? 80 : 443)];
}

/** Each hop's span id follows from the request's, so that it need not be kept: the last byte counts up. */
export function hopId(spanId: string, hop: number): string {
  const last = (Number.parseInt(spanId.slice(14), 16) + hop + 1) % 256;
  return spanId.slice(0, 14) + last.toString(16).padStart(2, "0");
}

/** W3C Trace Context, version 00; a later version's first four parts are read the same. */
export function readTraceparent(
  value: string | string[] | undefined,
): Pick<RequestSpan, "traceId" | "parentId" | "sampled"> | undefined {
  const [, version, traceId, parentId, flags, more] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(String(value ?? "").trim()) ?? [];
  if (traceId === undefined || parentId === undefined || version === "ff") return undefined;
  if (version === "00" && more !== undefined) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return undefined;
  return { traceId, parentId, sampled: (Number.parseInt(flags!, 16) & 1) === 1 };
}

/** Bytes that are drawn, and written in hexadecimal, at once: one call for each id would take longer than all else here. */
const pool = Buffer.alloc(4_096);
let digits = "";
let used = 0;

function randomHex(bytes: number): string {
  if (used + 2 * bytes > digits.length) {
    digits = randomFillSync(pool).toString("hex");
    used = 0;
  }
  used += 2 * bytes;
  return digits.slice(used - 2 * bytes, used);
}
