/** `GET /v1/generation?id=`: one request of the log, for the key that made it, in OpenRouter's words. */
import type { IncomingHttpHeaders } from "node:http";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { RequestRow } from "../store/request-log.ts";
import { settlementFlag } from "../store/rows.ts";
import { authenticate } from "./authenticate.ts";
import type { Plane } from "./plane.ts";

const nanoPerDollar = 1e9;
/** Longer than any id of ours. */
const idCharactersMax = 64;

export async function describeOwnRequest(
  headers: IncomingHttpHeaders,
  target: string,
  plane: Plane,
  nowMs: number,
): Promise<object> {
  const { auth, record } = plane.generation.data;
  const { keyId } = authenticate(headers, plane.keys, auth.inference === "open", nowMs);
  const request = idIn(target);
  if (request === undefined) {
    throw new GatewayError("invalid_request", "which request? Ask with `?id=`, the `x-request-id` of its answer", {
      source: "client",
      param: "id",
    });
  }
  if (!record.requests || request.length > idCharactersMax) throw unknown(request, record.requests);
  plane.traffic.flush(); // it may wait here for company
  const { row, failed } = await plane.findOwnRequest({ request, keyId });
  if (failed !== undefined) {
    throw new GatewayError("database_unavailable", "the request log cannot be read now; try again shortly", {
      source: "gateway",
      cause: failed,
    });
  }
  if (row === undefined) throw unknown(request, true);
  return { data: render(row) };
}

function idIn(target: string): string | undefined {
  const query = target.indexOf("?");
  if (query < 0) return undefined;
  return new URLSearchParams(target.slice(query + 1)).get("id")?.trim() || undefined;
}

function unknown(request: string, isLogged: boolean): GatewayError {
  const why = isLogged ? "was made with this API key, or it is still under way" : "can be told: no request log is kept";
  return new GatewayError("not_found", `no request "${request.slice(0, idCharactersMax)}" ${why}`, {
    source: "client",
    param: "id",
  });
}

/** OpenRouter has fewer words for an end. */
const others: Readonly<Partial<Record<string, string>>> = { refusal: "content_filter", pause: "stop" };

/** What the log does not know is null. The tokens are the provider's own count, so both of OpenRouter's are the same. */
function render(row: RequestRow): object {
  const cost = typeof row.cost_nano === "number" ? row.cost_nano / nanoPerDollar : null;
  return {
    id: row.id,
    upstream_id: row.upstream_id,
    created_at: new Date(row.at as number).toISOString(),
    model: row.target ?? row.model,
    provider_name: row.provider,
    streamed: row.stream === 1,
    cancelled: row.status === 499,
    finish_reason: row.stop === null ? null : (others[String(row.stop)] ?? row.stop),
    native_finish_reason: row.native_stop,
    latency: row.latency_ms,
    generation_time: row.upstream_ms,
    moderation_latency: null,
    tokens_prompt: row.tokens_in,
    tokens_completion: row.tokens_out,
    native_tokens_prompt: row.tokens_in,
    native_tokens_completion: row.tokens_out,
    native_tokens_reasoning: row.tokens_reasoning,
    native_tokens_cached: row.tokens_cache_read,
    native_tokens_completion_images: null,
    num_media_prompt: null,
    num_media_completion: null,
    num_search_results: null,
    total_cost: cost,
    usage: cost,
    // As in `usage` of an answer.
    ...(((row.flags as number) & settlementFlag.estimated) === 0 ? {} : { cost_estimated: true }),
    cache_discount: null,
    upstream_inference_cost: null,
    is_byok: null,
    provider_responses: null,
    router: null,
    origin: null,
    app_id: null,
    external_user: null,
  };
}
