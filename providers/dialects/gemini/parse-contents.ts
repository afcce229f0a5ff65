/**
 * A client's contents. Hides that calls and their outputs may name no id, so that an output belongs to the first call of
 * its function that has none yet, and that a signature stands on the part after the thinking it proves.
 */
import type { JsonObject, MediaSource, Message, Part } from "../../exchange.ts";
import { isObject, jsonObject, type Shape } from "../../json.ts";
import { optionalList, optionalText, refuse, requiredObject, requiredText, unknownFields } from "../strict.ts";
import { argumentsText } from "../tool-arguments.ts";
import { callId } from "./call-id.ts";
import { field } from "./names.ts";
import { proofOf } from "./signature.ts";

type PendingCall = { readonly id: string; readonly name: string };

export function parseSystem(source: Shape): readonly Message[] {
  const instruction = field(source, "systemInstruction");
  if (instruction === undefined || instruction === null) return [];
  if (typeof instruction === "string") return [{ role: "system", parts: [{ type: "text", text: instruction }] }];
  const content = requiredObject(instruction, "systemInstruction");
  const parts = parseParts(content, "systemInstruction", "s", []);
  return parts.length === 0 ? [] : [{ role: "system", parts }];
}

export function parseContents(source: Shape): readonly Message[] {
  const contents = optionalList(source, "contents") ?? refuse("contents", "is required and must be an array");
  if (contents.length === 0) refuse("contents", "must hold at least one content");
  const pending: PendingCall[] = [];
  const messages: Message[] = [];
  for (const [index, value] of contents.entries()) {
    const at = `contents[${index}]`;
    const content = requiredObject(value, at);
    const role = optionalText(content, "role", `${at}.role`) ?? "user";
    if (role !== "user" && role !== "model" && role !== "function") refuse(`${at}.role`, "must be user or model");
    const parts = parseParts(content, at, String(index), pending);
    const before = messages.at(-1);
    if (role === "model" && before?.role === "assistant")
      messages[messages.length - 1] = { role: "assistant", parts: joined(before.parts, parts) };
    else messages.push({ role: role === "model" ? "assistant" : "user", parts });
  }
  return messages;
}

/** Google's SDK sends a streamed answer back as it came: a content for each chunk, the last of them empty. */
function joined(before: readonly Part[], more: readonly Part[]): readonly Part[] {
  const parts = before.slice();
  for (const part of more) {
    const last = parts.at(-1);
    if (part.type === "text" && part.text === "" && last !== undefined) continue;
    if (part.type === "text" && last?.type === "text")
      parts[parts.length - 1] = { ...part, text: last.text + part.text };
    else if (part.type === "thinking" && last?.type === "thinking" && last.signature === undefined)
      parts[parts.length - 1] = { ...part, text: last.text + part.text };
    else parts.push(part);
  }
  return parts;
}

function parseParts(content: Shape, at: string, turn: string, pending: PendingCall[]): readonly Part[] {
  const parts: Part[] = [];
  for (const [index, value] of (optionalList(content, "parts", `${at}.parts`) ?? []).entries()) {
    const before = parts.at(-1);
    const where = `${at}.parts[${index}]`;
    const part = requiredObject(value, where);
    const signature = field(part, "thoughtSignature");
    if (typeof signature === "string" && signature !== "") pushProof(signature, part, parts);
    const parsed = parsePart(part, where, `${turn}_${index}`, pending);
    // A stream's pieces of one thought, which a client sends back as they came.
    if (parsed?.type === "thinking" && before?.type === "thinking" && before.signature === undefined) {
      parts[parts.length - 1] = { ...before, text: before.text + parsed.text };
    } else if (parsed !== undefined) parts.push(parsed);
  }
  return parts;
}

/** Closes the thinking before it, or stands alone where none was told. A part of thinking carries its own. */
function pushProof(thoughtSignature: string, part: Shape, parts: Part[]): void {
  const proof = proofOf(thoughtSignature);
  if (proof.kind === "redacted") {
    parts.push({ type: "redacted_thinking", data: proof.data });
    return;
  }
  const { signature } = proof;
  const text = part["thought"] === true && typeof part["text"] === "string" ? part["text"] : "";
  const last = parts.at(-1);
  if (last?.type === "thinking" && last.signature === undefined) {
    parts[parts.length - 1] = { ...last, text: last.text + text, signature };
  } else parts.push({ type: "thinking", text, signature });
}

