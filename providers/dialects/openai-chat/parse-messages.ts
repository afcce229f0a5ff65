/** A client's messages. Hides that OpenAI puts tool results in messages of their own, and calls and reasoning beside the content. */
import type { Message, Part } from "../../exchange.ts";
import { isObject, jsonObject, list, type Shape, shape, words } from "../../json.ts";
import { cacheMarker, marked } from "../cache-marker.ts";
import { customArguments } from "../custom-tool.ts";
import { mediaSource } from "../media-source.ts";
import { optionalList, optionalText, refuse, requiredObject, requiredText } from "../strict.ts";
import { foreignPart } from "./foreign.ts";

export function parseMessages(source: Shape): readonly Message[] {
  const messages = optionalList(source, "messages") ?? refuse("messages", "is required and must be an array");
  if (messages.length === 0) refuse("messages", "must hold at least one message");
  return messages.map((message, index) => parseMessage(message, `messages[${index}]`));
}

export function parseMessage(value: unknown, at: string): Message {
  const source = requiredObject(value, at);
  const role = requiredText(source, "role", `${at}.role`);
  const name = optionalText(source, "name", `${at}.name`);
  const named = name === undefined ? {} : { name };
  switch (role) {
    case "system":
    case "developer":
    case "user":
      return { role, parts: parseContent(source, at, true), ...named };
    case "assistant":
      return { role, parts: parseAssistant(source, at), ...named };
    case "tool": {
      const result: Part = {
        type: "tool_result",
        id: requiredText(source, "tool_call_id", `${at}.tool_call_id`),
        content: parseContent({ content: source["content"] }, at, true),
        ...marked(source["cache_control"]),
      };
      return { role: "user", parts: [result] };
    }
    default:
      return refuse(`${at}.role`, "must be system, developer, user, assistant or tool");
  }
}

/** Text, or a list of parts. A marker on the message counts for its last part. */
function parseContent(source: Shape, at: string, required: boolean): readonly Part[] {
  const { content } = source;
  if (typeof content === "string") return [{ type: "text", text: content, ...marked(source["cache_control"]) }];
  if (Array.isArray(content)) {
    const parts = content.map((part, index) => parsePart(part, `${at}.content[${index}]`));
    const last = parts.at(-1);
    const cache = cacheMarker(source["cache_control"]);
    if (cache !== undefined && last !== undefined) parts[parts.length - 1] = { ...last, cache } as Part;
    return parts;
  }
  if (content !== undefined && content !== null) refuse(`${at}.content`, "must be a string or an array of parts");
  return required ? refuse(`${at}.content`, "is required") : [];
}

function parsePart(value: unknown, at: string): Part {
  const part = requiredObject(value, at);
  const cache = marked(part["cache_control"]);
  switch (part["type"]) {
    case "text":
      return { type: "text", text: requiredText(part, "text", `${at}.text`), ...cache };
    case "refusal":
      return { type: "refusal", text: requiredText(part, "refusal", `${at}.refusal`) };
    case "image_url": {
      const image = requiredObject(part["image_url"], `${at}.image_url`);
      const detail = optionalText(image, "detail", `${at}.image_url.detail`);
      const source = mediaSource(requiredText(image, "url", `${at}.image_url.url`), "image/png");
      return { type: "image", source, ...(detail === undefined ? {} : { detail }), ...cache };
    }
    case "input_audio": {
      const audio = requiredObject(part["input_audio"], `${at}.input_audio`);
      return {
        type: "audio",
        data: requiredText(audio, "data", `${at}.input_audio.data`),
        format: requiredText(audio, "format", `${at}.input_audio.format`),
      };
    }
    case "file":
      return { ...parseFile(requiredObject(part["file"], `${at}.file`), `${at}.file`), ...cache };
    default:
      return foreignPart(part, at) ?? { type: "opaque", dialect: "openai-chat", value: jsonObject(part) };
  }
}

