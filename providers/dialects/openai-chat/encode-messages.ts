/** Our messages in OpenAI's shape. Hides that one message of ours may be several there: a tool result stands alone. */
import type { EncodeOptions, Json, JsonObject, Message, Part } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { renderMarker } from "../cache-marker.ts";
import { customInput } from "../custom-tool.ts";
import { type DroppedFields, kindOf } from "../dropped.ts";
import { mediaUrl } from "../media-source.ts";
import { proofFor } from "../signature.ts";
import { encryptedDetail, signedDetail } from "./render.ts";

type Context = {
  readonly extensions: boolean;
  readonly thinkingBack: boolean;
  readonly functionsOnly: boolean;
  readonly dropped: DroppedFields;
};

export function encodeMessages(messages: readonly Message[], options: EncodeOptions, dropped: DroppedFields): Json[] {
  const context = {
    extensions: options.extensions === true,
    thinkingBack: options.thinkingBack === true,
    functionsOnly: options.functionsOnly === true,
    dropped,
  };
  const encoded: Json[] = [];
  for (const message of messages) {
    if (message.role === "assistant") encoded.push(encodeAssistant(message, context));
    else pushMessage(message, context, encoded);
  }
  return encoded;
}

/** Results first, each a message of role `tool`; what else the turn says follows, with the pictures the results held. */
function pushMessage(message: Message, context: Context, encoded: Json[]): void {
  const rest: Part[] = [];
  let results = 0;
  for (const part of message.parts) {
    if (part.type !== "tool_result") {
      rest.push(part);
      continue;
    }
    results++;
    const said = part.content.filter((inner) => inner.type === "text");
    rest.push(...part.content.filter((inner) => inner.type !== "text"));
    if (part.isError === true) context.dropped.note("messages[].is_error");
    if (part.cache !== undefined) context.dropped.note("messages[].cache_control");
    encoded.push({ role: "tool", tool_call_id: part.id, content: content(said, context) ?? "" });
  }
  const told = content(rest, context);
  if (told !== undefined) {
    encoded.push(
      message.name === undefined
        ? { role: message.role, content: told }
        : { role: message.role, content: told, name: message.name },
    );
  } else if (results === 0) {
    if (message.parts.length > 0) throw inexpressible(message.parts[0]!.type);
    encoded.push({ role: message.role, content: "" });
  }
}

/** Nothing of a message is left: sending the rest would answer another question. */
function inexpressible(type: string): GatewayError {
  return new GatewayError("unsupported_parameter", `the model chosen takes no ${type} content`, {
    source: "client",
    param: "messages",
  });
}

/** One text without a marker is a string; undefined when there is nothing to say. */
function content(parts: readonly Part[], context: Context): Json | undefined {
  const only = parts[0];
  if (parts.length === 1 && only?.type === "text" && (only.cache === undefined || !context.extensions)) {
    if (only.cache !== undefined) context.dropped.note("messages[].cache_control");
    if (only.citations !== undefined) context.dropped.note("messages[].citations");
    return only.text;
  }
  const encoded: Json[] = [];
  for (const part of parts) {
    const one = encodePart(part, context);
    if (one !== undefined) encoded.push(one);
  }
  return encoded.length === 0 ? undefined : encoded;
}

function encodePart(part: Part, context: Context): JsonObject | undefined {
  switch (part.type) {
    case "text":
      if (part.citations !== undefined) context.dropped.note("messages[].citations");
      return withMarker({ type: "text", text: part.text }, part, context);
    case "refusal":
      return { type: "refusal", refusal: part.text };
    case "image": {
      const url = mediaUrl(part.source);
      if (url === undefined) return drop("image", context);
      const image = part.detail === undefined ? { url } : { url, detail: part.detail };
      return withMarker({ type: "image_url", image_url: image }, part, context);
    }
    case "audio":
      return { type: "input_audio", input_audio: { data: part.data, format: part.format } };
    case "video": {
      const url = mediaUrl(part.source);
      if (url === undefined || !context.extensions) return drop("video", context);
      return withMarker({ type: "video_url", video_url: { url } }, part, context);
    }
    case "document":
      return encodeDocument(part, context);
    case "opaque":
      return part.dialect === "openai-chat" ? part.value : drop(kindOf(part.value), context);
    default:
      return drop(part.type, context);
  }
}

