/** An Anthropic answer, whole or streamed, as events. Hides blocks, their numbers, and usage that comes in halves. */
import type { Event, JsonObject, StreamDecoder } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, isObject, jsonObject, list, parseJson, type Shape, shape, text, words, writable } from "../../json.ts";
import { alike } from "../alike.ts";
import { upstreamFailure } from "../failure.ts";
import { argumentsText } from "../tool-arguments.ts";
import { decodeStop, mergeUsage } from "./usage.ts";

export function decode(body: unknown): readonly Event[] {
  const answer = shape(body);
  if (answer["type"] === "error" || isObject(answer["error"])) throw upstreamFailure(200, body);
  if (!Array.isArray(answer["content"])) throw protocol("the provider's answer has no content");
  const events: Event[] = [{ type: "start", id: words(answer["id"]), model: words(answer["model"]) }];
  let calls = 0;
  for (const item of answer["content"]) calls += pushBlock(shape(item), calls, events);
  const merged = mergeUsage();
  merged.add(answer["usage"]);
  const native = words(answer["stop_reason"]) ?? "end_turn";
  events.push({
    type: "finish",
    reason: decodeStop(native),
    native,
    stopSequence: words(answer["stop_sequence"]),
    usage: merged.usage(),
  });
  return events;
}

/** Pushes one whole block; returns how many tool calls it was, 1 or 0. */
function pushBlock(block: Shape, calls: number, events: Event[]): number {
  switch (block["type"]) {
    case "text": {
      const told = words(block["text"]);
      if (told !== undefined) events.push({ type: "text", delta: told });
      for (const citation of list(block["citations"])) {
        const value = writable(citation);
        if (value !== undefined) events.push({ type: "citation", value });
      }
      return 0;
    }
    case "thinking": {
      const told = words(block["thinking"]);
      if (told !== undefined) events.push({ type: "thinking", delta: told });
      const signature = words(block["signature"]);
      if (signature !== undefined) events.push({ type: "thinking_signature", signature });
      return 0;
    }
    case "redacted_thinking":
      events.push({ type: "redacted_thinking", data: text(block["data"]) ?? "" });
      return 0;
    case "tool_use":
      events.push(callStart(block, calls));
      events.push({ type: "tool_call_delta", index: calls, delta: argumentsText(block["input"]) });
      return 1;
    default:
      events.push(opaque(jsonObject(block)));
      return 0;
  }
}

function opaque(block: JsonObject): Event {
  if (writable(block) === undefined) throw protocol("the provider sent a block that nests too deep");
  return { type: "opaque", dialect: "anthropic", value: block };
}

function callStart(block: Shape, index: number): Event {
  return {
    type: "tool_call_start",
    index,
    id: words(block["id"]) ?? `toolu_${index}`,
    name: text(block["name"]) ?? "",
  };
}

/** The block being streamed. One at a time is open, but its number is kept, since a late delta may name another. */
type OpenBlock = {
  readonly type: unknown;
  readonly block: Shape;
  /** Its place among the tool calls. */
  readonly call: number;
  /** Arguments, or the text of a block that is passed on whole. */
  written: string;
  /** Proof of its thinking, as far as it has come: it may come in pieces. */
  signature: string;
};

function signed({ signature }: OpenBlock): readonly Event[] {
  return signature === "" ? [] : [{ type: "thinking_signature", signature }];
}

