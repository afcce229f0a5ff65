/** Answers to clients: whole bodies and failures, each with the request id under the names the SDKs read. */
import type { Dialect } from "../../providers/exchange.ts";
import type { GatewayError } from "../../providers/gateway-error.ts";
import type { ClientResponse } from "./client-messages.ts";

/** Sends a whole body. `extra` are flat name, value pairs. */
export function sendBody(
  response: ClientResponse,
  status: number,
  contentType: string,
  body: Buffer,
  id: string,
  extra: readonly string[],
): void {
  response.writeHead(status, [
    "content-type",
    contentType,
    "content-length",
    String(body.length),
    "x-request-id",
    id,
    "request-id",
    id,
    ...extra,
  ]);
  response.end(body);
}

/** How a failure is told: a dialect's own way, or another's with its own statuses. */
export type FailureWords = Pick<Dialect, "renderFailure"> & { readonly statusOf?: (error: GatewayError) => number };

/**
 * An answer that has been handed over whole is nobody's any more: a client that takes nothing of it would keep it, and
 * its socket, for ever.
 */
export function endStalled(response: ClientResponse, stallMs: number): void {
  if (response.writableLength > 0) response.setTimeout(stallMs, () => response.destroy());
}

/** Sends a failure in the caller's words. Does nothing when the head has left already. */
export function sendFailure(
  response: ClientResponse,
  words: FailureWords,
  error: GatewayError,
  id: string,
  extra: readonly string[] = [],
): number {
  const body = Buffer.from(JSON.stringify(words.renderFailure(error, id)));
  if (response.headersSent || response.destroyed) return body.length;
  sendBody(response, words.statusOf?.(error) ?? error.status, "application/json", body, id, [
    ...failureHeaders(error, response.req.httpVersionMajor > 1),
    ...extra,
  ]);
  return body.length;
}

function failureHeaders(error: GatewayError, isSecond: boolean): string[] {
  const headers: string[] = [];
  const { retryAfterMs } = error.details;
  if (retryAfterMs !== undefined) {
    headers.push(
      "retry-after",
      String(Math.ceil(retryAfterMs / 1000)),
      "retry-after-ms",
      String(Math.ceil(retryAfterMs)),
    );
  }
  // SDKs retry 5xx and 429 by themselves; they are told when that is of no use.
  if (!error.retryable) headers.push("x-should-retry", "false");
  if (error.status === 401) headers.push("www-authenticate", "Bearer");
  // What is left of the request could be taken for the next one.
  if (error.code === "request_timeout" && !isSecond) headers.push("connection", "close");
  return headers;
}
