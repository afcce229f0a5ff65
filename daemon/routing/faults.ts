/**
 * What a failed attempt says of the place it was made at, and what is tried after it: one table for every code there
 * is. Hides nothing else; `trip.ts` obeys the verdict, `breaker.ts` the fault.
 */
import type { ErrorCode, GatewayError } from "../../providers/gateway-error.ts";

/**
 * Whose fault it was. Only `upstream` moves a breaker: a bad key of ours, a caller's bad request and a prompt too long
 * for this model say nothing of whether the next call will be answered.
 */
export type Fault = "upstream" | "credential" | "client" | "context" | "gateway";

export type Verdict =
  /** The same place again, after a pause, while the retry budget lasts; then the next. */
  | "retry"
  /** Another credential of the same provider, after a pause; then the next place. */
  | "rotate"
  /** This credential is of no use for this request: another one at once; then the next place. */
  | "replace"
  /** The next place at once. */
  | "next"
  /** Nobody else is asked. */
  | "stop";

/** Which of the configured lists goes on. A kind without a list of its own goes on as `any`. */
export type FallbackKind = "any" | "context_window" | "content_policy";

type Row = { readonly fault: Fault; readonly verdict: Verdict; readonly kind?: FallbackKind };

const upstream = (verdict: Verdict): Row => ({ fault: "upstream", verdict });
const gateway = (verdict: Verdict): Row => ({ fault: "gateway", verdict });
const client = (verdict: Verdict): Row => ({ fault: "client", verdict });

const rows: Readonly<Record<ErrorCode, Row>> = {
  upstream_error: upstream("retry"),
  upstream_unreachable: upstream("retry"),
  upstream_overloaded: upstream("retry"),
  upstream_truncated: upstream("retry"),
  upstream_protocol: upstream("next"),
  // It has cost its patience already: waiting as long again at the same place seldom helps.
  upstream_timeout: upstream("next"),
  upstream_slow: upstream("next"),
  rate_limit_exceeded: { fault: "credential", verdict: "rotate" },
  upstream_credential: { fault: "credential", verdict: "replace" },
  context_length_exceeded: { fault: "context", verdict: "next", kind: "context_window" },
  content_policy_violation: { fault: "client", verdict: "next", kind: "content_policy" },
  upstream_rejected: client("stop"),
  model_not_allowed: gateway("next"),
  budget_exceeded: gateway("next"),
  unpriced_model: gateway("next"),
  overloaded: gateway("next"),
  targets_unavailable: gateway("next"),
  // One target cannot express it; another may.
  unsupported_parameter: gateway("next"),
  invalid_json: client("stop"),
  invalid_request: client("stop"),
  forbidden_parameter: client("stop"),
  missing_api_key: client("stop"),
  invalid_api_key: client("stop"),
  expired_api_key: client("stop"),
  blocked_api_key: client("stop"),
  permission_denied: client("stop"),
  not_found: client("stop"),
  route_not_found: client("stop"),
  model_not_found: client("stop"),
  method_not_allowed: client("stop"),
  conflict: client("stop"),
  idempotency_key_reused: client("stop"),
  precondition_failed: client("stop"),
  request_timeout: client("stop"),
  length_required: client("stop"),
  payload_too_large: client("stop"),
  unsupported_media_type: client("stop"),
  headers_too_large: client("stop"),
  client_closed_request: client("stop"),
  internal_error: gateway("stop"),
  database_unavailable: gateway("stop"),
  ledger_behind: gateway("stop"),
  audit_unavailable: gateway("stop"),
  shutting_down: gateway("stop"),
};

/** A model that this provider does not have may be another's. */
const missingModel: Row = client("next");
/** Our own limits: what another target costs may still fit. */
const ownLimit: Row = gateway("next");

export function judge(error: GatewayError): Row {
  const { source, upstreamStatus } = error.details;
  if (error.code === "upstream_rejected" && upstreamStatus === 404) return missingModel;
  if (error.code === "rate_limit_exceeded" && source !== "provider") return ownLimit;
  // The words are the provider's only where it said them.
  if ((error.code === "context_length_exceeded" || error.code === "content_policy_violation") && source === "client")
    return client("stop");
  return rows[error.code] ?? gateway("stop");
}