function parseFile(file: Shape, at: string): Extract<Part, { type: "document" }> {
  const id = optionalText(file, "file_id", `${at}.file_id`);
  const title = optionalText(file, "filename", `${at}.filename`);
  const titled = title === undefined ? {} : { title };
  if (id !== undefined) return { type: "document", source: { kind: "file", id }, ...titled };
  const data = requiredText(file, "file_data", `${at}.file_data`);
  return { type: "document", source: mediaSource(data, "application/pdf"), ...titled };
}

/**
 * Thinking first, then what was said, then the calls: the order in which Anthropic wants them back. A proof that names
 * a call stands right before it.
 */
function parseAssistant(source: Shape, at: string): readonly Part[] {
  const proofs = new Map<unknown, Part>();
  const parts: Part[] = [...parseReasoning(source, proofs)];
  parts.push(...parseContent(source, at, false));
  const refusal = optionalText(source, "refusal", `${at}.refusal`);
  if (refusal !== undefined && refusal !== "") parts.push({ type: "refusal", text: refusal });
  for (const [index, item] of (optionalList(source, "tool_calls", `${at}.tool_calls`) ?? []).entries()) {
    const call = requiredObject(item, `${at}.tool_calls[${index}]`);
    const proof = proofs.get(call["id"]);
    if (proof !== undefined) parts.push(proof);
    parts.push(parseCall(call, `${at}.tool_calls[${index}]`));
  }
  if (isObject(source["audio"])) {
    parts.push({ type: "opaque", dialect: "openai-chat", value: { audio: jsonObject(source["audio"]) } });
  }
  if (parts.length === 0) refuse(`${at}.content`, "is required where there are no tool_calls");
  return parts;
}

function parseCall(call: Shape, at: string): Part {
  if (call["type"] === "custom") {
    const custom = requiredObject(call["custom"], `${at}.custom`);
    return {
      type: "tool_call",
      id: requiredText(call, "id", `${at}.id`),
      name: requiredText(custom, "name", `${at}.custom.name`),
      arguments: customArguments(requiredText(custom, "input", `${at}.custom.input`)),
      custom: true,
    };
  }
  const fn = requiredObject(call["function"], `${at}.function`);
  return {
    type: "tool_call",
    id: requiredText(call, "id", `${at}.id`),
    name: requiredText(fn, "name", `${at}.function.name`),
    arguments: optionalText(fn, "arguments", `${at}.function.arguments`) ?? "",
    ...marked(call["cache_control"]),
  };
}

/**
 * `reasoning_details` carry the signatures; the plain text is only read where there are none. A client may send
 * back the pieces of a stream unjoined, so a text without a signature goes on into the next one of its number.
 */
function parseReasoning(source: Shape, proofs: Map<unknown, Part>): readonly Part[] {
  const details = list(source["reasoning_details"]).filter(isObject);
  if (details.length === 0) {
    const text = words(source["reasoning_content"]) ?? words(source["reasoning"]);
    return text === undefined ? [] : [{ type: "thinking", text }];
  }
  const parts: Part[] = [];
  let number: unknown;
  for (const detail of details) {
    const data = words(detail["data"]);
    if (data !== undefined) {
      parts.push({ type: "redacted_thinking", data });
      continue;
    }
    const text = words(detail["text"]) ?? words(detail["summary"]) ?? "";
    const signature = words(detail["signature"]);
    const signed = signature === undefined ? {} : { signature };
    if (signature !== undefined && namesCall(source, detail["id"])) {
      proofs.set(detail["id"], { type: "thinking", text, signature });
      continue;
    }
    const last = parts.at(-1);
    if (last?.type === "thinking" && last.signature === undefined && number === detail["index"]) {
      parts[parts.length - 1] = { type: "thinking", text: last.text + text, ...signed };
    } else {
      parts.push({ type: "thinking", text, ...signed });
    }
    number = detail["index"];
  }
  return parts;
}

function namesCall(source: Shape, id: unknown): boolean {
  return typeof id === "string" && list(source["tool_calls"]).some((call) => shape(call)["id"] === id);
}
