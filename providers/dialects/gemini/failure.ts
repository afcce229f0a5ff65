/** Failures in Google's envelope. Hides the names of its statuses, and what stands in the details: waits, and a bad key that is told as a bad request. */
import type { JsonObject } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { isObject, list, lookup, type Shape, shape, words } from "../../json.ts";
import { failureExtras, upstreamFailure } from "../failure.ts";

const statusNames: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  402: "FAILED_PRECONDITION",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  409: "ABORTED",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  500: "INTERNAL",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

export function renderFailure(error: GatewayError, requestId: string): JsonObject {
  const { status, code, message } = error;
  const metadata: Record<string, string> = { request_id: requestId };
  if (error.details.param !== undefined) metadata["param"] = error.details.param;
  for (const [name, value] of Object.entries(failureExtras(error))) metadata[name] = String(value);
  const details: JsonObject[] = [
    { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: code.toUpperCase(), domain: "bifrost", metadata },
  ];
  const { retryAfterMs } = error.details;
  if (retryAfterMs !== undefined) {
    details.push({ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${retryAfterMs / 1000}s` });
  }
  const name = statusNames[status] ?? (status >= 500 ? "INTERNAL" : "INVALID_ARGUMENT");
  return { error: { code: status, message, status: name, details } };
}

export function holdsFailure(answer: Shape): boolean {
  return isObject(answer["error"]) || words(answer["error"]) !== undefined;
}

const credentialReasons: Readonly<Record<string, true>> = {
  API_KEY_INVALID: true,
  API_KEY_SERVICE_BLOCKED: true,
  ACCESS_TOKEN_EXPIRED: true,
  CREDENTIALS_MISSING: true,
};

export function decodeFailure(status: number, body: unknown): GatewayError {
  const outer = shape(Array.isArray(body) ? body[0] : body);
  const details = list(shape(outer["error"])["details"]).map(shape);
  const refused = details.some((detail) => lookup(credentialReasons, words(detail["reason"])) === true);
  const error = upstreamFailure(refused ? 401 : status, body);
  const waitMs = retryDelayMs(details);
  if (waitMs === undefined) return error;
  return new GatewayError(error.code, error.message, { ...error.details, retryAfterMs: waitMs });
}

/** `34.4s`, in a detail of its own. */
function retryDelayMs(details: readonly Shape[]): number | undefined {
  for (const detail of details) {
    const seconds = /^(\d+(?:\.\d+)?)s$/.exec(words(detail["retryDelay"]) ?? "")?.[1];
    if (seconds !== undefined) return Math.ceil(Number(seconds) * 1000);
  }
  return undefined;
}
