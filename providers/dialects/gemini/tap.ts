/**
 * Watching a Gemini answer go by on its way to a client that speaks the same. Hides how little of it is looked at: a
 * chunk is searched, and only the first ones, the last and a failure are parsed. A frame is an event, or an element of
 * the array that a stream without events is.
 */
import type { FrameKind, Tap, Usage } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, isObject, list, parseJson, type Shape, shape, words } from "../../json.ts";
import { endingOf, nothingSeen, sawReason, sawTool } from "../ending.ts";
import { frameData, stringLength, topLevelObject, utf8 } from "../sse-frame.ts";
import { decodeFailure, holdsFailure } from "./failure.ts";
import { searchesIn } from "./grounding.ts";
import { decodeFinish, decodeUsage, inputOf, isFailedReason } from "./usage.ts";

export function tap(): Tap {
  let usage: Usage | undefined;
  let failure: GatewayError | undefined;
  let contentSeen = false;
  let frames = 0;
  const seen = nothingSeen();
  const self = {
    frame,
    body,
    position: () => ({ sequence: frames }),
    usage: () => usage,
    failure: () => failure,
    finished: false,
    outputBytes: 0,
    ending: () => endingOf(seen),
  };

  function frame(raw: string): FrameKind {
    const looked = !contentSeen || raw.includes('inishReason"') || raw.includes('rror"') || raw.includes('eedback"');
    if (!looked) {
      frames++;
      self.outputBytes += visibleBytes(raw);
      if (seen.tools !== undefined || !raw.includes('"text"'))
        for (const [, name] of raw.matchAll(calledName)) sawTool(seen, name);
      return "content";
    }
    const data = frameData(raw) || element(raw);
    if (data === "") return "preamble";
    frames++;
    self.outputBytes += visibleBytes(raw);
    return inspect(data);
  }

  function inspect(data: string): FrameKind {
    const piece = shape(parseJson(data));
    if (holdsFailure(piece)) return fail(data);
    const candidates = list(piece["candidates"]).map(shape);
    const natives = candidates
      .map((candidate) => words(candidate["finishReason"]))
      .filter((native) => native !== undefined);
    candidates.forEach(sawCalls);
    seen.id ??= words(piece["responseId"]);
    const failed = natives.find(isFailedReason);
    if (failed !== undefined) return failWith(failed, candidates);
    const refused = words(shape(piece["promptFeedback"])["blockReason"]) !== undefined && candidates.length === 0;
    if (natives.length > 0 || refused || self.finished) {
      self.finished = true;
      if (natives.length > 0) sawReason(seen, decodeFinish(natives[0]!, seen.tools !== undefined), natives[0]);
      else if (refused) sawReason(seen, "refusal", words(shape(piece["promptFeedback"])["blockReason"]));
      usage = { ...usage, ...decodeUsage(piece["usageMetadata"], searches(candidates)) };
      return "finish";
    }
    usage ??= inputOf(decodeUsage(piece["usageMetadata"]));
    contentSeen ||= candidates.some(visible);
    return contentSeen ? "content" : "preamble";
  }

  function sawCalls(candidate: Shape): void {
    for (const part of list(shape(candidate["content"])["parts"]))
      sawTool(seen, shape(shape(part)["functionCall"])["name"]);
  }

  /** It is not relayed. */
  function fail(data: string): FrameKind {
    frames--;
    const told = utf8(data);
    failure = decodeFailure(200, parseJson(told) ?? told);
    return "error";
  }

  function failWith(native: string, candidates: readonly Shape[]): FrameKind {
    frames--;
    const message = candidates.map((candidate) => words(candidate["finishMessage"])).find((told) => told !== undefined);
    const told = message === undefined ? "" : `: ${utf8(message)}`;
    failure = new GatewayError("upstream_error", `the model ended with ${native}${told}`, { source: "provider" });
    return "error";
  }

  function body(raw: string): FrameKind {
    const last = raw.trimEnd();
    const first = raw.trimStart().charCodeAt(0);
    if (!(first === 123 && last.endsWith("}")) && !(first === 91 && last.endsWith("]"))) {
      failure = new GatewayError("upstream_protocol", "the provider's answer is not a JSON object", {
        source: "provider",
      });
      return "error";
    }
    if (first === 91)
      return (
        list(parseJson(last))
          .map((piece) => inspect(JSON.stringify(piece)))
          .at(-1) ?? "terminal"
      );
    if (last.includes('rror"') && holdsFailure(shape(parseJson(last)))) return fail(last);
    const failed = failedReason.exec(last)?.[1];
    if (failed !== undefined) return failWith(failed, list(shape(parseJson(last))["candidates"]).map(shape));
    usage = bodyUsage(last);
    self.finished = true;
    self.outputBytes = last.length;
    if (last.includes('"functionCall"'))
      list(shape(parseJson(last))["candidates"])
        .map(shape)
        .forEach(sawCalls);
    const native = /"finishReason"\s*:\s*"([A-Z_]+)"/.exec(last)?.[1];
    if (native !== undefined) sawReason(seen, decodeFinish(native, seen.tools !== undefined), native);
    seen.id = /"responseId"\s*:\s*"([^"\\]{1,256})"/.exec(last.slice(-tailCharacters))?.[1];
    return "terminal";
  }

  return self;
}

