/** Our errors in Anthropic's envelope. Hides which of its type names a status has. */
import type { JsonObject } from "../../exchange.ts";
import type { GatewayError } from "../../gateway-error.ts";
import { failureExtras } from "../failure.ts";

const types: Readonly<Record<number, string>> = {
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  408: "timeout_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
  529: "overloaded_error",
};

export function renderFailure(error: GatewayError, requestId: string): JsonObject {
  const type = types[error.status] ?? (error.status >= 500 ? "api_error" : "invalid_request_error");
  const param = error.details.param === undefined ? {} : { param: error.details.param };
  return {
    type: "error",
    error: { type, message: error.message, code: error.code, ...param, ...failureExtras(error) },
    request_id: requestId,
  };
}
