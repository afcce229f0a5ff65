/** Errors in Cohere's words, and the finish reasons that are one. */
import type { JsonObject } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { words } from "../../json.ts";
import { failureExtras } from "../failure.ts";

/** Undefined for a reason that ends an answer as it should. */
export function finishFailure(reason: string, said: unknown): GatewayError | undefined {
  if (reason !== "ERROR" && reason !== "TIMEOUT") return undefined;
  const message = words(said) ?? `the provider ended its answer with ${reason}`;
  return new GatewayError(reason === "TIMEOUT" ? "upstream_timeout" : "upstream_error", message, {
    source: "provider",
  });
}

export function renderFailure(error: GatewayError, requestId: string): JsonObject {
  const param = error.details.param === undefined ? {} : { param: error.details.param };
  return { id: requestId, message: error.message, code: error.code, ...param, ...failureExtras(error) };
}