export function decodeStream(): StreamDecoder {
  const usage = mergeUsage();
  const open = new Map<number, OpenBlock>();
  let id: string | undefined;
  let started = false;
  let begun = false;
  let calls = 0;
  let finished = false;
  let stopped = false;

  function push(name: string, data: string): readonly Event[] {
    if (stopped || data === "") return [];
    const frame = parseJson(data);
    if (!isObject(frame)) {
      if (name === "error") throw upstreamFailure(200, data);
      throw protocol("the provider sent a frame that is not a JSON object");
    }
    switch (frame["type"] ?? name) {
      case "message_start":
        return messageStart(shape(frame["message"]));
      case "content_block_start":
        return blockStart(blockNumber(frame), shape(frame["content_block"]));
      case "content_block_delta":
        return blockDelta(blockNumber(frame), shape(frame["delta"]));
      case "content_block_stop":
        return blockStop(blockNumber(frame));
      case "message_delta":
        return messageDelta(frame);
      case "message_stop":
        finished = true;
        stopped = true;
        return [];
      case "error":
        throw upstreamFailure(200, frame);
      default:
        return isObject(frame["error"]) ? raise(frame) : []; // ping, and events not known yet
    }
  }

  /** Some gateways repeat the first event; a second one after content began is another answer spliced in. */
  function messageStart(message: Shape): readonly Event[] {
    if (begun) throw protocol("the provider began a second message within one stream");
    usage.add(message["usage"]);
    if (started) return [];
    started = true;
    id = words(message["id"]);
    return [{ type: "start", id, model: words(message["model"]), usage: usage.usage() }];
  }

  function blockStart(number: number, block: Shape): readonly Event[] {
    begun = true;
    if (open.size >= openBlocksMax) throw protocol(`the provider opened more than ${openBlocksMax} blocks at once`);
    const events: Event[] = [];
    const type = block["type"];
    open.set(number, { type, block, call: calls, written: "", signature: "" });
    if (type === "tool_use") events.push(callStart(block, calls++));
    else if (type === "text" || type === "thinking" || type === "redacted_thinking") pushBlock(block, calls, events);
    return events;
  }

  function blockDelta(number: number, delta: Shape): readonly Event[] {
    begun = true;
    const block = open.get(number);
    switch (delta["type"]) {
      case "text_delta":
        return one(words(delta["text"]), (told) => ({ type: "text", delta: told }));
      case "thinking_delta":
        return one(words(delta["thinking"]), (told) => ({ type: "thinking", delta: told }));
      case "signature_delta":
        if (block === undefined)
          return one(words(delta["signature"]), (signature) => ({ type: "thinking_signature", signature }));
        block.signature += words(delta["signature"]) ?? "";
        return [];
      case "citations_delta":
        return one(writable(delta["citation"]), (value) => ({ type: "citation", value }));
      case "input_json_delta": {
        const written = words(delta["partial_json"]);
        if (block === undefined || written === undefined) return [];
        block.written += written;
        return block.type === "tool_use" ? [{ type: "tool_call_delta", index: block.call, delta: written }] : [];
      }
      default:
        if (block !== undefined) block.written += words(delta["content"]) ?? ""; // compaction_delta
        return [];
    }
  }

  function blockStop(number: number): readonly Event[] {
    const block = open.get(number);
    if (block === undefined) return [];
    open.delete(number);
    switch (block.type) {
      case "thinking":
        return signed(block);
      case "text":
      case "redacted_thinking":
        return [];
      case "tool_use":
        if (block.written !== "") return [];
        return [{ type: "tool_call_delta", index: block.call, delta: argumentsText(block.block["input"]) }];
      default:
        return [opaque(wholeBlock(block))];
    }
  }

  function messageDelta(frame: Shape): readonly Event[] {
    usage.add(frame["usage"]);
    const delta = shape(frame["delta"]);
    const native = words(delta["stop_reason"]);
    const told = usage.usage();
    if (native === undefined || finished) return told === undefined ? [] : [{ type: "usage", usage: told }];
    finished = true;
    const stopSequence = words(delta["stop_sequence"]);
    const unclosed = [...open.values()].flatMap(signed);
    return [...unclosed, { type: "finish", reason: decodeStop(native), native, stopSequence, usage: told }];
  }

  return alike({
    push,
    finished() {
      return stopped;
    },
    end() {
      if (finished) return [];
      throw new GatewayError("upstream_truncated", "the provider's stream ended before its stop reason", {
        source: "provider",
      });
    },
  });
}

/** Blocks a stream may hold open at once; Anthropic opens one. */
const openBlocksMax = 64;

function one<T>(told: T | undefined, event: (told: T) => Event): readonly Event[] {
  return told === undefined ? [] : [event(told)];
}

function raise(frame: unknown): never {
  throw upstreamFailure(200, frame);
}

function blockNumber(frame: Shape): number {
  return count(frame["index"]) ?? 0;
}

/** The block as a body would hold it: input put together from its deltas, or content written in pieces. */
function wholeBlock(open: OpenBlock): JsonObject {
  const block = jsonObject(open.block);
  if (open.written === "") return block;
  if ("input" in block) return { ...block, input: (parseJson(open.written) ?? {}) as JsonObject };
  return { ...block, content: open.written };
}

function protocol(message: string): GatewayError {
  return new GatewayError("upstream_protocol", message, { source: "provider" });
}
