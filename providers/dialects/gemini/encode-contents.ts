/**
 * Our messages as contents. Hides that system text leaves the list, that turns alternate, that an output names its
 * function and not only its call, and on which part a signature must stand.
 */
import type { Json, JsonObject, MediaSource, Message, Part } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { isObject, jsonObject, parseJson } from "../../json.ts";
import { type DroppedFields, kindOf } from "../dropped.ts";
import { guessMediaType } from "../media-source.ts";
import { proofFor } from "../signature.ts";
import { argumentsObject } from "../tool-arguments.ts";
import { givenId } from "./call-id.ts";

type Content = { readonly role: "user" | "model"; readonly parts: JsonObject[] };

/** Google's own word for a call in a history that another model made: without it the newer models refuse the call. */
const unsigned = "skip_thought_signature_validator";

export function encodeContents(
  messages: readonly Message[],
  model: string,
  dropped: DroppedFields,
): { readonly system: JsonObject | undefined; readonly contents: Json[] } {
  const system: JsonObject[] = [];
  const contents: Content[] = [];
  const names = new Map<string, string>();
  for (const message of messages) {
    if (message.name !== undefined) dropped.note("messages[].name");
    const parts =
      message.role === "assistant" ? encodeModel(message, model, names, dropped) : encodeUser(message, names, dropped);
    if (message.role === "system" || message.role === "developer") {
      system.push(...parts);
      continue;
    }
    if (parts.length === 0) continue; // nothing said
    const role = message.role === "assistant" ? "model" : "user";
    const last = contents.at(-1);
    if (last?.role === role) last.parts.push(...parts);
    else contents.push({ role, parts });
  }
  return { system: system.length === 0 ? undefined : { parts: system }, contents };
}

function encodeUser(message: Message, names: ReadonlyMap<string, string>, dropped: DroppedFields): JsonObject[] {
  const parts: JsonObject[] = [];
  for (const part of message.parts) {
    if (part.type === "tool_result") parts.push(...encodeResult(part, names, dropped));
    else {
      const encoded = encodePart(part, dropped);
      if (encoded !== undefined) parts.push(encoded);
    }
  }
  if (parts.length === 0 && message.parts.some(({ type }) => type !== "text")) throw inexpressible(message.parts);
  return parts;
}

/** Nothing of a message is left: sending the rest would answer another question. */
function inexpressible(parts: readonly Part[]): GatewayError {
  return new GatewayError("unsupported_parameter", `the model chosen takes no such ${parts[0]?.type} content`, {
    source: "client",
    param: "messages",
  });
}

/** A proof goes to the part after it, a call or a text; one with nothing after it gets an empty text to stand on. */
function encodeModel(
  message: Message,
  model: string,
  names: Map<string, string>,
  dropped: DroppedFields,
): JsonObject[] {
  const parts: JsonObject[] = [];
  let proof: string | undefined;
  let called = false;
  const push = (part: JsonObject): void => {
    parts.push(proof === undefined ? part : { ...part, thoughtSignature: proof });
    proof = undefined;
  };
  for (const part of message.parts) {
    if (part.type === "thinking") {
      const own = part.signature === undefined ? undefined : proofFor("gemini", part.signature);
      if (own === undefined) {
        dropped.note("messages[].thinking");
        continue;
      }
      if (proof !== undefined) push({ text: "" });
      if (part.text !== "") parts.push({ text: part.text, thought: true });
      proof = own;
    } else if (part.type === "redacted_thinking") {
      dropped.note("messages[].thinking");
    } else if (part.type === "tool_call") {
      names.set(part.id, part.name);
      if (part.cache !== undefined) dropped.note("messages[].cache_control");
      if (proof === undefined && !called && wantsSignatures(model)) proof = unsigned;
      called = true;
      const id = givenId(part.id);
      const call = { name: part.name, args: argumentsObject(part.arguments) };
      push({ functionCall: id === undefined ? call : { id, ...call } });
    } else {
      const encoded = encodePart(part, dropped);
      if (encoded !== undefined) push(encoded);
    }
  }
  if (proof !== undefined) push({ text: "" });
  return parts;
}

