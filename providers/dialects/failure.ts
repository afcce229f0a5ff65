/**
 * What an upstream's failure means to us. Hides the many shapes that servers give their errors, and the one table from
 * status and error word to our codes; the upstream's own words are kept.
 */
import { type ErrorCode, type ErrorDetails, GatewayError } from "../gateway-error.ts";
import { isObject, list, lookup, nestingLevelsMax, nestsWithin, type Shape, shape, words } from "../json.ts";

/** Characters of an upstream's words that are passed on: an HTML page says no more after that. */
export const upstreamWordsMax = 2_000;

/** `status` is the answer's; a failure found inside a 200 tells its own, by number or by name. */
export function upstreamFailure(status: number, body: unknown): GatewayError {
  const error = errorObject(body);
  const message = errorWords(error, body).slice(0, upstreamWordsMax);
  const names = [words(error["code"]), words(error["type"]), words(error["status"])];
  const real = status >= 400 ? status : (statusIn(error) ?? statusNamed(names) ?? 0);
  const code = meaning(real, names, message);
  const param = words(error["param"]);
  const details: ErrorDetails = {
    source: "provider",
    ...(real >= 400 ? { upstreamStatus: real } : {}),
    ...(code === "upstream_rejected" && real >= 400 && real < 500 ? { status: real } : {}),
    ...(param === undefined ? {} : { param }),
  };
  const silent = status >= 400 ? `the provider answered ${status}` : "the provider reported a failure in its answer";
  return new GatewayError(code, message === "" ? silent : message, details);
}

/** `{error:{…}}`, `{error:"…"}`, `[{error:{…}}]`, `{message}`, `{detail}`, `{choices:[{error}]}`: the part that tells. */
function errorObject(body: unknown): Shape {
  const outer = shape(Array.isArray(body) ? body[0] : body);
  if (isObject(outer["error"])) return outer["error"];
  const inChoice = list(outer["choices"])
    .map((choice) => shape(choice)["error"])
    .find(isObject);
  return inChoice ?? outer;
}

function errorWords(error: Shape, body: unknown): string {
  if (typeof body === "string") return body.trim();
  const told = words(error["message"]) ?? words(error["error"]) ?? words(error["detail"]);
  if (told !== undefined) return told;
  const detail = error["detail"] ?? error["message"];
  if (detail === undefined || !nestsWithin(detail, nestingLevelsMax)) return "";
  return JSON.stringify(detail) ?? "";
}

/** OpenRouter writes the status as `code: 429`; others as `status: 429` or `"429"`. */
function statusIn(error: Shape): number | undefined {
  for (const value of [error["code"], error["status"], error["status_code"]]) {
    const number = typeof value === "string" ? Number(value) : value;
    if (typeof number === "number" && Number.isInteger(number) && number >= 400 && number < 600) return number;
  }
  return undefined;
}

const statuses: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  invalid_api_key: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  model_not_found: 404,
  timeout_error: 408,
  request_too_large: 413,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  insufficient_quota: 429,
  invalid_prompt: 400,
  data_residency_mismatch: 400,
  bio_policy: 400,
  image_content_policy_violation: 400,
  api_error: 500,
  server_error: 500,
  internal_server_error: 500,
  overloaded_error: 529,
  service_unavailable: 503,
  insufficient_system_resource: 503,
  invalid_argument: 400,
  failed_precondition: 400,
  out_of_range: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  resource_exhausted: 429,
  internal: 500,
  unavailable: 503,
  deadline_exceeded: 504,
};

function statusNamed(names: readonly (string | undefined)[]): number | undefined {
  for (const name of names) {
    const status = lookup(statuses, name?.toLowerCase());
    if (status !== undefined) return status;
  }
  return undefined;
}

const codeWords: Readonly<Record<string, ErrorCode>> = {
  context_length_exceeded: "context_length_exceeded",
  string_above_max_length: "context_length_exceeded",
  content_filter: "content_policy_violation",
  content_policy_violation: "content_policy_violation",
  image_content_policy_violation: "content_policy_violation",
  bio_policy: "content_policy_violation",
  responsibleaipolicyviolation: "content_policy_violation",
};

/** Anthropic, Google and others have no code for these, only the sentence. */
const sentences: readonly (readonly [RegExp, ErrorCode])[] = [
  [
    /prompt is too long|maximum context length|context window|maximum number of tokens allowed|context length|exceeds? the context/i,
    "context_length_exceeded",
  ],
  [/content (management )?policy|content filtering policy|safety system/i, "content_policy_violation"],
  [/credit balance is too low/i, "upstream_credential"],
];

function meaning(status: number, names: readonly (string | undefined)[], message: string): ErrorCode {
  switch (status) {
    case 401:
    case 402:
    case 403:
      return "upstream_credential"; // our account with the provider, never the caller's key
    case 408:
      return "upstream_timeout";
    case 429:
      return "rate_limit_exceeded";
    case 503:
    case 529:
      return "upstream_overloaded";
    default:
      if (status >= 500 || status < 400) return "upstream_error";
  }
  for (const name of names) {
    const code = lookup(codeWords, name?.toLowerCase());
    if (code !== undefined) return code;
  }
  return sentences.find(([pattern]) => pattern.test(message))?.[1] ?? "upstream_rejected";
}

/** What both dialects say beyond their own fields; each only when it is known. */
export function failureExtras(error: GatewayError): Record<string, string | number> {
  const { source, provider, scope, limit, spent, held, resetsAt, retryAfterMs } = error.details;
  const extras: Record<string, string | number> = {};
  if (source !== undefined) extras["source"] = source;
  if (provider !== undefined) extras["provider"] = provider;
  if (scope !== undefined) extras["scope"] = scope;
  if (limit !== undefined) extras["limit"] = limit;
  if (spent !== undefined) extras["spent"] = spent;
  if (held !== undefined) extras["held"] = held;
  if (resetsAt !== undefined) extras["resets_at"] = resetsAt;
  if (retryAfterMs !== undefined) extras["retry_after_ms"] = retryAfterMs;
  return extras;
}
