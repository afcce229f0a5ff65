/** Our messages in Cohere's shape. Hides that text beside calls is their plan, and that documents leave the messages. */
import type { Json, JsonObject, MediaSource, Message, Part } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import type { DroppedFields } from "../dropped.ts";

export function encodeMessages(
  messages: readonly Message[],
  dropped: DroppedFields,
): { readonly messages: Json[]; readonly documents: Json[] } {
  const encoded: Json[] = [];
  const documents: Json[] = [];
  for (const message of messages) {
    if (message.name !== undefined) dropped.note("messages[].name");
    for (const part of message.parts) note(part, dropped);
    if (message.role === "assistant") encoded.push(...encodeAssistant(message.parts, dropped));
    else if (message.role === "user") encoded.push(...encodeUser(message.parts, documents, dropped));
    else encoded.push(...encodeSystem(message.parts, dropped));
  }
  return { messages: encoded, documents };
}

/** What is said beside the parts themselves. */
function note(part: Part, dropped: DroppedFields): void {
  if ("cache" in part && part.cache !== undefined) dropped.note("messages[].cache_control");
  if (part.type === "text" && part.citations !== undefined) dropped.note("messages[].citations");
  if (part.type === "document") for (const name in part.extra) dropped.note(`messages[].document.${name}`);
  if (part.type === "tool_result") for (const inner of part.content) note(inner, dropped);
}

function encodeSystem(parts: readonly Part[], dropped: DroppedFields): Json[] {
  const content = textOf(parts, dropped);
  return content === "" ? [] : [{ role: "system", content }];
}

function textOf(parts: readonly Part[], dropped: DroppedFields): string {
  let text = "";
  for (const part of parts) {
    if (part.type === "text" || part.type === "refusal") text += text === "" ? part.text : `\n${part.text}`;
    else drop(part, dropped);
  }
  return text;
}

/** Results of tools stand in messages of their own, in the order they came. */
function encodeUser(parts: readonly Part[], documents: Json[], dropped: DroppedFields): Json[] {
  const turns: Json[] = [];
  const content: JsonObject[] = [];
  let lost: Part | undefined;
  for (const part of parts) {
    switch (part.type) {
      case "text":
      case "refusal":
        if (part.text !== "") content.push({ type: "text", text: part.text });
        break;
      case "image": {
        const image = encodeImage(part.source, part.detail);
        if (image !== undefined) content.push(image);
        else lost = drop(part, dropped);
        break;
      }
      case "document":
        if (part.source.kind === "text") {
          const title = part.title === undefined ? {} : { title: part.title };
          documents.push({ data: { text: part.source.text, ...title } });
        } else lost = drop(part, dropped);
        break;
      case "tool_result":
        if (part.isError === true) dropped.note("messages[].is_error");
        turns.push({ role: "tool", tool_call_id: part.id, content: textOf(part.content, dropped) });
        break;
      default:
        lost = drop(part, dropped);
    }
  }
  if (content.length === 0 && turns.length === 0 && documents.length === 0 && lost !== undefined)
    throw inexpressible(lost);
  if (content.length > 0) turns.push({ role: "user", content: plain(content) });
  return turns;
}

/** Nothing of a message is left: sending the rest would answer another question. */
function inexpressible({ type }: Part): GatewayError {
  return new GatewayError("unsupported_parameter", `the model chosen takes no ${type} content`, {
    source: "client",
    param: "messages",
  });
}

/** One text is a string, as people write it. */
function plain(content: readonly JsonObject[]): Json {
  const only = content[0];
  return content.length === 1 && only?.["type"] === "text" ? (only["text"] ?? "") : content;
}

function encodeImage(source: MediaSource, detail: string | undefined): JsonObject | undefined {
  const fine = detail === undefined ? {} : { detail };
  switch (source.kind) {
    case "url":
      return { type: "image_url", image_url: { url: source.url, ...fine } };
    case "base64":
      return { type: "image_url", image_url: { url: `data:${source.mediaType};base64,${source.data}`, ...fine } };
    default:
      return undefined;
  }
}

function encodeAssistant(parts: readonly Part[], dropped: DroppedFields): Json[] {
  const content: JsonObject[] = [];
  const calls: JsonObject[] = [];
  for (const part of parts) {
    switch (part.type) {
      case "text":
      case "refusal":
        if (part.text !== "") content.push({ type: "text", text: part.text });
        break;
      case "thinking":
        // What was signed is its issuer's; Cohere's own thinking is not.
        if (part.signature !== undefined) drop(part, dropped);
        else if (part.text !== "") content.push({ type: "thinking", thinking: part.text });
        break;
      case "tool_call":
        calls.push({ id: part.id, type: "function", function: { name: part.name, arguments: part.arguments || "{}" } });
        break;
      default:
        drop(part, dropped);
    }
  }
  if (calls.length === 0) return content.length === 0 ? [] : [{ role: "assistant", content: plain(content) }];
  const plan = content.flatMap((block) => (block["type"] === "text" ? [block["text"] as string] : [])).join("");
  const thought = content.filter((block) => block["type"] === "thinking");
  return [
    {
      role: "assistant",
      ...(thought.length === 0 ? {} : { content: thought }),
      ...(plan === "" ? {} : { tool_plan: plan }),
      tool_calls: calls,
    },
  ];
}

const dropNames: Readonly<Partial<Record<Part["type"], string>>> = {
  thinking: "reasoning_content",
  redacted_thinking: "reasoning_content",
  image: "image_url",
  document: "file",
  audio: "input_audio",
};

function drop(part: Part, dropped: DroppedFields): Part {
  const own = part.type === "opaque" ? String(part.value["type"] ?? "block") : part.type;
  dropped.note(`messages[].${dropNames[part.type] ?? own}`);
  return part;
}
