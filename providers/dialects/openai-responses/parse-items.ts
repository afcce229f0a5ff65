/** A client's input items. Hides that one turn of an assistant is several items: what it thought, said and called. */
import type { MediaSource, Message, Part } from "../../exchange.ts";
import { jsonObject, type Shape } from "../../json.ts";
import { customArguments } from "../custom-tool.ts";
import { mediaSource } from "../media-source.ts";
import { optionalList, optionalText, refuse, requiredObject, requiredText } from "../strict.ts";
import { parseReasoning } from "./reasoning.ts";

type Turn = { readonly role: Message["role"]; readonly parts: Part[]; readonly joins: boolean };

/** @param first the place of the first item among those that its client sent */
export function parseInput(source: Shape, first = 0): readonly Message[] {
  const messages: Turn[] = [];
  const instructions = optionalText(source, "instructions");
  if (instructions !== undefined) {
    messages.push({ role: "system", parts: [{ type: "text", text: instructions }], joins: false });
  }
  const { input } = source;
  if (typeof input === "string") {
    messages.push({ role: "user", parts: [{ type: "text", text: input }], joins: false });
    return messages.map(message);
  }
  const items = optionalList(source, "input") ?? [];
  for (let index = 0; index < items.length; index++) {
    const at = `input[${first + index}]`;
    pushTurn(parseItem(requiredObject(items[index], at), at), messages);
  }
  return messages.map(message);
}

function message({ role, parts }: Turn): Message {
  return { role, parts };
}

/** What an assistant did in one turn belongs together, and so do the outputs of the calls it made at once. */
function pushTurn(turn: Turn | undefined, messages: Turn[]): void {
  if (turn === undefined) return;
  const last = messages.at(-1);
  if (last?.joins === true && turn.joins && last.role === turn.role) last.parts.push(...turn.parts);
  else messages.push(turn);
}

function parseItem(item: Shape, at: string): Turn | undefined {
  switch (item["type"]) {
    case undefined:
    case null:
    case "message":
      return parseMessage(item, at);
    case "function_call":
      return assistant({
        type: "tool_call",
        id: requiredText(item, "call_id", `${at}.call_id`),
        name: requiredText(item, "name", `${at}.name`),
        arguments: requiredText(item, "arguments", `${at}.arguments`),
      });
    case "custom_tool_call":
      return assistant({
        type: "tool_call",
        id: requiredText(item, "call_id", `${at}.call_id`),
        name: requiredText(item, "name", `${at}.name`),
        arguments: customArguments(requiredText(item, "input", `${at}.input`)),
        custom: true,
      });
    case "function_call_output":
    case "custom_tool_call_output":
      return {
        role: "user",
        joins: true,
        parts: [
          {
            type: "tool_result",
            id: requiredText(item, "call_id", `${at}.call_id`),
            content: parseContent(item["output"], `${at}.output`),
            ...(item["type"] === "custom_tool_call_output" ? { custom: true } : {}),
          },
        ],
      };
    case "reasoning": {
      const part = parseReasoning(item);
      return part === undefined ? undefined : assistant(part);
    }
    default: {
      const type = requiredText(item, "type", `${at}.type`);
      const part: Part = { type: "opaque", dialect: "openai-responses", value: jsonObject(item) };
      return type.endsWith("_output") || type.endsWith("_response")
        ? { role: "user", parts: [part], joins: true }
        : assistant(part);
    }
  }
}

function assistant(part: Part): Turn {
  return { role: "assistant", parts: [part], joins: true };
}

function parseMessage(item: Shape, at: string): Turn {
  const role = requiredText(item, "role", `${at}.role`);
  if (role !== "user" && role !== "assistant" && role !== "system" && role !== "developer") {
    refuse(`${at}.role`, "must be user, assistant, system or developer");
  }
  return { role, parts: parseContent(item["content"], `${at}.content`), joins: role === "assistant" };
}

function parseContent(content: unknown, at: string): Part[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (!Array.isArray(content)) return refuse(at, "must be a string or an array of parts");
  return content.map((part, index) => parsePart(requiredObject(part, `${at}[${index}]`), `${at}[${index}]`));
}

export function parsePart(part: Shape, at: string): Part {
  switch (part["type"]) {
    case "input_text":
    case "output_text":
    case "text":
      return { type: "text", text: requiredText(part, "text", `${at}.text`) };
    case "refusal":
      return { type: "refusal", text: requiredText(part, "refusal", `${at}.refusal`) };
    case "input_image": {
      const detail = optionalText(part, "detail", `${at}.detail`);
      return { type: "image", source: parseImage(part, at), ...(detail === undefined ? {} : { detail }) };
    }
    case "input_audio": {
      const audio = requiredObject(part["input_audio"], `${at}.input_audio`);
      return {
        type: "audio",
        data: requiredText(audio, "data", `${at}.input_audio.data`),
        format: requiredText(audio, "format", `${at}.input_audio.format`),
      };
    }
    case "input_file": {
      const title = optionalText(part, "filename", `${at}.filename`);
      return { type: "document", source: parseFile(part, at), ...(title === undefined ? {} : { title }) };
    }
    default:
      requiredText(part, "type", `${at}.type`);
      return { type: "opaque", dialect: "openai-responses", value: jsonObject(part) };
  }
}

function parseImage(part: Shape, at: string): MediaSource {
  const id = optionalText(part, "file_id", `${at}.file_id`);
  if (id !== undefined) return { kind: "file", id };
  return mediaSource(requiredText(part, "image_url", `${at}.image_url`), "image/png");
}

function parseFile(part: Shape, at: string): MediaSource {
  const id = optionalText(part, "file_id", `${at}.file_id`);
  if (id !== undefined) return { kind: "file", id };
  const url = optionalText(part, "file_url", `${at}.file_url`);
  if (url !== undefined) return { kind: "url", url };
  return mediaSource(requiredText(part, "file_data", `${at}.file_data`), "application/pdf");
}
