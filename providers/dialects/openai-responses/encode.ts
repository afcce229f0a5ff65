/** A request for a response. Hides which of our fields it has no word for: those are reported, never bent. */
import type { EncodeOptions, Json, JsonObject, Request, Tool, UpstreamRequest } from "../../exchange.ts";
import { shape } from "../../json.ts";
import { allowedTools, onlyAllowed } from "../allowed-tools.ts";
import { type DroppedFields, droppedFields, kindOf, noteToolExtra } from "../dropped.ts";
import { effortOfBudget, isReasoningModel, takesNoEffort } from "../effort.ts";
import { openaiExtra } from "../openai-extra.ts";
import { encodeItems } from "./encode-items.ts";

type Body = Record<string, Json>;

export function encode(asked: Request, { functionsOnly = false }: EncodeOptions = {}): UpstreamRequest {
  const request = functionsOnly ? onlyAllowed(asked) : asked;
  const dropped = droppedFields(request);
  const body: Body = { model: request.model, input: encodeItems(request.messages, functionsOnly, dropped) };
  if (request.stream) body["stream"] = true;
  if (request.maxTokens !== undefined) body["max_output_tokens"] = request.maxTokens;
  if (request.temperature !== undefined) body["temperature"] = request.temperature;
  if (request.topP !== undefined) body["top_p"] = request.topP;
  reportUnknown(request, dropped);
  encodeTools(request, body, functionsOnly, dropped);
  const text = encodeFormat(request);
  if (text !== undefined) body["text"] = text;
  const reasoning = encodeReasoning(request, dropped);
  if (reasoning !== undefined) body["reasoning"] = reasoning;
  encodeState(request, body);
  if (request.user !== undefined) body["user"] = request.user;
  if (request.serviceTier !== undefined) {
    body["service_tier"] = request.serviceTier === "standard_only" ? "default" : request.serviceTier;
  }
  encodeMetadata(request, body, dropped);
  const extra = openaiExtra(request, "openai-responses", dropped);
  for (const name in extra) {
    const value = extra[name]!;
    // Objects of which we hold a part ourselves, and lists of wishes.
    if (name === "text" || name === "reasoning") body[name] = { ...shape(body[name]), ...shape(value) } as JsonObject;
    else if (name === "include") body[name] = [...((body[name] as Json[] | undefined) ?? []), ...(value as Json[])];
    else body[name] = value;
  }
  return { body, headers: {}, dropped: dropped.names() };
}

function reportUnknown(request: Request, dropped: DroppedFields): void {
  for (const field of ["topK", "seed", "stop", "frequencyPenalty", "presencePenalty"] as const) {
    if (request[field] !== undefined) dropped.field(field);
  }
  if (request.n !== undefined && request.n > 1) dropped.field("n");
}

/** Whoever speaks another dialect keeps the conversation itself, and needs the proofs of reasoning for that. */
function encodeState(request: Request, body: Body): void {
  const include: string[] = [];
  if (isReasoningModel(request)) include.push("reasoning.encrypted_content");
  if (request.logprobs === true) include.push("message.output_text.logprobs");
  if (request.topLogprobs !== undefined) body["top_logprobs"] = request.topLogprobs;
  if (request.dialect !== "openai-responses") body["store"] = false;
  if (include.length > 0) body["include"] = include;
}

function encodeTools(request: Request, body: Body, functionsOnly: boolean, dropped: DroppedFields): void {
  const tools: Json[] = [];
  for (const tool of request.tools ?? []) {
    const encoded = encodeTool(tool, request, functionsOnly, dropped);
    if (encoded !== undefined) tools.push(encoded);
  }
  if (tools.length === 0) return; // a choice among no tools is refused
  body["tools"] = tools;
  const { toolChoice, parallelToolCalls } = request;
  const allowed = functionsOnly ? undefined : allowedTools(request);
  if (allowed !== undefined && toolChoice !== undefined) {
    body["tool_choice"] = { type: "allowed_tools", mode: toolChoice.type, tools: [...allowed] };
  } else if (toolChoice !== undefined) {
    body["tool_choice"] =
      toolChoice.type === "tool"
        ? { type: toolChoice.custom === true && !functionsOnly ? "custom" : "function", name: toolChoice.name }
        : toolChoice.type;
  }
  if (parallelToolCalls !== undefined) body["parallel_tool_calls"] = parallelToolCalls;
}

/** Not saying `strict` means strict here, and the opposite everywhere else. */
function encodeTool(
  tool: Tool,
  request: Request,
  functionsOnly: boolean,
  dropped: DroppedFields,
): JsonObject | undefined {
  if (tool.type === "opaque") {
    if (tool.dialect === "openai-responses") return tool.value;
    dropped.note(`tools[].${kindOf(tool.value)}`);
    return undefined;
  }
  if (tool.custom !== undefined && !functionsOnly) return { type: "custom", ...tool.custom };
  const encoded: Body = { type: "function", name: tool.name };
  if (tool.description !== undefined) encoded["description"] = tool.description;
  encoded["parameters"] = tool.parameters;
  if (tool.strict !== undefined || request.dialect !== "openai-responses") encoded["strict"] = tool.strict ?? false;
  if (tool.cache !== undefined) dropped.note("tools[].cache_control");
  if (request.dialect === "openai-responses") Object.assign(encoded, tool.extra);
  else noteToolExtra(tool, dropped);
  return encoded;
}

function encodeFormat({ responseFormat }: Request): JsonObject | undefined {
  if (responseFormat === undefined) return undefined;
  if (responseFormat.type !== "json_schema") return { format: { type: responseFormat.type } };
  const { name, description, schema, strict } = responseFormat;
  const told = description === undefined ? {} : { description };
  return { format: { type: "json_schema", name, ...told, schema, ...(strict === undefined ? {} : { strict }) } };
}

/** A budget is a wish to see the thinking as well: dialects that have budgets show it. */
function encodeReasoning(request: Request, dropped: DroppedFields): JsonObject | undefined {
  const { reasoning } = request;
  if (reasoning === undefined) return undefined;
  const { effort, budgetTokens, enabled, summary } = reasoning;
  if (enabled === false) {
    if (takesNoEffort(request)) return { effort: "none" };
    // A model that cannot reason refuses the field, and its silence is what was asked for.
    if (isReasoningModel(request)) dropped.field("reasoning");
    return undefined;
  }
  const encoded: Body = {};
  if (effort !== undefined) encoded["effort"] = effort;
  else if (budgetTokens !== undefined) encoded["effort"] = effortOfBudget(budgetTokens);
  if (summary !== undefined && summary !== "none") encoded["summary"] = summary;
  else if (summary === undefined && (enabled === true || budgetTokens !== undefined)) encoded["summary"] = "auto";
  return Object.keys(encoded).length === 0 ? undefined : encoded;
}

function encodeMetadata(request: Request, body: Body, dropped: DroppedFields): void {
  if (request.metadata === undefined) return;
  if (request.dialect === "openai-chat" || request.dialect === "openai-responses") body["metadata"] = request.metadata;
  else dropped.field("metadata");
}
