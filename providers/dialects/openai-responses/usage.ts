/** Usage and the end of a response in OpenAI's words. Hides that a status and a reason for being incomplete make one finish reason. */
import type { FinishReason, JsonObject, Usage } from "../../exchange.ts";
import { count, isObject, known, list, type Shape, shape, words } from "../../json.ts";

/** Of a whole response: `input_tokens` includes what came from the cache. Undefined when it tells none. */
export function decodeUsage(response: Shape): Usage | undefined {
  const { usage } = response;
  if (!isObject(usage)) return undefined;
  const items = list(response["output"]).map((item) => shape(item)["type"]);
  const told = usageOf(usage, response["service_tier"], (type) => items.filter((each) => each === type).length);
  const containerGb = items.some(runsCode) ? containersIn(JSON.stringify([response["output"], response["tools"]])) : 0;
  return containerGb === 0 ? told : { ...told, containerGb };
}

function runsCode(type: unknown): boolean {
  return type === "code_interpreter_call" || type === "shell_call";
}

/**
 * Gigabytes of the containers that calls of an answer ran in, as it stands in the text: as members only, since what a model writes has its
 * quotes escaped. One that the request named was begun before.
 */
export function containersIn(text: string): number {
  const ran = new Set([...text.matchAll(/"container_id"\s*:\s*"(cntr_[\w-]{1,200})"/g)].map(([, id]) => id));
  for (const [, id] of text.matchAll(/"container"\s*:\s*"(cntr_[\w-]{1,200})"/g)) ran.delete(id);
  const sizes = [...text.matchAll(/"memory_limit"\s*:\s*"(\d{1,2})g"/g)].map(([, size]) => Number(size));
  return ran.size * Math.max(1, ...sizes);
}

/** @param items how many items of a type there are: tools are billed by the call, and OpenAI's usage does not tell of them */
export function usageOf(usage: Shape, serviceTier?: unknown, items: (type: string) => number = () => 0): Usage {
  const told = usage["server_side_tool_usage_details"];
  const input = shape(usage["input_tokens_details"]);
  const output = shape(usage["output_tokens_details"]);
  return known({
    input: count(usage["input_tokens"]),
    output: count(usage["output_tokens"]),
    cacheRead: count(input["cached_tokens"]),
    cacheWrite5m: count(input["cache_write_tokens"]) || undefined,
    reasoning: count(output["reasoning_tokens"]),
    audioInput: count(input["audio_tokens"]),
    audioOutput: count(output["audio_tokens"]),
    serverToolRequests: (isObject(told) ? callsTold(told) : items("web_search_call")) || undefined,
    fileSearches: (isObject(told) ? count(told["file_search_calls"]) : items("file_search_call")) || undefined,
    serviceTier: words(serviceTier),
  });
}

/** xAI's, whose tools cost the same a call, but for one of twice the price: the search of files that are attached. */
function callsTold(told: Shape): number {
  const calls = (name: string): number => count(told[name]) ?? 0;
  const sum = calls("web_search_calls") + calls("x_search_calls") + calls("code_interpreter_calls");
  return sum + 2 * calls("document_search_calls");
}

/** Null when the upstream told neither count: a client reads "unknown" as no usage, and not as zero. */
export function renderUsage(usage: Usage): JsonObject | null {
  const { input, output, cacheRead, cacheWrite5m, cacheWrite1h, reasoning } = usage;
  if (input === undefined && output === undefined) return null;
  return {
    input_tokens: input ?? 0,
    input_tokens_details: {
      cached_tokens: cacheRead ?? 0,
      cache_write_tokens: (cacheWrite5m ?? 0) + (cacheWrite1h ?? 0),
    },
    output_tokens: output ?? 0,
    output_tokens_details: { reasoning_tokens: reasoning ?? 0 },
    total_tokens: (input ?? 0) + (output ?? 0),
  };
}

export function decodeFinish(response: Shape, called: boolean): { reason: FinishReason; native: string } {
  if (response["status"] === "incomplete") {
    const native = words(shape(response["incomplete_details"])["reason"]) ?? "incomplete";
    return { reason: native === "content_filter" ? "content_filter" : "length", native };
  }
  return { reason: called ? "tool_calls" : "stop", native: words(response["status"]) ?? "completed" };
}

export type Ending = { readonly status: "completed" | "incomplete" | "failed"; readonly details: JsonObject | null };

/** `refused`: the refusal was told in words, so nothing is missing. */
export function renderEnding(reason: FinishReason, refused: boolean): Ending {
  switch (reason) {
    case "length":
      return { status: "incomplete", details: { reason: "max_output_tokens" } };
    case "content_filter":
      return { status: "incomplete", details: { reason: "content_filter" } };
    case "refusal":
      return refused
        ? { status: "completed", details: null }
        : { status: "incomplete", details: { reason: "content_filter" } };
    case "error":
      return { status: "failed", details: null };
    default:
      return { status: "completed", details: null };
  }
}
