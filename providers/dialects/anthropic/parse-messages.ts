/** A client's system text and messages. Hides Anthropic's blocks; one that has no counterpart is kept whole. */
import type { JsonObject, MediaSource, Message, Part } from "../../exchange.ts";
import { json, jsonObject, type Shape, shape } from "../../json.ts";
import { marked } from "../cache-marker.ts";
import {
  optionalFlag,
  optionalList,
  optionalText,
  refuse,
  requiredObject,
  requiredText,
  unknownFields,
} from "../strict.ts";
import { argumentsText } from "../tool-arguments.ts";

export function parseSystem(source: Shape): readonly Message[] {
  const { system } = source;
  if (system === undefined || system === null) return [];
  return [{ role: "system", parts: parseContent(system, "system") }];
}

export function parseMessages(source: Shape): readonly Message[] {
  const messages = optionalList(source, "messages") ?? refuse("messages", "is required and must be an array");
  if (messages.length === 0) refuse("messages", "must hold at least one message");
  return messages.map((value, index) => {
    const at = `messages[${index}]`;
    const message = requiredObject(value, at);
    const role = requiredText(message, "role", `${at}.role`);
    if (role !== "user" && role !== "assistant" && role !== "system") refuse(`${at}.role`, "must be user or assistant");
    return { role, parts: parseContent(message["content"], `${at}.content`) };
  });
}

function parseContent(content: unknown, at: string): readonly Part[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (!Array.isArray(content)) return refuse(at, "must be a string or an array of blocks");
  return content.map((block, index) => parseBlock(requiredObject(block, `${at}[${index}]`), `${at}[${index}]`));
}

export function parseBlock(block: Shape, at: string): Part {
  const cache = marked(block["cache_control"]);
  switch (block["type"]) {
    case "text": {
      const citations = block["citations"];
      const cited = Array.isArray(citations) && citations.length > 0 ? { citations: json(citations) } : {};
      return { type: "text", text: requiredText(block, "text", `${at}.text`), ...cited, ...cache };
    }
    case "image": {
      const source = mediaSource(requiredObject(block["source"], `${at}.source`), `${at}.source`);
      return source === undefined ? opaque(block) : { type: "image", source, ...cache };
    }
    case "document":
      return parseDocument(block, at);
    case "search_result":
      return parseSearchResult(block, at);
    case "thinking": {
      const signature = optionalText(block, "signature", `${at}.signature`);
      const signed = signature === undefined || signature === "" ? {} : { signature };
      return { type: "thinking", text: requiredText(block, "thinking", `${at}.thinking`), ...signed };
    }
    case "redacted_thinking":
      return { type: "redacted_thinking", data: requiredText(block, "data", `${at}.data`) };
    case "tool_use":
      return {
        type: "tool_call",
        id: requiredText(block, "id", `${at}.id`),
        name: requiredText(block, "name", `${at}.name`),
        arguments: argumentsText(block["input"]),
        ...cache,
      };
    case "tool_result":
      return parseResult(block, at);
    default:
      requiredText(block, "type", `${at}.type`);
      return opaque(block);
  }
}

function opaque(block: Shape): Part {
  return { type: "opaque", dialect: "anthropic", value: jsonObject(block) };
}

/** Undefined for a source that has no counterpart (a document made of blocks). */
function mediaSource(source: Shape, at: string): MediaSource | undefined {
  switch (source["type"]) {
    case "base64":
      return {
        kind: "base64",
        mediaType: requiredText(source, "media_type", `${at}.media_type`),
        data: requiredText(source, "data", `${at}.data`),
      };
    case "url":
      return { kind: "url", url: requiredText(source, "url", `${at}.url`) };
    case "file":
      return { kind: "file", id: requiredText(source, "file_id", `${at}.file_id`) };
    case "text":
      return { kind: "text", text: requiredText(source, "data", `${at}.data`) };
    default:
      requiredText(source, "type", `${at}.type`);
      return undefined;
  }
}

const documentFields: ReadonlySet<string> = new Set(["type", "source", "title", "cache_control"]);

function parseDocument(block: Shape, at: string): Part {
  const source = mediaSource(requiredObject(block["source"], `${at}.source`), `${at}.source`);
  if (source === undefined) return opaque(block);
  const title = optionalText(block, "title", `${at}.title`);
  const extra: JsonObject | undefined = unknownFields(block, documentFields);
  return {
    type: "document",
    source,
    ...(title === undefined ? {} : { title }),
    ...(extra === undefined ? {} : { extra }),
    ...marked(block["cache_control"]),
  };
}

function parseSearchResult(block: Shape, at: string): Part {
  const { content, citations } = block;
  const texts = Array.isArray(content)
    ? content.map((inner) => optionalText(shape(inner), "text", `${at}.content`))
    : [];
  if (!Array.isArray(content) || texts.includes(undefined)) return opaque(block);
  return {
    type: "search_result",
    source: requiredText(block, "source", `${at}.source`),
    title: requiredText(block, "title", `${at}.title`),
    texts: texts as string[],
    ...(citations === undefined || citations === null ? {} : { citations: json(citations) }),
    ...marked(block["cache_control"]),
  };
}

function parseResult(block: Shape, at: string): Part {
  const { content } = block;
  const failed = optionalFlag(block, "is_error", `${at}.is_error`);
  const inner = content === undefined || content === null ? [] : parseContent(content, `${at}.content`);
  const nested = inner.findIndex((part) => part.type === "tool_result" || part.type === "tool_call");
  if (nested !== -1) refuse(`${at}.content[${nested}]`, "a tool result holds no tool blocks");
  return {
    type: "tool_result",
    id: requiredText(block, "tool_use_id", `${at}.tool_use_id`),
    content: inner,
    ...(failed === true ? { isError: true } : {}),
    ...marked(block["cache_control"]),
  };
}
