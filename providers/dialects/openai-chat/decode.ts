/**
 * An OpenAI-shaped answer, whole or streamed, as events. Hides the many places where compatible servers put reasoning,
 * and the gaps and repeats in their tool-call deltas.
 */
import type { Event, JsonObject, StreamDecoder, Usage } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, isObject, list, parseJson, type Shape, shape, text, words, writable } from "../../json.ts";
import { alike } from "../alike.ts";
import { upstreamFailure } from "../failure.ts";
import { argumentsText } from "../tool-arguments.ts";
import { holdsFailure } from "./failure.ts";
import { decodeFinish, decodeUsage } from "./usage.ts";

export function decode(body: unknown): readonly Event[] {
  const answer = shape(body);
  if (holdsFailure(answer)) throw upstreamFailure(200, body);
  const choices = list(answer["choices"]);
  if (choices.length === 0) throw protocol("the provider's answer has no choices");
  const events: Event[] = [start(answer)];
  for (const [position, item] of choices.entries()) {
    const choice = shape(item);
    const index = count(choice["index"]) ?? position;
    const calls = toolCalls();
    pushDelta(shape(choice["message"] ?? choice["delta"]), index, reasoningOf(), calls, events);
    pushLogprobs(choice, index, events);
    events.push(finish(words(choice["finish_reason"]) ?? "stop", index));
  }
  pushUsage(answer, events);
  return events;
}

export function decodeStream(): StreamDecoder {
  let started = false;
  let done = false;
  const reasoning = reasoningOf();
  /** Per choice: its tool calls, and whether its finish has gone by. */
  const choices = new Map<number, { readonly calls: ToolCalls; finished: boolean }>();

  function allFinished(): boolean {
    if (choices.size === 0) return false;
    for (const choice of choices.values()) if (!choice.finished) return false;
    return true;
  }

  /** A server that says `[DONE]` without a finish reason has still said its last word. */
  function closeUnfinished(): readonly Event[] {
    const events: Event[] = [];
    for (const [index, choice] of choices) {
      if (!choice.finished) events.push({ type: "finish", reason: "stop", ...at(index) });
      choice.finished = true;
    }
    return events;
  }

  function push(event: string, data: string): readonly Event[] {
    if (done || data === "") return [];
    if (data.startsWith("[DONE]")) {
      done = true;
      return closeUnfinished();
    }
    const parsed = parseJson(data);
    if (!isObject(parsed)) throw protocol("the provider sent a frame that is not a JSON object");
    if (holdsFailure(parsed) || event === "error") throw upstreamFailure(200, parsed);
    const events: Event[] = [];
    for (const [position, item] of list(parsed["choices"]).entries()) {
      if (!started) {
        events.push(start(parsed));
        started = true;
      }
      const choice = shape(item);
      const index = count(choice["index"]) ?? position;
      let state = choices.get(index);
      if (state === undefined) {
        if (choices.size >= choicesMax) throw protocol(`the provider sent more than ${choicesMax} choices`);
        state = { calls: toolCalls(), finished: false };
        choices.set(index, state);
      }
      pushDelta(shape(choice["delta"] ?? choice["message"]), index, reasoning, state.calls, events);
      pushLogprobs(choice, index, events);
      const reason = words(choice["finish_reason"]);
      if (reason !== undefined && !state.finished) {
        state.finished = true;
        events.push(finish(reason, index));
      }
    }
    pushUsage(parsed, events);
    return events;
  }

  return alike({
    push,
    finished() {
      return done;
    },
    end() {
      if (allFinished()) return [];
      throw new GatewayError("upstream_truncated", "the provider's stream ended before it was finished", {
        source: "provider",
      });
    },
  });
}

/** Choices one stream may open: `n` is at most 128 at OpenAI. */
const choicesMax = 128;
/** Tool calls one choice may open. */
const toolCallsMax = 1_024;

function protocol(message: string): GatewayError {
  return new GatewayError("upstream_protocol", message, { source: "provider" });
}

function start(answer: Shape): Event {
  return { type: "start", id: words(answer["id"]), model: words(answer["model"]) };
}

function finish(native: string, index: number): Event {
  return { type: "finish", reason: decodeFinish(native), native, ...at(index) };
}

/** The first choice goes without a number, as nearly every answer has one only. */
function at(index: number): { choice?: number } {
  return index === 0 ? {} : { choice: index };
}

function pushLogprobs(choice: Shape, index: number, events: Event[]): void {
  if (!choice["logprobs"]) return; // null in every chunk, mostly
  const value = writable(choice["logprobs"]);
  if (value !== undefined) events.push({ type: "logprobs", value, ...at(index) });
}

function pushUsage(answer: Shape, events: Event[]): void {
  const usage: Usage | undefined = decodeUsage(
    answer["usage"] ?? shape(answer["x_groq"])["usage"],
    answer["service_tier"],
  );
  if (usage !== undefined) events.push({ type: "usage", usage });
}

