/** Watching a Converse answer go by on its way to a client of Converse. Hides how little of it is looked at. */
import type { FrameKind, Tap, Usage } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, list, parseJson, shape, words } from "../../json.ts";
import { endingOf, nothingSeen, sawReason, sawTool, wordNearEnd } from "../ending.ts";
import { frameData, frameEvent, stringLength, topLevelObject, utf8 } from "../sse-frame.ts";
import { exceptionStatus } from "./exceptions.ts";
import { decodeException, decodeFailure } from "./failure.ts";
import { decodeStop, decodeUsage } from "./usage.ts";

export function tap(): Tap {
  let usage: Usage | undefined;
  let failure: GatewayError | undefined;
  let measured = false;
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

  function frame(raw: string): FrameKind {
    if (raw.startsWith("event: contentBlockDelta")) {
      self.outputBytes += visibleBytes(raw);
      return "content";
    }
    const name = frameEvent(raw);
    switch (name) {
      case "contentBlockDelta":
        return "content";
      case "contentBlockStart":
        sawTool(seen, shape(shape(shape(parseJson(frameData(raw)))["start"])["toolUse"])["name"]);
        return "content";
      case "messageStop":
        self.finished = true;
        sawStop(words(shape(parseJson(frameData(raw)))["stopReason"]));
        return measured ? "terminal" : "finish";
      case "metadata": {
        const told = shape(parseJson(frameData(raw)));
        usage = decodeUsage(told["usage"], told["serviceTier"]) ?? usage;
        measured = true;
        return self.finished ? "terminal" : "preamble";
      }
      default:
        if (exceptionStatus(name) === undefined && !/exception$/i.test(name)) return "preamble";
        failure = decodeException(name, parseJson(utf8(frameData(raw))) ?? {});
        return "error";
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
    const told = topLevelObject(last, "usage");
    if (told !== undefined) usage = decodeUsage(parseJson(told), parseJson(topLevelObject(last, "serviceTier") ?? ""));
    else if (last.length <= smallBytesMax) {
      const whole = shape(parseJson(utf8(last)));
      const input = count(whole["inputTokens"]);
      if (input !== undefined) usage = { input };
      else if (words(whole["message"]) !== undefined && whole["output"] === undefined) {
        failure = decodeFailure(200, whole);
        return "error";
      }
    }
    self.finished = true;
    self.outputBytes = last.length;
    sawStop(wordNearEnd(last, "stopReason"));
    if (seen.reason === "tool_calls") {
      const message = shape(shape(shape(parseJson(last))["output"])["message"]);
      for (const block of list(message["content"])) sawTool(seen, shape(shape(block)["toolUse"])["name"]);
    }
    return "terminal";
  }

  function sawStop(native: string | undefined): void {
    if (native !== undefined) sawReason(seen, decodeStop(native), native);
  }

  return self;
}

/** The answer to a count, or an error with status 200, is a small object. */
const smallBytesMax = 4_096;

/** An estimate: the string of the delta, as escaped bytes. A signature is no output. */
function visibleBytes(frame: string): number {
  const delta = frame.indexOf('"delta":');
  if (delta === -1 || frame.indexOf('"signature":', delta) !== -1) return 0;
  for (const key of ['"text":"', '"input":"']) {
    const at = frame.indexOf(key, delta);
    if (at !== -1) return stringLength(frame, at + key.length);
  }
  return 0;
}
