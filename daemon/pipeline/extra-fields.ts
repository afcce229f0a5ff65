/**
 * `extra_fields` in the body of a whole JSON answer, for clients of Bifrost that ask for them with
 * `x-bifrost-extra-fields: true`. Without that header the bytes stay as they came; streams have the headers only.
 */
import { dollars } from "../governance/money.ts";
import type { Exchange } from "./exchange.ts";

const closeBrace = 0x7d;

export function withExtraFields(exchange: Exchange, body: Buffer, contentType: string): Buffer {
  if (!isWanted(exchange) || !contentType.includes("json")) return body;
  const end = body.lastIndexOf(closeBrace);
  const { trip, target } = exchange;
  if (end < 1 || trip === undefined || target === undefined) return body;
  const primary = trip.plan.hops[0]!.target;
  const fields = {
    request_type: exchange.route.operation,
    routing_info: {
      provider: target.provider.name,
      model: target.model,
      key: exchange.credentialId,
      is_fallback: trip.fallback > 0,
      primary_provider: primary.provider.name,
      primary_model: primary.model,
    },
    latency: Math.round(exchange.upstreamMs),
    ...(exchange.costNano === undefined ? {} : { cost: Number(dollars(exchange.costNano)) }),
    provider: target.provider.name,
    original_model_requested: exchange.view?.model,
    resolved_model_used: target.model,
    ...(exchange.attempts === undefined ? {} : { attempt_trail: exchange.attempts }),
  };
  // An object without members takes no comma.
  const comma = /[{[,]\s*$/.test(body.toString("latin1", Math.max(0, end - 16), end)) ? "" : ",";
  return Buffer.concat([
    body.subarray(0, end),
    Buffer.from(`${comma}"extra_fields":${JSON.stringify(fields)}`),
    body.subarray(end),
  ]);
}

function isWanted({ request, generation }: Exchange): boolean {
  return generation.data.compat.bifrost || request.headers["x-bifrost-extra-fields"] === "true";
}
