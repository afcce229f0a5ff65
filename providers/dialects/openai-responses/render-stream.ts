/**
 * Events as a streamed response. Hides the numbering of events, items and parts, and what must open before a delta and
 * close after it. Messages and reasoning are open one at a time; calls stay open together, since an upstream may write
 * them in turns.
 */
import type { Event, Json, JsonObject, RenderContext, StreamRenderer, Usage } from "../../exchange.ts";
import type { GatewayError } from "../../gateway-error.ts";
import { customNames } from "../custom-tool.ts";
import { renderTier } from "../openai-extra.ts";
import { failedError } from "./failure.ts";
import {
  type Call,
  callItem,
  type Head,
  type Item,
  itemId,
  type MessagePart,
  modelFailed,
  pictureItem,
  redactedItem,
  renderAnnotation,
  renderItem,
  renderLogprobs,
  renderPart,
  renderResponse,
  responseId,
  seal,
  type Told,
} from "./items.ts";
import { type Ending, renderEnding, renderUsage } from "./usage.ts";

export function renderStream(context: RenderContext): StreamRenderer {
  let sequence = context.sequence ?? 0;
  let head: Head = { id: responseId(context.id), model: context.model, created: context.created };
  let begun = false;
  let usage: Usage = {};
  let ending: Ending | undefined;
  let refused = false;
  const items: Item[] = [];
  /** The message or reasoning that is open, the part of the message that is, and what every delta of it begins with. */
  let open: Extract<Item, { type: "message" | "reasoning" }> | undefined;
  let part: MessagePart | undefined;
  let deltaHead = "";
  const custom = customNames(context.echo);
  const calls: Call[] = [];
  let openCalls: Call[] = [];

  function frame(type: string, fields: JsonObject): string {
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...fields })}\n\n`;
  }

  /** The part of a delta's frame that stays the same: the number and the text follow. */
  function headOf(type: string, fields: string): string {
    return `event: ${type}\ndata: {"type":"${type}",${fields},`;
  }

  function delta(text: string, rest = ""): string {
    return `${deltaHead}"sequence_number":${sequence++},"delta":${JSON.stringify(text)}${rest}}\n\n`;
  }

  function response(told: Told): JsonObject {
    return renderResponse(head, told, context.echo);
  }

  function begin(): string {
    if (begun) return "";
    begun = true;
    const told = response({ status: "in_progress", output: [], usage: null });
    return frame("response.created", { response: told }) + frame("response.in_progress", { response: told });
  }

  function added(item: Item): string {
    items.push(item);
    return frame("response.output_item.added", {
      output_index: item.place,
      item: renderItem(item, "in_progress"),
    });
  }

  function done(item: Item): string {
    return frame("response.output_item.done", { output_index: item.place, item: renderItem(item, "completed") });
  }

  /** Closes whatever is open: what comes next is another item. */
  function closeAll(): string {
    return closeOpen() + closeCalls();
  }

  function closeOpen(): string {
    if (open === undefined) return "";
    const item = open;
    const out = closePart() + (item.type === "reasoning" && item.text !== "" ? closeSummary(item) : "") + done(item);
    open = undefined;
    return out;
  }

  function closePart(): string {
    if (part === undefined || open?.type !== "message") return "";
    const at = partAt(open);
    const last =
      part.type === "refusal"
        ? frame("response.refusal.done", { ...at, refusal: part.refusal })
        : frame("response.output_text.done", { ...at, text: part.text, logprobs: part.logprobs });
    const out = last + frame("response.content_part.done", { ...at, part: renderPart(part) });
    part = undefined;
    return out;
  }

  function partAt(message: Extract<Item, { type: "message" }>): JsonObject {
    return { item_id: message.id, output_index: message.place, content_index: message.content.length - 1 };
  }

  function closeSummary(item: Extract<Item, { type: "reasoning" }>): string {
    const at = { item_id: item.id, output_index: item.place, summary_index: 0 };
    return (
      frame("response.reasoning_summary_text.done", { ...at, text: item.text }) +
      frame("response.reasoning_summary_part.done", { ...at, part: { type: "summary_text", text: item.text } })
    );
  }

  function openPart(type: "output_text" | "refusal"): string {
    let out = begin();
    if (open?.type !== "message") {
      out += closeAll();
      open = { type: "message", id: itemId("msg", head.id, items.length), place: items.length, content: [] };
      out += added(open);
    }
    out += closePart();
    part = type === "refusal" ? { type, refusal: "" } : { type, text: "", annotations: [], logprobs: [] };
    open.content.push(part);
    const at = partAt(open);
    deltaHead = headOf(`response.${type}.delta`, JSON.stringify(at).slice(1, -1));
    return out + frame("response.content_part.added", { ...at, part: renderPart(part) });
  }

  function textDelta(text: string): string {
    const out = part?.type === "output_text" ? "" : openPart("output_text");
    if (part?.type === "output_text") part.text += text;
    return out + delta(text, `,"logprobs":[]`);
  }

  function refusalDelta(text: string): string {
    refused = true;
    const out = part?.type === "refusal" ? "" : openPart("refusal");
    if (part?.type === "refusal") part.refusal += text;
    return out + delta(text);
  }

  function citation(value: JsonObject): string {
    const out = part?.type === "output_text" ? "" : openPart("output_text");
    if (part?.type !== "output_text" || open?.type !== "message") return out;
    const annotation = renderAnnotation(value, part.text.length);
    if (annotation === undefined) return out;
    const at = { ...partAt(open), annotation_index: part.annotations.length, annotation };
    part.annotations.push(annotation);
    return out + frame("response.output_text.annotation.added", at);
  }

  function logprobs(value: Json): string {
    const out = part?.type === "output_text" ? "" : openPart("output_text");
    const told = renderLogprobs(value);
    if (part?.type === "output_text") part.logprobs.push(...told);
    // They follow the text that they are of, whose delta has left.
    return told.length === 0 ? out : out + delta("", `,"logprobs":${JSON.stringify(told)}`);
  }

  function openReasoning(): string {
    if (open?.type === "reasoning") return "";
    const out = begin() + closeAll();
    const place = items.length;
    open = { type: "reasoning", id: itemId("rs", head.id, place), place, text: "", encrypted: undefined };
    return out + added(open);
  }

  function thinkingDelta(text: string): string {
    let out = openReasoning();
    if (open?.type !== "reasoning") return out;
    if (open.text === "") {
      const at = { item_id: open.id, output_index: open.place, summary_index: 0 };
      out += frame("response.reasoning_summary_part.added", { ...at, part: { type: "summary_text", text: "" } });
      deltaHead = headOf("response.reasoning_summary_text.delta", JSON.stringify(at).slice(1, -1));
    }
    open.text += text;
    return out + delta(text);
  }

  function signature(proof: string): string {
    const out = openReasoning();
    if (open?.type !== "reasoning") return out;
    const summary = open.text === "" ? "" : closeSummary(open);
    seal(open, proof, true);
    const item = open;
    open = undefined;
    return out + summary + done(item);
  }

  function whole(item: Item): string {
    return begin() + closeAll() + added(item) + done(item);
  }

  function callStart(event: Extract<Event, { type: "tool_call_start" }>): string {
    const out = begin() + closeOpen();
    const call = callItem(event, head.id, items.length, custom);
    calls[event.index] = call;
    openCalls.push(call);
    return out + added(call);
  }

  function callDelta(index: number, text: string): string {
    const call = calls[index];
    if (call === undefined || !openCalls.includes(call)) return ""; // closed, or never begun
    if (call.type === "custom_tool_call") return inputDelta(call, call.reader?.push(text) ?? text);
    call.written += text;
    return `event: response.function_call_arguments.delta\ndata: {"type":"response.function_call_arguments.delta","item_id":"${call.id}","output_index":${call.place},"sequence_number":${sequence++},"delta":${JSON.stringify(text)}}\n\n`;
  }

  function inputDelta(call: Extract<Call, { type: "custom_tool_call" }>, delta: string): string {
    if (delta === "") return "";
    call.written += delta;
    return frame("response.custom_tool_call_input.delta", { item_id: call.id, output_index: call.place, delta });
  }

  function closeCalls(): string {
    let out = "";
    for (const call of openCalls) {
      const { id, place, name } = call;
      if (call.type === "custom_tool_call") {
        out += inputDelta(call, call.reader?.end() ?? "");
        const at = { item_id: id, output_index: place, input: call.written };
        out += frame("response.custom_tool_call_input.done", at) + done(call);
        continue;
      }
      const written = call.written === "" ? "{}" : call.written;
      const at = { item_id: id, output_index: place, name, arguments: written };
      out += frame("response.function_call_arguments.done", at) + done(call);
    }
    openCalls = [];
    return out;
  }

  function push(event: Event): string {
    if ("choice" in event && (event.choice ?? 0) > 0) return ""; // one choice only
    switch (event.type) {
      case "text":
        return textDelta(event.delta);
      case "tool_call_delta":
        return callDelta(event.index, event.delta);
      case "thinking":
        return thinkingDelta(event.delta);
      case "tool_call_start":
        return callStart(event);
      case "start":
        if (!begun) {
          const id = context.id.startsWith("resp_") ? context.id : responseId(event.id ?? context.id);
          head = { ...head, id, model: event.model ?? head.model };
        }
        usage = { ...usage, ...event.usage };
        return begin();
      case "usage":
        usage = { ...usage, ...event.usage };
        return "";
      case "finish":
        usage = { ...usage, ...event.usage };
        ending = renderEnding(event.reason, refused);
        return closeAll(); // the response itself waits for `end`: an upstream may tell its usage after it
      default:
        return aside(event);
    }
  }

  function aside(
    event: Exclude<
      Event,
      { type: "text" | "tool_call_delta" | "thinking" | "tool_call_start" | "start" | "usage" | "finish" }
    >,
  ): string {
    switch (event.type) {
      case "refusal":
        return refusalDelta(event.delta);
      case "citation":
        return citation(event.value);
      case "logprobs":
        return logprobs(event.value);
      case "thinking_signature":
        return signature(event.signature);
      case "redacted_thinking":
        return whole(redactedItem(event.data, itemId("rs", head.id, items.length), items.length));
      case "media": {
        const value = pictureItem(event, itemId("ig", head.id, items.length));
        return value === undefined ? "" : whole({ type: "whole", place: items.length, value });
      }
      case "opaque":
        if (event.dialect !== "openai-responses") return "";
        return whole({ type: "whole", place: items.length, value: event.value });
    }
  }

  function last(ending: Ending): string {
    const status = ending.status === "completed" ? "completed" : "incomplete";
    const told = response({
      ...ending,
      output: items.map((item) => renderItem(item, status)),
      usage: renderUsage(usage),
      serviceTier: renderTier(usage.serviceTier),
      ...(ending.status === "failed" ? { error: modelFailed } : {}),
    });
    return frame(`response.${ending.status}`, { response: told });
  }

  function fail(error: GatewayError, requestId: string): string {
    const told = response({
      status: "failed",
      output: items.map((item) => renderItem(item, "incomplete")),
      usage: renderUsage(usage),
      error: failedError(error, requestId),
    });
    return frame("response.failed", { response: told });
  }

  return {
    push,
    end: () => begin() + closeAll() + last(ending ?? { status: "completed", details: null }),
    fail,
  };
}
