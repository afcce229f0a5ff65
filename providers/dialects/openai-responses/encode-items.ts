/** Our messages as items. Hides that one message of ours may be many there, and that only OpenAI's own reasoning goes back. */
import type { Json, JsonObject, Message, Part } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { customInput } from "../custom-tool.ts";
import { type DroppedFields, kindOf } from "../dropped.ts";
import { mediaUrl } from "../media-source.ts";
import { reasoningItem } from "./reasoning.ts";

type Result = Extract<Part, { type: "tool_result" }>;
type IsCustom = (part: Result) => boolean;

export function encodeItems(messages: readonly Message[], functionsOnly: boolean, dropped: DroppedFields): Json[] {
  const items: Json[] = [];
  /** Calls of custom tools, whose outputs are called otherwise: not every client says which it answers. */
  const custom = new Set<string>();
  const isCustom: IsCustom = (part) => custom.has(part.id) || (part.custom === true && !functionsOnly);
  for (const message of messages) {
    if (message.name !== undefined) dropped.note("messages[].name");
    if (message.role === "assistant") pushAssistant(message, items, functionsOnly ? undefined : custom, dropped);
    else pushMessage(message, items, isCustom, dropped);
  }
  return items;
}

/** Outputs of calls are items of their own; what else the turn says stays together around them. */
function pushMessage(message: Message, items: Json[], isCustom: IsCustom, dropped: DroppedFields): void {
  const before = items.length;
  let said: JsonObject[] = [];
  const flush = (): void => {
    if (said.length > 0) items.push({ type: "message", role: message.role, content: plain(said) });
    said = [];
  };
  for (const part of message.parts) {
    if (part.type === "tool_result") {
      flush();
      items.push(encodeOutput(part, isCustom(part), dropped));
    } else if (part.type === "opaque" && part.dialect === "openai-responses" && isItem(part.value)) {
      flush();
      items.push(part.value);
    } else {
      const encoded = encodePart(part, dropped);
      if (encoded !== undefined) said.push(encoded);
    }
  }
  flush();
  if (items.length > before) return;
  if (message.parts.length > 0) throw inexpressible(message.parts[0]!.type);
  items.push({ type: "message", role: message.role, content: "" });
}

/** Nothing of a message is left: sending the rest would answer another question. */
function inexpressible(type: string): GatewayError {
  return new GatewayError("unsupported_parameter", `the model chosen takes no ${type} content`, {
    source: "client",
    param: "messages",
  });
}

/** Parts of messages are named for their direction; all else that has a type is an item. */
function isItem(value: JsonObject): boolean {
  return !/^(input|output)_|^(refusal|text)$/.test(String(value["type"]));
}

/** One text is a string, as people write it. */
function plain(parts: readonly JsonObject[]): Json {
  const only = parts[0];
  return parts.length === 1 && only?.["type"] === "input_text" ? (only["text"] ?? "") : parts;
}

function encodePart(part: Part, dropped: DroppedFields): JsonObject | undefined {
  if ("cache" in part && part.cache !== undefined) dropped.note("messages[].cache_control");
  switch (part.type) {
    case "text":
      if (part.citations !== undefined) dropped.note("messages[].citations");
      return { type: "input_text", text: part.text };
    case "refusal":
      return { type: "input_text", text: part.text };
    case "image": {
      const detail = part.detail ?? "auto";
      if (part.source.kind === "file") return { type: "input_image", file_id: part.source.id, detail };
      const url = mediaUrl(part.source);
      return url === undefined ? drop("image", dropped) : { type: "input_image", image_url: url, detail };
    }
    case "audio":
      return { type: "input_audio", input_audio: { data: part.data, format: part.format } };
    case "document":
      return encodeDocument(part, dropped);
    case "opaque":
      return part.dialect === "openai-responses" ? part.value : drop(kindOf(part.value), dropped);
    default:
      return drop(part.type, dropped);
  }
}

function encodeDocument(part: Extract<Part, { type: "document" }>, dropped: DroppedFields): JsonObject {
  const { source, title } = part;
  for (const name of Object.keys(part.extra ?? {})) dropped.note(`messages[].document.${name}`);
  if (title !== undefined && source.kind !== "base64") dropped.note("messages[].document.title");
  switch (source.kind) {
    case "text":
      return { type: "input_text", text: source.text };
    case "file":
      return { type: "input_file", file_id: source.id };
    case "url":
      return { type: "input_file", file_url: source.url };
    case "base64":
      return { type: "input_file", filename: title ?? "document", file_data: mediaUrl(source)! };
  }
}

function drop(name: string, dropped: DroppedFields): undefined {
  dropped.note(`messages[].${name}`);
  return undefined;
}

function encodeOutput(part: Result, custom: boolean, dropped: DroppedFields): JsonObject {
  if (part.isError === true) dropped.note("messages[].is_error");
  if (part.cache !== undefined) dropped.note("messages[].cache_control");
  const content: JsonObject[] = [];
  for (const inner of part.content) {
    const encoded = encodePart(inner, dropped);
    if (encoded !== undefined) content.push(encoded);
  }
  const type = custom ? "custom_tool_call_output" : "function_call_output";
  return { type, call_id: part.id, output: content.length === 0 ? "" : plain(content) };
}

/** @param noted calls of custom tools; undefined: the host knows functions only */
function encodeCall(
  { id, name, arguments: written, custom }: Extract<Part, { type: "tool_call" }>,
  noted: Set<string> | undefined,
): JsonObject {
  if (custom === true && noted?.add(id) !== undefined)
    return { type: "custom_tool_call", call_id: id, name, input: customInput(written) };
  return { type: "function_call", call_id: id, name, arguments: written || "{}" };
}

function pushAssistant(message: Message, items: Json[], custom: Set<string> | undefined, dropped: DroppedFields): void {
  for (const part of message.parts) {
    switch (part.type) {
      case "text":
      case "refusal":
        if (part.type === "text" && part.cache !== undefined) dropped.note("messages[].cache_control");
        if (part.type === "text" && part.citations !== undefined) dropped.note("messages[].citations");
        if (part.text !== "") items.push({ type: "message", role: "assistant", content: part.text });
        break;
      case "thinking": {
        const item = part.signature === undefined ? undefined : reasoningItem(part.text, part.signature);
        if (item === undefined) dropped.note("messages[].thinking");
        else items.push(item);
        break;
      }
      case "redacted_thinking":
        dropped.note("messages[].thinking");
        break;
      case "tool_call":
        if (part.cache !== undefined) dropped.note("messages[].cache_control");
        items.push(encodeCall(part, custom));
        break;
      case "opaque":
        if (part.dialect === "openai-responses") items.push(part.value);
        else drop(kindOf(part.value), dropped);
        break;
      default:
        drop(part.type, dropped); // an assistant's turn holds no pictures or files there
    }
  }
}
