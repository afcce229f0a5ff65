/** Usage and stop reasons in Anthropic's words. Hides that usage comes in halves and that its input leaves the cached parts out. */
import type { FinishReason, JsonObject, Usage } from "../../exchange.ts";
import { count, isObject, known, list, lookup, type Mutable, type Shape, shape, words } from "../../json.ts";

/**
 * Merges the usage of `message_start`, `message_delta` and bodies: all cumulative, the last word on each field wins.
 * Sums are formed from the merged fields, since `message_delta` may tell only some of the halves.
 */
export type UsageMerge = {
  add(value: unknown): void;
  usage(): Usage | undefined;
};

export function mergeUsage(): UsageMerge {
  let told: Record<string, unknown> | undefined;
  return {
    add(value) {
      if (!isObject(value)) return;
      told ??= {};
      for (const key in value) if (value[key] !== null && value[key] !== undefined) told[key] = value[key];
    },
    usage: () => (told === undefined ? undefined : decodeUsage(told)),
  };
}

function decodeUsage(told: Shape): Usage {
  const usage = tokens(told);
  for (const iteration of list(told["iterations"])) {
    if (shape(iteration)["type"] === "compaction") addTokens(usage, tokens(shape(iteration)));
  }
  return known({
    ...usage,
    reasoning: count(shape(told["output_tokens_details"])["thinking_tokens"]),
    serverToolRequests: count(shape(told["server_tool_use"])["web_search_requests"]),
    serviceTier: words(told["service_tier"]),
  });
}

type Tokens = Mutable<Pick<Usage, "input" | "output" | "cacheRead" | "cacheWrite5m" | "cacheWrite1h">>;

function tokens(told: Shape): Tokens {
  const fresh = count(told["input_tokens"]);
  const cacheRead = count(told["cache_read_input_tokens"]);
  const created = count(told["cache_creation_input_tokens"]);
  const split = shape(told["cache_creation"]);
  const hour = count(split["ephemeral_1h_input_tokens"]);
  const written = created ?? sum(count(split["ephemeral_5m_input_tokens"]), hour);
  return {
    input: fresh === undefined ? undefined : fresh + (cacheRead ?? 0) + (written ?? 0),
    output: count(told["output_tokens"]),
    cacheRead,
    cacheWrite5m: written === undefined ? undefined : Math.max(0, written - (hour ?? 0)),
    cacheWrite1h: hour,
  };
}

/** The same model summed up its context before it answered: that is billed, and left out of the counts at the top. */
function addTokens(usage: Tokens, more: Tokens): void {
  for (const key of ["input", "output", "cacheRead", "cacheWrite5m", "cacheWrite1h"] as const) {
    usage[key] = sum(usage[key], more[key]);
  }
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);
}

/** Clients read `input_tokens` and `output_tokens` as numbers at once: an unknown count has no other word here than 0. */
export function renderUsage(usage: Usage): JsonObject {
  const { input, output, cacheRead, cacheWrite5m, cacheWrite1h, reasoning, serverToolRequests, serviceTier } = usage;
  const written = sum(cacheWrite5m, cacheWrite1h);
  const rendered: Record<string, JsonObject | number | string> = {
    input_tokens: Math.max(0, (input ?? 0) - (cacheRead ?? 0) - (written ?? 0)),
  };
  if (written !== undefined) {
    rendered["cache_creation_input_tokens"] = written;
    rendered["cache_creation"] = {
      ephemeral_5m_input_tokens: cacheWrite5m ?? 0,
      ephemeral_1h_input_tokens: cacheWrite1h ?? 0,
    };
  }
  if (cacheRead !== undefined) rendered["cache_read_input_tokens"] = cacheRead;
  rendered["output_tokens"] = output ?? 0;
  if (reasoning !== undefined) rendered["output_tokens_details"] = { thinking_tokens: reasoning };
  if (serverToolRequests !== undefined) rendered["server_tool_use"] = { web_search_requests: serverToolRequests };
  if (serviceTier !== undefined) rendered["service_tier"] = serviceTier;
  return rendered;
}

const stopReasons: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool_calls",
  pause_turn: "pause",
  refusal: "refusal",
};

export function decodeStop(native: string): FinishReason {
  return lookup(stopReasons, native) ?? "stop";
}

const rendered: Readonly<Record<FinishReason, string>> = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  content_filter: "refusal",
  refusal: "refusal",
  pause: "pause_turn",
  error: "end_turn",
};

/** OpenAI finishes a forced tool call with `stop`; here a turn that calls a tool always says so. */
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
