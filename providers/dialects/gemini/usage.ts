/** Usage and finish reasons in Google's words. Hides that thinking and the results of tools are counted beside the rest. */
import type { FinishReason, JsonObject, Usage } from "../../exchange.ts";
import { count, isObject, known, list, lookup, type Shape, shape } from "../../json.ts";

/** Undefined when `value` is no usage object. */
export function decodeUsage(value: unknown, searches?: number): Usage | undefined {
  if (!isObject(value)) return undefined;
  const input = sum(count(value["promptTokenCount"]), count(value["toolUsePromptTokenCount"]));
  const reasoning = count(value["thoughtsTokenCount"]);
  const answered = count(value["candidatesTokenCount"]) ?? count(value["responseTokenCount"]);
  const total = count(value["totalTokenCount"]);
  const beside = total === undefined || input === undefined || total < input ? undefined : total - input;
  return known({
    input,
    output: answered === undefined ? beside : answered + (reasoning ?? 0),
    cacheRead: count(value["cachedContentTokenCount"]),
    reasoning,
    audioInput: ofModality(value, "promptTokensDetails", "AUDIO"),
    audioOutput:
      ofModality(value, "candidatesTokensDetails", "AUDIO") ?? ofModality(value, "responseTokensDetails", "AUDIO"),
    audioCacheRead: ofModality(value, "cacheTokensDetails", "AUDIO"),
    imageOutput: ofModality(value, "candidatesTokensDetails", "IMAGE"),
    serverToolRequests: searches === 0 ? undefined : searches,
  });
}

/** What is known before the answer is complete: an output that is still growing is not one. */
export function inputOf(usage: Usage | undefined): Usage | undefined {
  if (usage?.input === undefined) return undefined;
  const { input, cacheRead, audioInput, audioCacheRead } = usage;
  return known({ input, cacheRead, audioInput, audioCacheRead });
}

function ofModality(usage: Shape, details: string, modality: string): number | undefined {
  for (const item of list(usage[details])) {
    if (shape(item)["modality"] === modality) return count(shape(item)["tokenCount"]);
  }
  return undefined;
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);
}

/** Undefined when the upstream told neither count. */
export function renderUsage(usage: Usage): JsonObject | undefined {
  const { input, output, cacheRead, reasoning, audioInput, audioOutput } = usage;
  if (input === undefined && output === undefined) return undefined;
  const rendered: Record<string, number | JsonObject[]> = {
    promptTokenCount: input ?? 0,
    candidatesTokenCount: Math.max(0, (output ?? 0) - (reasoning ?? 0)),
    totalTokenCount: (input ?? 0) + (output ?? 0),
  };
  if (cacheRead !== undefined) rendered["cachedContentTokenCount"] = cacheRead;
  if (reasoning !== undefined) rendered["thoughtsTokenCount"] = reasoning;
  if (audioInput !== undefined) rendered["promptTokensDetails"] = modalities(input ?? 0, audioInput);
  if (audioOutput !== undefined) rendered["candidatesTokensDetails"] = modalities(output ?? 0, audioOutput);
  return rendered;
}

function modalities(all: number, audio: number): JsonObject[] {
  return [
    { modality: "TEXT", tokenCount: Math.max(0, all - audio) },
    { modality: "AUDIO", tokenCount: audio },
  ];
}

const finishReasons: Readonly<Record<string, FinishReason>> = {
  STOP: "stop",
  MAX_TOKENS: "length",
  SAFETY: "content_filter",
  RECITATION: "content_filter",
  LANGUAGE: "content_filter",
  OTHER: "content_filter",
  BLOCKLIST: "content_filter",
  PROHIBITED_CONTENT: "content_filter",
  SPII: "content_filter",
  IMAGE_SAFETY: "content_filter",
  IMAGE_PROHIBITED_CONTENT: "content_filter",
  IMAGE_RECITATION: "content_filter",
  MODEL_ARMOR: "content_filter",
  CONTINUATION: "pause",
};

/** Words by which the model says, in place of a reason, that it failed: what it told is no answer. */
const failedReasons: ReadonlySet<string> = new Set([
  "MALFORMED_FUNCTION_CALL",
  "UNEXPECTED_TOOL_CALL",
  "TOO_MANY_TOOL_CALLS",
  "MISSING_THOUGHT_SIGNATURE",
  "MALFORMED_RESPONSE",
]);

export function isFailedReason(native: string): boolean {
  return failedReasons.has(native);
}

/** A turn that calls is finished with `STOP` as well. */
export function decodeFinish(native: string, called: boolean): FinishReason {
  const reason = lookup(finishReasons, native) ?? "stop";
  return reason === "stop" && called ? "tool_calls" : reason;
}

const rendered: Readonly<Record<FinishReason, string>> = {
  stop: "STOP",
  length: "MAX_TOKENS",
  tool_calls: "STOP",
  content_filter: "SAFETY",
  refusal: "SAFETY",
  pause: "STOP",
  error: "OTHER",
};

export function renderFinish(reason: FinishReason, native: string | undefined): string {
  return native !== undefined && lookup(finishReasons, native) === reason ? native : rendered[reason];
}
