/**
 * `extra_fields` in the body of a JSON answer, for clients of Bifrost that ask for them with
 * `x-bifrost-extra-fields: true`: of a stream in every event. Without that header the bytes stay as they came.
 */
import { dollars } from "../governance/money.ts";
import { bytesOfText } from "../http/stream-writer.ts";
import type { Exchange } from "./exchange.ts";

const closeBrace = 0x7d;

export function withExtraFields(exchange: Exchange, body: Buffer, contentType: string): Buffer {
  if (!asksExtraFields(exchange) || !contentType.includes("json")) return body;
  const end = body.lastIndexOf(closeBrace);
  if (end < 1 || exchange.trip === undefined || exchange.target === undefined) return body;
  const fields = {
    ...fieldsOf(exchange),
    latency: Math.round(exchange.upstreamMs),
    ...(exchange.costNano === undefined ? {} : { cost: Number(dollars(exchange.costNano)) }),
    ...(exchange.attempts === undefined ? {} : { attempt_trail: exchange.attempts }),
  };
  // An object without members takes no comma.
  const comma = isEmpty(body.toString("latin1", Math.max(0, end - 16), end)) ? "" : ",";
  return Buffer.concat([
    body.subarray(0, end),
    Buffer.from(`${comma}"extra_fields":${JSON.stringify(fields)}`),
    body.subarray(end),
  ]);
}

export function asksExtraFields({ request, generation }: Exchange): boolean {
  return generation.data.compat.bifrost || request.headers["x-bifrost-extra-fields"] === "true";
}

/** Puts them into each event of a piece of a stream; both are latin1 text, a character a byte. */
export function extraFieldsWriter(exchange: Exchange): (piece: string) => string {
  const beganAt = performance.now();
  let index = 0;
  const put = (line: string): string => {
    const end = line.lastIndexOf("}");
    const fields = {
      ...fieldsOf(exchange),
      latency: Math.round(exchange.upstreamMs + performance.now() - beganAt),
      chunk_index: index++,
    };
    const text = bytesOfText(JSON.stringify(fields));
    return `${line.slice(0, end)}${isEmpty(line.slice(0, end)) ? "" : ","}"extra_fields":${text}${line.slice(end)}`;
  };
  return (piece) => piece.replace(eventLine, put);
}

/** Data that is an object on one line, as every provider sends it; `[DONE]` is none. */
const eventLine = /^data: ?\{.*\}[ \t]*\r?$/gm;

function isEmpty(before: string): boolean {
  return /[{[,]\s*$/.test(before);
}

function fieldsOf({ route, trip, target, credentialId, view }: Exchange) {
  const primary = trip!.plan.hops[0]!.target;
  return {
    request_type: route.operation,
    routing_info: {
      provider: target!.provider.name,
      model: target!.model,
      key: credentialId,
      is_fallback: trip!.fallback > 0,
      primary_provider: primary.provider.name,
      primary_model: primary.model,
    },
    provider: target!.provider.name,
    original_model_requested: view?.model,
    resolved_model_used: target!.model,
  };
}