function encodeDocument(part: Extract<Part, { type: "document" }>, context: Context): JsonObject | undefined {
  const { source, title } = part;
  if (part.extra !== undefined)
    for (const name of Object.keys(part.extra)) context.dropped.note(`messages[].document.${name}`);
  const named = title === undefined ? {} : { filename: title };
  if (title !== undefined && source.kind !== "base64") context.dropped.note("messages[].document.title");
  switch (source.kind) {
    case "text":
      return withMarker({ type: "text", text: source.text }, part, context);
    case "file":
      return withMarker({ type: "file", file: { file_id: source.id } }, part, context);
    case "base64": {
      const file = { filename: "document", ...named, file_data: `data:${source.mediaType};base64,${source.data}` };
      return withMarker({ type: "file", file }, part, context);
    }
    case "url":
      return drop("document", context); // OpenAI fetches no files by address
  }
}

function drop(name: string, context: Context): undefined {
  context.dropped.note(`messages[].${name}`);
  return undefined;
}

function withMarker(encoded: JsonObject, part: Part, context: Context): JsonObject {
  if (!("cache" in part) || part.cache === undefined) return encoded;
  if (context.extensions) return { ...encoded, cache_control: renderMarker(part.cache) };
  context.dropped.note("messages[].cache_control");
  return encoded;
}

/** A proof that no server of this dialect can have made is nobody's here. */
function returned(proof: string, context: Context): string | undefined {
  const own = proofFor("anthropic", proof);
  if (own === undefined) context.dropped.note("messages[].thinking");
  return own;
}

function encodeAssistant(message: Message, context: Context): JsonObject {
  const said: Part[] = [];
  const calls: Json[] = [];
  const details: JsonObject[] = [];
  let reasoning = "";
  const encoded: Record<string, Json> = { role: "assistant", content: null };
  for (const part of message.parts) {
    switch (part.type) {
      case "tool_call":
        calls.push(encodeCall(part, context));
        if (part.cache !== undefined) context.dropped.note("messages[].cache_control");
        break;
      case "thinking": {
        reasoning += part.text;
        const proof = part.signature === undefined ? undefined : returned(part.signature, context);
        if (proof !== undefined) details.push(signedDetail(part.text, proof, details.length));
        break;
      }
      case "redacted_thinking": {
        const data = returned(part.data, context);
        if (data !== undefined) details.push(encryptedDetail(data, details.length));
        break;
      }
      case "opaque":
        if (part.dialect === "openai-chat" && "audio" in part.value) Object.assign(encoded, part.value);
        else said.push(part);
        break;
      default:
        said.push(part);
    }
  }
  encoded["content"] = content(said, context) ?? (calls.length > 0 || "audio" in encoded ? null : "");
  if (message.name !== undefined) encoded["name"] = message.name;
  if (calls.length > 0) encoded["tool_calls"] = calls;
  if (context.extensions) {
    if (reasoning !== "") encoded["reasoning_content"] = reasoning;
    if (details.length > 0) encoded["reasoning_details"] = details;
  } else if (context.thinkingBack && calls.length > 0) {
    encoded["reasoning_content"] = reasoning;
    if (reasoning === "" && details.length > 0) context.dropped.note("messages[].thinking");
  } else if (reasoning !== "" || details.length > 0) {
    context.dropped.note("messages[].thinking");
  }
  return encoded;
}

/** Servers that are only like OpenAI's know functions alone. */
function encodeCall(
  { id, name, arguments: written, custom }: Extract<Part, { type: "tool_call" }>,
  { functionsOnly }: Context,
): JsonObject {
  if (custom === true && !functionsOnly) return { id, type: "custom", custom: { name, input: customInput(written) } };
  return { id, type: "function", function: { name, arguments: written || "{}" } };
}
