/**
 * `compat.bifrost`: failures and headers as Bifrost's Go gateway has them, for clients that read those. Hides its words
 * and statuses; what is refused, and why, is the same. Vendors' own paths keep their vendor's shape, as they do there.
 */
import type { JsonObject, Usage } from "../../providers/exchange.ts";
import type { ErrorCode, GatewayError } from "../../providers/gateway-error.ts";
import type { FailureWords } from "../http/reply.ts";
import type { Target } from "../routing/generation.ts";
import type { Exchange } from "./exchange.ts";
import { isSecret } from "./kept-headers.ts";
import { rawMembers } from "./raw.ts";
import { serverSideFallback, toldModel } from "./told-model.ts";

/** Its words for what its policies refuse, and the status where it is another. */
const policies: Partial<Readonly<Record<ErrorCode, { readonly type: string; readonly status?: number }>>> = {
  missing_api_key: { type: "virtual_key_required" },
  invalid_api_key: { type: "access_not_found", status: 403 },
  expired_api_key: { type: "access_blocked", status: 403 },
  blocked_api_key: { type: "access_blocked", status: 403 },
  model_not_allowed: { type: "model_blocked" },
  permission_denied: { type: "access_blocked" },
  budget_exceeded: { type: "budget_exceeded" },
  unpriced_model: { type: "budget_exceeded" },
};

/** @param usual the words of the caller's dialect, which vendors' own paths keep */
export function bifrostWords(url: string | undefined, usual: FailureWords, exchange?: Exchange): FailureWords {
  const isUnified = /^\/v1\/(?!messages|models\/[^?]*:)/.test(url ?? "");
  return {
    renderFailure: isUnified ? (error, id) => envelope(error, id, exchange) : usual.renderFailure,
    statusOf: (error) => policyOf(error)?.status ?? error.status,
  };
}

function envelope(error: GatewayError, id: string, exchange: Exchange | undefined): JsonObject {
  const policy = policyOf(error);
  const status = policy?.status ?? error.status;
  const type = policy?.type ?? error.type;
  const isOurFault = error.status >= 500 && error.details.source !== "provider";
  return {
    event_id: id,
    ...(policy === undefined ? {} : { type }),
    is_bifrost_error: isOurFault,
    status_code: status,
    error: {
      type,
      code: codeOf(error),
      message: error.message,
      param: error.details.param ?? null,
      event_id: id,
    },
    extra_fields: {
      routing_info: exchange === undefined ? {} : routingInfo(exchange),
      provider: exchange?.target?.provider.name ?? error.details.provider ?? "",
      original_model_requested: exchange?.view?.model ?? "",
      resolved_model_used: exchange?.target?.model ?? "",
      request_type: exchange?.route.operation ?? "",
      ...(exchange?.coded !== undefined && exchange.route.operation === "completions"
        ? { converted_request_type: "chat" }
        : {}),
      latency: exchange === undefined ? 0 : Math.round(exchange.upstreamMs),
      key_statuses: exchange === undefined ? [] : keyStatuses(exchange),
      ...(exchange?.usage === undefined ? {} : { billed_usage: billed(exchange.usage) }),
      ...(exchange?.raw === undefined ? {} : rawFields(exchange)),
    },
  };
}

function codeOf({ code, details }: GatewayError): string {
  if (code === "overloaded") return "request_dropped";
  if (code === "upstream_credential") return "upstream_credentials_exhausted";
  // Of a model nothing is unsupported but what is asked of it.
  return code === "unsupported_parameter" && details.param === "model" ? "unsupported_operation" : code;
}

/** Its word for a limit says what was counted. */
function policyOf(error: GatewayError): { readonly type: string; readonly status?: number } | undefined {
  if (error.code !== "rate_limit_exceeded") return policies[error.code];
  if (error.details.source === "provider") return undefined;
  const limit = error.details.limit ?? "";
  return { type: /token/.test(limit) ? "token_limited" : /request/.test(limit) ? "request_limited" : "rate_limited" };
}

/** The credentials that were tried in vain. */
function keyStatuses({ attempts = [] }: Exchange): readonly JsonObject[] {
  return attempts
    .filter(({ error }) => error === "upstream_credential" || error === "rate_limit_exceeded")
    .map(({ target, credential, error, status }) => ({
      provider: target.slice(0, target.indexOf("/")),
      ...(credential === undefined ? {} : { key: credential }),
      ...(status === undefined ? {} : { status_code: status }),
      error: error!,
    }));
}

/** What is not known is left out. */
function billed({ input, output }: Usage): JsonObject {
  return {
    ...(input === undefined ? {} : { prompt_tokens: input }),
    ...(output === undefined ? {} : { completion_tokens: output }),
    ...(input === undefined || output === undefined ? {} : { total_tokens: input + output }),
  };
}

function rawFields(exchange: Exchange): JsonObject {
  return JSON.parse(`{${rawMembers(exchange).slice(1)}}`) as JsonObject;
}

function routingInfo({ trip, target, credentialId }: Exchange): JsonObject {
  const primary = trip?.plan.hops[0]?.target;
  if (trip === undefined || target === undefined || primary === undefined) return {};
  return {
    provider: target.provider.name,
    model: target.model,
    key: credentialId ?? "",
    is_fallback: trip.fallback > 0,
    primary_provider: primary.provider.name,
    primary_model: primary.model,
  };
}

/** Those of its headers that answers do not have anyway, as flat pairs. */
export function bifrostHeaders({ id, span, trip, target, credentialId }: Exchange): readonly string[] {
  const headers = ["x-bifrost-request-id", id];
  if (span !== undefined) headers.push("x-bifrost-trace-id", span.traceId);
  if (target === undefined || trip === undefined || trip.fallback > 0) return headers;
  return headers.concat(
    ["x-bifrost-routing-info-provider", target.provider.name],
    ["x-bifrost-routing-info-model", target.model.replace(/[^\x20-\x7e]/g, "?")],
    ["x-bifrost-routing-info-key", (credentialId ?? "none").replace(/[^\x20-\x7e]/g, "?")],
    ["x-bifrost-routing-info-is-fallback", "false"],
    aliasHeaders(target),
  );
}

/** Of a whole answer: who answers a stream is not known yet when its head goes. */
export function fallbackModelHeader(exchange: Exchange, body: Buffer): readonly string[] {
  const model = serverSideFallback(exchange, toldModel(body.toString("utf8")));
  if (model === undefined) return [];
  return ["x-bifrost-routing-info-server-side-fallback-model", model.replace(/[^\x20-\x7e]/g, "?")];
}

/** What the provider calls the model, where that is something else. */
export function aliasHeaders({ deployment, model }: Target): readonly string[] {
  if (deployment === model) return [];
  const [id, name] = [deployment, model].map((text) => text.replace(/[^\x20-\x7e]/g, "?"));
  return ["x-bifrost-routing-info-alias-model-id", id!, "x-bifrost-routing-info-alias-model-name", name!];
}

/** The provider's own headers that go on to the client: not those of its connection, its site or its cookies. */
export function passesOn(name: string): boolean {
  return !ofItsConnection.test(name) && !isSecret(name);
}

const ofItsConnection =
  /^(?:connection|keep-alive|proxy-|te$|trailer|transfer-encoding|upgrade|content-|date$|server$|via$|age$|vary$|etag$|expires$|cache-control$|alt-svc$|strict-|access-control-|cf-|x-request-id$|request-id$|retry-after|x-bifrost-|x-frame|x-xss|x-content-type|nel$|report|link$|location$|www-)/;
