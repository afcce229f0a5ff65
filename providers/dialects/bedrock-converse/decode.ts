/** A Converse answer, whole or streamed, as events. Hides blocks, their numbers, and usage that comes after the stop. */
import type { Event, StreamDecoder, Usage } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, isObject, jsonObject, list, parseJson, type Shape, shape, text, words, writable } from "../../json.ts";
import { tagProof } from "../signature.ts";
import { argumentsText } from "../tool-arguments.ts";
import { exceptionStatus } from "./exceptions.ts";
import { decodeException, decodeFailure } from "./failure.ts";
import { decodeStop, decodeUsage } from "./usage.ts";

export function decode(body: unknown): readonly Event[] {
  const answer = shape(body);
  const message = shape(shape(answer["output"])["message"]);
  if (!Array.isArray(message["content"])) {
    if (words(answer["message"]) !== undefined || words(answer["__type"]) !== undefined) throw decodeFailure(200, body);
    throw protocol("the provider's answer has no content");
  }
  const events: Event[] = [{ type: "start" }];
  let calls = 0;
  for (const item of message["content"]) calls += pushBlock(shape(item), calls, events);
  const native = words(answer["stopReason"]) ?? "end_turn";
  events.push({
    type: "finish",
    reason: decodeStop(native),
    native,
    stopSequence: stopSequence(answer["additionalModelResponseFields"]),
    usage: decodeUsage(answer["usage"], answer["serviceTier"]),
  });
  return events;
}

/** Told only to whoever asked for it by `additionalModelResponseFieldPaths`, at the path that it asked for. */
function stopSequence(fields: unknown): string | undefined {
  const told = shape(fields);
  return words(told["stop_sequence"]) ?? words(shape(told["delta"])["stop_sequence"]);
}

/** Pushes one whole block; returns how many tool calls it was, 1 or 0. */
function pushBlock(block: Shape, calls: number, events: Event[]): number {
  if (typeof block["text"] === "string") {
    if (block["text"] !== "") events.push({ type: "text", delta: block["text"] });
  } else if (isObject(block["toolUse"])) {
    const { toolUseId, name, input } = block["toolUse"];
    events.push(
      { type: "tool_call_start", index: calls, id: words(toolUseId) ?? `tooluse_${calls}`, name: text(name) ?? "" },
      { type: "tool_call_delta", index: calls, delta: argumentsText(input) },
    );
    return 1;
  } else if (isObject(block["reasoningContent"])) {
    pushReasoning(block["reasoningContent"], events);
  } else if (isObject(block["citationsContent"])) {
    for (const said of list(block["citationsContent"]["content"])) {
      const told = words(shape(said)["text"]);
      if (told !== undefined) events.push({ type: "text", delta: told });
    }
    for (const citation of list(block["citationsContent"]["citations"])) {
      const value = writable(citation);
      if (value !== undefined) events.push({ type: "citation", value });
    }
  } else if (isObject(block["image"])) {
    pushImage(block["image"], events);
  } else if (Object.keys(block).length > 0) {
    if (writable(block) === undefined) throw protocol("the provider sent a block that nests too deep");
    events.push({ type: "opaque", dialect: "bedrock-converse", value: jsonObject(block) });
  }
  return 0;
}

function pushReasoning(content: Shape, events: Event[]): void {
  const told = shape(content["reasoningText"]);
  const delta = words(told["text"]);
  if (delta !== undefined) events.push({ type: "thinking", delta });
  const signature = words(told["signature"]);
  if (signature !== undefined) events.push({ type: "thinking_signature", signature });
  const redacted = words(content["redactedContent"]);
  if (redacted !== undefined) events.push({ type: "redacted_thinking", data: tagProof("bedrock-converse", redacted) });
}

function pushImage(image: Shape, events: Event[]): void {
  const data = words(shape(image["source"])["bytes"]);
  if (data !== undefined) events.push({ type: "media", mediaType: `image/${text(image["format"]) ?? "png"}`, data });
}

type OpenBlock = { readonly call: number; readonly image: string | undefined; written: boolean };

/** Blocks a stream may hold open at once. */
const openBlocksMax = 64;

