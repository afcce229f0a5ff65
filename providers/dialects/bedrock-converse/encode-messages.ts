/** Our messages in Bedrock's shape. Hides that system text leaves the list, that turns must alternate, and that a cache marker is a block. */
import type { Json, JsonObject, MediaSource, Message, Part } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { list, shape } from "../../json.ts";
import type { DroppedFields } from "../dropped.ts";
import { located, locatedForBedrock } from "../located.ts";
import { proofFor } from "../signature.ts";
import { argumentsObject } from "../tool-arguments.ts";
import { documentName, encodeSource, formatOfSource } from "./media.ts";

type Blocks = JsonObject[];

export function encodeMessages(
  messages: readonly Message[],
  dropped: DroppedFields,
): { readonly system: Json[]; readonly messages: Json[] } {
  const system: Blocks = [];
  const turns: { readonly role: "user" | "assistant"; readonly content: Blocks }[] = [];
  const encoder = partEncoder(dropped);
  for (const message of messages) {
    if (message.name !== undefined) dropped.note("messages[].name");
    const blocks: Blocks = [];
    for (const part of message.parts) encoder.push(part, blocks);
    if (message.role === "system" || message.role === "developer") {
      const told = blocks.filter((block) => "text" in block || "cachePoint" in block || "guardContent" in block);
      if (told.length < blocks.length) dropped.note(`messages[].${message.role}.content`);
      system.push(...told);
      continue;
    }
    if (blocks.length === 0 && message.parts.some(isContent)) throw inexpressible(message.parts);
    if (blocks.length === 0) continue;
    const last = turns.at(-1);
    if (last?.role === message.role) last.content.push(...blocks);
    else turns.push({ role: message.role, content: blocks });
  }
  return { system, messages: turns };
}

function isContent({ type }: Part): boolean {
  return type === "image" || type === "document" || type === "audio" || type === "video" || type === "opaque";
}

/** Nothing of a message is left: sending the rest would answer another question. */
function inexpressible(parts: readonly Part[]): GatewayError {
  const what = parts.find(isContent)?.type;
  return new GatewayError("unsupported_parameter", `the model chosen takes no such ${what} content`, {
    source: "client",
    param: "messages",
  });
}

/** Documents are counted over the whole conversation: two must not be called the same. */
function partEncoder(dropped: DroppedFields) {
  const names = new Set<string>();

  function push(part: Part, blocks: Blocks): void {
    const block = encodePart(part);
    if (block === undefined) return;
    blocks.push(block);
    if ("cache" in part && part.cache !== undefined) blocks.push(cachePoint(part.cache));
  }

  function encodePart(part: Part): JsonObject | undefined {
    switch (part.type) {
      case "text":
        return encodeText(part);
      case "refusal":
        return part.text === "" ? undefined : { text: part.text };
      case "image":
        if (part.detail !== undefined && part.detail !== "auto") dropped.note("messages[].image_url.detail");
        return media("image", part.source, "png") ?? drop("image_url");
      case "video":
        return media("video", part.source, "mp4") ?? drop("video");
      case "audio":
        return { audio: { format: part.format, source: { bytes: part.data } } };
      case "document":
        return encodeDocument(part);
      case "search_result": {
        const { source, title, texts, citations } = part;
        const content = texts.map((text) => ({ text }));
        return { searchResult: { source, title, content, ...(citations === undefined ? {} : { citations }) } };
      }
      case "thinking":
        // Only thinking that was signed is taken back, and by its issuer alone.
        if (part.signature === undefined || proofFor("anthropic", part.signature) === undefined) {
          return drop("reasoning_content");
        }
        return { reasoningContent: { reasoningText: { text: part.text, signature: part.signature } } };
      case "redacted_thinking": {
        const bytes = proofFor("bedrock-converse", part.data);
        return bytes === undefined ? drop("reasoning_content") : { reasoningContent: { redactedContent: bytes } };
      }
      case "tool_call":
        return { toolUse: { toolUseId: callId(part.id), name: part.name, input: argumentsObject(part.arguments) } };
      case "tool_result":
        return encodeResult(part);
      case "opaque":
        return part.dialect === "bedrock-converse" ? part.value : drop(String(part.value["type"] ?? "block"));
    }
  }

  function encodeText({ text, citations }: Extract<Part, { type: "text" }>): JsonObject | undefined {
    if (text === "") return undefined;
    const own: JsonObject[] = [];
    for (const citation of list(citations).map(shape) as JsonObject[]) {
      const place = isOwnCitation(citation) ? undefined : located(citation);
      if (place !== undefined) own.push(locatedForBedrock(place));
      else if (isOwnCitation(citation)) own.push(citation);
    }
    if (own.length < list(citations).length) dropped.note("messages[].citations");
    return own.length === 0 ? { text } : { citationsContent: { content: [{ text }], citations: own } };
  }

  function media(kind: "image" | "video", from: MediaSource, usual: string): JsonObject | undefined {
    const source = from.kind === "text" ? undefined : encodeSource(from);
    const format = formatOfSource(from, usual);
    return source === undefined || format === undefined ? undefined : { [kind]: { format, source } };
  }

  function encodeDocument(part: Extract<Part, { type: "document" }>): JsonObject | undefined {
    const source = encodeSource(part.source);
    const format = formatOfSource(part.source, "pdf");
    if (source === undefined || format === undefined) return drop("file");
    const wanted = documentName(part.title, names.size + 1);
    let name = wanted;
    for (let number = 2; names.has(name); number++) name = `${wanted} ${number}`;
    names.add(name);
    const { context, citations, ...rest } = part.extra ?? {};
    for (const field in rest) dropped.note(`messages[].document.${field}`);
    return {
      document: {
        format,
        name,
        source,
        ...(context === undefined ? {} : { context }),
        ...(citations === undefined ? {} : { citations }),
      },
    };
  }

  function encodeResult(part: Extract<Part, { type: "tool_result" }>): JsonObject {
    const content: Blocks = [];
    for (const inner of part.content) push(inner, content);
    const taken = content.filter((block) => !("cachePoint" in block));
    // Within a result it has no place.
    if (taken.length < content.length && part.cache === undefined) dropped.note("messages[].cache_control");
    if (taken.length === 0) taken.push({ text: "" });
    return {
      toolResult: {
        toolUseId: callId(part.id),
        content: taken,
        ...(part.isError === true ? { status: "error" } : {}),
      },
    };
  }

  function drop(name: string): undefined {
    dropped.note(`messages[].${name}`);
    return undefined;
  }

  return { push };
}

function isOwnCitation(citation: JsonObject): boolean {
  return typeof citation["location"] === "object" || Array.isArray(citation["sourceContent"]);
}

export function cachePoint(cache: { readonly ttl?: "5m" | "1h" }): JsonObject {
  return { cachePoint: cache.ttl === undefined ? { type: "default" } : { type: "default", ttl: cache.ttl } };
}

/** Bedrock refuses an id with other characters or of more than 64; a conversation may go on here. */
function callId(id: string): string {
  return id.replace(/[^a-zA-Z0-9_.:-]/g, "_").slice(-64);
}
