/** A client's Converse request. Hides that the model stands in the path, and what its models' own fields mean to others. */
import type { Json, JsonObject, PathWords, Reasoning, Request, Tool, ToolChoice } from "../../exchange.ts";
import { isObject, jsonObject, type Mutable, parseJson, type Shape, shape } from "../../json.ts";
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
import { cacheMarker, parseMessages, parseSystem } from "./parse-messages.ts";

/** Every field this file reads; the rest is `extra`. */
const knownFields: ReadonlySet<string> = new Set(
  `modelId model stream messages system inferenceConfig toolConfig additionalModelRequestFields requestMetadata serviceTier
  outputConfig`.split(/\s+/),
);

export function parse(body: unknown, path?: PathWords): Request {
  const source = requestBody(body);
  const request: Mutable<Request> = {
    dialect: "bedrock-converse",
    model: path?.model ?? requiredText(source, "modelId"),
    messages: [...parseSystem(source), ...parseMessages(source)],
    stream: path?.stream ?? false,
    includeUsage: true, // a stream of this dialect always tells it
  };
  const unread = unreadFields(source, readFields);
  if (unread.length > 0) request.unread = unread;
  parseInference(source, request);
  parseTools(source, request);
  const reasoning: Mutable<Reasoning> = {};
  const model = parseModelFields(optionalObject(source, "additionalModelRequestFields"), request, reasoning);
  const output = parseOutput(optionalObject(source, "outputConfig"), request, reasoning);
  if (Object.keys(reasoning).length > 0) request.reasoning = reasoning;
  const tier = optionalText(shape(optionalObject(source, "serviceTier")), "type", "serviceTier.type");
  if (tier !== undefined) request.serviceTier = tier;
  const metadata = optionalObject(source, "requestMetadata");
  if (metadata !== undefined) request.metadata = metadata;
  const extra: Record<string, Json> = { ...unknownFields(source, knownFields) };
  if (model !== undefined) extra["additionalModelRequestFields"] = model;
  if (output !== undefined) extra["outputConfig"] = output;
  if (Object.keys(extra).length > 0) request.extra = extra;
  return request;
}

/** The same request, wrapped. One in InvokeModel's words is refused: nothing says which model's body it is. */
export function parseCount(body: unknown, path?: PathWords): Request {
  const input = requiredObject(requestBody(body)["input"], "input");
  if (input["converse"] === undefined) refuse("input.converse", "is required; invokeModel is not counted here");
  return parse(requiredObject(input["converse"], "input.converse"), path);
}

function parseInference(source: Shape, request: Mutable<Request>): void {
  const config = shape(optionalObject(source, "inferenceConfig"));
  const maxTokens = optionalInteger(config, "maxTokens", 0, "inferenceConfig.maxTokens");
  if (maxTokens !== undefined) request.maxTokens = maxTokens;
  const temperature = optionalNumber(config, "temperature");
  if (temperature !== undefined) request.temperature = temperature;
  const topP = optionalNumber(config, "topP");
  if (topP !== undefined) request.topP = topP;
  const stop = optionalList(config, "stopSequences", "inferenceConfig.stopSequences");
  if (stop !== undefined) request.stop = textList(stop, "inferenceConfig.stopSequences");
}

function parseTools(source: Shape, request: Mutable<Request>): void {
  const config = optionalObject(source, "toolConfig");
  if (config === undefined) return;
  const tools: Mutable<Tool>[] = [];
  const listed = optionalList(config, "tools", "toolConfig.tools") ?? refuse("toolConfig.tools", "is required");
  for (const [index, value] of listed.entries()) {
    const at = `toolConfig.tools[${index}]`;
    const tool = requiredObject(value, at);
    const marker = cacheMarker(tool["cachePoint"]);
    const last = tools.at(-1);
    if (marker !== undefined && last?.type === "function") last.cache = marker;
    else tools.push(parseTool(tool, at));
  }
  request.tools = tools;
  const choice = optionalObject(config, "toolChoice", "toolConfig.toolChoice");
  if (choice !== undefined) request.toolChoice = toolChoice(choice);
}

