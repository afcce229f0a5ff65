/** A client's request for a response. Hides OpenAI's spellings, and which fields ask for what every stateless answer is anyway. */
import type { Json, JsonObject, Reasoning, Request, ResponseFormat, Tool, ToolChoice } from "../../exchange.ts";
import { json, jsonObject, type Mutable, type Shape } from "../../json.ts";
import { parseAllowed } from "../allowed-tools.ts";
import { customTool } from "../custom-tool.ts";
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
import { unreadFields } from "../unread.ts";
import { readFields } from "./fields.ts";
import { parseInput } from "./parse-items.ts";

/** Every field this file reads; the rest is `extra`. */
const knownFields: ReadonlySet<string> = new Set(
  `model input instructions stream stream_options max_output_tokens temperature top_p top_logprobs tools tool_choice
  parallel_tool_calls text reasoning user service_tier metadata include store background truncation`.split(/\s+/),
);

/** What an answer repeats of its request. */
const repeated =
  `instructions max_output_tokens max_tool_calls parallel_tool_calls previous_response_id prompt_cache_key
  prompt_cache_retention reasoning safety_identifier service_tier store temperature text tool_choice tools top_logprobs
  top_p truncation user metadata background`.split(/\s+/);

export function parse(body: unknown): Request {
  const source = requestBody(body);
  const request: Mutable<Request> = {
    dialect: "openai-responses",
    model: requiredText(source, "model"),
    messages: parseInput(source),
    stream: optionalFlag(source, "stream") ?? false,
    includeUsage: true, // the last event always tells it
    echo: echoOf(source),
  };
  const extra: Record<string, Json> = { ...unknownFields(source, knownFields) };
  parseSampling(source, request);
  const tools = optionalList(source, "tools");
  if (tools !== undefined) request.tools = tools.map((tool, index) => parseTool(tool, `tools[${index}]`));
  const parallel = optionalFlag(source, "parallel_tool_calls");
  if (parallel !== undefined) request.parallelToolCalls = parallel;
  parseText(source, request, extra);
  parseReasoning(source, request, extra);
  const user = optionalText(source, "user");
  if (user !== undefined) request.user = user;
  const tier = optionalText(source, "service_tier");
  if (tier !== undefined) request.serviceTier = tier;
  const metadata = optionalObject(source, "metadata");
  if (metadata !== undefined && Object.keys(metadata).length > 0) request.metadata = metadata;
  const unread = unreadFields(source, readFields);
  if (unread.length > 0) request.unread = unread;
  parseState(source, request, extra);
  const choice = parseToolChoice(source);
  if (choice !== undefined) {
    if ("raw" in choice) extra["tool_choice"] = choice.raw;
    else request.toolChoice = choice;
  }
  if (Object.keys(extra).length > 0) request.extra = extra;
  return request;
}

function echoOf(source: Shape): JsonObject {
  const echo: Record<string, Json> = {};
  for (const name of repeated) if (source[name] !== undefined && source[name] !== null) echo[name] = json(source[name]);
  return echo;
}

function parseSampling(source: Shape, request: Mutable<Request>): void {
  const maxTokens = optionalInteger(source, "max_output_tokens", 1);
  if (maxTokens !== undefined) request.maxTokens = maxTokens;
  const temperature = optionalNumber(source, "temperature");
  if (temperature !== undefined) request.temperature = temperature;
  const topP = optionalNumber(source, "top_p");
  if (topP !== undefined) request.topP = topP;
  const topLogprobs = optionalInteger(source, "top_logprobs", 0);
  if (topLogprobs !== undefined && topLogprobs > 0) request.topLogprobs = topLogprobs;
}

/** Nothing is stored by whoever answers in another dialect: to ask for that is to ask for nothing. */
function parseState(source: Shape, request: Mutable<Request>, extra: Record<string, Json>): void {
  if (optionalFlag(source, "store") === true) extra["store"] = true;
  if (optionalFlag(source, "background") === true) extra["background"] = true;
  const truncation = optionalText(source, "truncation");
  if (truncation !== undefined && truncation !== "disabled") extra["truncation"] = truncation;
  const asked = textList(optionalList(source, "include") ?? [], "include");
  if (asked.includes("message.output_text.logprobs")) request.logprobs = true;
  const include = asked.filter((name) => !honoured.has(name));
  if (include.length > 0) extra["include"] = include;
}

