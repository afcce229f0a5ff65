/** A request to Converse. Hides which of our fields have a place there, and which only in the model's own fields. */
import type { Json, JsonObject, Request, Tool, UpstreamRequest } from "../../exchange.ts";
import { isObject } from "../../json.ts";
import { onlyAllowed } from "../allowed-tools.ts";
import { encodeThinking } from "../anthropic/thinking.ts";
import { type DroppedFields, droppedFields, extraFields, noteToolExtra } from "../dropped.ts";
import { cachePoint, encodeMessages } from "./encode-messages.ts";

type Body = Record<string, Json>;

export function encode(asked: Request): UpstreamRequest {
  const request = onlyAllowed(asked);
  const dropped = droppedFields(request);
  const { system, messages } = encodeMessages(request.messages, dropped);
  const body: Body = { messages };
  if (system.length > 0) body["system"] = system;
  const tools = encodeTools(request, messages, dropped);
  const model = modelFields(request, tools !== undefined, dropped);
  const inference = encodeInference(request, model.maxTokens, model.thinks, dropped);
  if (Object.keys(inference).length > 0) body["inferenceConfig"] = inference;
  if (tools !== undefined) body["toolConfig"] = tools;
  const output = encodeOutput(request, model.effort, dropped);
  if (output !== undefined) body["outputConfig"] = output;
  encodeTier(request, body, dropped);
  encodeMetadata(request, body, dropped);
  for (const field of ["seed", "frequencyPenalty", "presencePenalty", "topLogprobs", "user"] as const) {
    if (request[field] !== undefined) dropped.field(field);
  }
  if (request.logprobs === true) dropped.field("logprobs");
  if (request.n !== undefined && request.n > 1) dropped.field("n");
  if (request.parallelToolCalls === false) dropped.field("parallelToolCalls");

  const { additionalModelRequestFields: more, ...extra } = extraFields(request, "bedrock-converse", dropped) ?? {};
  Object.assign(body, extra);
  const additional = { ...model.fields, ...(isObject(more) ? (more as JsonObject) : {}) };
  if (Object.keys(additional).length > 0) body["additionalModelRequestFields"] = additional;
  return { body, headers: {}, dropped: dropped.names() };
}

/** Bedrock counts what a Converse request would hold. */
export function encodeCount(request: Request): UpstreamRequest {
  const { body, dropped } = encode(request);
  const { messages, system, toolConfig } = body;
  const converse: Body = { messages: messages ?? [] };
  if (system !== undefined) converse["system"] = system;
  if (toolConfig !== undefined) converse["toolConfig"] = toolConfig;
  return { body: { input: { converse } }, headers: {}, dropped };
}

type ModelFields = {
  readonly fields: Body;
  readonly maxTokens: number | undefined;
  readonly effort?: string | undefined;
  /** Sampling is restricted. */
  readonly thinks: boolean;
};

const claude = /claude/;
const nova = /nova-/;
const gptOss = /gpt-oss/;

/** What each family calls how hard it shall think, and how many candidates for a token. */
function modelFields(request: Request, hasTools: boolean, dropped: DroppedFields): ModelFields {
  const { reasoning, topK, maxTokens } = request;
  const model = request.knownAs ?? request.model;
  if (claude.test(model)) {
    const forced = hasTools && (request.toolChoice?.type === "required" || request.toolChoice?.type === "tool");
    // A caller of Converse writes `thinking` itself: it is what it says.
    const asked = request.dialect === "bedrock-converse" ? { ...request, dialect: "anthropic" as const } : request;
    const { thinking, effort, thinks, maxTokens: cap } = encodeThinking(asked, forced, dropped);
    const fields: Body = thinking === undefined ? {} : { thinking };
    if (topK !== undefined && thinks) dropped.field("topK");
    else if (topK !== undefined) fields["top_k"] = topK;
    return { fields, effort, thinks, maxTokens: thinks ? cap : maxTokens };
  }
  const fields: Body = {};
  if (topK !== undefined && nova.test(model)) fields["inferenceConfig"] = { topK };
  else if (topK !== undefined) dropped.field("topK");
  const effort = reasoning?.effort;
  if (reasoning !== undefined && reasoning.enabled !== false && effort !== "none") {
    if (gptOss.test(model) && effort !== undefined) fields["reasoning_effort"] = effort;
    else if (nova.test(model)) {
      fields["reasoningConfig"] = { type: "enabled", ...(effort === undefined ? {} : { maxReasoningEffort: effort }) };
    } else dropped.field("reasoning");
  }
  return { fields, thinks: false, maxTokens };
}

