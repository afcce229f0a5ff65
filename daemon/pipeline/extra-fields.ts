/**
 * `extra_fields` in the body of a JSON answer, for clients of Bifrost that ask for them with
 * `x-bifrost-extra-fields: true`, or for raw bodies: of a stream in every event. Without that the bytes stay as they came.
 */
import { dollars } from "../governance/money.ts";
import { bytesOfText } from "../http/stream-writer.ts";
import type { Exchange } from "./exchange.ts";
import { rawBytesMax, rawEvents, rawMembers } from "./raw.ts";
import { serverSideFallback, toldModel } from "./told-model.ts";

const closeBrace = 0x7d;

export function withExtraFields(exchange: Exchange, body: Buffer, contentType: string): Buffer {
  if (!asksExtraFields(exchange) || !contentType.includes("json")) return body;
  const end = body.lastIndexOf(closeBrace);
  if (end < 1 || exchange.trip === undefined || exchange.target === undefined) return body;
  const fields = {
    ...fieldsOf(exchange, serverSideFallback(exchange, toldModel(body.toString("utf8")))),
    ...metadataOf(exchange),
    latency: Math.round(exchange.upstreamMs),
    ...(exchange.costNano === undefined ? {} : { cost: Number(dollars(exchange.costNano)) }),
    ...(exchange.attempts === undefined ? {} : { attempt_trail: exchange.attempts }),
  };
  // An object without members takes no comma.
  const comma = isEmpty(body.toString("latin1", Math.max(0, end - 16), end)) ? "" : ",";
  return Buffer.concat([
    body.subarray(0, end),
    Buffer.from(`${comma}"extra_fields":${withMembers(fields, rawMembers(exchange))}`),
    body.subarray(end),
  ]);
}

export function asksExtraFields({ request, generation, raw }: Exchange): boolean {
  return generation.data.compat.bifrost || raw !== undefined || request.headers["x-bifrost-extra-fields"] === "true";
}

function withMembers(fields: object, members: string): string {
  return `${JSON.stringify(fields).slice(0, -1)}${members}}`;
}

/**
 * Puts them into each event of a piece of a stream; both are latin1 text, a character a byte.
 * @param read the provider's own event that the piece was made of
 */
export function extraFieldsWriter(exchange: Exchange): (piece: string, read: () => string) => string {
  const beganAt = performance.now();
  const raw = rawEvents(exchange);
  let index = 0;
  /** What the provider has said since the last event: not each of its events becomes one of ours. */
  let data = "";
  /** Who answers is said with the first events, if at all. */
  let told: string | undefined;
  const put = (line: string): string => {
    const end = line.lastIndexOf("}");
    if (told === undefined && index < tellingEvents)
      told = toldModel(Buffer.from(line.slice(line.indexOf("{"), end + 1), "latin1").toString("utf8"));
    const fields = {
      ...fieldsOf(exchange, serverSideFallback(exchange, told)),
      ...(index === 0 ? metadataOf(exchange) : {}),
      latency: Math.round(exchange.upstreamMs + performance.now() - beganAt),
      chunk_index: index++,
    };
    const text = bytesOfText(raw === undefined ? JSON.stringify(fields) : withMembers(fields, raw(data)));
    data = "";
    return `${line.slice(0, end)}${isEmpty(line.slice(0, end)) ? "" : ","}"extra_fields":${text}${line.slice(end)}`;
  };
  return (piece, read) => {
    if (raw !== undefined && data.length < rawBytesMax) data = data === "" ? read() : `${data}\n${read()}`;
    return piece.replace(eventLine, put);
  };
}

const tellingEvents = 4;

/** Data that is an object on one line, as every provider sends it; `[DONE]` is none. */
const eventLine = /^data: ?\{.*\}[ \t]*\r?$/gm;

function isEmpty(before: string): boolean {
  return /[{[,]\s*$/.test(before);
}

/** How it was decided, once an answer. */
function metadataOf({ trip }: Exchange): object {
  const { decision, order } = trip!.plan;
  if (decision !== undefined) {
    const { ordered: _, ...told } = decision();
    return { routing_metadata: told };
  }
  if (order === undefined) return {};
  const considered = (JSON.parse(order) as readonly string[]).map((target) => ({ target }));
  return { routing_metadata: { strategy: "ordered", considered } };
}

function fieldsOf(exchange: Exchange, fallbackModel: string | undefined) {
  const { route, trip, target, credentialId, view, droppedHeader, coded } = exchange;
  const primary = trip!.plan.hops[0]!.target;
  const { deployment, model } = target!;
  const dropped = droppedHeader[1]?.split(",") ?? [];
  const tools = dropped.filter((name) => name.startsWith("tools[]"));
  const others = dropped.filter((name) => !name.startsWith("tools[]"));
  return {
    request_type: route.operation,
    routing_info: {
      provider: target!.provider.name,
      model,
      key: credentialId,
      ...(deployment === model ? {} : { resolved_key_alias: { model_id: deployment, model_name: model } }),
      is_fallback: trip!.fallback > 0,
      primary_provider: primary.provider.name,
      primary_model: primary.model,
      ...(fallbackModel === undefined ? {} : { server_side_fallback_model: fallbackModel }),
    },
    provider: target!.provider.name,
    original_model_requested: view?.model,
    resolved_model_used: model,
    ...(coded !== undefined && route.operation === "completions" ? { converted_request_type: "chat" } : {}),
    ...(others.length === 0 ? {} : { dropped_compat_plugin_params: others }),
    ...(tools.length === 0 ? {} : { dropped_unsupported_tools: tools }),
  };
}
