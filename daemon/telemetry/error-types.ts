/** Our error codes in the Go gateway's vocabulary of twenty, which dashboards group by. */

const types: Readonly<Record<string, string>> = {
  model_not_found: "caller_model_unknown",
  route_not_found: "caller_invalid_request",
  method_not_allowed: "caller_invalid_request",
  invalid_json: "caller_invalid_request",
  invalid_request: "caller_invalid_request",
  unsupported_parameter: "caller_invalid_request",
  forbidden_parameter: "caller_invalid_request",
  content_policy_violation: "caller_invalid_request",
  context_length_exceeded: "caller_invalid_request",
  payload_too_large: "caller_invalid_request",
  unsupported_media_type: "caller_invalid_request",
  headers_too_large: "caller_invalid_request",
  length_required: "caller_invalid_request",
  request_timeout: "caller_invalid_request",
  upstream_rejected: "caller_invalid_request",
  client_closed_request: "caller_cancelled",
  model_not_allowed: "policy_model_blocked",
  missing_api_key: "policy_access_denied",
  invalid_api_key: "policy_access_denied",
  expired_api_key: "policy_access_denied",
  blocked_api_key: "policy_access_denied",
  permission_denied: "policy_access_denied",
  budget_exceeded: "policy_budget_exceeded",
  unpriced_model: "policy_budget_exceeded",
  rate_limit_exceeded: "policy_rate_limited",
  upstream_credential: "provider_auth_failed",
  upstream_overloaded: "provider_overloaded",
  upstream_error: "provider_server_error",
  upstream_protocol: "provider_server_error",
  upstream_truncated: "provider_server_error",
  upstream_timeout: "provider_timeout",
  upstream_unreachable: "provider_connection_failed",
  overloaded: "bifrost_dropped",
  shutting_down: "bifrost_dropped",
  database_unavailable: "bifrost_internal",
  ledger_behind: "bifrost_internal",
  audit_unavailable: "bifrost_internal",
  internal_error: "bifrost_internal",
};

/** An upstream's 429 keeps its code with us and its meaning here. */
export function errorType(code: string, status: string): string {
  if (code === "") return Number(status) >= 400 ? "_OTHER" : "";
  if (code === "upstream_rejected" && status === "402") return "provider_billing";
  if (code.startsWith("upstream") && status === "429") return "provider_rate_limited";
  return types[code] ?? (Number(status) >= 500 ? "bifrost_internal" : "caller_invalid_request");
}