export function decodeStream(): StreamDecoder {
  const open = new Map<number, OpenBlock>();
  /** Proofs of thinking by their block, as far as they have come: they may come in pieces. */
  const signatures = new Map<number, string>();
  let started = false;
  let calls = 0;
  let stopped = false;
  /** Usage usually comes after the stop, and is then the last word; not always. */
  let measured = false;

  function push(name: string, data: string): readonly Event[] {
    if ((stopped && measured) || (name === "" && data === "")) return [];
    const parsed = parseJson(data);
    if (!isObject(parsed)) {
      if (exceptionStatus(name) !== undefined) throw decodeException(name, { message: data });
      throw protocol("the provider sent an event that is not a JSON object");
    }
    if (name !== "") return event(name, parsed);
    // Without frames an event stands under its name.
    const [first] = Object.keys(parsed);
    return first === undefined ? [] : event(first, shape(parsed[first]));
  }

  function event(name: string, value: Shape): readonly Event[] {
    switch (name) {
      case "messageStart":
        if (started) throw protocol("the provider began a second message within one stream");
        started = true;
        return [{ type: "start" }];
      case "contentBlockStart":
        return blockStart(number(value), shape(value["start"]));
      case "contentBlockDelta":
        return blockDelta(number(value), shape(value["delta"]));
      case "contentBlockStop":
        return blockStop(number(value));
      case "messageStop":
        return messageStop(value);
      case "metadata":
        return metadata(value);
      default:
        if (exceptionStatus(name) !== undefined || /exception$/i.test(name)) throw decodeException(name, value);
        return []; // events that are not known yet
    }
  }

  function blockStart(at: number, start: Shape): readonly Event[] {
    if (open.size >= openBlocksMax) throw protocol(`the provider opened more than ${openBlocksMax} blocks at once`);
    const tool = start["toolUse"];
    const image = isObject(start["image"]) ? (text(start["image"]["format"]) ?? "png") : undefined;
    open.set(at, { call: isObject(tool) ? calls : -1, image, written: false });
    if (!isObject(tool)) return [];
    const id = words(tool["toolUseId"]) ?? `tooluse_${calls}`;
    return [{ type: "tool_call_start", index: calls++, id, name: text(tool["name"]) ?? "" }];
  }

  function blockDelta(at: number, delta: Shape): readonly Event[] {
    if (typeof delta["text"] === "string") {
      return delta["text"] === "" ? [] : [{ type: "text", delta: delta["text"] }];
    }
    const block = open.get(at);
    if (isObject(delta["toolUse"])) {
      const written = words(delta["toolUse"]["input"]);
      if (written === undefined || block === undefined || block.call < 0) return [];
      block.written = true;
      return [{ type: "tool_call_delta", index: block.call, delta: written }];
    }
    if (isObject(delta["reasoningContent"])) return reasoning(at, delta["reasoningContent"]);
    if (isObject(delta["citation"])) {
      const value = writable(delta["citation"]);
      return value === undefined ? [] : [{ type: "citation", value }];
    }
    if (isObject(delta["image"])) {
      const events: Event[] = [];
      pushImage({ format: block?.image, ...delta["image"] }, events);
      return events;
    }
    return [];
  }

  function reasoning(at: number, content: Shape): readonly Event[] {
    const delta = words(content["text"]);
    if (delta !== undefined) return [{ type: "thinking", delta }];
    const signature = words(content["signature"]);
    if (signature !== undefined) {
      if (signatures.size >= openBlocksMax)
        throw protocol(`the provider opened more than ${openBlocksMax} blocks at once`);
      signatures.set(at, (signatures.get(at) ?? "") + signature);
      return [];
    }
    const redacted = words(content["redactedContent"]);
    return redacted === undefined ? [] : [{ type: "redacted_thinking", data: tagProof("bedrock-converse", redacted) }];
  }

  function blockStop(at: number): readonly Event[] {
    const block = open.get(at);
    open.delete(at);
    const signature = signatures.get(at);
    signatures.delete(at);
    if (signature !== undefined) return [{ type: "thinking_signature", signature }];
    if (block === undefined || block.call < 0 || block.written) return [];
    return [{ type: "tool_call_delta", index: block.call, delta: "{}" }];
  }

  function messageStop(value: Shape): readonly Event[] {
    if (stopped) return [];
    stopped = true;
    const native = words(value["stopReason"]) ?? "end_turn";
    const sequence = stopSequence(value["additionalModelResponseFields"]);
    const unclosed = [...signatures.values()].map((signature) => ({ type: "thinking_signature", signature }) as const);
    signatures.clear();
    return [...unclosed, { type: "finish", reason: decodeStop(native), native, stopSequence: sequence }];
  }

  function metadata(value: Shape): readonly Event[] {
    const usage: Usage | undefined = decodeUsage(value["usage"], value["serviceTier"]);
    measured = true;
    return usage === undefined ? [] : [{ type: "usage", usage }];
  }

  return {
    push,
    finished() {
      return stopped && measured;
    },
    end() {
      if (stopped) return [];
      throw new GatewayError("upstream_truncated", "the provider's stream ended before its stop reason", {
        source: "provider",
      });
    },
  };
}

function number(value: Shape): number {
  return count(value["contentBlockIndex"]) ?? 0;
}

function protocol(message: string): GatewayError {
  return new GatewayError("upstream_protocol", message, { source: "provider" });
}