function pushDelta(delta: Shape, index: number, reasoning: Reasoning, calls: ToolCalls, events: Event[]): void {
  reasoning.push(delta, events);
  const { content } = delta;
  if (typeof content === "string") {
    if (content !== "") events.push({ type: "text", delta: content, ...at(index) });
  } else if (Array.isArray(content)) {
    for (const part of content) pushContentPart(shape(part), index, events);
  }
  const refusal = words(delta["refusal"]);
  if (refusal !== undefined) events.push({ type: "refusal", delta: refusal, ...at(index) });
  for (const image of list(delta["images"])) pushPicture(shape(image), index, events);
  const audio = writable(delta["audio"]);
  if (audio !== undefined) events.push({ type: "opaque", dialect: "openai-chat", value: { audio } });
  for (const citation of list(delta["annotations"])) {
    const value = writable(citation);
    if (value !== undefined) events.push({ type: "citation", value });
  }
  for (const [position, call] of list(delta["tool_calls"]).entries()) calls.push(shape(call), position, index, events);
}

/** A picture that the model made, as OpenRouter puts it; one by address stays as it came. */
function pushPicture(image: Shape, index: number, events: Event[]): void {
  const url = text(shape(image["image_url"])["url"]) ?? "";
  const [head, mediaType] = /^data:([^;,]+);base64,/.exec(url) ?? [];
  if (head !== undefined && mediaType !== undefined) {
    events.push({ type: "media", mediaType, data: url.slice(head.length), ...at(index) });
    return;
  }
  const value = writable(image);
  if (value !== undefined) events.push({ type: "opaque", dialect: "openai-chat", value: { images: [value] } });
}

type Reasoning = { push(delta: Shape, events: Event[]): void };

/**
 * OpenRouter tells reasoning twice in one delta, as text and in details; the details carry the signatures, so they
 * count. Others, and we ourselves, tell the text as it comes and the whole signed block after it: that is one block.
 */
function reasoningOf(): Reasoning {
  let told = "";

  function push(delta: Shape, events: Event[]): void {
    const details = list(delta["reasoning_details"]);
    for (const item of details) pushDetail(shape(item), events);
    if (details.length > 0) return;
    const plain = words(delta["reasoning_content"]) ?? words(delta["reasoning"]);
    if (plain === undefined) return;
    told += plain;
    events.push({ type: "thinking", delta: plain });
  }

  function pushDetail(detail: Shape, events: Event[]): void {
    const text = words(detail["text"]) ?? words(detail["summary"]);
    const signature = words(detail["signature"]);
    if (text !== undefined && !(signature !== undefined && text === told))
      events.push({ type: "thinking", delta: text });
    if (signature !== undefined) {
      told = "";
      events.push({ type: "thinking_signature", signature });
    }
    const data = words(detail["data"]);
    if (data !== undefined) events.push({ type: "redacted_thinking", data });
  }

  return { push };
}

/** Mistral's content may be a list of parts, thinking among them. */
function pushContentPart(part: Shape, index: number, events: Event[]): void {
  if (part["type"] === "thinking") {
    for (const item of list(part["thinking"])) {
      const told = words(shape(item)["text"]);
      if (told !== undefined) events.push({ type: "thinking", delta: told });
    }
    return;
  }
  const told = words(part["text"]);
  if (told !== undefined) events.push({ type: "text", delta: told, ...at(index) });
}

type ToolCalls = { push(call: Shape, position: number, choice: number, events: Event[]): void };

/**
 * Numbers the calls of one choice 0, 1, 2 … in the order of their first appearance, whatever numbers the upstream
 * gives: some begin at 1, some leave gaps, some give none and send each call whole.
 */
function toolCalls(): ToolCalls {
  const indices = new Map<number | string, number>();
  const ids: string[] = [];

  function push(call: Shape, position: number, choice: number, events: Event[]): void {
    const fn: JsonObject | Shape = shape(call["function"] ?? call["custom"]);
    const id = words(call["id"]);
    const name = words(fn["name"]);
    const given = count(call["index"]) ?? id ?? position;
    let index = indices.get(given);
    // The same number with another id and a name is another call: some servers number every call 0.
    if (index === undefined || (id !== undefined && name !== undefined && ids[index] !== id)) {
      if (ids.length >= toolCallsMax) throw protocol(`the provider sent more than ${toolCallsMax} tool calls`);
      index = ids.length;
      indices.set(given, index);
      ids.push(id ?? `call_${choice}_${index}`);
      const custom = call["type"] === "custom" ? { custom: true as const } : {};
      events.push({ type: "tool_call_start", index, id: ids[index]!, name: name ?? "", ...custom, ...at(choice) });
    }
    const written = fn["arguments"] ?? call["input"] ?? fn["input"];
    const delta = text(written) ?? (isObject(written) ? argumentsText(written) : "");
    if (delta !== "") events.push({ type: "tool_call_delta", index, delta, ...at(choice) });
  }

  return { push };
}
