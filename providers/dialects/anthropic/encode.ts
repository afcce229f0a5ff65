/** A request to Anthropic. Hides which of our fields it has no word for, and which of its own exclude each other. */
import type { Json, JsonObject, Request, Tool, UpstreamRequest } from "../../exchange.ts";
import { onlyAllowed } from "../allowed-tools.ts";
import { renderMarker } from "../cache-marker.ts";
import { type DroppedFields, describedSchema, droppedFields, extraFields, kindOf, noteToolExtra } from "../dropped.ts";
import { encodeMessages } from "./encode-messages.ts";
import { encodeThinking } from "./thinking.ts";

type Body = Record<string, Json>;

const headers = { "anthropic-version": "2023-06-01" } as const;

export function encode(asked: Request): UpstreamRequest {
  const request = onlyAllowed(asked);
  const dropped = droppedFields(request);
  const { system, messages } = encodeMessages(request.messages, dropped);
  const tools = encodeTools(request, dropped);
  const thinking = encodeThinking(request, tools !== undefined && forced(request), dropped);
  const body: Body = { model: request.model, max_tokens: thinking.maxTokens };
  if (system !== undefined) body["system"] = system;
  body["messages"] = messages;
  if (request.stream) body["stream"] = true;
  encodeSampling(request, thinking.thinks, body, dropped);
  if (tools !== undefined) {
    body["tools"] = tools;
    const choice = encodeToolChoice(request);
    if (choice !== undefined) body["tool_choice"] = choice;
  }
  if (thinking.thinking !== undefined) body["thinking"] = thinking.thinking;
  if (request.user !== undefined) body["metadata"] = { user_id: request.user };
  if (request.metadata !== undefined) dropped.field("metadata");
  encodeTier(request, body, dropped);

  const extra = extraFields(request, "anthropic", dropped);
  Object.assign(body, extra);
  const output = encodeOutput(request, thinking.effort, extra?.["output_config"], dropped);
  if (output !== undefined) body["output_config"] = output;
  return { body, headers, dropped: dropped.names() };
}

function forced(request: Request): boolean {
  return request.toolChoice?.type === "required" || request.toolChoice?.type === "tool";
}

function encodeSampling(request: Request, thinks: boolean, body: Body, dropped: DroppedFields): void {
  const { temperature, topP, topK, stop } = request;
  // Anthropic's scale ends at 1, and a thinking model takes no other value than 1.
  if (temperature !== undefined) {
    if (temperature > 1 || (thinks && temperature !== 1)) dropped.field("temperature");
    else body["temperature"] = temperature;
  }
  if (topP !== undefined) {
    if (thinks && topP < 0.95) dropped.field("topP");
    else body["top_p"] = topP;
  }
  if (topK !== undefined) {
    if (thinks) dropped.field("topK");
    else body["top_k"] = topK;
  }
  if (stop !== undefined) {
    const visible = stop.filter((sequence) => sequence.trim() !== ""); // Anthropic refuses one of blanks only
    if (visible.length < stop.length) dropped.field("stop");
    if (visible.length > 0) body["stop_sequences"] = visible;
  }
  if (request.n !== undefined && request.n > 1) dropped.field("n");
  for (const field of ["seed", "frequencyPenalty", "presencePenalty", "topLogprobs"] as const) {
    if (request[field] !== undefined) dropped.field(field);
  }
  if (request.logprobs === true) dropped.field("logprobs");
}

function encodeTools(request: Request, dropped: DroppedFields): Json[] | undefined {
  const tools: Json[] = [];
  for (const tool of request.tools ?? []) {
    const encoded = encodeTool(tool, request, dropped);
    if (encoded !== undefined) tools.push(encoded);
  }
  return tools.length === 0 ? undefined : tools;
}

function encodeTool(tool: Tool, request: Request, dropped: DroppedFields): JsonObject | undefined {
  if (tool.type === "opaque") {
    if (tool.dialect === "anthropic") return tool.value;
    dropped.note(`tools[].${kindOf(tool.value)}`);
    return undefined;
  }
  const encoded: Body = { name: tool.name };
  if (tool.description !== undefined) encoded["description"] = tool.description;
  encoded["input_schema"] = "type" in tool.parameters ? tool.parameters : { type: "object", ...tool.parameters };
  if (tool.strict !== undefined) encoded["strict"] = tool.strict;
  if (tool.cache !== undefined) encoded["cache_control"] = renderMarker(tool.cache);
  if (request.dialect === "anthropic") Object.assign(encoded, tool.extra);
  else noteToolExtra(tool, dropped);
  return encoded;
}

function encodeToolChoice(request: Request): JsonObject | undefined {
  const { toolChoice, parallelToolCalls } = request;
  const single = parallelToolCalls === false ? { disable_parallel_tool_use: true } : {};
  switch (toolChoice?.type) {
    case undefined:
      return parallelToolCalls === false ? { type: "auto", ...single } : undefined;
    case "none":
      return { type: "none" };
    case "auto":
      return { type: "auto", ...single };
    case "required":
      return { type: "any", ...single };
    case "tool":
      return { type: "tool", name: toolChoice.name, ...single };
  }
}

/** `json_object` has no counterpart: Anthropic wants a schema. */
function encodeOutput(
  request: Request,
  effort: string | undefined,
  more: Json | undefined,
  dropped: DroppedFields,
): JsonObject | undefined {
  const output: Body = {};
  if (typeof more === "object" && more !== null && !Array.isArray(more)) Object.assign(output, more);
  if (effort !== undefined) output["effort"] = effort;
  const format = request.responseFormat;
  if (format?.type === "json_schema") output["format"] = { type: "json_schema", schema: describedSchema(format) };
  else if (format?.type === "json_object") dropped.field("responseFormat");
  return Object.keys(output).length === 0 ? undefined : output;
}

/** OpenAI's `default` is Anthropic's `standard_only`; a tier that is bought by name has no counterpart. */
function encodeTier(request: Request, body: Body, dropped: DroppedFields): void {
  const tier = request.serviceTier;
  if (tier === undefined) return;
  if (tier === "auto" || tier === "standard_only") body["service_tier"] = tier;
  else if (tier === "default") body["service_tier"] = "standard_only";
  else dropped.field("serviceTier");
}
