/** Usage and finish reasons in OpenAI's words. Hides where each compatible server puts the counts that OpenAI has no, or another, place for. */
import type { FinishReason, JsonObject, Usage } from "../../exchange.ts";
import { count, isObject, known, lookup, type Shape, shape, words } from "../../json.ts";

/** `prompt_tokens` includes what came from the cache. Undefined when `value` is no usage object. */
export function decodeUsage(value: unknown, serviceTier?: unknown): Usage | undefined {
  if (!isObject(value)) return undefined;
  const prompt = shape(value["prompt_tokens_details"]);
  const completion = shape(value["completion_tokens_details"]);
  const reasoning = count(completion["reasoning_tokens"]) ?? count(value["reasoning_tokens"]);
  const usage: Usage = {
    input: inputTokens(value),
    output: outputTokens(value, reasoning),
    cacheRead:
      count(prompt["cached_tokens"]) ??
      count(value["prompt_cache_hit_tokens"]) ??
      count(value["cached_tokens"]) ??
      count(value["cache_read_input_tokens"]),
    cacheWrite5m: count(prompt["cache_write_tokens"]) ?? count(value["cache_creation_input_tokens"]),
    reasoning,
    audioInput: count(prompt["audio_tokens"]),
    audioOutput: count(completion["audio_tokens"]),
    serverToolRequests: searchesTold(value),
    searchContext: words(value["search_context_size"]),
    serviceTier: words(serviceTier),
  };
  return known(usage);
}

/** OpenRouter's and Anthropic's word, Perplexity's, and xAI's for the sources that its Live Search was paid by. */
function searchesTold(usage: Shape): number | undefined {
  const told = count(shape(usage["server_tool_use"])["web_search_requests"]) ?? count(usage["num_search_queries"]);
  return told ?? (count(usage["num_sources_used"]) || undefined);
}

/**
 * Perplexity's Deep Research bills what it read as it does a prompt, and counts it and its reasoning beside all that has
 * a place with OpenAI, its total as well.
 */
function isResearch(usage: Shape): boolean {
  return count(usage["citation_tokens"]) !== undefined && count(usage["reasoning_tokens"]) !== undefined;
}

function inputTokens(usage: Shape): number | undefined {
  const input = count(usage["prompt_tokens"]);
  return input !== undefined && isResearch(usage) ? input + (count(usage["citation_tokens"]) ?? 0) : input;
}

/**
 * xAI counts reasoning beside `completion_tokens`, not within: its total then tells. Embeddings have no completion at
 * all, and their total says that it is none.
 */
function outputTokens(usage: Shape, reasoning: number | undefined): number | undefined {
  const input = count(usage["prompt_tokens"]);
  const output = count(usage["completion_tokens"]);
  if (output !== undefined && isResearch(usage)) return output + (reasoning ?? 0);
  const total = count(usage["total_tokens"]);
  if (input === undefined || total === undefined) return output;
  if (output === undefined) return total >= input ? total - input : undefined;
  return reasoning !== undefined && reasoning > 0 && total === input + output + reasoning ? output + reasoning : output;
}

/** Undefined when the upstream told neither count: this dialect cannot say "unknown" in a number. */
export function renderUsage(usage: Usage): JsonObject | undefined {
  const { input, output, cacheRead, cacheWrite5m, cacheWrite1h, reasoning, audioInput, audioOutput } = usage;
  if (input === undefined && output === undefined) return undefined;
  const rendered: Record<string, JsonObject | number> = {
    prompt_tokens: input ?? 0,
    completion_tokens: output ?? 0,
    total_tokens: (input ?? 0) + (output ?? 0),
  };
  const prompt: Record<string, number> = {};
  if (cacheRead !== undefined) prompt["cached_tokens"] = cacheRead;
  if (cacheWrite5m !== undefined || cacheWrite1h !== undefined) {
    prompt["cache_write_tokens"] = (cacheWrite5m ?? 0) + (cacheWrite1h ?? 0);
  }
  if (audioInput !== undefined) prompt["audio_tokens"] = audioInput;
  const completion: Record<string, number> = {};
  if (reasoning !== undefined) completion["reasoning_tokens"] = reasoning;
  if (audioOutput !== undefined) completion["audio_tokens"] = audioOutput;
  if (Object.keys(prompt).length > 0) rendered["prompt_tokens_details"] = prompt;
  if (Object.keys(completion).length > 0) rendered["completion_tokens_details"] = completion;
  return rendered;
}

const finishReasons: Readonly<Record<string, FinishReason>> = {
  stop: "stop",
  length: "length",
  max_tokens: "length",
  model_length: "length",
  tool_calls: "tool_calls",
  function_call: "tool_calls",
  content_filter: "content_filter",
};

/** Words by which a server says, in place of a reason, that it failed. */
export const failedReasons: ReadonlySet<string> = new Set(["error", "insufficient_system_resource"]);

export function decodeFinish(native: string): FinishReason {
  return lookup(finishReasons, native) ?? "stop";
}

export const renderFinish: Readonly<Record<FinishReason, string>> = {
  stop: "stop",
  length: "length",
  tool_calls: "tool_calls",
  content_filter: "content_filter",
  refusal: "content_filter",
  pause: "stop",
  error: "error",
};