function parsePart(part: Shape, at: string, place: string, pending: PendingCall[]): Part | undefined {
  const { text } = part;
  if (typeof text === "string") {
    const signed = typeof field(part, "thoughtSignature") === "string";
    if (part["thought"] === true) return signed ? undefined : { type: "thinking", text };
    return text === "" && signed ? undefined : { type: "text", text };
  }
  const call = field(part, "functionCall");
  if (isObject(call)) return parseCall(call, `${at}.functionCall`, place, pending);
  const response = field(part, "functionResponse");
  if (isObject(response)) return parseResponse(response, `${at}.functionResponse`, place, pending);
  const inline = field(part, "inlineData");
  if (isObject(inline)) return parseInline(inline, part, `${at}.inlineData`);
  const file = field(part, "fileData");
  if (isObject(file)) return parseFile(file, part, `${at}.fileData`);
  if (Object.keys(part).length === 0) refuse(at, "must hold text, data, a call or a response");
  return { type: "opaque", dialect: "gemini", value: jsonObject(part) };
}

function parseCall(call: Shape, at: string, place: string, pending: PendingCall[]): Part {
  const name = requiredText(call, "name", `${at}.name`);
  const id = optionalText(call, "id", `${at}.id`) ?? callId(undefined, place, 0);
  pending.push({ id, name });
  return { type: "tool_call", id, name, arguments: argumentsText(call["args"] ?? {}) };
}

function parseResponse(source: Shape, at: string, place: string, pending: PendingCall[]): Part {
  const name = requiredText(source, "name", `${at}.name`);
  const told = optionalText(source, "id", `${at}.id`);
  const index = pending.findIndex((call) => (told === undefined ? call.name === name : call.id === told));
  const id = told ?? pending[index]?.id ?? callId(undefined, place, 0);
  if (index !== -1) pending.splice(index, 1);
  const response = source["response"];
  const content: Part[] = [{ type: "text", text: responseText(response) }];
  for (const [number, value] of (optionalList(source, "parts", `${at}.parts`) ?? []).entries()) {
    const parsed = parsePart(requiredObject(value, `${at}.parts[${number}]`), `${at}.parts[${number}]`, place, []);
    if (parsed !== undefined) content.push(parsed);
  }
  return { type: "tool_result", id, content, ...(isError(response) ? { isError: true } : {}) };
}

/** The names that Google gives an output and an error are its own: alone they say nothing. */
function responseText(response: unknown): string {
  if (!isObject(response)) return response === undefined ? "" : argumentsText(response);
  const keys = Object.keys(response);
  const only = keys.length === 1 && (keys[0] === "output" || keys[0] === "error") ? response[keys[0]] : undefined;
  return typeof only === "string" ? only : argumentsText(response);
}

function isError(response: unknown): boolean {
  return isObject(response) && typeof response["error"] === "string" && Object.keys(response).length === 1;
}

function parseInline(inline: Shape, part: Shape, at: string): Part {
  const mediaType =
    optionalText(inline, "mimeType", `${at}.mimeType`) ?? requiredText(inline, "mime_type", `${at}.mimeType`);
  const data = requiredText(inline, "data", `${at}.data`);
  if (mediaType.startsWith("audio/")) return { type: "audio", data, format: audioFormat(mediaType) };
  return media({ kind: "base64", mediaType, data }, mediaType, part);
}

/** `audio/x-wav;rate=16000` is `wav`, `audio/mpeg` is `mp3`: OpenAI's names. */
function audioFormat(mediaType: string): string {
  const format = mediaType.slice("audio/".length).split(";", 1)[0]!.replace(/^x-/, "");
  return format === "mpeg" ? "mp3" : format;
}

function parseFile(file: Shape, part: Shape, at: string): Part {
  const url = optionalText(file, "fileUri", `${at}.fileUri`) ?? requiredText(file, "file_uri", `${at}.fileUri`);
  const mediaType =
    optionalText(file, "mimeType", `${at}.mimeType`) ?? optionalText(file, "mime_type", `${at}.mimeType`);
  const typed = mediaType === undefined ? {} : { mediaType };
  const source: MediaSource = /^[a-z]+:/i.test(url)
    ? { kind: "url", url, ...typed }
    : { kind: "file", id: url, ...typed };
  return media(source, mediaType ?? "", part);
}

const mediaFields: ReadonlySet<string> = new Set([
  "inlineData",
  "inline_data",
  "fileData",
  "file_data",
  "thoughtSignature",
  "thought_signature",
]);

function media(source: MediaSource, mediaType: string, part: Shape): Part {
  const extra: JsonObject | undefined = unknownFields(part, mediaFields);
  if (mediaType.startsWith("image/")) return { type: "image", source };
  if (mediaType.startsWith("video/")) return { type: "video", source, ...(extra === undefined ? {} : { extra }) };
  return { type: "document", source, ...(extra === undefined ? {} : { extra }) };
}
