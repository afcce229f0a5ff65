/** Our messages in Anthropic's shape. Hides that system text leaves the list and that turns must alternate: results of parallel calls share one. */
import type { Json, JsonObject, MediaSource, Message, Part } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { list, shape, text } from "../../json.ts";
import { renderMarker } from "../cache-marker.ts";
import { type DroppedFields, kindOf } from "../dropped.ts";
import { located, locatedForAnthropic } from "../located.ts";
import { proofFor } from "../signature.ts";
import { argumentsObject } from "../tool-arguments.ts";

/** System text from anywhere in the list goes to the field, in order, as Anthropic's own compatibility layer does. */
export function encodeMessages(
  messages: readonly Message[],
  dropped: DroppedFields,
): { readonly system: Json | undefined; readonly messages: Json[] } {
  const system: JsonObject[] = [];
  const turns: { readonly role: "user" | "assistant"; readonly content: JsonObject[] }[] = [];
  for (const message of messages) {
    if (message.name !== undefined) dropped.note("messages[].name");
    const blocks: JsonObject[] = [];
    for (const part of message.parts) {
      const block = encodePart(part, dropped);
      if (block !== undefined) blocks.push(block);
    }
    if (message.role === "system" || message.role === "developer") {
      system.push(...blocks);
      continue;
    }
    if (blocks.length === 0 && message.parts.some(isInexpressible)) {
      throw inexpressible(message.parts);
    }
    if (blocks.length === 0) continue; // empty text: Anthropic refuses it, and it says nothing
    const last = turns.at(-1);
    if (last?.role === message.role) last.content.push(...blocks);
    else turns.push({ role: message.role, content: blocks });
  }
  return {
    system: system.length === 0 ? undefined : plain(system),
    messages: turns.map(({ role, content }) => ({ role, content: plain(content) })),
  };
}

function isInexpressible({ type }: Part): boolean {
  return type === "audio" || type === "video" || type === "opaque";
}

/** Nothing of a message is left: sending the rest would answer another question. */
function inexpressible(parts: readonly Part[]): GatewayError {
  return new GatewayError("unsupported_parameter", `the model chosen takes no ${parts[0]?.type} content`, {
    source: "client",
    param: "messages",
  });
}

/** One text and nothing about it is a string, as people write it. */
function plain(blocks: readonly JsonObject[]): Json {
  const only = blocks[0];
  if (blocks.length === 1 && only?.["type"] === "text" && Object.keys(only).length === 2) return only["text"] ?? "";
  return blocks;
}

function encodePart(part: Part, dropped: DroppedFields): JsonObject | undefined {
  switch (part.type) {
    case "text":
      if (part.text === "") return undefined;
      return marked({ type: "text", text: part.text, ...ownCitations(part.citations, dropped) }, part);
    case "refusal":
      return part.text === "" ? undefined : { type: "text", text: part.text };
    case "image":
      if (part.source.kind === "text") return drop("image", dropped);
      if (part.detail !== undefined && part.detail !== "auto") dropped.note("messages[].image_url.detail");
      return marked({ type: "image", source: encodeSource(part.source) }, part);
    case "document": {
      const titled = part.title === undefined ? {} : { title: part.title };
      return marked({ type: "document", source: encodeSource(part.source), ...titled, ...part.extra }, part);
    }
    case "search_result": {
      const { source, title, texts, citations } = part;
      const content = texts.map((text) => ({ type: "text", text }));
      const block = { type: "search_result", source, title, content };
      return marked(citations === undefined ? block : { ...block, citations }, part);
    }
    case "thinking":
      // Only thinking that Anthropic itself signed is taken back.
      if (part.signature === undefined || proofFor("anthropic", part.signature) === undefined) {
        return drop("reasoning_content", dropped);
      }
      return { type: "thinking", thinking: part.text, signature: part.signature };
    case "redacted_thinking":
      if (proofFor("anthropic", part.data) === undefined) return drop("reasoning_content", dropped);
      return { type: "redacted_thinking", data: part.data };
    case "tool_call":
      return marked(
        { type: "tool_use", id: callId(part.id), name: part.name, input: argumentsObject(part.arguments) },
        part,
      );
    case "tool_result":
      return encodeResult(part, dropped);
    case "audio":
      return drop("input_audio", dropped);
    case "video":
      return drop("video", dropped);
    case "opaque":
      return part.dialect === "anthropic" ? part.value : drop(kindOf(part.value), dropped);
  }
}

/** Each is told in its issuer's shape, and Anthropic refuses another's. */
function ownCitations(citations: Json | undefined, dropped: DroppedFields): { readonly citations?: Json } {
  if (citations === undefined) return {};
  const told = list(citations);
  const own: JsonObject[] = [];
  for (const citation of told.map(shape) as JsonObject[]) {
    const place = text(citation["type"])?.endsWith("_location") ? undefined : located(citation);
    if (place !== undefined) own.push(locatedForAnthropic(place));
    else if (text(citation["type"])?.endsWith("_location")) own.push(citation);
  }
  if (own.length < told.length) dropped.note("messages[].citations");
  return own.length === 0 ? {} : { citations: own };
}

function encodeResult(part: Extract<Part, { type: "tool_result" }>, dropped: DroppedFields): JsonObject {
  const content: JsonObject[] = [];
  for (const inner of part.content) {
    const block = encodePart(inner, dropped);
    if (block !== undefined) content.push(block);
  }
  const failed = part.isError === true ? { is_error: true } : {};
  const said = content.length === 0 ? {} : { content: plain(content) };
  return marked({ type: "tool_result", tool_use_id: callId(part.id), ...said, ...failed }, part);
}

/** Anthropic refuses an id with other characters, and some servers make such (`functions.look:0`): a conversation may go on here. */
function callId(id: string): string {
  return id.replace(/[^a-zA-Z0-9_-]/g, "_");
}

function encodeSource(source: MediaSource): JsonObject {
  switch (source.kind) {
    case "url":
      return { type: "url", url: source.url };
    case "base64":
      return { type: "base64", media_type: source.mediaType, data: source.data };
    case "file":
      return { type: "file", file_id: source.id };
    case "text":
      return { type: "text", media_type: "text/plain", data: source.text };
  }
}

function drop(name: string, dropped: DroppedFields): undefined {
  dropped.note(`messages[].${name}`);
  return undefined;
}

function marked(block: JsonObject, part: Part): JsonObject {
  return "cache" in part && part.cache !== undefined ? { ...block, cache_control: renderMarker(part.cache) } : block;
}
