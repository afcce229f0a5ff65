/** Failures within responses: theirs as they are found in events and bodies, ours as the `error` of a failed response. */
import type { JsonObject } from "../../exchange.ts";
import type { GatewayError } from "../../gateway-error.ts";
import { isObject, shape, words } from "../../json.ts";
import { upstreamFailure } from "../failure.ts";

/** A body, an `error` event, or a response that failed (alone or in its event). */
export function decodeFailure(status: number, body: unknown): GatewayError {
  const outer = shape(body);
  const response = isObject(outer["response"]) ? outer["response"] : outer;
  return upstreamFailure(status, isObject(response["error"]) ? { error: response["error"] } : body);
}

export function holdsFailure(response: unknown): boolean {
  const { status, error } = shape(response) as { status?: unknown; error?: unknown };
  return status === "failed" || status === "cancelled" || isObject(error) || words(error) !== undefined;
}

/** OpenAI's list of codes is closed, and its clients check it: ours stands beside. */
export function failedError(error: GatewayError, requestId: string): JsonObject {
  const { status } = error;
  const code = status === 429 ? "rate_limit_exceeded" : status < 500 ? "invalid_prompt" : "server_error";
  const provider = error.details.provider === undefined ? {} : { provider: error.details.provider };
  return { code, message: error.message, type: error.type, reason: error.code, ...provider, request_id: requestId };
}