function wantsSignatures(model: string): boolean {
  return /gemini-([3-9]|\d\d)/.test(model);
}

function encodeResult(
  part: Extract<Part, { type: "tool_result" }>,
  names: ReadonlyMap<string, string>,
  dropped: DroppedFields,
): JsonObject[] {
  if (part.cache !== undefined) dropped.note("messages[].cache_control");
  let said = "";
  const rest: JsonObject[] = [];
  for (const inner of part.content) {
    if (inner.type === "text") {
      if (inner.cache !== undefined) dropped.note("messages[].cache_control");
      said += inner.text;
      continue;
    }
    const encoded = encodePart(inner, dropped);
    if (encoded !== undefined) rest.push(encoded);
  }
  const id = givenId(part.id);
  const name = names.get(part.id) ?? "unknown";
  const response = encodeResponse(said, part.isError === true);
  return [{ functionResponse: { ...(id === undefined ? {} : { id }), name, response } }, ...rest];
}

/** An object goes as it is; a text under the names that Google gives an output and an error. */
function encodeResponse(said: string, failed: boolean): JsonObject {
  if (failed) return { error: said };
  const value = said.trimStart().startsWith("{") && !longNumber.test(said) ? parseJson(said) : undefined;
  return isObject(value) ? jsonObject(value) : { output: said };
}

/** More digits than a double holds: such a text stays text. */
const longNumber = /\d{16}/;

function encodePart(part: Part, dropped: DroppedFields): JsonObject | undefined {
  if ("cache" in part && part.cache !== undefined) dropped.note("messages[].cache_control");
  if ("citations" in part && part.citations !== undefined) dropped.note("messages[].citations");
  switch (part.type) {
    case "text":
    case "refusal":
      return part.text === "" ? undefined : { text: part.text };
    case "image":
      if (part.detail !== undefined && part.detail !== "auto") dropped.note("messages[].image_url.detail");
      return encodeMedia(part.source, "image/jpeg", "image", dropped);
    case "video":
      return encodeVideo(part, dropped);
    case "audio":
      return { inlineData: { mimeType: `audio/${part.format}`, data: part.data } };
    case "document":
      if (part.title !== undefined) dropped.note("messages[].document.title");
      for (const name of Object.keys(part.extra ?? {})) dropped.note(`messages[].document.${name}`);
      return encodeMedia(part.source, "application/pdf", "document", dropped);
    case "opaque":
      return part.dialect === "gemini" ? part.value : drop(kindOf(part.value), dropped);
    default:
      return drop(part.type, dropped);
  }
}

function encodeVideo(part: Extract<Part, { type: "video" }>, dropped: DroppedFields): JsonObject | undefined {
  const media = encodeMedia(part.source, "video/mp4", "video", dropped);
  return media === undefined ? undefined : { ...media, ...part.extra };
}

/** Google knows its own files by address; another vendor's id is nothing to it. */
function encodeMedia(source: MediaSource, usual: string, name: string, dropped: DroppedFields): JsonObject | undefined {
  switch (source.kind) {
    case "base64":
      return { inlineData: { mimeType: source.mediaType, data: source.data } };
    case "text":
      return { text: source.text };
    case "url":
      return { fileData: { fileUri: source.url, mimeType: source.mediaType ?? guessMediaType(source.url) ?? usual } };
    case "file":
      if (!source.id.startsWith("files/")) return drop(`${name}.file_id`, dropped);
      return {
        fileData: { fileUri: source.id, ...(source.mediaType === undefined ? {} : { mimeType: source.mediaType }) },
      };
  }
}

function drop(name: string, dropped: DroppedFields): undefined {
  dropped.note(`messages[].${name}`);
  return undefined;
}
