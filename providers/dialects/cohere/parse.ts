/** A client's request to Cohere's chat. Hides that documents are a list of the request: here they stand in the last question. */
import type { Json, JsonObject, Message, Part, Request, Tool } from "../../exchange.ts";
import { isObject, jsonObject, type Mutable, type Shape, shape } from "../../json.ts";
import {
  optionalFlag,
  optionalInteger,
  optionalList,
  optionalNumber,
  optionalObject,
  optionalText,
  refuse,
  requestBody,
  requiredObject,
  requiredText,
  textList,
  unknownFields,
} from "../strict.ts";
import { argumentsText } from "../tool-arguments.ts";
import { unreadFields } from "../unread.ts";
import { readFields } from "./fields.ts";
import { redactedData } from "./redacted.ts";

/** Every field this file reads; the rest is `extra`. */
const knownFields: ReadonlySet<string> = new Set(
  `model messages stream documents max_tokens temperature p k seed frequency_penalty presence_penalty stop_sequences
  logprobs tools strict_tools tool_choice response_format thinking`.split(/\s+/),
);

export function parse(body: unknown): Request {
  const source = requestBody(body);
  const request: Mutable<Request> = {
    dialect: "cohere",
    model: requiredText(source, "model"),
    messages: withDocuments(parseMessages(source), source),
    stream: optionalFlag(source, "stream") ?? false,
    includeUsage: true, // a stream of this dialect always tells it
  };
  parseSampling(source, request);
  parseTools(source, request);
  parseFormat(source, request);
  const unread = unreadFields(source, readFields);
  if (unread.length > 0) request.unread = unread;
  parseThinking(source, request);
  const extra = unknownFields(source, knownFields);
  if (extra !== undefined) request.extra = extra;
  return request;
}

function parseSampling(source: Shape, request: Mutable<Request>): void {
  const maxTokens = optionalInteger(source, "max_tokens", 0);
  if (maxTokens !== undefined) request.maxTokens = maxTokens;
  const topK = optionalInteger(source, "k", 0);
  if (topK !== undefined) request.topK = topK;
  for (const [field, name] of [
    ["temperature", "temperature"],
    ["topP", "p"],
    ["seed", "seed"],
    ["frequencyPenalty", "frequency_penalty"],
    ["presencePenalty", "presence_penalty"],
  ] as const) {
    const value = optionalNumber(source, name);
    if (value !== undefined) request[field] = value;
  }
  const stop = optionalList(source, "stop_sequences");
  if (stop !== undefined) request.stop = textList(stop, "stop_sequences");
  if (optionalFlag(source, "logprobs") === true) request.logprobs = true;
}

function parseTools(source: Shape, request: Mutable<Request>): void {
  const strict = optionalFlag(source, "strict_tools");
  const tools = optionalList(source, "tools");
  if (tools !== undefined) request.tools = tools.map((tool, index) => parseTool(tool, `tools[${index}]`, strict));
  switch (optionalText(source, "tool_choice")) {
    case undefined:
      return;
    case "REQUIRED":
      request.toolChoice = { type: "required" };
      return;
    case "NONE":
      request.toolChoice = { type: "none" };
      return;
    default:
      refuse("tool_choice", "must be REQUIRED or NONE");
  }
}

function parseTool(value: unknown, at: string, strict: boolean | undefined): Tool {
  const tool = requiredObject(value, at);
  const told = requiredObject(tool["function"], `${at}.function`);
  const description = optionalText(told, "description", `${at}.function.description`);
  return {
    type: "function",
    name: requiredText(told, "name", `${at}.function.name`),
    ...(description === undefined ? {} : { description }),
    parameters: optionalObject(told, "parameters", `${at}.function.parameters`) ?? {},
    ...(strict === undefined ? {} : { strict }),
  };
}

function parseFormat(source: Shape, request: Mutable<Request>): void {
  const format = optionalObject(source, "response_format");
  if (format === undefined) return;
  if (format["type"] === "text") request.responseFormat = { type: "text" };
  else if (format["type"] !== "json_object") refuse("response_format.type", "must be text or json_object");
  else {
    const schema =
      optionalObject(format, "json_schema", "response_format.json_schema") ??
      optionalObject(format, "schema", "response_format.schema");
    request.responseFormat =
      schema === undefined ? { type: "json_object" } : { type: "json_schema", name: "response", schema, strict: true };
  }
}

function parseThinking(source: Shape, request: Mutable<Request>): void {
  const thinking = optionalObject(source, "thinking");
  if (thinking === undefined) return;
  if (thinking["type"] === "disabled") request.reasoning = { enabled: false };
  else if (thinking["type"] !== "enabled") refuse("thinking.type", "must be enabled or disabled");
  else {
    const budget = optionalInteger(thinking, "token_budget", 1, "thinking.token_budget");
    request.reasoning = { enabled: true, ...(budget === undefined ? {} : { budgetTokens: budget }) };
  }
}

