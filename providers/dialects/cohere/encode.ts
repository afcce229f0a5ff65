/** A request to Cohere's chat. Hides which of our fields it has no word for, and how one tool is asked for where only all can be. */
import type { Json, JsonObject, Request, Tool, UpstreamRequest } from "../../exchange.ts";
import { onlyAllowed } from "../allowed-tools.ts";
import { type DroppedFields, describedSchema, droppedFields, extraFields, noteToolExtra } from "../dropped.ts";
import { encodeMessages } from "./encode-messages.ts";

type Body = Record<string, Json>;

export function encode(asked: Request): UpstreamRequest {
  const request = onlyAllowed(asked);
  const dropped = droppedFields(request);
  const { messages, documents } = encodeMessages(request.messages, dropped);
  const body: Body = { model: request.model, messages };
  if (request.stream) body["stream"] = true;
  if (documents.length > 0) body["documents"] = documents;
  encodeSampling(request, body, dropped);
  encodeTools(request, body, dropped);
  encodeFormat(request, body);
  encodeThinking(request, body, dropped);
  for (const field of ["user", "metadata", "topLogprobs"] as const) {
    if (request[field] !== undefined) dropped.field(field);
  }
  if (request.serviceTier !== undefined && request.serviceTier !== "auto") dropped.field("serviceTier");
  if (request.n !== undefined && request.n > 1) dropped.field("n");
  if (request.parallelToolCalls === false) dropped.field("parallelToolCalls");
  Object.assign(body, extraFields(request, "cohere", dropped));
  return { body, headers: {}, dropped: dropped.names() };
}

const stopMax = 5;

function encodeSampling(request: Request, body: Body, dropped: DroppedFields): void {
  const { maxTokens, temperature, topP, topK, seed, stop, logprobs } = request;
  if (maxTokens !== undefined) body["max_tokens"] = maxTokens;
  if (temperature !== undefined) body["temperature"] = temperature;
  if (topP !== undefined) {
    if (topP > 0.99)
      dropped.field("topP"); // its scale ends there
    else body["p"] = topP;
  }
  if (topK !== undefined) {
    if (topK > 500) dropped.field("topK");
    else body["k"] = topK;
  }
  if (seed !== undefined) body["seed"] = seed;
  for (const [field, name] of [
    ["frequencyPenalty", "frequency_penalty"],
    ["presencePenalty", "presence_penalty"],
  ] as const) {
    const value = request[field];
    if (value === undefined) continue;
    if (value < 0 || value > 1) dropped.field(field);
    else body[name] = value;
  }
  if (stop !== undefined && stop.length > 0) {
    if (stop.length > stopMax) dropped.field("stop");
    body["stop_sequences"] = stop.slice(0, stopMax);
  }
  if (logprobs === true) body["logprobs"] = true;
}

/** It calls any tool, some tool or none. One by name is some tool of a list of one. */
function encodeTools(request: Request, body: Body, dropped: DroppedFields): void {
  const { toolChoice } = request;
  const only = toolChoice?.type === "tool" ? toolChoice.name : undefined;
  const functions: Extract<Tool, { type: "function" }>[] = [];
  for (const tool of request.tools ?? []) {
    if (tool.type === "opaque") dropped.note(`tools[].${String(tool.value["type"])}`);
    else if (only === undefined || tool.name === only) functions.push(tool);
  }
  if (functions.length === 0) {
    if (only !== undefined) dropped.field("toolChoice");
    return;
  }
  for (const tool of functions) {
    noteToolExtra(tool, dropped);
    if (tool.cache !== undefined) dropped.note("tools[].cache_control");
  }
  body["tools"] = functions.map(encodeTool);
  const strict = functions.filter((tool) => tool.strict === true).length;
  if (strict === functions.length) body["strict_tools"] = true;
  else if (strict > 0) dropped.note("tools[].strict");
  if (toolChoice?.type === "none") body["tool_choice"] = "NONE";
  else if (toolChoice?.type === "required" || only !== undefined) body["tool_choice"] = "REQUIRED";
}

function encodeTool({ name, description, parameters }: Extract<Tool, { type: "function" }>): JsonObject {
  const told = description === undefined ? {} : { description };
  const schema = "type" in parameters ? parameters : { type: "object", ...parameters };
  return { type: "function", function: { name, ...told, parameters: schema } };
}

function encodeFormat({ responseFormat }: Request, body: Body): void {
  if (responseFormat?.type === "json_object") body["response_format"] = { type: "json_object" };
  if (responseFormat?.type === "json_schema") {
    body["response_format"] = { type: "json_object", json_schema: describedSchema(responseFormat) };
  }
}

/** Only these think; the others refuse to be told how. */
const thinkers = /reasoning|thinking/;

function encodeThinking({ reasoning, model, dialect }: Request, body: Body, dropped: DroppedFields): void {
  if (reasoning === undefined) return;
  const { enabled, effort, budgetTokens } = reasoning;
  const off = enabled === false || effort === "none";
  if (dialect !== "cohere" && !thinkers.test(model)) {
    if (!off) dropped.field("reasoning");
    return;
  }
  const budget = budgetTokens === undefined ? {} : { token_budget: budgetTokens };
  body["thinking"] = off ? { type: "disabled" } : { type: "enabled", ...budget };
}
