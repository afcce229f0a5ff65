/** Usage and finish reasons in Cohere's words. Hides that it counts twice: what was read and written, and what of it is billed. */
import type { FinishReason, JsonObject, Usage } from "../../exchange.ts";
import { count, known, lookup, shape } from "../../json.ts";

/**
 * What is billed is what counts here; where that is not told, all tokens. `cached_tokens` is a part of all tokens, not of
 * those billed, and says nothing of the cost.
 */
export function decodeUsage(value: unknown): Usage | undefined {
  const told = shape(value);
  const [billed, all] = [shape(told["billed_units"]), shape(told["tokens"])];
  const input = count(billed["input_tokens"]) ?? count(all["input_tokens"]);
  const output = count(billed["output_tokens"]) ?? count(all["output_tokens"]);
  return input === undefined && output === undefined ? undefined : known({ input, output });
}

export function renderUsage(usage: Usage): JsonObject {
  const tokens = { input_tokens: usage.input ?? 0, output_tokens: usage.output ?? 0 };
  const cached = usage.cacheRead === undefined ? {} : { cached_tokens: usage.cacheRead };
  return { billed_units: tokens, tokens, ...cached };
}

const finishReasons: Readonly<Record<string, FinishReason>> = {
  COMPLETE: "stop",
  STOP_SEQUENCE: "stop",
  MAX_TOKENS: "length",
  ERROR_LIMIT: "length",
  TOOL_CALL: "tool_calls",
  ERROR_TOXIC: "content_filter",
};

export function decodeFinish(native: string): FinishReason {
  return lookup(finishReasons, native) ?? "stop";
}

const rendered: Readonly<Record<FinishReason, string>> = {
  stop: "COMPLETE",
  length: "MAX_TOKENS",
  tool_calls: "TOOL_CALL",
  content_filter: "ERROR_TOXIC",
  refusal: "ERROR_TOXIC",
  pause: "COMPLETE",
  error: "ERROR",
};

export function renderFinish(
  reason: FinishReason,
  native: string | undefined,
  stopSequence: string | undefined,
  called: boolean,
): string {
  if (native !== undefined && lookup(finishReasons, native) === reason) return native;
  if (reason === "stop" && stopSequence !== undefined) return "STOP_SEQUENCE";
  if (reason === "stop" && called) return "TOOL_CALL";
  return rendered[reason];
}
