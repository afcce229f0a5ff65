/** The one deliberate failure. Hides how a code becomes a status and a verdict on trying again. */

/** Whose fault it is decides what a caller does next: fix the request, ask for more budget, or try again. */
export type ErrorSource = "client" | "gateway" | "provider";

type ErrorRow = { readonly status: number; readonly retry: boolean; readonly type: string };

/**
 * Every code, its HTTP status, whether the same request may succeed later, and the `type` that OpenAI-shaped
 * errors carry. `docs/errors.md` has a paragraph for each; a test holds the two equal.
 */
export const errorTable = {
  invalid_json: { status: 400, retry: false, type: "invalid_request_error" },
  invalid_request: { status: 400, retry: false, type: "invalid_request_error" },
  unsupported_parameter: { status: 400, retry: false, type: "invalid_request_error" },
  forbidden_parameter: { status: 400, retry: false, type: "invalid_request_error" },
  content_policy_violation: { status: 400, retry: false, type: "invalid_request_error" },
  context_length_exceeded: { status: 400, retry: false, type: "invalid_request_error" },
  missing_api_key: { status: 401, retry: false, type: "authentication_error" },
  invalid_api_key: { status: 401, retry: false, type: "authentication_error" },
  expired_api_key: { status: 401, retry: false, type: "authentication_error" },
  blocked_api_key: { status: 401, retry: false, type: "authentication_error" },
  budget_exceeded: { status: 402, retry: false, type: "budget_exceeded" },
  unpriced_model: { status: 402, retry: false, type: "budget_exceeded" },
  model_not_allowed: { status: 403, retry: false, type: "permission_error" },
  permission_denied: { status: 403, retry: false, type: "permission_error" },
  not_found: { status: 404, retry: false, type: "not_found_error" },
  route_not_found: { status: 404, retry: false, type: "not_found_error" },
  model_not_found: { status: 404, retry: false, type: "not_found_error" },
  method_not_allowed: { status: 405, retry: false, type: "invalid_request_error" },
  conflict: { status: 409, retry: false, type: "invalid_request_error" },
  idempotency_key_reused: { status: 422, retry: false, type: "invalid_request_error" },
  precondition_failed: { status: 412, retry: false, type: "invalid_request_error" },
  request_timeout: { status: 408, retry: true, type: "timeout" },
  length_required: { status: 411, retry: false, type: "invalid_request_error" },
  payload_too_large: { status: 413, retry: false, type: "invalid_request_error" },
  unsupported_media_type: { status: 415, retry: false, type: "invalid_request_error" },
  rate_limit_exceeded: { status: 429, retry: true, type: "rate_limit_exceeded" },
  headers_too_large: { status: 431, retry: false, type: "invalid_request_error" },
  client_closed_request: { status: 499, retry: false, type: "client_closed_request" },
  internal_error: { status: 500, retry: false, type: "server_error" },
  upstream_credential: { status: 502, retry: false, type: "provider_error" },
  upstream_error: { status: 502, retry: true, type: "provider_error" },
  upstream_protocol: { status: 502, retry: true, type: "provider_error" },
  upstream_truncated: { status: 502, retry: true, type: "provider_error" },
  upstream_unreachable: { status: 502, retry: true, type: "provider_error" },
  upstream_rejected: { status: 400, retry: false, type: "invalid_request_error" },
  upstream_slow: { status: 502, retry: true, type: "provider_error" },
  upstream_overloaded: { status: 503, retry: true, type: "overloaded_error" },
  upstream_timeout: { status: 504, retry: true, type: "timeout" },
  database_unavailable: { status: 503, retry: true, type: "server_error" },
  ledger_behind: { status: 503, retry: true, type: "server_error" },
  audit_unavailable: { status: 503, retry: true, type: "server_error" },
  targets_unavailable: { status: 503, retry: true, type: "overloaded_error" },
  overloaded: { status: 503, retry: true, type: "overloaded_error" },
  shutting_down: { status: 503, retry: true, type: "overloaded_error" },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;

/** What an error tells beyond its words; each field is absent when it does not apply. */
export type ErrorDetails = {
  /** Overrides the table's status, for an upstream's own client error that is passed through (400–499). */
  readonly status?: number;
  readonly source?: ErrorSource;
  /** The request field at fault, as the caller wrote it: `messages[2].content`. */
  readonly param?: string;
  readonly provider?: string;
  /** The upstream's status, kept for the log and the body. */
  readonly upstreamStatus?: number;
  /** Exact wait in milliseconds until a try could be admitted. */
  readonly retryAfterMs?: number;
  /** Which scope refused, which limit, what is spent and held, and when it resets (ISO 8601). */
  readonly scope?: string;
  readonly limit?: string;
  readonly spent?: string;
  readonly held?: string;
  readonly resetsAt?: string;
  readonly cause?: unknown;
};

/** A failure we meant to report. Anything else that is thrown is a bug and becomes `internal_error`. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return this.details.status ?? errorTable[this.code].status;
  }

  get type(): string {
    return errorTable[this.code].type;
  }

  get retryable(): boolean {
    return errorTable[this.code].retry;
  }
}
