/** The report of what a target could not be told. Hides what each caller's dialect calls our fields: the caller reads its own words. */
import type { DialectId, JsonObject, Request, ResponseFormat, Tool } from "../exchange.ts";
import { GatewayError } from "../gateway-error.ts";
import { shape } from "../json.ts";

export type DroppedFields = {
  /** A field of the request. */
  field(field: keyof Request): void;
  /** A field by its name in OpenAI's chat completions. */
  openai(name: string): void;
  /** Something within the messages or tools, in the caller's words: `messages[].input_audio`. */
  note(name: string): void;
  names(): readonly string[];
};

const fieldNames: Readonly<Record<DialectId, Readonly<Partial<Record<keyof Request, string>>>>> = {
  "openai-chat": {
    topP: "top_p",
    topK: "top_k",
    frequencyPenalty: "frequency_penalty",
    presencePenalty: "presence_penalty",
    topLogprobs: "top_logprobs",
    toolChoice: "tool_choice",
    parallelToolCalls: "parallel_tool_calls",
    responseFormat: "response_format",
    reasoning: "reasoning_effort",
    serviceTier: "service_tier",
    maxTokens: "max_tokens",
  },
  "openai-responses": {
    topP: "top_p",
    topLogprobs: "top_logprobs",
    toolChoice: "tool_choice",
    parallelToolCalls: "parallel_tool_calls",
    responseFormat: "text.format",
    reasoning: "reasoning",
    serviceTier: "service_tier",
    maxTokens: "max_output_tokens",
  },
  gemini: {
    temperature: "generationConfig.temperature",
    topP: "generationConfig.topP",
    topK: "generationConfig.topK",
    n: "generationConfig.candidateCount",
    seed: "generationConfig.seed",
    stop: "generationConfig.stopSequences",
    frequencyPenalty: "generationConfig.frequencyPenalty",
    presencePenalty: "generationConfig.presencePenalty",
    logprobs: "generationConfig.responseLogprobs",
    topLogprobs: "generationConfig.logprobs",
    toolChoice: "toolConfig.functionCallingConfig",
    responseFormat: "generationConfig.responseMimeType",
    reasoning: "generationConfig.thinkingConfig",
    serviceTier: "serviceTier",
    maxTokens: "generationConfig.maxOutputTokens",
    metadata: "labels",
  },
  "bedrock-converse": {
    temperature: "inferenceConfig.temperature",
    topP: "inferenceConfig.topP",
    topK: "additionalModelRequestFields.top_k",
    stop: "inferenceConfig.stopSequences",
    tools: "toolConfig.tools",
    toolChoice: "toolConfig.toolChoice",
    responseFormat: "outputConfig.textFormat",
    reasoning: "additionalModelRequestFields.thinking",
    serviceTier: "serviceTier",
    maxTokens: "inferenceConfig.maxTokens",
    metadata: "requestMetadata",
  },
  cohere: {
    topP: "p",
    topK: "k",
    stop: "stop_sequences",
    frequencyPenalty: "frequency_penalty",
    presencePenalty: "presence_penalty",
    toolChoice: "tool_choice",
    responseFormat: "response_format",
    reasoning: "thinking",
    maxTokens: "max_tokens",
  },
  anthropic: {
    topP: "top_p",
    topK: "top_k",
    stop: "stop_sequences",
    toolChoice: "tool_choice",
    parallelToolCalls: "tool_choice.disable_parallel_tool_use",
    responseFormat: "output_config.format",
    reasoning: "thinking",
    serviceTier: "service_tier",
    maxTokens: "max_tokens",
    user: "metadata.user_id",
  },
};

const openaiNames: ReadonlyMap<string, string> = new Map(
  Object.entries(fieldNames["openai-chat"]).map(([field, name]) => [name, field]),
);

export function droppedFields(request: Pick<Request, "dialect" | "unread">): DroppedFields {
  const names = new Set<string>(request.unread);
  const spelled = fieldNames[request.dialect ?? "openai-chat"];
  return {
    field: (field) => void names.add(spelled[field] ?? field),
    openai(name) {
      const field = openaiNames.get(name) ?? name;
      names.add(spelled[field as keyof Request] ?? field);
    },
    note(name) {
      if (name.endsWith("item_reference")) throw unavailable(name);
      names.add(name);
    },
    names: () => [...names],
  };
}

/** Fields that hold a part of the conversation: an answer without it is an answer to something else. */
const indispensable: Readonly<Partial<Record<DialectId, readonly string[]>>> = {
  "openai-responses": ["previous_response_id", "conversation", "prompt"],
  gemini: ["cachedContent"],
};

/** The caller's own fields: whole where the target speaks the same dialect, else reported one by one. */
export function extraFields(
  request: Pick<Request, "dialect" | "extra">,
  target: DialectId,
  dropped: DroppedFields,
): Request["extra"] {
  if (request.extra === undefined) return undefined;
  if (request.dialect === target) return request.extra;
  for (const name of Object.keys(request.extra)) {
    if (request.dialect !== undefined && indispensable[request.dialect]?.includes(name)) throw unavailable(name);
    if (name === "generationConfig") for (const inner in shape(request.extra[name])) dropped.note(`${name}.${inner}`);
    else dropped.note(name);
  }
  return undefined;
}

function unavailable(param: string): GatewayError {
  const message = `${param}: names what only its own provider has stored; send the conversation itself to this model`;
  return new GatewayError("unsupported_parameter", message, { source: "client", param });
}

/** A tool's fields that only its caller's dialect defines. */
export function noteToolExtra({ extra }: Extract<Tool, { type: "function" }>, dropped: DroppedFields): void {
  for (const name in extra) dropped.note(`tools[].${name}`);
}

/** Where a schema can have no description of its own beside it, it stands in it: JSON Schema has the word. */
export function describedSchema({ description, schema }: Extract<ResponseFormat, { type: "json_schema" }>): JsonObject {
  return description === undefined || "description" in schema ? schema : { ...schema, description };
}

/** What a tool or a part of another dialect is called: its type, or where it has none its first field. */
export function kindOf(value: JsonObject): string {
  const type = value["type"] ?? Object.keys(value)[0] ?? "unknown";
  return typeof type === "string" ? type : "unknown";
}
