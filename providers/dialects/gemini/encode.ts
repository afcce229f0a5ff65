/** A request to Gemini. Hides which of our fields it has no word for, and that its models take budgets or levels of thinking. */
import type { Json, JsonObject, Request, Tool, UpstreamRequest } from "../../exchange.ts";
import { list } from "../../json.ts";
import { onlyAllowed } from "../allowed-tools.ts";
import { type DroppedFields, describedSchema, droppedFields, extraFields, kindOf, noteToolExtra } from "../dropped.ts";
import { budgetOfEffort, effortOfBudget } from "../effort.ts";
import { encodeContents } from "./encode-contents.ts";
import { encodeSchema } from "./schema.ts";

type Body = Record<string, Json>;

/** The model and whether to stream are the path's to say. */
export function encode(asked: Request): UpstreamRequest {
  const request = onlyAllowed(asked);
  const dropped = droppedFields(request);
  const { system, contents } = encodeContents(request.messages, request.knownAs ?? request.model, dropped);
  const body: Body = { contents };
  if (system !== undefined) body["systemInstruction"] = system;
  const tools = encodeTools(request, dropped);
  if (tools.length > 0) {
    body["tools"] = tools;
    const config = encodeToolChoice(request);
    if (config !== undefined) body["toolConfig"] = { functionCallingConfig: config };
    if (request.parallelToolCalls === false) dropped.field("parallelToolCalls");
  }
  const config = encodeConfig(request, dropped);
  if (request.user !== undefined) dropped.field("user");
  if (request.metadata !== undefined) dropped.field("metadata");
  encodeTier(request, body, dropped);
  // Chat completions have a place for pictures and recordings in an answer.
  const { modalities, ...rest } = request.dialect === "openai-chat" ? (request.extra ?? {}) : {};
  if (modalities !== undefined)
    config["responseModalities"] = list(modalities).map((word) => String(word).toUpperCase());
  const extra = extraFields(modalities === undefined ? request : { ...request, extra: rest }, "gemini", dropped);
  for (const name in extra) {
    if (name === "generationConfig") Object.assign(config, extra[name]);
    else body[name] = extra[name]!;
  }
  if (Object.keys(config).length > 0) body["generationConfig"] = config;
  return { body, headers: {}, dropped: dropped.names() };
}

function encodeConfig(request: Request, dropped: DroppedFields): Body {
  const config: Body = {};
  const { temperature, topP, topK, n, seed, maxTokens, stop } = request;
  if (temperature !== undefined) config["temperature"] = temperature;
  if (topP !== undefined) config["topP"] = topP;
  if (topK !== undefined) config["topK"] = topK;
  if (n !== undefined && n !== 1) config["candidateCount"] = n;
  if (seed !== undefined) config["seed"] = seed;
  if (maxTokens !== undefined) config["maxOutputTokens"] = maxTokens;
  if (stop !== undefined && stop.length > 0) config["stopSequences"] = stop;
  if (request.frequencyPenalty !== undefined) config["frequencyPenalty"] = request.frequencyPenalty;
  if (request.presencePenalty !== undefined) config["presencePenalty"] = request.presencePenalty;
  if (request.logprobs !== undefined) config["responseLogprobs"] = request.logprobs;
  if (request.topLogprobs !== undefined) config["logprobs"] = request.topLogprobs;
  const format = request.responseFormat;
  if (format?.type === "json_object" || format?.type === "json_schema") {
    config["responseMimeType"] = "application/json";
  }
  if (format?.type === "json_schema") {
    config["responseJsonSchema"] = encodeSchema(describedSchema(format), (word) =>
      dropped.note(`${formatName(request)}.${word}`),
    );
  }
  const thinking = encodeThinking(request, dropped);
  if (thinking !== undefined) config["thinkingConfig"] = thinking;
  return config;
}

/** Where the caller wrote the schema. */
function formatName({ dialect }: Request): string {
  if (dialect === "anthropic") return "output_config.format.schema";
  if (dialect === "openai-responses") return "text.format.schema";
  return "response_format.json_schema.schema";
}

