/** The report of what a target could not be told. Hides what each caller's dialect calls our fields: the caller reads its own words. */
import type { DialectId, Request } from "../exchange.ts";

export type DroppedFields = {
  /** A field of the request. */
  field(field: keyof Request): void;
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

export function droppedFields(request: Request): DroppedFields {
  const names = new Set<string>();
  const spelled = fieldNames[request.dialect ?? "openai-chat"];
  return {
    field: (field) => void names.add(spelled[field] ?? field),
    note: (name) => void names.add(name),
    names: () => [...names],
  };
}

/** The caller's own fields: whole where the target speaks the same dialect, else reported one by one. */
export function extraFields(request: Request, target: DialectId, dropped: DroppedFields): Request["extra"] {
  if (request.extra === undefined) return undefined;
  if (request.dialect === target) return request.extra;
  for (const name of Object.keys(request.extra)) dropped.note(name);
  return undefined;
}
