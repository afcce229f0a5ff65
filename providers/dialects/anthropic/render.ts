/** Events as a whole Anthropic message. Hides the gathering of deltas into blocks. */
import type { Event, FinishReason, Json, JsonObject, RenderContext, Usage } from "../../exchange.ts";
import { argumentsObject } from "../tool-arguments.ts";
import { renderCitation } from "./citation.ts";
import { renderStop, renderUsage } from "./usage.ts";

type Block =
  | { readonly type: "text"; text: string; readonly citations: JsonObject[] }
  | { readonly type: "thinking"; text: string; signature: string | undefined }
  | { readonly type: "tool_use"; readonly id: string; readonly name: string; written: string }
  | { readonly type: "whole"; readonly value: JsonObject };

export function render(events: readonly Event[], context: RenderContext): JsonObject {
  const blocks: Block[] = [];
  const calls: Extract<Block, { type: "tool_use" }>[] = [];
  let id = context.id;
  let model = context.model;
  let usage: Usage = {};
  let stop: string = "end_turn";
  let stopSequence: string | undefined;

  for (const event of events) {
    // This dialect has one choice; the others have no place.
    if ("choice" in event && (event.choice ?? 0) > 0) continue;
    switch (event.type) {
      case "start":
        id = event.id ?? id;
        model = event.model ?? model;
        usage = { ...usage, ...event.usage };
        break;
      case "usage":
        usage = { ...usage, ...event.usage };
        break;
      case "finish":
        usage = { ...usage, ...event.usage };
        stop = renderStop(event.reason satisfies FinishReason, event.native, event.stopSequence, calls.length > 0);
        stopSequence = event.stopSequence;
        break;
      case "tool_call_start": {
        const call = { type: "tool_use", id: event.id, name: event.name, written: "" } as const satisfies Block;
        const block: Extract<Block, { type: "tool_use" }> = { ...call };
        calls[event.index] = block;
        blocks.push(block);
        break;
      }
      case "tool_call_delta": {
        const call = calls[event.index];
        if (call !== undefined) call.written += event.delta;
        break;
      }
      default:
        gather(event, blocks);
    }
  }
  return {
    id,
    type: "message",
    role: "assistant",
    model,
    content: blocks.map(renderBlock),
    stop_reason: stop,
    stop_sequence: stopSequence ?? null,
    usage: renderUsage(usage),
  };
}

type Told = Exclude<Event, { type: "start" | "usage" | "finish" | "tool_call_start" | "tool_call_delta" }>;

function gather(event: Told, blocks: Block[]): void {
  const last = blocks.at(-1);
  switch (event.type) {
    case "text":
    case "refusal":
      if (last?.type === "text") last.text += event.delta;
      else blocks.push({ type: "text", text: event.delta, citations: [] });
      return;
    case "citation": {
      const citation = renderCitation(event.value);
      if (last?.type === "text") last.citations.push(citation);
      else blocks.push({ type: "text", text: "", citations: [citation] });
      return;
    }
    case "thinking":
      if (last?.type === "thinking" && last.signature === undefined) last.text += event.delta;
      else blocks.push({ type: "thinking", text: event.delta, signature: undefined });
      return;
    case "thinking_signature":
      if (last?.type === "thinking" && last.signature === undefined) last.signature = event.signature;
      else blocks.push({ type: "thinking", text: "", signature: event.signature });
      return;
    case "redacted_thinking":
      blocks.push({ type: "whole", value: { type: "redacted_thinking", data: event.data } });
      return;
    case "opaque":
      if (event.dialect === "anthropic") blocks.push({ type: "whole", value: event.value });
      return;
    case "logprobs":
    case "media":
      return; // no place here
  }
}

function renderBlock(block: Block): Json {
  switch (block.type) {
    case "text":
      return block.citations.length === 0
        ? { type: "text", text: block.text }
        : { type: "text", text: block.text, citations: block.citations };
    case "thinking":
      return { type: "thinking", thinking: block.text, signature: block.signature ?? "" };
    case "tool_use":
      return { type: "tool_use", id: block.id, name: block.name, input: argumentsObject(block.written) };
    case "whole":
      return block.value;
  }
}