const levels: Readonly<Record<string, string>> = {
  minimal: "MINIMAL",
  low: "LOW",
  medium: "MEDIUM",
  high: "HIGH",
  xhigh: "XHIGH",
  max: "XHIGH",
};

/** From 3 on the models take a level, those of 2.5 a budget, and older ones do not think. */
function encodeThinking(request: Request, dropped: DroppedFields): JsonObject | undefined {
  const { reasoning, model } = request;
  if (reasoning === undefined) return undefined;
  const { effort, budgetTokens, enabled, summary } = reasoning;
  const generation = /gemini-(\d+(?:\.\d+)?)/.exec(model)?.[1];
  const thinks = generation === undefined ? !model.includes("gemma") : Number(generation) >= 2.5;
  if (enabled === false) {
    if (generation === "2.5" && !model.includes("pro")) return { thinkingBudget: 0 };
    if (thinks) dropped.field("reasoning"); // these cannot be told not to
    return undefined;
  }
  if (!thinks) {
    dropped.field("reasoning");
    return undefined;
  }
  const thinking: Body = {};
  if (summary !== "none") thinking["includeThoughts"] = true;
  if (generation === "2.5") {
    const budget = budgetTokens ?? (effort === undefined ? undefined : budgetOfEffort(effort));
    if (budget !== undefined) thinking["thinkingBudget"] = budget;
    else if (effort !== undefined) dropped.field("reasoning");
    return thinking;
  }
  const level = effort ?? (budgetTokens === undefined ? undefined : effortOfBudget(budgetTokens));
  if (level !== undefined && Object.hasOwn(levels, level)) thinking["thinkingLevel"] = levels[level]!;
  else if (level !== undefined) dropped.field("reasoning");
  return thinking;
}

function encodeTools(request: Request, dropped: DroppedFields): Json[] {
  const tools: Json[] = [];
  const declared: Json[] = [];
  for (const tool of request.tools ?? []) {
    if (tool.type === "function") declared.push(encodeFunction(tool, dropped));
    else if (tool.dialect === "gemini") tools.push(tool.value);
    else dropped.note(`tools[].${kindOf(tool.value)}`);
  }
  if (declared.length > 0) tools.unshift({ functionDeclarations: declared });
  return tools;
}

function encodeFunction(tool: Extract<Tool, { type: "function" }>, dropped: DroppedFields): JsonObject {
  const encoded: Body = { name: tool.name };
  if (tool.description !== undefined) encoded["description"] = tool.description;
  // A function without parameters has none to describe.
  const { properties } = tool.parameters;
  if (Object.keys(tool.parameters).length > 0 && !(isEmpty(properties) && tool.parameters["type"] === "object")) {
    encoded["parametersJsonSchema"] = encodeSchema(tool.parameters, (word) =>
      dropped.note(`tools[].parameters.${word}`),
    );
  }
  if (tool.strict === true) dropped.note("tools[].strict");
  if (tool.cache !== undefined) dropped.note("tools[].cache_control");
  noteToolExtra(tool, dropped);
  return encoded;
}

function isEmpty(properties: Json | undefined): boolean {
  return properties === undefined || (typeof properties === "object" && Object.keys(properties ?? {}).length === 0);
}

function encodeToolChoice({ toolChoice }: Request): JsonObject | undefined {
  switch (toolChoice?.type) {
    case undefined:
      return undefined;
    case "auto":
      return { mode: "AUTO" };
    case "none":
      return { mode: "NONE" };
    case "required":
      return { mode: "ANY" };
    case "tool":
      return { mode: "ANY", allowedFunctionNames: [toolChoice.name] };
  }
}

/** What is usual goes without saying. */
function encodeTier({ serviceTier }: Request, body: Body, dropped: DroppedFields): void {
  if (serviceTier === undefined || /^(auto|default|standard|standard_only)$/.test(serviceTier)) return;
  if (serviceTier === "flex" || serviceTier === "priority") body["serviceTier"] = serviceTier;
  else dropped.field("serviceTier");
}
