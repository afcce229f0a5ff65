/**
 * Watching an Anthropic answer go by on its way to an Anthropic client. Hides how little of it is looked at: events
 * are told apart by name, and only those that hold usage, a stop reason or an error are parsed.
 */
import type { FrameKind, Tap, Usage } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, isObject, list, parseJson, type Shape, shape, words } from "../../json.ts";
import { endingOf, idNearStart, nothingSeen, sawReason, sawTool, wordNearEnd } from "../ending.ts";
import { upstreamFailure } from "../failure.ts";
import { frameData, frameEvent, stringLength, topLevelObject, utf8 } from "../sse-frame.ts";
import { decodeStop, mergeUsage } from "./usage.ts";

export function tap(): Tap {
  const merged = mergeUsage();
  const seen = nothingSeen();
  let usage: Usage | undefined;
  let failure: GatewayError | undefined;
  const self = {
    frame,
    body,
    usage: () => usage ?? merged.usage(),
    failure: () => failure,
    finished: false,
    outputBytes: 0,
    ending: () => endingOf(seen),
  };

  function frame(raw: string): FrameKind {
    if (raw.startsWith("event: content_block_delta")) {
      self.outputBytes += visibleBytes(raw);
      return "content";
    }
    const name = frameEvent(raw) || typeName(raw);
    switch (name) {
      case "content_block_delta":
        self.outputBytes += visibleBytes(raw);
        return "content";
      case "content_block_start":
        return startsVisible(blockOf(raw)) ? "content" : "preamble";
      case "message_start": {
        const message = shape(shape(parseJson(frameData(raw)))["message"]);
        seen.id = words(message["id"]);
        merged.add(message["usage"]);
        return "preamble";
      }
      case "message_delta": {
        const data = shape(parseJson(frameData(raw)));
        merged.add(data["usage"]);
        const native = words(shape(data["delta"])["stop_reason"]);
        if (native === undefined) return "preamble";
        self.finished = true;
        sawReason(seen, decodeStop(native), native);
        return "finish";
      }
      case "message_stop":
        self.finished = true;
        return "terminal";
      case "error":
        failure = upstreamFailure(200, parseJson(utf8(frameData(raw))) ?? utf8(frameData(raw)));
        return "error";
      default:
        return "preamble";
    }
  }

  function body(raw: string): FrameKind {
    const last = raw.trimEnd();
    if (!last.endsWith("}") || raw.trimStart().charCodeAt(0) !== 123) {
      failure = new GatewayError("upstream_protocol", "the provider's answer is not a JSON object", {
        source: "provider",
      });
      return "error";
    }
    if (last.includes('rror"')) {
      const whole = shape(parseJson(last));
      if (whole["type"] === "error" || isObject(whole["error"])) {
        failure = upstreamFailure(200, parseJson(utf8(last)));
        return "error";
      }
    }
    const told = topLevelObject(last, "usage");
    if (told !== undefined) merged.add(parseJson(told));
    else if (last.length <= countedBytesMax) {
      const input = count(shape(parseJson(last))["input_tokens"]);
      if (input !== undefined) usage = { input };
    }
    self.finished = true;
    self.outputBytes = last.length;
    const native = wordNearEnd(last, "stop_reason");
    if (native !== undefined) sawReason(seen, decodeStop(native), native);
    seen.id = idNearStart(last);
    if (seen.reason === "tool_calls")
      for (const block of list(shape(parseJson(last))["content"])) sawBlock(shape(block));
    return "terminal";
  }

  /** Text and thinking blocks begin empty; a block of any other type is something already. */
  function startsVisible(block: Shape): boolean {
    switch (block["type"]) {
      case "text":
        return words(block["text"]) !== undefined;
      case "thinking":
        return words(block["thinking"]) !== undefined;
      default:
        sawBlock(block);
        return true;
    }
  }

  function sawBlock(block: Shape): void {
    if (block["type"] === "tool_use") sawTool(seen, block["name"]);
  }

  return self;
}

/** The answer to `count_tokens` is an object with little but `input_tokens`. */
const countedBytesMax = 4_096;

/** An event without a name tells its type in the data. */
function typeName(frame: string): string {
  const data = frameData(frame);
  return data === "" ? "" : (words(shape(parseJson(data))["type"]) ?? "");
}

function blockOf(frame: string): Shape {
  return shape(shape(parseJson(frameData(frame)))["content_block"]);
}

/** An estimate: the string of the delta, as escaped bytes. A signature is no output. */
function visibleBytes(frame: string): number {
  const delta = frame.indexOf('"delta":');
  const type = delta === -1 ? -1 : frame.indexOf('_delta","', delta);
  if (type === -1 || frame.startsWith("signature", type - 9)) return 0;
  const value = frame.indexOf('":"', type + 9);
  return value === -1 ? 0 : stringLength(frame, value + 3);
}
