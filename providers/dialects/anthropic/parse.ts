/** A client's Messages request. Hides system text that is a field and tool choice that carries the parallel switch. */
import type { JsonObject, Message, Reasoning, Request, Tool, ToolChoice } from "../../exchange.ts";
import { isObject, jsonObject, type Mutable, type Shape, shape } from "../../json.ts";
import { marked } from "../cache-marker.ts";
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
import { parseMessages, parseSystem } from "./parse-messages.ts";

/** Every field this file reads; the rest is `extra`. */
const knownFields: ReadonlySet<string> = new Set(
  `model messages system stream max_tokens temperature top_p top_k stop_sequences tools tool_choice output_config
  output_format thinking metadata service_tier`.split(/\s+/),
);

/** `max_tokens` is required of clients by Anthropic; not here, where `count_tokens` sends the same body without. */
export function parse(body: unknown): Request {
  const source = requestBody(body);
  const messages: Message[] = [...parseSystem(source), ...parseMessages(source)];
  const request: Mutable<Request> = {
    dialect: "anthropic",
    model: requiredText(source, "model"),
    messages,
    stream: optionalFlag(source, "stream") ?? false,
    includeUsage: true, // a stream of this dialect always tells it
  };
  parseSampling(source, request);
  const tools = optionalList(source, "tools");
  if (tools !== undefined) request.tools = tools.map((tool, index) => parseTool(tool, `tools[${index}]`));
  parseToolChoice(source, request);
  const rest = parseOutput(source, request);
  const tier = optionalText(source, "service_tier");
  if (tier !== undefined) request.serviceTier = tier;
  const unread = unreadFields(source, readFields);
  if (unread.length > 0) request.unread = unread;
  parseMetadata(source, request);
  const extra = unknownFields(source, knownFields);
  if (extra !== undefined || rest !== undefined) request.extra = { ...extra, ...rest };
  return request;
}

/** How clients of long standing say that they want none, LangChain's among them: Anthropic takes it as not given. */
const unset = -1;

function parseSampling(source: Shape, request: Mutable<Request>): void {
  const maxTokens = optionalInteger(source, "max_tokens", 0);
  if (maxTokens !== undefined) request.maxTokens = maxTokens;
  const temperature = optionalNumber(source, "temperature");
  if (temperature !== undefined) request.temperature = temperature;
  const topP = optionalNumber(source, "top_p");
  if (topP !== undefined && topP !== unset) request.topP = topP;
  const topK = optionalInteger(source, "top_k", unset);
  if (topK !== undefined && topK !== unset) request.topK = topK;
  const stop = optionalList(source, "stop_sequences");
  if (stop !== undefined) request.stop = textList(stop, "stop_sequences");
}

const toolFields: ReadonlySet<string> = new Set([
  "type",
  "name",
  "description",
  "input_schema",
  "strict",
  "cache_control",
]);

function parseTool(value: unknown, at: string): Tool {
  const tool = requiredObject(value, at);
  const type = optionalText(tool, "type", `${at}.type`);
  if (type !== undefined && type !== "custom") return { type: "opaque", dialect: "anthropic", value: jsonObject(tool) };
  const parameters = optionalObject(tool, "input_schema", `${at}.input_schema`);
  const parsed: Mutable<Extract<Tool, { type: "function" }>> = {
    type: "function",
    name: requiredText(tool, "name", `${at}.name`),
    parameters: parameters ?? refuse(`${at}.input_schema`, "is required"),
    ...marked(tool["cache_control"]),
  };
  const description = optionalText(tool, "description", `${at}.description`);
  if (description !== undefined) parsed.description = description;
  const strict = optionalFlag(tool, "strict", `${at}.strict`);
  if (strict !== undefined) parsed.strict = strict;
  const extra = unknownFields(tool, toolFields);
  if (extra !== undefined) parsed.extra = extra;
  return parsed;
}

function parseToolChoice(source: Shape, request: Mutable<Request>): void {
  const choice = optionalObject(source, "tool_choice");
  if (choice === undefined) return;
  request.toolChoice = toolChoice(choice);
  const single = optionalFlag(choice, "disable_parallel_tool_use", "tool_choice.disable_parallel_tool_use");
  if (single !== undefined) request.parallelToolCalls = !single;
}

function toolChoice(choice: Shape): ToolChoice {
  switch (choice["type"]) {
    case "auto":
    case "none":
      return { type: choice["type"] };
    case "any":
      return { type: "required" };
    case "tool":
      return { type: "tool", name: requiredText(choice, "name", "tool_choice.name") };
    default:
      return refuse("tool_choice.type", "must be auto, any, tool or none");
  }
}

/** `output_config: {format, effort}`, the older `output_format`, and `thinking`. Returns what has no place of its own. */
function parseOutput(source: Shape, request: Mutable<Request>): JsonObject | undefined {
  const config = optionalObject(source, "output_config");
  const format =
    optionalObject(shape(config), "format", "output_config.format") ?? optionalObject(source, "output_format");
  if (format !== undefined) {
    const at = config?.["format"] ? "output_config.format" : "output_format";
    if (format["type"] !== "json_schema") refuse(`${at}.type`, "must be json_schema");
    const schema = optionalObject(format, "schema", `${at}.schema`) ?? refuse(`${at}.schema`, "is required");
    request.responseFormat = { type: "json_schema", name: "response", schema, strict: true };
  }
  const reasoning: Mutable<Reasoning> = {};
  const effort = optionalText(shape(config), "effort", "output_config.effort");
  if (effort !== undefined) reasoning.effort = effort;
  parseThinking(optionalObject(source, "thinking"), reasoning);
  if (Object.keys(reasoning).length > 0) request.reasoning = reasoning;
  const rest = config === undefined ? undefined : unknownFields(config, outputFields);
  return rest === undefined ? undefined : { output_config: rest };
}

const outputFields: ReadonlySet<string> = new Set(["format", "effort"]);

function parseThinking(thinking: JsonObject | undefined, reasoning: Mutable<Reasoning>): void {
  if (thinking === undefined) return;
  switch (thinking["type"]) {
    case "enabled": {
      reasoning.enabled = true;
      const budget = optionalInteger(thinking, "budget_tokens", 1, "thinking.budget_tokens");
      if (budget === undefined) refuse("thinking.budget_tokens", "is required");
      reasoning.budgetTokens = budget;
      return;
    }
    case "disabled":
      reasoning.enabled = false;
      return;
    case "adaptive":
    case "between_tools":
      reasoning.enabled = true;
      return;
    default:
      refuse("thinking.type", "must be enabled, disabled or adaptive");
  }
}

function parseMetadata(source: Shape, request: Mutable<Request>): void {
  const metadata = optionalObject(source, "metadata");
  if (metadata === undefined) return;
  const user = optionalText(metadata, "user_id", "metadata.user_id");
  if (user !== undefined) request.user = user;
  const rest = unknownFields(metadata, userField);
  if (isObject(rest)) request.metadata = rest;
}

const userField: ReadonlySet<string> = new Set(["user_id"]);
