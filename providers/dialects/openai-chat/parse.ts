/** A client's chat completion request. Hides OpenAI's spellings: two output caps, a stop that is one or many, effort in two places. */
import type { Json, JsonObject, Reasoning, Request, ResponseFormat, Tool, ToolChoice } from "../../exchange.ts";
import { json, jsonObject, type Mutable, type Shape, shape } from "../../json.ts";
import { parseAllowed } from "../allowed-tools.ts";
import { marked } from "../cache-marker.ts";
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
import { hasFlatCustom, parseAsResponse, withCustomCalls, withOwnTools } from "./foreign.ts";
import { parseMessage, parseMessages } from "./parse-messages.ts";

/** Every field this file reads; the rest is `extra`. */
const knownFields: ReadonlySet<string> = new Set(
  `model messages stream stream_options max_tokens max_completion_tokens temperature top_p top_k n seed stop
  frequency_penalty presence_penalty logprobs top_logprobs tools tool_choice parallel_tool_calls response_format
  reasoning_effort reasoning user service_tier metadata`.split(/\s+/),
);

export function parse(body: unknown): Request {
  const asked = requestBody(body);
  const response = parseAsResponse(asked, parseMessage);
  if (response !== undefined) return response;
  const source = withOwnTools(asked);
  const request: Mutable<Request> = {
    dialect: "openai-chat",
    model: requiredText(source, "model"),
    messages: parseMessages(source),
    stream: optionalFlag(source, "stream") ?? false,
  };
  const options = optionalObject(source, "stream_options");
  if (options !== undefined && optionalFlag(options, "include_usage", "stream_options.include_usage")) {
    request.includeUsage = true;
  }
  const maxTokens = optionalInteger(source, "max_completion_tokens", 1) ?? optionalInteger(source, "max_tokens", 1);
  if (maxTokens !== undefined) request.maxTokens = maxTokens;
  parseSampling(source, request);
  const tools = optionalList(source, "tools");
  if (tools !== undefined) {
    request.tools = tools.map((tool, index) => parseTool(tool, `tools[${index}]`));
    // An answer repeats nothing here, but its calls of these have a shape of their own.
    const custom = tools.filter((tool) => shape(tool)["type"] === "custom");
    if (custom.length > 0) {
      request.echo = { tools: custom.map((tool) => json(tool)), ...(hasFlatCustom(asked) ? { flat: true } : {}) };
      request.messages = withCustomCalls(request.messages, request.echo);
    }
  }
  const parallel = optionalFlag(source, "parallel_tool_calls");
  if (parallel !== undefined) request.parallelToolCalls = parallel;
  const format = parseFormat(source);
  if (format !== undefined) request.responseFormat = format;
  const reasoning = parseReasoning(source);
  if (reasoning !== undefined) request.reasoning = reasoning;
  const user = optionalText(source, "user");
  if (user !== undefined) request.user = user;
  const tier = optionalText(source, "service_tier");
  if (tier !== undefined) request.serviceTier = tier;
  const metadata = optionalObject(source, "metadata");
  if (metadata !== undefined) request.metadata = metadata;

  const unread = unreadFields(source, readFields);
  if (unread.length > 0) request.unread = unread;
  let extra = unknownFields(source, knownFields);
  const choice = parseToolChoice(source);
  if (choice !== undefined) {
    if ("raw" in choice) extra = { ...extra, tool_choice: choice.raw };
    else request.toolChoice = choice;
  }
  if (extra !== undefined) request.extra = extra;
  return request;
}

function parseSampling(source: Shape, request: Mutable<Request>): void {
  const temperature = optionalNumber(source, "temperature");
  if (temperature !== undefined) request.temperature = temperature;
  const topP = optionalNumber(source, "top_p");
  if (topP !== undefined) request.topP = topP;
  const topK = optionalInteger(source, "top_k", 0);
  if (topK !== undefined) request.topK = topK;
  const n = optionalInteger(source, "n", 1);
  if (n !== undefined) request.n = n;
  const seed = optionalNumber(source, "seed");
  if (seed !== undefined) request.seed = seed;
  const stop = source["stop"];
  if (typeof stop === "string") request.stop = [stop];
  else if (Array.isArray(stop)) request.stop = textList(stop, "stop");
  else if (stop !== undefined && stop !== null) refuse("stop", "must be a string or an array of strings");
  const frequency = optionalNumber(source, "frequency_penalty");
  if (frequency !== undefined) request.frequencyPenalty = frequency;
  const presence = optionalNumber(source, "presence_penalty");
  if (presence !== undefined) request.presencePenalty = presence;
  const logprobs = optionalFlag(source, "logprobs");
  if (logprobs !== undefined) request.logprobs = logprobs;
  const topLogprobs = optionalInteger(source, "top_logprobs", 0);
  if (topLogprobs !== undefined) request.topLogprobs = topLogprobs;
}

