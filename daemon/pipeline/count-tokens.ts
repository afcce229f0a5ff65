/** `count_tokens` where the upstream has no such call: an estimate, and it says so. */
import { sendBody } from "../http/reply.ts";
import { findEndpoint } from "../routing/endpoints.ts";
import type { Target } from "../routing/generation.ts";
import { assertAccess } from "./admit.ts";
import { codecOf } from "./codecs.ts";
import type { Exchange } from "./exchange.ts";
import type { Plane } from "./plane.ts";

/** English prose with JSON around it, measured on chat bodies: about four bytes a token. */
const bytesPerToken = 4;

/** True when the target's host has no such call and the estimate has been sent. */
export function countsLocally(exchange: Exchange, target: Target, plane: Plane): boolean {
  const { operation, dialect } = exchange.route;
  if (operation !== "count_tokens") return false;
  const endpoint = findEndpoint(target.provider.endpoints, operation, dialect, target);
  if (endpoint !== undefined && (endpoint.dialect === dialect || codecOf(endpoint.dialect, operation) !== undefined))
    return false;
  assertAccess(exchange, target, plane, Date.now());
  exchange.target = target;
  exchange.status = 200;
  exchange.released = true;
  const input = Math.ceil(exchange.bytesIn / bytesPerToken);
  const context = { id: exchange.id, model: exchange.view!.model!, created: Math.floor(exchange.at / 1000) };
  const body = Buffer.from(JSON.stringify(dialect.countTokens?.render({ input }, context) ?? { input_tokens: input }));
  exchange.bytesOut = body.length;
  sendBody(exchange.response, 200, "application/json", body, exchange.id, ["x-bifrost-estimated", "true"]);
  return true;
}
