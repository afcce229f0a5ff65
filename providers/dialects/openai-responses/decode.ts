/** A whole response as events. Hides the kinds of items: one without a counterpart is kept as it came. */
import type { Event } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { list, type Shape, shape, text, words, writable } from "../../json.ts";
import { decodeFailure, holdsFailure } from "./failure.ts";
import { pieceBreak, proofOf, reasoningPieces } from "./reasoning.ts";
import { decodeFinish, decodeUsage } from "./usage.ts";

export function decode(body: unknown): readonly Event[] {
  const response = shape(body);
  if (holdsFailure(response)) throw decodeFailure(200, body);
  const { output, status } = response;
  if (!Array.isArray(output)) throw protocol("the provider's answer has no output");
  if (status === "queued" || status === "in_progress") throw protocol("the provider answered before it was done");
  const events: Event[] = [start(response)];
  let calls = 0;
  for (const item of output) calls += pushItem(shape(item), calls, events);
  events.push(finish(response, calls > 0));
  return events;
}

export function start(response: Shape): Event {
  return { type: "start", id: words(response["id"]), model: words(response["model"]) };
}

export function finish(response: Shape, called: boolean): Event {
  return { type: "finish", ...decodeFinish(response, called), usage: decodeUsage(response) };
}

/** Pushes one whole item; returns how many calls of functions it was, 1 or 0. */
export function pushItem(item: Shape, calls: number, events: Event[]): number {
  switch (item["type"]) {
    case "message":
      for (const part of list(item["content"])) pushPart(shape(part), events);
      return 0;
    case "reasoning":
      pushReasoning(item, events);
      return 0;
    case "function_call": {
      events.push(callStart(item, calls));
      const written = words(item["arguments"]);
      if (written !== undefined) events.push({ type: "tool_call_delta", index: calls, delta: written });
      return 1;
    }
    default:
      pushOther(item, events);
      return 0;
  }
}

export function callStart(item: Shape, index: number): Event {
  const id = words(item["call_id"]) ?? words(item["id"]) ?? `call_${index}`;
  return { type: "tool_call_start", index, id, name: text(item["name"]) ?? "" };
}

/** A picture is one to everybody; what else a hosted tool did only its own dialect can tell. */
export function pushOther(item: Shape, events: Event[]): void {
  const picture = item["type"] === "image_generation_call" ? words(item["result"]) : undefined;
  if (picture !== undefined) {
    const format = words(item["output_format"]) ?? "png";
    events.push({ type: "media", mediaType: `image/${format}`, data: picture });
    return;
  }
  const value = writable(item);
  if (value === undefined) throw protocol("the provider sent an item that nests too deep");
  events.push({ type: "opaque", dialect: "openai-responses", value });
}

function pushPart(part: Shape, events: Event[]): void {
  if (part["type"] === "refusal") {
    const refusal = words(part["refusal"]);
    if (refusal !== undefined) events.push({ type: "refusal", delta: refusal });
    return;
  }
  const told = words(part["text"]);
  if (told !== undefined) events.push({ type: "text", delta: told });
  pushLogprobs(part, events);
  for (const annotation of list(part["annotations"])) pushCitation(annotation, events);
}

export function pushCitation(annotation: unknown, events: Event[]): void {
  const value = writable(annotation);
  if (value !== undefined) events.push({ type: "citation", value });
}

export function pushLogprobs(part: Shape, events: Event[]): void {
  const tokens = list(part["logprobs"]);
  if (tokens.length === 0) return;
  const value = writable({ content: tokens, refusal: null });
  if (value !== undefined) events.push({ type: "logprobs", value });
}

function pushReasoning(item: Shape, events: Event[]): void {
  const thinking = reasoningPieces(item).join(pieceBreak);
  if (thinking !== "") events.push({ type: "thinking", delta: thinking });
  pushProof(item, events);
}

/** Without encrypted content there is nothing to send back: a stored item is known to its own provider only. */
export function pushProof(item: Shape, events: Event[]): void {
  const proof = proofOf(item, reasoningPieces(item));
  if (proof?.kind === "redacted") events.push({ type: "redacted_thinking", data: proof.data });
  else if (proof !== undefined) events.push({ type: "thinking_signature", signature: proof.signature });
}

export function protocol(message: string): GatewayError {
  return new GatewayError("upstream_protocol", message, { source: "provider" });
}