function parseTool(value: unknown, at: string): Tool {
  const tool = requiredObject(value, at);
  if (tool["type"] === "custom") {
    const custom = requiredObject(tool["custom"], `${at}.custom`);
    const name = requiredText(custom, "name", `${at}.custom.name`);
    return customTool(name, optionalText(custom, "description", `${at}.custom.description`), jsonObject(custom));
  }
  if (tool["type"] !== "function") return { type: "opaque", dialect: "openai-chat", value: jsonObject(tool) };
  const fn = requiredObject(tool["function"], `${at}.function`);
  const parsed: Mutable<Extract<Tool, { type: "function" }>> = {
    type: "function",
    name: requiredText(fn, "name", `${at}.function.name`),
    parameters: optionalObject(fn, "parameters", `${at}.function.parameters`) ?? { type: "object", properties: {} },
  };
  const description = optionalText(fn, "description", `${at}.function.description`);
  if (description !== undefined) parsed.description = description;
  const strict = optionalFlag(fn, "strict", `${at}.function.strict`);
  if (strict !== undefined) parsed.strict = strict;
  Object.assign(parsed, marked(tool["cache_control"] ?? fn["cache_control"]));
  return parsed;
}

/** A choice that only this dialect knows (a hosted tool among some that may be called) is kept raw. */
function parseToolChoice(source: Shape): ToolChoice | { readonly raw: Json } | undefined {
  const value = source["tool_choice"];
  if (value === undefined || value === null) return undefined;
  if (value === "auto" || value === "none" || value === "required") return { type: value };
  if (value === "any") return { type: "required" };
  const choice = requiredObject(value, "tool_choice");
  if (choice["type"] === "custom") {
    const custom = requiredObject(choice["custom"], "tool_choice.custom");
    return { type: "tool", name: requiredText(custom, "name", "tool_choice.custom.name"), custom: true };
  }
  if (choice["type"] === "allowed_tools")
    return parseAllowed(requiredObject(choice["allowed_tools"], "tool_choice.allowed_tools")) ?? { raw: json(value) };
  if (choice["type"] !== "function") return { raw: json(value) };
  const fn = requiredObject(choice["function"], "tool_choice.function");
  return { type: "tool", name: requiredText(fn, "name", "tool_choice.function.name") };
}

function parseFormat(source: Shape): ResponseFormat | undefined {
  const format = optionalObject(source, "response_format");
  if (format === undefined) return undefined;
  switch (format["type"]) {
    case "text":
    case "json_object":
      return { type: format["type"] };
    case "json_schema": {
      const described = requiredObject(format["json_schema"], "response_format.json_schema");
      const strict = optionalFlag(described, "strict", "response_format.json_schema.strict");
      const description = optionalText(described, "description", "response_format.json_schema.description");
      return {
        type: "json_schema",
        name: optionalText(described, "name", "response_format.json_schema.name") ?? "response",
        ...(description === undefined ? {} : { description }),
        schema: optionalObject(described, "schema", "response_format.json_schema.schema") ?? ({} satisfies JsonObject),
        ...(strict === undefined ? {} : { strict }),
      };
    }
    default:
      return refuse("response_format.type", "must be text, json_object or json_schema");
  }
}

/** OpenAI's `reasoning_effort`, and OpenRouter's `reasoning: {effort, max_tokens, enabled}`. */
function parseReasoning(source: Shape): Reasoning | undefined {
  const effort = optionalText(source, "reasoning_effort");
  const more = shape(optionalObject(source, "reasoning"));
  const reasoning: Mutable<Reasoning> = {};
  const told = effort ?? optionalText(more, "effort", "reasoning.effort");
  if (told === "none") return { enabled: false };
  if (told !== undefined) reasoning.effort = told;
  const budget = optionalInteger(more, "max_tokens", 1, "reasoning.max_tokens");
  if (budget !== undefined) reasoning.budgetTokens = budget;
  const enabled = optionalFlag(more, "enabled", "reasoning.enabled");
  if (enabled !== undefined) reasoning.enabled = enabled;
  return Object.keys(reasoning).length === 0 ? undefined : reasoning;
}
