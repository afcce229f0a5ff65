/**
 * An answer of Gemini's, whole or streamed, as events: both are made of the same pieces. Hides candidates, parts that
 * carry proofs, calls whose arguments come in pieces, and prompts that were refused.
 */
import type { Event, Json, StreamDecoder } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, isObject, list, parseJson, type Shape, shape, text, words, writable } from "../../json.ts";
import { alike } from "../alike.ts";
import { argumentsText } from "../tool-arguments.ts";
import { callId, turnOf } from "./call-id.ts";
import { decodeFailure, holdsFailure } from "./failure.ts";
import { pushGrounding, searchesIn } from "./grounding.ts";
import { decodeLogprobs } from "./logprobs.ts";
import { addPiece, argsText } from "./partial-args.ts";
import { proofOf } from "./signature.ts";
import { decodeFinish, decodeUsage, inputOf, isFailedReason } from "./usage.ts";

/** A body may be the array that a stream without events is. */
export function decode(body: unknown): readonly Event[] {
  const reader = answerReader();
  const events: Event[] = [];
  for (const piece of Array.isArray(body) ? body : [body]) reader.take(shape(piece), events);
  if (!reader.complete()) throw protocol("the provider's answer has no candidates that are complete");
  return events;
}

export function decodeStream(): StreamDecoder {
  const reader = answerReader();
  const decoder: StreamDecoder = {
    /** There is no last word: whatever ends after the finish reasons has ended well. */
    finished: () => false,
    push(event, data) {
      if (data === "" || data.startsWith("[DONE]")) return [];
      const piece = parseJson(data);
      if (!isObject(piece)) {
        if (event === "error") throw decodeFailure(200, data);
        throw protocol("the provider sent a frame that is not a JSON object");
      }
      const events: Event[] = [];
      reader.take(piece, events);
      return events;
    },
    end() {
      if (reader.complete()) return [];
      throw new GatewayError("upstream_truncated", "the provider's stream ended before its finish reason", {
        source: "provider",
      });
    },
  };
  return alike(decoder, reader.told);
}

/** Candidates one answer may hold, and calls one candidate may make. */
const candidatesMax = 128;
const callsMax = 1_024;

/** A call whose arguments still come. */
type OpenCall = { readonly index: number; readonly args: Record<string, Json>; told: boolean };

type Candidate = {
  readonly at: { choice?: number };
  calls: number;
  open: OpenCall | undefined;
  told: string;
  finished: boolean;
};

type AnswerReader = {
  take(piece: Shape, events: Event[]): void;
  /** More of the first candidate's text, which was not read here. */
  told(text: string): void;
  /** Every candidate has told how it ended, or the prompt was refused. */
  complete(): boolean;
};

