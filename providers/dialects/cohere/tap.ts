/** Watching a Cohere answer go by on its way to a client of Cohere. Hides how little of it is looked at. */
import type { FrameKind, Tap, Usage } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, isObject, list, parseJson, shape, words } from "../../json.ts";
import { endingOf, idNearStart, nothingSeen, sawReason, sawTool, wordNearEnd } from "../ending.ts";
import { upstreamFailure } from "../failure.ts";
import { frameData, frameEvent, stringLength, topLevelObject, utf8 } from "../sse-frame.ts";
import { finishFailure } from "./failure.ts";
import { decodeFinish, decodeUsage } from "./usage.ts";

export function tap(): Tap {
  let usage: Usage | undefined;
  let failure: GatewayError | undefined;
  const seen = nothingSeen();
  const self = {
    frame,
    body,
    usage: () => usage,
    failure: () => failure,
    finished: false,
    outputBytes: 0,
    ending: () => endingOf(seen),
  };

  function fail(error: GatewayError): FrameKind {
    failure = error;
    return "error";
  }

  function frame(raw: string): FrameKind {
    const named = raw.startsWith("event: content-delta") ? "content-delta" : frameEvent(raw);
    const data = named === "content-delta" ? "" : frameData(raw);
    const name = named !== "" ? named : (words(shape(parseJson(data))["type"]) ?? "");
    switch (name) {
      case "content-delta":
      case "tool-plan-delta":
      case "tool-call-delta":
        self.outputBytes += visibleBytes(raw);
        return "content";
      case "tool-call-start":
        sawCall(shape(shape(shape(parseJson(data))["delta"])["message"])["tool_calls"]);
        return "content";
      case "tool-call-end":
      case "citation-start":
      case "citation-end":
      case "content-end":
        return "content";
      case "message-end": {
        const delta = shape(shape(parseJson(utf8(data)))["delta"]);
        const error = finishFailure(words(delta["finish_reason"]) ?? "", delta["error"]);
        if (error !== undefined) return fail(error);
        usage = decodeUsage(delta["usage"]) ?? usage;
        sawFinish(words(delta["finish_reason"]));
        self.finished = true;
        return "terminal";
      }
      case "message-start":
        seen.id = words(shape(parseJson(data))["id"]);
        return "preamble";
      case "content-start":
        return "preamble";
      default:
        return other(data, name);
    }
  }

  /** An error has no event of its own, but some hosts send one. */
  function other(data: string, name: string): FrameKind {
    const value = data === "[DONE]" ? undefined : parseJson(utf8(data));
    if (isObject(value) && (name === "error" || isObject(value["error"]) || words(value["message"]) !== undefined)) {
      return fail(upstreamFailure(200, value));
    }
    return "preamble";
  }

  function body(raw: string): FrameKind {
    const last = raw.trimEnd();
    if (!last.endsWith("}") || raw.trimStart().charCodeAt(0) !== 123) {
      return fail(
        new GatewayError("upstream_protocol", "the provider's answer is not a JSON object", { source: "provider" }),
      );
    }
    if (last.length <= smallBytesMax || last.includes('"ERROR"') || last.includes('"TIMEOUT"')) {
      const whole = shape(parseJson(utf8(last)));
      const error = finishFailure(words(whole["finish_reason"]) ?? "", whole["error"]);
      if (error !== undefined) return fail(error);
      if (words(whole["message"]) !== undefined || isObject(whole["error"])) return fail(upstreamFailure(200, whole));
    }
    usage = told(last);
    seen.id = idNearStart(last);
    self.finished = true;
    self.outputBytes = last.length;
    // Where an answer tells it before its message, or one so long that it stands far from the end.
    sawFinish(wordNearEnd(last, "finish_reason") ?? /"finish_reason"\s*:\s*"([A-Z_]+)"/.exec(last)?.[1]);
    if (seen.reason === "tool_calls") list(shape(shape(parseJson(last))["message"])["tool_calls"]).forEach(sawCall);
    return "terminal";
  }

  function sawFinish(native: string | undefined): void {
    if (native !== undefined) sawReason(seen, decodeFinish(native), native);
  }

  function sawCall(call: unknown): void {
    sawTool(seen, shape(shape(call)["function"])["name"]);
  }

  return self;
}

/** An error with status 200 is a small object. */
const smallBytesMax = 4_096;

/** Chats tell it as `usage`, embeddings and rankings in `meta`. */
function told(body: string): Usage | undefined {
  const usage = topLevelObject(body, "usage");
  if (usage !== undefined) return decodeUsage(parseJson(usage));
  const meta = shape(parseJson(topLevelObject(body, "meta") ?? ""));
  const searches = count(shape(meta["billed_units"])["search_units"]);
  return searches === undefined ? decodeUsage(meta) : { searches };
}

/** An estimate: the last string of the frame, as escaped bytes. */
function visibleBytes(frame: string): number {
  for (const key of ['"text":"', '"thinking":"', '"tool_plan":"', '"arguments":"']) {
    const at = frame.lastIndexOf(key);
    if (at !== -1) return stringLength(frame, at + key.length);
  }
  return 0;
}