/** It stands after what was said. */
const tailCharacters = 8_192;

/** As a key and a value only: what a model writes has its quotes escaped. */
const failedReason =
  /"finishReason"\s*:\s*"(MALFORMED_FUNCTION_CALL|UNEXPECTED_TOOL_CALL|TOO_MANY_TOOL_CALLS|MISSING_THOUGHT_SIGNATURE|MALFORMED_RESPONSE)"/;

/** Of a call in a frame that is not parsed: the name comes before its arguments in what the provider writes. */
const calledName = /"functionCall"\s*:\s*\{\s*(?:"id"\s*:\s*"[^"]*"\s*,\s*)?"name"\s*:\s*"([^"\\]{1,256})"/g;

function searches(candidates: readonly Shape[]): number {
  return candidates.reduce((most, candidate) => Math.max(most, searchesIn(shape(candidate["groundingMetadata"]))), 0);
}

function bodyUsage(body: string): Usage | undefined {
  const found = topLevelObject(body, "usageMetadata");
  if (found !== undefined) {
    const grounded = body.includes('webSearchQueries"') ? list(shape(parseJson(body))["candidates"]).map(shape) : [];
    return decodeUsage(parseJson(found), searches(grounded));
  }
  if (body.length > countedBytesMax) return undefined;
  const input = count(shape(parseJson(body))["totalTokens"]);
  return input === undefined ? undefined : { input };
}

/** The answer to `countTokens` is an object with little but a number. */
const countedBytesMax = 4_096;

/** An element of an array with the brackets and commas that the network put around it. */
function element(raw: string): string {
  const start = raw.indexOf("{");
  const end = raw.lastIndexOf("}");
  return start === -1 || end < start ? "" : raw.slice(start, end + 1);
}

/** A part with something in it that a person or a program would see. */
function visible(candidate: Shape): boolean {
  return list(shape(candidate["content"])["parts"]).some((part) => {
    for (const key in shape(part)) {
      const value = shape(part)[key];
      if (isObject(value) || (key === "text" && value !== "")) return true;
    }
    return false;
  });
}

/** An estimate: the first text of the chunk, as escaped bytes, or all of it where a call or data is told. */
function visibleBytes(frame: string): number {
  const text = /"text"\s*:\s*"/.exec(frame);
  if (text !== null) return stringLength(frame, text.index + text[0].length);
  return frame.includes('"functionCall"') || frame.includes('"inlineData"') ? frame.length : 0;
}
