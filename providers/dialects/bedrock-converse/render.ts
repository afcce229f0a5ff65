/** Events as a whole Converse answer. Hides the gathering of deltas into blocks. */
import type { Event, Json, JsonObject, Usage } from "../../exchange.ts";
import { argumentsObject } from "../tool-arguments.ts";
import { renderCitation } from "./citation.ts";
import { renderRedacted } from "./redacted.ts";
import { renderStop, renderUsage } from "./usage.ts";

type Block =
  | { readonly type: "text"; text: string; readonly citations: JsonObject[] }
  | { readonly type: "thinking"; text: string; signature: string | undefined }
  | { readonly type: "tool"; readonly id: string; readonly name: string; written: string }
  | { readonly type: "whole"; readonly value: JsonObject };

export function render(events: readonly Event[]): JsonObject {
  const blocks: Block[] = [];
  const calls: Extract<Block, { type: "tool" }>[] = [];
  let usage: Usage = {};
  let stop = "end_turn";
  let fields: JsonObject = {};

  for (const event of events) {
    // This dialect has one choice; the others have no place.
    if ("choice" in event && (event.choice ?? 0) > 0) continue;
    switch (event.type) {
      case "start":
      case "usage":
        usage = { ...usage, ...event.usage };
        break;
      case "finish":
        usage = { ...usage, ...event.usage };
        stop = renderStop(event.reason, event.native, event.stopSequence, calls.length > 0);
        fields = stopFields(event.stopSequence);
        break;
      case "tool_call_start": {
        const block: Extract<Block, { type: "tool" }> = { type: "tool", id: event.id, name: event.name, written: "" };
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
    output: { message: { role: "assistant", content: blocks.map(renderBlock) } },
    stopReason: stop,
    ...fields,
    usage: renderUsage(usage),
    metrics: { latencyMs: 0 },
    ...(usage.serviceTier === undefined ? {} : { serviceTier: { type: usage.serviceTier } }),
  };
}

export function stopFields(sequence: string | undefined): JsonObject {
  return sequence === undefined ? {} : { additionalModelResponseFields: { stop_sequence: sequence } };
}

type Told = Exclude<Event, { type: "start" | "usage" | "finish" | "tool_call_start" | "tool_call_delta" }>;

function gather(event: Told, blocks: Block[]): void {
  const last = blocks.at(-1);
  switch (event.type) {
    case "text":
    case "refusal":
      if (last?.type === "text" && last.citations.length === 0) last.text += event.delta;
      else blocks.push({ type: "text", text: event.delta, citations: [] });
      return;
    case "citation": {
      const citation = renderCitation(event.value);
      if (citation === undefined) return;
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
      blocks.push({ type: "whole", value: { reasoningContent: { redactedContent: renderRedacted(event.data) } } });
      return;
    case "media": {
      const image = renderImage(event.mediaType, event.data);
      if (image !== undefined) blocks.push({ type: "whole", value: image });
      return;
    }
    case "opaque":
      if (event.dialect === "bedrock-converse") blocks.push({ type: "whole", value: event.value });
      return;
    case "logprobs":
      return; // no place here
  }
}

/** Bedrock's models speak in pictures, not in sounds. */
export function renderImage(mediaType: string, data: string): JsonObject | undefined {
  const format = /^image\/(png|jpeg|gif|webp)$/.exec(mediaType)?.[1];
  return format === undefined ? undefined : { image: { format, source: { bytes: data } } };
}

function renderBlock(block: Block): Json {
  switch (block.type) {
    case "text":
      return block.citations.length === 0
        ? { text: block.text }
        : { citationsContent: { content: [{ text: block.text }], citations: block.citations } };
    case "thinking": {
      const signed = block.signature === undefined ? {} : { signature: block.signature };
      return { reasoningContent: { reasoningText: { text: block.text, ...signed } } };
    }
    case "tool":
      return { toolUse: { toolUseId: block.id, name: block.name, input: argumentsObject(block.written) } };
    case "whole":
      return block.value;
  }
}
