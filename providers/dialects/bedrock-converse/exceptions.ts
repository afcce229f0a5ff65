/** Bedrock's exceptions by name, as answers have them and streams, and what each is to us. */
import type { ErrorCode } from "../../gateway-error.ts";
import { lookup } from "../../json.ts";

const statuses: Readonly<Record<string, number>> = {
  validationexception: 400,
  accessdeniedexception: 403,
  unrecognizedclientexception: 403,
  invalidsignatureexception: 403,
  expiredtokenexception: 403,
  missingauthenticationtokenexception: 403,
  resourcenotfoundexception: 404,
  modeltimeoutexception: 408,
  conflictexception: 400,
  modelerrorexception: 424,
  modelstreamerrorexception: 424,
  throttlingexception: 429,
  modelnotreadyexception: 429,
  servicequotaexceededexception: 400,
  internalserverexception: 500,
  internalfailure: 500,
  serviceunavailableexception: 503,
};

/** In answers they begin with a capital, in streams they do not. A name may be qualified: `com.amazon#X`, `X:http://…`. */
export function exceptionStatus(name: string): number | undefined {
  const plain = name.replace(/^.*#/, "").replace(/:.*$/, "");
  return lookup(statuses, plain.toLowerCase());
}

const exceptions: Readonly<Partial<Record<ErrorCode, string>>> = {
  missing_api_key: "accessDeniedException",
  invalid_api_key: "accessDeniedException",
  expired_api_key: "accessDeniedException",
  blocked_api_key: "accessDeniedException",
  model_not_allowed: "accessDeniedException",
  permission_denied: "accessDeniedException",
  budget_exceeded: "accessDeniedException",
  unpriced_model: "accessDeniedException",
  not_found: "resourceNotFoundException",
  route_not_found: "resourceNotFoundException",
  model_not_found: "resourceNotFoundException",
  request_timeout: "modelTimeoutException",
  upstream_timeout: "modelTimeoutException",
  rate_limit_exceeded: "throttlingException",
  upstream_overloaded: "serviceUnavailableException",
  overloaded: "serviceUnavailableException",
  shutting_down: "serviceUnavailableException",
  database_unavailable: "serviceUnavailableException",
  ledger_behind: "serviceUnavailableException",
  audit_unavailable: "serviceUnavailableException",
  upstream_truncated: "modelStreamErrorException",
  upstream_protocol: "modelStreamErrorException",
  upstream_error: "modelStreamErrorException",
  upstream_unreachable: "modelStreamErrorException",
  upstream_credential: "modelStreamErrorException",
  internal_error: "internalServerException",
};

/** The name that streams have for one of our codes; any other is a fault of the request. */
export function exceptionFor(code: string): string {
  return lookup(exceptions as Readonly<Record<string, string>>, code) ?? "validationException";
}