function encodeInference(
  request: Request,
  maxTokens: number | undefined,
  thinks: boolean,
  dropped: DroppedFields,
): Body {
  const { temperature, topP, stop } = request;
  const inference: Body = {};
  if (maxTokens !== undefined) inference["maxTokens"] = maxTokens;
  if (temperature !== undefined) {
    if (temperature > 1 || (thinks && temperature !== 1)) dropped.field("temperature");
    else inference["temperature"] = temperature;
  }
  if (topP !== undefined) {
    if (thinks && topP < 0.95) dropped.field("topP");
    else inference["topP"] = topP;
  }
  if (stop !== undefined) {
    const visible = stop.filter((sequence) => sequence !== "");
    if (visible.length < stop.length) dropped.field("stop");
    if (visible.length > 0) inference["stopSequences"] = visible;
  }
  return inference;
}

/** `none` has no word here: the tools are left out, unless the conversation calls them, since Bedrock then asks for them. */
function encodeTools(request: Request, messages: readonly Json[], dropped: DroppedFields): Body | undefined {
  const tools: Json[] = [];
  for (const tool of request.tools ?? []) tools.push(...encodeTool(tool, dropped));
  if (tools.length === 0) return undefined;
  const { toolChoice } = request;
  switch (toolChoice?.type) {
    case undefined:
      return { tools };
    case "none":
      if (!messages.some(holdsToolBlock)) return undefined;
      dropped.field("toolChoice");
      return { tools };
    case "auto":
      return { tools, toolChoice: { auto: {} } };
    case "required":
      return { tools, toolChoice: { any: {} } };
    case "tool":
      return { tools, toolChoice: { tool: { name: toolChoice.name } } };
  }
}

function holdsToolBlock(message: Json): boolean {
  const { content } = message as { readonly content: readonly JsonObject[] };
  return content.some((block) => "toolUse" in block || "toolResult" in block);
}

function encodeTool(tool: Tool, dropped: DroppedFields): JsonObject[] {
  if (tool.type === "opaque") {
    if (tool.dialect === "bedrock-converse") return [tool.value];
    dropped.note(`tools[].${String(tool.value["type"] ?? Object.keys(tool.value)[0])}`);
    return [];
  }
  const schema = "type" in tool.parameters ? tool.parameters : { type: "object", ...tool.parameters };
  const spec: Body = { name: tool.name };
  if (tool.description !== undefined && tool.description !== "") spec["description"] = tool.description;
  spec["inputSchema"] = { json: schema };
  if (tool.strict === true) spec["strict"] = true;
  noteToolExtra(tool, dropped);
  return tool.cache === undefined ? [{ toolSpec: spec }] : [{ toolSpec: spec }, cachePoint(tool.cache)];
}

/** `json_object` has no counterpart: Bedrock wants a schema, and wants it as text. */
function encodeOutput(request: Request, effort: string | undefined, dropped: DroppedFields): Body | undefined {
  const output: Body = {};
  if (effort !== undefined) output["effort"] = effort;
  const format = request.responseFormat;
  if (format?.type === "json_schema") {
    const told = format.description === undefined ? {} : { description: format.description };
    const jsonSchema = { schema: JSON.stringify(format.schema), name: format.name, ...told };
    output["textFormat"] = { type: "json_schema", structure: { jsonSchema } };
  } else if (format?.type === "json_object") dropped.field("responseFormat");
  return Object.keys(output).length === 0 ? undefined : output;
}

const tiers = new Set(["default", "flex", "priority", "reserved"]);

function encodeTier(request: Request, body: Body, dropped: DroppedFields): void {
  const tier = request.serviceTier;
  if (tier === undefined || tier === "auto") return;
  if (tiers.has(tier)) body["serviceTier"] = { type: tier };
  else if (tier === "standard_only") body["serviceTier"] = { type: "default" };
  else dropped.field("serviceTier");
}

function encodeMetadata(request: Request, body: Body, dropped: DroppedFields): void {
  const { metadata } = request;
  if (metadata === undefined) return;
  if (Object.values(metadata).every((value) => typeof value === "string")) body["requestMetadata"] = metadata;
  else dropped.field("metadata");
}
