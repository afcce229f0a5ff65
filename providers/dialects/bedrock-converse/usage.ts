/** Usage and stop reasons in Bedrock's words. Hides that its input leaves the cached parts out, as Anthropic's does. */
import type { FinishReason, JsonObject, Usage } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, known, list, lookup, shape, words } from "../../json.ts";

/** @param tier `serviceTier` of the answer or of the stream's metadata */
export function decodeUsage(value: unknown, tier: unknown): Usage | undefined {
  const told = shape(value);
  const fresh = count(told["inputTokens"]);
  const output = count(told["outputTokens"]);
  if (fresh === undefined && output === undefined) return undefined;
  const cacheRead = count(told["cacheReadInputTokens"]);
  const written = count(told["cacheWriteInputTokens"]);
  let hour: number | undefined;
  for (const detail of list(told["cacheDetails"])) {
    if (shape(detail)["ttl"] === "1h") hour = (hour ?? 0) + (count(shape(detail)["inputTokens"]) ?? 0);
  }
  return known({
    input: fresh === undefined ? undefined : fresh + (cacheRead ?? 0) + (written ?? 0),
    output,
    cacheRead,
    cacheWrite5m: written === undefined ? undefined : Math.max(0, written - (hour ?? 0)),
    cacheWrite1h: hour,
    serviceTier: words(shape(tier)["type"]),
  });
}

/** Clients read these as numbers at once: an unknown count has no other word here than 0. */
export function renderUsage(usage: Usage): JsonObject {
  const { input, output, cacheRead, cacheWrite5m, cacheWrite1h } = usage;
  const written =
    cacheWrite5m === undefined && cacheWrite1h === undefined ? undefined : (cacheWrite5m ?? 0) + (cacheWrite1h ?? 0);
  const total = (input ?? 0) + (output ?? 0);
  return {
    inputTokens: Math.max(0, (input ?? 0) - (cacheRead ?? 0) - (written ?? 0)),
    outputTokens: output ?? 0,
    totalTokens: total,
    ...(cacheRead === undefined ? {} : { cacheReadInputTokens: cacheRead }),
    ...(written === undefined ? {} : { cacheWriteInputTokens: written }),
    ...(cacheWrite1h === undefined
      ? {}
      : {
          cacheDetails: [
            { ttl: "5m", inputTokens: cacheWrite5m ?? 0 },
            { ttl: "1h", inputTokens: cacheWrite1h },
          ],
        }),
  };
}

const stopReasons: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool_calls",
  guardrail_intervened: "content_filter",
  content_filtered: "content_filter",
  malformed_model_output: "error",
  malformed_tool_use: "error",
};

export function decodeStop(native: string): FinishReason {
  return lookup(stopReasons, native) ?? "stop";
}

const rendered: Readonly<Record<FinishReason, string>> = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  content_filter: "content_filtered",
  refusal: "content_filtered",
  pause: "end_turn",
  error: "malformed_model_output",
};

/** A turn that calls a tool says so, whatever its own dialect says of a forced call. */
export function renderStop(
  reason: FinishReason,
  native: string | undefined,
  stopSequence: string | undefined,
  called: boolean,
): string {
  if (native !== undefined && lookup(stopReasons, native) === reason) return native;
  if (reason === "stop" && stopSequence !== undefined) return "stop_sequence";
  if (reason === "stop" && called) return "tool_use";
  return rendered[reason];
}

export function decodeCount(body: unknown): { readonly input: number } {
  const input = count(shape(body)["inputTokens"]);
  if (input !== undefined) return { input };
  throw new GatewayError("upstream_protocol", "the provider's answer has no inputTokens", { source: "provider" });
}