/** Proofs of reasoning always go to the client. */
const honoured: ReadonlySet<string> = new Set(["reasoning.encrypted_content", "message.output_text.logprobs"]);

const toolFields: ReadonlySet<string> = new Set(["type", "name", "description", "parameters", "strict"]);

function parseTool(value: unknown, at: string): Tool {
  const tool = requiredObject(value, at);
  if (tool["type"] === "custom") {
    const { type: _, ...custom } = jsonObject(tool);
    const name = requiredText(tool, "name", `${at}.name`);
    return customTool(name, optionalText(tool, "description", `${at}.description`), custom);
  }
  if (tool["type"] !== "function") {
    requiredText(tool, "type", `${at}.type`);
    return { type: "opaque", dialect: "openai-responses", value: jsonObject(tool) };
  }
  const parsed: Mutable<Extract<Tool, { type: "function" }>> = {
    type: "function",
    name: requiredText(tool, "name", `${at}.name`),
    parameters: optionalObject(tool, "parameters", `${at}.parameters`) ?? { type: "object", properties: {} },
  };
  const description = optionalText(tool, "description", `${at}.description`);
  if (description !== undefined) parsed.description = description;
  const strict = optionalFlag(tool, "strict", `${at}.strict`);
  if (strict !== undefined) parsed.strict = strict;
  const extra = unknownFields(tool, toolFields);
  if (extra !== undefined) parsed.extra = extra;
  return parsed;
}

/** A choice that only this dialect knows (a hosted tool) is kept raw. */
function parseToolChoice(source: Shape): ToolChoice | { readonly raw: Json } | undefined {
  const value = source["tool_choice"];
  if (value === undefined || value === null) return undefined;
  if (value === "auto" || value === "none" || value === "required") return { type: value };
  const choice = requiredObject(value, "tool_choice");
  if (choice["type"] === "allowed_tools") return parseAllowed(choice) ?? { raw: json(value) };
  if (choice["type"] !== "function" && choice["type"] !== "custom") return { raw: json(value) };
  const name = requiredText(choice, "name", "tool_choice.name");
  return choice["type"] === "custom" ? { type: "tool", name, custom: true } : { type: "tool", name };
}

function parseText(source: Shape, request: Mutable<Request>, extra: Record<string, Json>): void {
  const text = optionalObject(source, "text");
  if (text === undefined) return;
  const format = optionalObject(text, "format", "text.format");
  if (format !== undefined) request.responseFormat = parseFormat(format);
  const rest = unknownFields(text, formatField);
  if (rest !== undefined) extra["text"] = rest;
}

const formatField: ReadonlySet<string> = new Set(["format"]);

function parseFormat(format: JsonObject): ResponseFormat {
  switch (format["type"]) {
    case "text":
    case "json_object":
      return { type: format["type"] };
    case "json_schema": {
      const strict = optionalFlag(format, "strict", "text.format.strict");
      const description = optionalText(format, "description", "text.format.description");
      return {
        type: "json_schema",
        name: optionalText(format, "name", "text.format.name") ?? "response",
        ...(description === undefined ? {} : { description }),
        schema: optionalObject(format, "schema", "text.format.schema") ?? ({} satisfies JsonObject),
        ...(strict === undefined ? {} : { strict }),
      };
    }
    default:
      return refuse("text.format.type", "must be text, json_object or json_schema");
  }
}

const reasoningFields: ReadonlySet<string> = new Set(["effort", "summary"]);

function parseReasoning(source: Shape, request: Mutable<Request>, extra: Record<string, Json>): void {
  const asked = optionalObject(source, "reasoning");
  if (asked === undefined) return;
  const reasoning: Mutable<Reasoning> = {};
  const effort = optionalText(asked, "effort", "reasoning.effort");
  if (effort === "none") reasoning.enabled = false;
  else if (effort !== undefined) reasoning.effort = effort;
  const summary = optionalText(asked, "summary", "reasoning.summary");
  if (summary !== undefined) reasoning.summary = summary;
  if (Object.keys(reasoning).length > 0) request.reasoning = reasoning;
  const rest = unknownFields(asked, reasoningFields);
  if (rest !== undefined) extra["reasoning"] = rest;
}
