/**
 * The Responses API's memory, for providers that have none: what is to be kept, what a response goes on from, and what is
 * asked of one later. Hides that a provider which keeps its own is asked itself, and that a response belongs to the key
 * that made it.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import { list, nestingLevelsMax, nestsWithin, parseJson, shape, words } from "../../providers/json.ts";
import { sendBody } from "../http/reply.ts";
import { readFrame } from "../http/sse-splitter.ts";
import type { KeptResponse } from "../store/kept-responses.ts";
import type { Exchange } from "./exchange.ts";
import { mayRefer, tellItems } from "./item-references.ts";
import type { Plane } from "./plane.ts";
import { replaceBody } from "./read.ts";

/** Responses that one may have gone on from, one after the other. */
const chainMax = 128;

/** Its answer is a response, which may be kept. */
export function speaksResponses({ route }: Exchange): boolean {
  return route.name === "responses";
}

/** It may go on from one. */
export function readsResponses({ route }: Exchange): boolean {
  return route.dialect.id === "openai-responses" && route.form === "json";
}

/** Undefined, as nearly always: this one goes on from nothing. */
export function continued(exchange: Exchange, plane: Plane): Promise<void> | undefined {
  const id = previousOf(exchange);
  if (id !== undefined && typeof id !== "string") throw notFound("previous_response_id");
  if (mayRefer(exchange)) return continuedByItems(exchange, id, plane);
  return id === undefined ? undefined : goOnFrom(exchange, id, plane);
}

async function continuedByItems(exchange: Exchange, id: string | undefined, plane: Plane): Promise<void> {
  await tellItems(exchange, plane);
  if (id !== undefined) await goOnFrom(exchange, id, plane);
}

/** What it says that it goes on from; undefined: nothing. */
export function previousOf({ body, view }: Exchange): unknown {
  const member = view!.noted?.find(({ name }) => name === "previous_response_id");
  if (member === undefined) return undefined;
  return JSON.parse(body!.toString("utf8", member.valueStart, member.end)) ?? undefined;
}

async function goOnFrom(exchange: Exchange, id: string, plane: Plane): Promise<void> {
  const first = await owned(exchange, id, plane, "previous_response_id");
  exchange.previousResponse = id;
  if (first.provider !== undefined) {
    const view = exchange.view!;
    const only = { ...view.preferences?.provider, only: [first.provider.slice(0, first.provider.indexOf("/"))] };
    exchange.view = { ...view, preferences: { ...view.preferences, provider: only } };
    return;
  }
  const chain = [first];
  for (let previous = first.previous; previous !== undefined; previous = chain.at(-1)!.previous) {
    if (chain.length >= chainMax) throw tooLong();
    chain.push(await owned(exchange, previous, plane, "previous_response_id"));
  }
  const { previous_response_id: _, ...body } = JSON.parse(exchange.body!.toString("utf8")) as Record<string, unknown>;
  const own = inputItems(body["input"]);
  if (speaksResponses(exchange)) exchange.ownInput = own;
  const before = chain
    .reverse()
    .flatMap(({ input, response }) => [
      ...(JSON.parse(input) as unknown[]),
      ...(JSON.parse(response) as { output: unknown[] }).output,
    ]);
  replaceBody(exchange, plane, Buffer.from(JSON.stringify({ ...body, input: [...before, ...own] })));
}

function inputItems(input: unknown): readonly unknown[] {
  if (Array.isArray(input)) return input;
  return typeof input === "string" ? [{ type: "message", role: "user", content: input }] : [];
}

async function owned(exchange: Exchange, id: string, plane: Plane, param: string): Promise<KeptResponse> {
  const kept = await plane.responses.get(id, exchange.caller!.keyId);
  if (kept === undefined) throw notFound(param);
  return kept;
}

/** What must be remembered of the request before its bytes are given back. */
export function watchResponse(exchange: Exchange, plane: Plane): void {
  const { body, view } = exchange;
  if (body === undefined || !wantsKept(exchange)) return;
  const { input } = JSON.parse(body.toString("utf8")) as { input?: unknown };
  exchange.ownInput ??= inputItems(input);
  if (!view!.stream) return;
  exchange.onFrames = (frames) => {
    if (!ends.test(frames)) return;
    for (const frame of frames.split(/\n\n|\r\n\r\n/)) {
      if (!ends.test(frame)) continue;
      const { data } = readFrame(Buffer.from(frame, "latin1").toString("utf8"));
      const { response } = JSON.parse(data) as { response?: object };
      if (response !== undefined) keep(exchange, response, plane);
    }
  };
}