function answerReader(): AnswerReader {
  const candidates = new Map<number, Candidate>();
  let started = false;
  let inputTold = false;
  let refused = false;
  let turn: string | undefined;
  let searches = 0;

  function take(piece: Shape, events: Event[]): void {
    if (holdsFailure(piece)) throw decodeFailure(200, piece);
    if (!started) {
      started = true;
      turn = words(piece["responseId"]);
      events.push({ type: "start", id: turn, model: words(piece["modelVersion"]) });
    }
    let ended = false;
    for (const [position, item] of list(piece["candidates"]).entries()) {
      const candidate = shape(item);
      ended = takeCandidate(candidate, count(candidate["index"]) ?? position, events) || ended;
    }
    if (isObject(piece["promptFeedback"])) takeFeedback(piece["promptFeedback"], events);
    takeUsage(piece["usageMetadata"], ended, events);
  }

  function takeUsage(told: unknown, ended: boolean, events: Event[]): void {
    if (told === undefined) return;
    if (ended || refused || (candidates.size > 0 && allFinished())) {
      const usage = decodeUsage(told, searches);
      if (usage !== undefined) events.push({ type: "usage", usage });
    } else if (!inputTold) {
      const usage = inputOf(decodeUsage(told));
      if (usage === undefined) return;
      inputTold = true;
      events.push({ type: "usage", usage });
    }
  }

  /** A prompt that is refused gets no candidate, and is no failure: it was read, and is paid for. */
  function takeFeedback(feedback: Shape, events: Event[]): void {
    const native = words(feedback["blockReason"]);
    if (native === undefined || refused || candidates.size > 0) return;
    refused = true;
    const value = writable({ promptFeedback: feedback });
    if (value !== undefined) events.push({ type: "opaque", dialect: "gemini", value });
    events.push({ type: "finish", reason: "content_filter", native });
  }

  function candidateAt(index: number): Candidate {
    let candidate = candidates.get(index);
    if (candidate === undefined) {
      if (candidates.size >= candidatesMax) throw protocol(`the provider sent more than ${candidatesMax} candidates`);
      const at = index === 0 ? {} : { choice: index };
      candidate = { at, calls: 0, open: undefined, told: "", finished: false };
      candidates.set(index, candidate);
    }
    return candidate;
  }

  /** Returns whether this is the end of it. */
  function takeCandidate(source: Shape, index: number, events: Event[]): boolean {
    const candidate = candidateAt(index);
    for (const part of list(shape(source["content"])["parts"])) takePart(shape(part), candidate, events);
    const logprobs = isObject(source["logprobsResult"]) ? decodeLogprobs(source["logprobsResult"]) : undefined;
    if (logprobs !== undefined) events.push({ type: "logprobs", value: logprobs, ...candidate.at });
    for (const field of ["groundingMetadata", "urlContextMetadata", "citationMetadata"] as const) {
      if (isObject(source[field])) takeAside(field, source[field], candidate, events);
    }
    const native = words(source["finishReason"]);
    if (native === undefined || native === "FINISH_REASON_UNSPECIFIED" || candidate.finished) return false;
    closeCall(candidate, events);
    if (isFailedReason(native)) throw failed(native, words(source["finishMessage"]));
    candidate.finished = true;
    events.push({ type: "finish", reason: decodeFinish(native, candidate.calls > 0), native, ...candidate.at });
    return true;
  }

  function takeAside(field: string, metadata: Shape, candidate: Candidate, events: Event[]): void {
    const value = writable({ [field]: metadata });
    if (value === undefined) throw protocol("the provider sent metadata that nests too deep");
    if (field === "groundingMetadata") {
      searches = Math.max(searches, searchesIn(metadata));
      pushGrounding(metadata, candidate.told, candidate.at, events);
    }
    events.push({ type: "opaque", dialect: "gemini", value });
  }

  function takePart(part: Shape, candidate: Candidate, events: Event[]): void {
    const { at } = candidate;
    const told = text(part["text"]);
    const proven = words(part["thoughtSignature"]);
    if (part["thought"] === true && told !== undefined) {
      if (told !== "") events.push({ type: "thinking", delta: told, ...at });
      if (proven !== undefined) pushProof(proven, candidate, events);
      return;
    }
    // What it stands on comes after it, as the thinking that it proves came before.
    if (proven !== undefined) pushProof(proven, candidate, events);
    if (told !== undefined) {
      if (told === "") return;
      candidate.told += told;
      events.push({ type: "text", delta: told, ...at });
    } else if (isObject(part["functionCall"])) takeCall(part["functionCall"], candidate, events);
    else takeOther(part, candidate, events);
  }

  function pushProof(thoughtSignature: string, { at }: Candidate, events: Event[]): void {
    const proof = proofOf(thoughtSignature);
    if (proof.kind === "redacted") events.push({ type: "redacted_thinking", data: proof.data, ...at });
    else events.push({ type: "thinking_signature", signature: proof.signature, ...at });
  }

  function takeOther(part: Shape, { at }: Candidate, events: Event[]): void {
    const { mimeType, data } = shape(part["inlineData"]) as { mimeType?: unknown; data?: unknown };
    if (typeof mimeType === "string" && typeof data === "string") {
      events.push({ type: "media", mediaType: mimeType, data, ...at });
      return;
    }
    const value = writable(part);
    if (value === undefined) throw protocol("the provider sent a part that nests too deep");
    if (Object.keys(value).some((key) => key !== "thoughtSignature")) {
      events.push({ type: "opaque", dialect: "gemini", value });
    }
  }

  /** Whole, or a name first and then pieces of its arguments until one comes that does not go on. */
  function takeCall(call: Shape, candidate: Candidate, events: Event[]): void {
    const name = words(call["name"]);
    if (name !== undefined) {
      closeCall(candidate, events);
      if (candidate.calls >= callsMax) throw protocol(`the provider sent more than ${callsMax} calls`);
      const index = candidate.calls++;
      turn ??= turnOf(JSON.stringify([name, writable(call["args"]) ?? {}, candidate.told.length]));
      const turnName = candidate.at.choice === undefined ? turn : `${turn}_${candidate.at.choice}`;
      const id = callId(words(call["id"]), turnName, index);
      events.push({ type: "tool_call_start", index, id, name, ...candidate.at });
      candidate.open = { index, args: {}, told: false };
    }
    const { open } = candidate;
    if (open === undefined) return;
    if (isObject(call["args"]) && !open.told) {
      open.told = true;
      events.push({ type: "tool_call_delta", index: open.index, delta: argumentsText(call["args"]), ...candidate.at });
    }
    for (const piece of list(call["partialArgs"])) addPiece(open.args, shape(piece));
    if (call["willContinue"] !== true) closeCall(candidate, events);
  }

  function closeCall(candidate: Candidate, events: Event[]): void {
    const { open, at } = candidate;
    candidate.open = undefined;
    if (open === undefined || open.told) return;
    events.push({ type: "tool_call_delta", index: open.index, delta: argsText(open.args), ...at });
  }

  function allFinished(): boolean {
    for (const candidate of candidates.values()) if (!candidate.finished) return false;
    return true;
  }

  return {
    take,
    told(text) {
      candidateAt(0).told += text;
    },
    complete() {
      return refused || (candidates.size > 0 && allFinished());
    },
  };
}

function failed(native: string, message: string | undefined): GatewayError {
  const told = message === undefined ? "" : `: ${message}`;
  return new GatewayError("upstream_error", `the model ended with ${native}${told}`, { source: "provider" });
}

function protocol(message: string): GatewayError {
  return new GatewayError("upstream_protocol", message, { source: "provider" });
}