function parseMessages(source: Shape): Message[] {
  const messages = optionalList(source, "messages") ?? refuse("messages", "is required and must be an array");
  if (messages.length === 0) refuse("messages", "must hold at least one message");
  const parsed: Message[] = [];
  for (const [index, value] of messages.entries()) {
    const at = `messages[${index}]`;
    const message = requiredObject(value, at);
    const role = requiredText(message, "role", `${at}.role`);
    switch (role) {
      case "system":
      case "developer":
      case "user":
        parsed.push({ role, parts: parseContent(message["content"], `${at}.content`) });
        break;
      case "assistant":
        parsed.push({ role, parts: parseAssistant(message, at) });
        break;
      case "tool":
        pushResult(message, at, parsed);
        break;
      default:
        refuse(`${at}.role`, "must be system, user, assistant or tool");
    }
  }
  return parsed;
}

/** Results of parallel calls come in messages of their own; they answer one turn. */
function pushResult(message: Shape, at: string, parsed: Message[]): void {
  const part: Part = {
    type: "tool_result",
    id: requiredText(message, "tool_call_id", `${at}.tool_call_id`),
    content: parseContent(message["content"], `${at}.content`),
  };
  const last = parsed.at(-1);
  if (last?.role === "user" && last.parts.every(({ type }) => type === "tool_result")) {
    parsed[parsed.length - 1] = { role: "user", parts: [...last.parts, part] };
  } else parsed.push({ role: "user", parts: [part] });
}

function parseAssistant(message: Shape, at: string): readonly Part[] {
  const { content } = message;
  const parts: Part[] = content === undefined || content === null ? [] : [...parseContent(content, `${at}.content`)];
  const plan = optionalText(message, "tool_plan", `${at}.tool_plan`);
  if (plan !== undefined && plan !== "") parts.push({ type: "text", text: plan });
  const calls = optionalList(message, "tool_calls", `${at}.tool_calls`) ?? [];
  for (const [index, value] of calls.entries()) {
    const place = `${at}.tool_calls[${index}]`;
    const call = requiredObject(value, place);
    const told = requiredObject(call["function"], `${place}.function`);
    parts.push({
      type: "tool_call",
      id: requiredText(call, "id", `${place}.id`),
      name: requiredText(told, "name", `${place}.function.name`),
      arguments: argumentsText(told["arguments"]),
    });
  }
  return parts;
}

function parseContent(content: unknown, at: string): readonly Part[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (!Array.isArray(content)) return refuse(at, "must be a string or an array");
  return content.map((value, index) => parsePart(requiredObject(value, `${at}[${index}]`), `${at}[${index}]`));
}

function parsePart(part: Shape, at: string): Part {
  switch (part["type"]) {
    case "text":
      return { type: "text", text: requiredText(part, "text", `${at}.text`) };
    case "thinking": {
      const signature = optionalText(part, "signature", `${at}.signature`);
      const data = signature === undefined ? undefined : redactedData(signature);
      if (data !== undefined) return { type: "redacted_thinking", data };
      const signed = signature === undefined || signature === "" ? {} : { signature };
      return { type: "thinking", text: requiredText(part, "thinking", `${at}.thinking`), ...signed };
    }
    case "image_url": {
      const image = requiredObject(part["image_url"], `${at}.image_url`);
      const url = requiredText(image, "url", `${at}.image_url.url`);
      const detail = optionalText(image, "detail", `${at}.image_url.detail`);
      return { type: "image", source: imageSource(url), ...(detail === undefined ? {} : { detail }) };
    }
    case "document":
      return documentPart(requiredObject(part["document"], `${at}.document`));
    default:
      requiredText(part, "type", `${at}.type`);
      return { type: "opaque", dialect: "cohere", value: jsonObject(part) };
  }
}

function imageSource(url: string): Extract<Part, { type: "image" }>["source"] {
  const [, mediaType, data] = /^data:([^;,]+);base64,(.*)$/s.exec(url) ?? [];
  return mediaType === undefined || data === undefined ? { kind: "url", url } : { kind: "base64", mediaType, data };
}

/** A document is a text, or fields of which one is the text; what else it says is told as it was written. */
function documentPart(document: Shape): Part {
  const data: Json = isObject(document["data"]) ? jsonObject(document["data"]) : String(document["data"] ?? "");
  if (typeof data === "string") return { type: "document", source: { kind: "text", text: data } };
  const { text, snippet, title, ...rest } = data as JsonObject;
  const said = text ?? snippet;
  const whole = typeof said === "string" && Object.keys(rest).length === 0;
  return {
    type: "document",
    source: { kind: "text", text: whole ? said : JSON.stringify(data) },
    ...(typeof title === "string" ? { title } : {}),
  };
}

function withDocuments(messages: Message[], source: Shape): readonly Message[] {
  const listed = optionalList(source, "documents");
  if (listed === undefined || listed.length === 0) return messages;
  const parts = listed.map((value) => documentPart(typeof value === "string" ? { data: value } : shape(value)));
  const at = messages.findLastIndex(({ role }) => role === "user");
  const last = messages[at];
  if (last === undefined) return [...messages, { role: "user", parts }];
  return messages.with(at, { ...last, parts: [...parts, ...last.parts] });
}
