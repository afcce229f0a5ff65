/** A request to an OpenAI-shaped server. Hides which of our fields it has no word for: those are reported, never bent. */
import type { EncodeOptions, Json, JsonObject, Request, Tool, ToolChoice, UpstreamRequest } from "../../exchange.ts";
import { allowedTools, onlyAllowed } from "../allowed-tools.ts";
import { renderMarker } from "../cache-marker.ts";
import { nestedCustom } from "../custom-tool.ts";
import { type DroppedFields, droppedFields, kindOf, noteToolExtra } from "../dropped.ts";
import { effortOfBudget, isReasoningModel, refusesMaxTokens, takesNoEffort } from "../effort.ts";
import { openaiExtra } from "../openai-extra.ts";
import { encodeMessages } from "./encode-messages.ts";

type Body = Record<string, Json>;

export function encode(asked: Request, options: EncodeOptions = {}): UpstreamRequest {
  const request = options.functionsOnly === true ? onlyAllowed(asked) : asked;
  const dropped = droppedFields(request);
  const body: Body = { model: request.model };
  body["messages"] = encodeMessages(request.messages, options, dropped);
  if (request.stream) {
    body["stream"] = true;
    if (options.usageUnasked !== true) body["stream_options"] = { include_usage: true };
  }
  if (request.maxTokens !== undefined)
    body[refusesMaxTokens(request) ? "max_completion_tokens" : "max_tokens"] = request.maxTokens;
  encodeSampling(request, body);
  encodeTools(request, body, options, dropped);
  encodeFormat(request, body);
  const effort = encodeEffort(request, dropped);
  if (effort !== undefined) body["reasoning_effort"] = effort;
  if (request.topK !== undefined) {
    if (request.dialect === "openai-chat") body["top_k"] = request.topK;
    else dropped.field("topK");
  }
  if (request.user !== undefined) body["user"] = request.user;
  if (request.serviceTier !== undefined) body["service_tier"] = encodeTier(request.serviceTier);
  if (request.metadata !== undefined) {
    if (request.dialect === "openai-chat" || request.dialect === "openai-responses")
      body["metadata"] = request.metadata;
    else dropped.field("metadata");
  }
  Object.assign(body, openaiExtra(request, "openai-chat", dropped));
  if (options.fields !== undefined) rename(body, options.fields, dropped);
  return { body, headers: {}, dropped: dropped.names() };
}

/** In the words of a host that has its own; what it has none for is reported in the caller's. */
function rename(body: Body, fields: Readonly<Record<string, string | null>>, dropped: DroppedFields): void {
  for (const [ours, theirs] of Object.entries(fields)) {
    const value = body[ours];
    if (value === undefined) continue;
    delete body[ours];
    if (theirs !== null) body[theirs] = value;
    else dropped.openai(ours);
  }
}

function encodeSampling(request: Request, body: Body): void {
  const { temperature, topP, n, seed, stop, frequencyPenalty, presencePenalty, logprobs, topLogprobs } = request;
  if (temperature !== undefined) body["temperature"] = temperature;
  if (topP !== undefined) body["top_p"] = topP;
  if (n !== undefined) body["n"] = n;
  if (seed !== undefined) body["seed"] = seed;
  if (stop !== undefined) body["stop"] = stop;
  if (frequencyPenalty !== undefined) body["frequency_penalty"] = frequencyPenalty;
  if (presencePenalty !== undefined) body["presence_penalty"] = presencePenalty;
  if (logprobs !== undefined) body["logprobs"] = logprobs;
  if (topLogprobs !== undefined) body["top_logprobs"] = topLogprobs;
}

function encodeTools(request: Request, body: Body, options: EncodeOptions, dropped: DroppedFields): void {
  const tools: Json[] = [];
  for (const tool of request.tools ?? []) {
    const encoded = encodeTool(tool, options, dropped);
    if (encoded !== undefined) tools.push(encoded);
  }
  if (tools.length === 0) {
    if (request.tools !== undefined && request.dialect === "openai-chat") body["tools"] = [];
    return; // a choice among no tools is refused by every server
  }
  body["tools"] = tools;
  const choice = request.toolChoice;
  if (choice !== undefined) {
    const allowed = options.functionsOnly === true ? undefined : allowedTools(request);
    if (allowed === undefined)
      body["tool_choice"] = choice.type === "tool" ? encodeChoice(choice, options) : choice.type;
    else {
      const named = allowed.map(({ type, name }) => ({ type, [type]: { name } }));
      body["tool_choice"] = { type: "allowed_tools", allowed_tools: { mode: choice.type, tools: named } };
    }
  }
  if (request.parallelToolCalls !== undefined) body["parallel_tool_calls"] = request.parallelToolCalls;
}

function encodeChoice({ name, custom }: Extract<ToolChoice, { type: "tool" }>, options: EncodeOptions): JsonObject {
  return custom === true && options.functionsOnly !== true
    ? { type: "custom", custom: { name } }
    : { type: "function", function: { name } };
}

function encodeTool(tool: Tool, options: EncodeOptions, dropped: DroppedFields): JsonObject | undefined {
  if (tool.type === "opaque") {
    if (tool.dialect === "openai-chat") return tool.value;
    dropped.note(`tools[].${kindOf(tool.value)}`);
    return undefined;
  }
  if (tool.custom !== undefined && options.functionsOnly !== true)
    return { type: "custom", custom: nestedCustom(tool.custom) };
  const fn: Body = { name: tool.name };
  if (tool.description !== undefined) fn["description"] = tool.description;
  fn["parameters"] = tool.parameters;
  if (tool.strict !== undefined) fn["strict"] = tool.strict;
  noteToolExtra(tool, dropped);
  if (tool.cache === undefined) return { type: "function", function: fn };
  if (options.extensions === true) return { type: "function", function: fn, cache_control: renderMarker(tool.cache) };
  dropped.note("tools[].cache_control");
  return { type: "function", function: fn };
}

function encodeFormat(request: Request, body: Body): void {
  const format = request.responseFormat;
  if (format === undefined) return;
  if (format.type !== "json_schema") {
    body["response_format"] = { type: format.type };
    return;
  }
  const described: Body = { name: format.name, schema: format.schema };
  if (format.description !== undefined) described["description"] = format.description;
  if (format.strict !== undefined) described["strict"] = format.strict;
  body["response_format"] = { type: "json_schema", json_schema: described };
}

function encodeEffort(request: Request, dropped: DroppedFields): string | undefined {
  const { reasoning } = request;
  if (reasoning === undefined) return undefined;
  const { effort, budgetTokens, enabled } = reasoning;
  if (enabled === false) {
    if (takesNoEffort(request)) return "none";
    // A model that cannot reason refuses the field, and its silence is what was asked for.
    if (isReasoningModel(request)) dropped.field("reasoning");
    return undefined;
  }
  if (effort !== undefined) return effort;
  if (budgetTokens !== undefined) return effortOfBudget(budgetTokens);
  return enabled === true ? "medium" : undefined;
}

/** Anthropic's `standard_only` is OpenAI's `default`. */
function encodeTier(tier: string): string {
  return tier === "standard_only" ? "default" : tier;
}
