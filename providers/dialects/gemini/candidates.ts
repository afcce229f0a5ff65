/** What an answer is made of here. Hides how events fall into the parts of candidates, and where a proof must stand. */
import type { Event, Json, JsonObject, Usage } from "../../exchange.ts";
import { argumentsObject } from "../tool-arguments.ts";
import { renderGrounding } from "./grounding.ts";
import { renderLogprobs } from "./logprobs.ts";
import { renderRedacted, renderSignature } from "./signature.ts";
import { renderFinish, renderUsage } from "./usage.ts";

type Call = { readonly id: string; readonly name: string; written: string };

/** One candidate: parts that are ready to be told, and what waits. */
export type Candidate = {
  parts: JsonObject[];
  /** The proof that goes on the next call or text. */
  proof: string | undefined;
  /** Calls come whole: they wait until something else comes, or the end. */
  calls: Call[];
  told: string;
  finish: string | undefined;
  readonly citations: JsonObject[];
  readonly logprobs: Json[];
  /** Metadata that only Gemini itself tells. */
  metadata: JsonObject;
};

export function newCandidate(): Candidate {
  return {
    parts: [],
    proof: undefined,
    calls: [],
    told: "",
    finish: undefined,
    citations: [],
    logprobs: [],
    metadata: {},
  };
}

type Said = Exclude<Event, { type: "start" | "usage" }>;

export function take(event: Said, candidate: Candidate): void {
  switch (event.type) {
    case "text":
    case "refusal":
      flushCalls(candidate);
      candidate.told += event.delta;
      push(candidate, { text: event.delta });
      return;
    case "thinking":
      flushCalls(candidate);
      candidate.parts.push({ text: event.delta, thought: true });
      return;
    case "thinking_signature":
      stand(candidate, renderSignature(event.signature));
      return;
    case "redacted_thinking":
      stand(candidate, renderRedacted(event.data));
      return;
    case "tool_call_start":
      candidate.calls[event.index] = { id: event.id, name: event.name, written: "" };
      return;
    case "tool_call_delta": {
      const call = candidate.calls[event.index];
      if (call !== undefined) call.written += event.delta;
      return;
    }
    default:
      takeAside(event, candidate);
  }
}

function takeAside(
  event: Extract<Said, { type: "media" | "citation" | "logprobs" | "opaque" | "finish" }>,
  candidate: Candidate,
): void {
  switch (event.type) {
    case "media":
      flushCalls(candidate);
      push(candidate, { inlineData: { mimeType: event.mediaType, data: event.data } });
      return;
    case "citation":
      candidate.citations.push(event.value);
      return;
    case "logprobs":
      candidate.logprobs.push(event.value);
      return;
    case "opaque":
      if (event.dialect !== "gemini") return;
      if (isPart(event.value)) push(candidate, event.value);
      else candidate.metadata = { ...candidate.metadata, ...event.value };
      return;
    case "finish":
      flush(candidate);
      candidate.finish = renderFinish(event.reason, event.native);
  }
}

/** Else it is metadata, which stands beside the parts. */
function isPart(value: JsonObject): boolean {
  return !("groundingMetadata" in value || "urlContextMetadata" in value || "citationMetadata" in value);
}

/** Nothing comes any more that would let what waits go. */
export function flush(candidate: Candidate): void {
  flushCalls(candidate);
  if (candidate.proof !== undefined) push(candidate, { text: "" });
}

/** A proof that is not the last before a part gets an empty thought of its own to stand on. */
function stand(candidate: Candidate, proof: string): void {
  flushCalls(candidate);
  if (candidate.proof !== undefined) push(candidate, { text: "", thought: true });
  candidate.proof = proof;
}

function push(candidate: Candidate, part: JsonObject): void {
  candidate.parts.push(candidate.proof === undefined ? part : { ...part, thoughtSignature: candidate.proof });
  candidate.proof = undefined;
}

function flushCalls(candidate: Candidate): void {
  if (candidate.calls.length === 0) return;
  for (const call of candidate.calls) {
    if (call === undefined) continue;
    push(candidate, { functionCall: { id: call.id, name: call.name, args: argumentsObject(call.written) } });
  }
  candidate.calls = [];
}

/** Pieces of one text as one part: what a body holds. */
export function joined(parts: readonly JsonObject[]): JsonObject[] {
  const whole: JsonObject[] = [];
  for (const part of parts) {
    const last = whole.at(-1);
    const { text, thought } = part;
    if (
      last !== undefined &&
      typeof text === "string" &&
      typeof last["text"] === "string" &&
      last["thought"] === thought &&
      part["thoughtSignature"] === undefined &&
      last["thoughtSignature"] === undefined
    ) {
      whole[whole.length - 1] = { ...last, text: last["text"] + text };
    } else whole.push(part);
  }
  return whole;
}

/** What is told of a candidate when it is complete. */
export function renderEnd(candidate: Candidate): JsonObject {
  const grounding = "groundingMetadata" in candidate.metadata ? undefined : groundingOf(candidate);
  const logprobs = renderLogprobs(candidate.logprobs);
  return {
    finishReason: candidate.finish ?? "STOP",
    ...(logprobs === undefined ? {} : { logprobsResult: logprobs }),
    ...(grounding === undefined ? {} : { groundingMetadata: grounding }),
    ...candidate.metadata,
  };
}

function groundingOf({ citations, told }: Candidate): JsonObject | undefined {
  return citations.length === 0 ? undefined : renderGrounding(citations, told);
}

/** Whole events that concern no candidate. */
export function envelope(id: string, model: string, usage: Usage | undefined): JsonObject {
  const told = usage === undefined ? undefined : renderUsage(usage);
  return { ...(told === undefined ? {} : { usageMetadata: told }), modelVersion: model, responseId: id };
}