/** The events that carry the whole response. */
const ends = /"type":\s*"response\.(?:completed|incomplete)"/;

/** OpenAI keeps unless told not to. */
function wantsKept({ view, body, generation }: Exchange): boolean {
  if (!generation.data.record.responses) return false;
  const member = view!.noted?.find(({ name }) => name === "store");
  return member === undefined || body!.toString("latin1", member.valueStart, member.end) !== "false";
}

/** A whole answer. */
export function rememberAnswer(exchange: Exchange, body: Buffer, plane: Plane): void {
  if (exchange.ownInput === undefined) return;
  let response: unknown;
  try {
    response = JSON.parse(body.toString("utf8"));
  } catch {
    return; // what is no JSON is no response
  }
  if (typeof response === "object" && response !== null) keep(exchange, response, plane);
}

function keep(exchange: Exchange, response: object, plane: Plane): void {
  const { id, store } = response as { id?: unknown; store?: unknown };
  if (typeof id !== "string" || id === "" || !Array.isArray((response as { output?: unknown }).output)) return;
  if (!nestsWithin(response, nestingLevelsMax)) return; // it could not be written again
  const isNative = exchange.isRelay && store === true;
  plane.responses.put({
    id,
    keyId: exchange.caller!.keyId,
    provider: isNative ? exchange.target!.name : undefined,
    previous: exchange.previousResponse,
    at: exchange.at,
    input: isNative ? "" : JSON.stringify(exchange.ownInput),
    response: isNative ? "" : JSON.stringify(response),
    items: itemIds((response as { output: unknown[] }).output),
  });
}

function itemIds(items: readonly unknown[]): readonly string[] {
  return items.flatMap((item) => words(shape(item)["id"]) ?? []);
}

/** What its provider tells later of one that it keeps: what is in it when it has ended, and what it was asked. */
export function learnItems({ stored, request }: Exchange, answer: Buffer, plane: Plane): void {
  if (request.method !== "GET") return;
  const { output, data } = shape(parseJson(answer.toString("utf8")));
  const items = itemIds([...list(output), ...list(data)]);
  if (items.length > 0) plane.responses.put({ ...stored!, items });
}

/** A call about a response that exists: whose it is, and who has it. */
export async function findStored(exchange: Exchange, plane: Plane): Promise<void> {
  const id = decodeURIComponent(exchange.rest.split("/")[1] ?? "");
  exchange.stored = await owned(exchange, id, plane, "response_id");
}

/** True when it is ours to answer, and has been. */
export async function answersStored(exchange: Exchange, plane: Plane): Promise<boolean> {
  const { stored, rest, request } = exchange;
  if (stored === undefined || stored.provider !== undefined) return false;
  const body = Buffer.from(JSON.stringify(await answerTo(stored, rest, request.method ?? "GET", plane)));
  exchange.status = 200;
  exchange.released = true;
  exchange.bytesOut = body.length;
  sendBody(exchange.response, 200, "application/json", body, exchange.id, []);
  return true;
}

async function answerTo(stored: KeptResponse, rest: string, method: string, plane: Plane): Promise<unknown> {
  if (method === "DELETE") {
    await plane.responses.remove(stored.id, stored.keyId);
    return { id: stored.id, object: "response", deleted: true };
  }
  if (rest.endsWith("/cancel")) {
    throw new GatewayError("invalid_request", "only a response that runs in the background can be cancelled", {
      source: "client",
    });
  }
  if (!rest.endsWith("/input_items")) return JSON.parse(stored.response) as unknown;
  const data = (JSON.parse(stored.input) as object[]).map((item, index) => ({
    id: `${stored.id}_in_${index}`,
    ...item,
  }));
  return {
    object: "list",
    data: data.reverse(),
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: false,
  };
}

/** Once its provider has taken it away, there is nothing left to ask about. */
export function forgetStored({ stored, request, status }: Exchange, plane: Plane): void {
  if (stored === undefined || request.method !== "DELETE" || status >= 300) return;
  plane.responses.remove(stored.id, stored.keyId).catch(() => {});
}

function notFound(param: string): GatewayError {
  return new GatewayError("not_found", "there is no such response, or it belongs to another key", {
    source: "client",
    param,
  });
}

function tooLong(): GatewayError {
  return new GatewayError("invalid_request", `a response may go on from at most ${chainMax} others`, {
    source: "client",
    param: "previous_response_id",
  });
}
