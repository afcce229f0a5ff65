/** A client's request to Gemini. Hides that the model and the wish to stream come from the path, and where Google keeps its settings. */
import type { Json, JsonObject, PathWords, Reasoning, Request, ResponseFormat, Tool } from "../../exchange.ts";
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
import { unreadFields } from "../unread.ts";
import { readFields } from "./fields.ts";
import { camelCase } from "./names.ts";
import { parseContents, parseSystem } from "./parse-contents.ts";
import { parseSchema } from "./schema.ts";

/** Every field this file reads; the rest is `extra`. */
const knownFields: ReadonlySet<string> = new Set(
  "contents systemInstruction tools toolConfig generationConfig labels serviceTier model".split(" "),
);

export function parse(body: unknown, path?: PathWords): Request {
  const source = camelCase(requestBody(body));
  const request: Mutable<Request> = {
    dialect: "gemini",
    model: path?.model ?? requiredText(source, "model").replace(/^models\//, ""),
    messages: [...parseSystem(source), ...parseContents(source)],
    stream: path?.stream ?? false,
    includeUsage: true, // an answer of this dialect always tells it
  };
  const extra: Record<string, Json> = { ...unknownFields(source, knownFields) };
  parseTools(source, request);
  parseToolChoice(source, request, extra);
  const config = optionalObject(source, "generationConfig");
  if (config !== undefined) parseConfig(camelCase(config), request, extra);
  const unread = unreadFields(source, readFields);
  if (unread.length > 0) request.unread = unread;
  const labels = optionalObject(source, "labels");
  if (labels !== undefined) request.metadata = labels;
  const tier = optionalText(source, "serviceTier");
  if (tier !== undefined) request.serviceTier = tier.toLowerCase();
  if (Object.keys(extra).length > 0) request.extra = extra;
  return request;
}

function parseTools(source: Shape, request: Mutable<Request>): void {
  const tools = optionalList(source, "tools");
  if (tools === undefined) return;
  const parsed: Tool[] = [];
  for (const [index, value] of tools.entries()) {
    const at = `tools[${index}]`;
    const tool = camelCase(requiredObject(value, at));
    const declared = optionalList(tool, "functionDeclarations", `${at}.functionDeclarations`) ?? [];
    for (const [number, one] of declared.entries()) {
      const where = `${at}.functionDeclarations[${number}]`;
      parsed.push(parseFunction(camelCase(requiredObject(one, where)), where));
    }
    const hosted = unknownFields(tool, declarations);
    if (hosted !== undefined) parsed.push({ type: "opaque", dialect: "gemini", value: hosted });
  }
  request.tools = parsed;
}

const declarations: ReadonlySet<string> = new Set(["functionDeclarations"]);
const functionFields: ReadonlySet<string> = new Set(["name", "description", "parameters", "parametersJsonSchema"]);

function parseFunction(fn: Shape, at: string): Tool {
  const older = optionalObject(fn, "parameters", `${at}.parameters`);
  const schema = optionalObject(fn, "parametersJsonSchema", `${at}.parametersJsonSchema`);
  const parsed: Mutable<Extract<Tool, { type: "function" }>> = {
    type: "function",
    name: requiredText(fn, "name", `${at}.name`),
    parameters: schema ?? (older === undefined ? { type: "object", properties: {} } : parseSchema(older)),
  };
  const description = optionalText(fn, "description", `${at}.description`);
  if (description !== undefined) parsed.description = description;
  const extra = unknownFields(fn, functionFields);
  if (extra !== undefined) parsed.extra = extra;
  return parsed;
}

/** Several allowed names have no counterpart: they are kept raw beside the mode. */
function parseToolChoice(source: Shape, request: Mutable<Request>, extra: Record<string, Json>): void {
  const config = optionalObject(source, "toolConfig");
  if (config === undefined) return;
  const calling = camelCase(shape(camelCase(config)["functionCallingConfig"]));
  const allowed = textList(optionalList(calling, "allowedFunctionNames") ?? [], "toolConfig.allowedFunctionNames");
  const mode = optionalText(calling, "mode", "toolConfig.functionCallingConfig.mode");
  const named = allowed.length === 0 ? {} : { allowed };
  switch (mode) {
    case undefined:
    case "MODE_UNSPECIFIED":
      break;
    case "AUTO":
    case "VALIDATED":
      request.toolChoice = { type: "auto", ...named };
      break;
    case "NONE":
      request.toolChoice = { type: "none" };
      break;
    case "ANY":
      request.toolChoice = allowed.length === 1 ? { type: "tool", name: allowed[0]! } : { type: "required", ...named };
      break;
    default:
      refuse("toolConfig.functionCallingConfig.mode", "must be AUTO, ANY, NONE or VALIDATED");
  }
  for (const name of Object.keys(camelCase(config))) {
    if (name !== "functionCallingConfig") extra[`toolConfig.${name}`] = config[name] ?? null;
  }
}

const configFields: ReadonlySet<string> = new Set(
  `temperature topP topK candidateCount maxOutputTokens stopSequences responseLogprobs logprobs presencePenalty
  frequencyPenalty seed responseMimeType responseSchema responseJsonSchema _responseJsonSchema thinkingConfig`.split(
    /\s+/,
  ),
);

function parseConfig(config: Shape, request: Mutable<Request>, extra: Record<string, Json>): void {
  const temperature = optionalNumber(config, "temperature");
  if (temperature !== undefined) request.temperature = temperature;
  const topP = optionalNumber(config, "topP");
  if (topP !== undefined) request.topP = topP;
  const topK = optionalNumber(config, "topK"); // Google's own clients send 64.0
  if (topK !== undefined) request.topK = topK;
  const n = optionalInteger(config, "candidateCount", 1, "generationConfig.candidateCount");
  if (n !== undefined && n !== 1) request.n = n;
  const maxTokens = optionalInteger(config, "maxOutputTokens", 1, "generationConfig.maxOutputTokens");
  if (maxTokens !== undefined) request.maxTokens = maxTokens;
  const stop = optionalList(config, "stopSequences", "generationConfig.stopSequences");
  if (stop !== undefined) request.stop = textList(stop, "generationConfig.stopSequences");
  const logprobs = optionalFlag(config, "responseLogprobs", "generationConfig.responseLogprobs");
  if (logprobs !== undefined) request.logprobs = logprobs;
  const topLogprobs = optionalInteger(config, "logprobs", 0, "generationConfig.logprobs");
  if (topLogprobs !== undefined) request.topLogprobs = topLogprobs;
  const presence = optionalNumber(config, "presencePenalty");
  if (presence !== undefined) request.presencePenalty = presence;
  const frequency = optionalNumber(config, "frequencyPenalty");
  if (frequency !== undefined) request.frequencyPenalty = frequency;
  const seed = optionalNumber(config, "seed");
  if (seed !== undefined) request.seed = seed;
  const rest: Record<string, Json> = { ...unknownFields(config, configFields) };
  const format = parseFormat(config, rest);
  if (format !== undefined) request.responseFormat = format;
  const thinking = optionalObject(config, "thinkingConfig", "generationConfig.thinkingConfig");
  const reasoning = thinking === undefined ? undefined : parseThinking(camelCase(thinking));
  if (reasoning !== undefined) request.reasoning = reasoning;
  if (Object.keys(rest).length > 0) extra["generationConfig"] = rest;
}

function parseFormat(config: Shape, rest: Record<string, Json>): ResponseFormat | undefined {
  const mimeType = optionalText(config, "responseMimeType", "generationConfig.responseMimeType");
  if (mimeType === undefined || mimeType === "text/plain") return undefined;
  if (mimeType !== "application/json") {
    rest["responseMimeType"] = mimeType;
    return undefined;
  }
  const schema = config["responseJsonSchema"] ?? config["_responseJsonSchema"];
  if (isObject(schema)) return { type: "json_schema", name: "response", schema: jsonObject(schema) };
  const older = optionalObject(config, "responseSchema", "generationConfig.responseSchema");
  if (older !== undefined) return { type: "json_schema", name: "response", schema: parseSchema(older) };
  return { type: "json_object" };
}

/** A budget of 0 is none, and -1 leaves it to the model. */
function parseThinking(config: Shape): Reasoning | undefined {
  const reasoning: Mutable<Reasoning> = {};
  const level = optionalText(config, "thinkingLevel", "generationConfig.thinkingConfig.thinkingLevel");
  if (level !== undefined && level !== "THINKING_LEVEL_UNSPECIFIED") reasoning.effort = level.toLowerCase();
  const budget = optionalInteger(config, "thinkingBudget", -1, "generationConfig.thinkingConfig.thinkingBudget");
  if (budget === 0) return { enabled: false };
  if (budget !== undefined && budget > 0) reasoning.budgetTokens = budget;
  const shown = optionalFlag(config, "includeThoughts", "generationConfig.thinkingConfig.includeThoughts");
  if (shown !== undefined) reasoning.summary = shown ? "auto" : "none";
  if (budget === -1 || shown === true) reasoning.enabled = true;
  return Object.keys(reasoning).length === 0 ? undefined : reasoning;
}

/** What an older or a newer client wraps its request in. */
export function unwrapped(source: JsonObject): JsonObject {
  const inner = camelCase(source)["generateContentRequest"];
  return isObject(inner) ? jsonObject(inner) : source;
}