function parseTool(tool: Shape, at: string): Tool {
  if (tool["toolSpec"] === undefined) return { type: "opaque", dialect: "bedrock-converse", value: jsonObject(tool) };
  const spec = requiredObject(tool["toolSpec"], `${at}.toolSpec`);
  const schema = shape(spec["inputSchema"])["json"];
  // Some clients send the schema as text.
  const parameters = typeof schema === "string" ? parseJson(schema) : schema;
  const parsed: Mutable<Extract<Tool, { type: "function" }>> = {
    type: "function",
    name: requiredText(spec, "name", `${at}.toolSpec.name`),
    parameters: isObject(parameters)
      ? jsonObject(parameters)
      : refuse(`${at}.toolSpec.inputSchema.json`, "is required and must be an object"),
  };
  const description = optionalText(spec, "description", `${at}.toolSpec.description`);
  if (description !== undefined) parsed.description = description;
  const strict = optionalFlag(spec, "strict", `${at}.toolSpec.strict`);
  if (strict !== undefined) parsed.strict = strict;
  return parsed;
}

function toolChoice(choice: Shape): ToolChoice {
  if (choice["auto"] !== undefined) return { type: "auto" };
  if (choice["any"] !== undefined) return { type: "required" };
  if (choice["tool"] !== undefined) {
    const tool = requiredObject(choice["tool"], "toolConfig.toolChoice.tool");
    return { type: "tool", name: requiredText(tool, "name", "toolConfig.toolChoice.tool.name") };
  }
  return refuse("toolConfig.toolChoice", "must be auto, any or tool");
}

/** What has a place of its own goes there; what has none stays together. */
function parseModelFields(
  fields: JsonObject | undefined,
  request: Mutable<Request>,
  reasoning: Mutable<Reasoning>,
): JsonObject | undefined {
  if (fields === undefined) return undefined;
  const at = "additionalModelRequestFields";
  const { thinking, top_k: topK, reasoning_effort: effort, reasoningConfig, ...rest } = fields;
  if (topK !== undefined) {
    const value = optionalInteger(fields, "top_k", 0, `${at}.top_k`);
    if (value !== undefined) request.topK = value;
  }
  if (thinking !== undefined) parseThinking(requiredObject(thinking, `${at}.thinking`), `${at}.thinking`, reasoning);
  if (effort !== undefined) reasoning.effort = requiredText(fields, "reasoning_effort", `${at}.reasoning_effort`);
  if (reasoningConfig !== undefined) parseReasoningConfig(shape(reasoningConfig), reasoning);
  return Object.keys(rest).length === 0 ? undefined : rest;
}

function parseThinking(thinking: Shape, at: string, reasoning: Mutable<Reasoning>): void {
  switch (thinking["type"]) {
    case "enabled": {
      reasoning.enabled = true;
      const budget = optionalInteger(thinking, "budget_tokens", 1, `${at}.budget_tokens`);
      if (budget !== undefined) reasoning.budgetTokens = budget;
      return;
    }
    case "disabled":
      reasoning.enabled = false;
      return;
    case "adaptive":
      reasoning.enabled = true;
      return;
    default:
      refuse(`${at}.type`, "must be enabled, disabled or adaptive");
  }
}

/** Nova's. */
function parseReasoningConfig(config: Shape, reasoning: Mutable<Reasoning>): void {
  reasoning.enabled = config["type"] !== "disabled";
  const { maxReasoningEffort: effort, budgetTokens } = config;
  if (typeof effort === "string") reasoning.effort = effort;
  if (typeof budgetTokens === "number") reasoning.budgetTokens = budgetTokens;
}

function parseOutput(
  config: JsonObject | undefined,
  request: Mutable<Request>,
  reasoning: Mutable<Reasoning>,
): JsonObject | undefined {
  if (config === undefined) return undefined;
  const { textFormat, effort, ...rest } = config;
  if (effort !== undefined) reasoning.effort = requiredText(config, "effort", "outputConfig.effort");
  if (textFormat !== undefined) {
    const at = "outputConfig.textFormat.structure.jsonSchema";
    const format = requiredObject(textFormat, "outputConfig.textFormat");
    if (format["type"] !== "json_schema") refuse("outputConfig.textFormat.type", "must be json_schema");
    const told = requiredObject(shape(format["structure"])["jsonSchema"], at);
    const schema = parseJson(requiredText(told, "schema", `${at}.schema`));
    const description = optionalText(told, "description", `${at}.description`);
    request.responseFormat = {
      type: "json_schema",
      name: optionalText(told, "name", `${at}.name`) ?? "response",
      ...(description === undefined ? {} : { description }),
      schema: isObject(schema) ? jsonObject(schema) : refuse(`${at}.schema`, "must be the text of a JSON object"),
      strict: true,
    };
  }
  return Object.keys(rest).length === 0 ? undefined : rest;
}
