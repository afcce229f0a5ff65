/**
 * Watching an OpenAI-shaped answer go by on its way to an OpenAI-shaped client. Hides how little of it is looked at:
 * a frame costs a few searches, and only one that may hold usage, a finish or an error is parsed.
 *
 * In JSON text an inner quote is escaped, so `"usage"` never occurs inside what a model wrote; as a key further in, or
 * as a whole string value, it may, so every hit is confirmed by parsing.
 */
import type { FrameKind, Tap, Usage } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, known, list, parseJson, type Shape, shape, words } from "../../json.ts";
import { endingOf, idNearStart, nothingSeen, sawReason, sawTool, wordNearEnd } from "../ending.ts";
import { upstreamFailure } from "../failure.ts";
import { dataStart, frameData, frameEvent, stringLength, topLevelObject, utf8 } from "../sse-frame.ts";
import { holdsFailure } from "./failure.ts";
import { decodeFinish, decodeUsage } from "./usage.ts";

export function tap(): Tap {
  let usage: Usage | undefined;
  let failure: GatewayError | undefined;
  let contentSeen = false;
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
    const start = dataStart(raw);
    if (start === -1) return "preamble";
    if (start > 6 && frameEvent(raw) === "error") return fail(frameData(raw));
    if (raw.startsWith("[DONE]", start)) {
      self.finished = true;
      return "terminal";
    }
    const visible = visibleBytes(raw, start);
    self.outputBytes += Math.abs(visible);
    // Names of tools stand in frames without text.
    if (visible <= 0 && contentSeen) watchTools(raw, start);
    // Written so that the searches are the engine's fast ones: a leading quote is the slowest thing to look for.
    if (!contentSeen || raw.includes('rror"', start) || given(raw, '"usage"') || given(raw, '"finish_reason"')) {
      return inspect(raw);
    }
    return "content";
  }

  function fail(told: string): FrameKind {
    const words = utf8(told);
    failure = upstreamFailure(200, parseJson(words) ?? words);
    return "error";
  }

  function inspect(raw: string): FrameKind {
    const chunk = shape(parseJson(frameData(raw)));
    if (holdsFailure(chunk)) return fail(frameData(raw));
    const told = decodeUsage(chunk["usage"] ?? shape(chunk["x_groq"])["usage"], chunk["service_tier"]);
    if (told !== undefined) usage = { ...usage, ...told };
    seen.id ??= words(chunk["id"]);
    const choices = list(chunk["choices"]);
    if (choices.length === 0) return told === undefined ? "preamble" : "usage";
    for (const choice of choices) for (const call of list(shape(shape(choice)["delta"])["tool_calls"])) sawCall(call);
    const native = choices.map((choice) => words(shape(choice)["finish_reason"])).find((word) => word !== undefined);
    if (native !== undefined) {
      self.finished = true;
      sawReason(seen, decodeFinish(native), native);
      return "finish";
    }
    contentSeen ||= choices.some(visible);
    return contentSeen ? "content" : "preamble";
  }

  function body(raw: string): FrameKind {
    const last = raw.trimEnd();
    if (!last.endsWith("}") || raw.trimStart().charCodeAt(0) !== 123) {
      failure = new GatewayError("upstream_protocol", "the provider's answer is not a JSON object", {
        source: "provider",
      });
      return "error";
    }
    if (last.includes('rror"') || last.includes('urce"')) {
      const whole = shape(parseJson(last));
      if (holdsFailure(whole)) return fail(last);
    }
    usage = bodyUsage(last);
    self.finished = true;
    self.outputBytes = last.length;
    const native = wordNearEnd(last, "finish_reason");
    if (native !== undefined) sawReason(seen, decodeFinish(native), native);
    seen.id = idNearStart(last);
    if (seen.reason === "tool_calls") {
      for (const choice of list(shape(parseJson(last))["choices"]))
        for (const call of list(shape(shape(choice)["message"])["tool_calls"])) sawCall(call);
    }
    return "terminal";
  }

  function sawCall(call: unknown): void {
    const { function: called, custom } = shape(call) as { function?: unknown; custom?: unknown };
    sawTool(seen, shape(called ?? custom)["name"]);
  }

  function watchTools(raw: string, start: number): void {
    const calls = raw.indexOf('"tool_calls"', start);
    if (calls === -1) return;
    for (const [, name] of raw.slice(calls).matchAll(calledName)) sawTool(seen, name);
  }

  return self;
}

/** Arguments are text with its quotes escaped, so that a name in them is none of these. */
const calledName = /"name"\s*:\s*"([^"\\]{1,256})"/g;

/** Bodies up to here are parsed for the tier that stands beside the usage; in a larger one it is searched for. */
const parsedBytesMax = 512;

function bodyUsage(body: string): Usage | undefined {
  if (body.length <= parsedBytesMax) {
    const whole = shape(parseJson(body));
    return decodeUsage(whole["usage"], whole["service_tier"]) ?? countedInput(whole);
  }
  const found = topLevelObject(body, "usage");
  if (found === undefined) return undefined;
  const tier = body.indexOf('service_tier"') - 1;
  return decodeUsage(parseJson(found), tier < 0 ? undefined : tierAt(body, tier));
}

function tierAt(body: string, key: number): string | undefined {
  return /^"service_tier"\s*:\s*"([a-z_]{1,32})"/.exec(body.slice(key, key + 64))?.[1];
}

function countedInput(whole: Shape): Usage | undefined {
  const input = count(whole["input_tokens"]);
  return input === undefined ? undefined : known({ input });
}

/** Whether the key stands in the frame with anything but `null`: many servers write `"usage":null` in every chunk. */
function given(frame: string, key: string): boolean {
  for (let at = frame.lastIndexOf(key); at > 0; at = frame.lastIndexOf(key, at - 1)) {
    let value = at + key.length;
    while (frame.charCodeAt(value) === 58 || frame.charCodeAt(value) === 32) value++;
    if (!frame.startsWith("null", value)) return true;
  }
  return false;
}

/** A delta or text with something in it that a person or a program would see. */
function visible(choice: unknown): boolean {
  const { delta, text } = shape(choice) as { delta?: unknown; text?: unknown };
  if (words(text) !== undefined) return true;
  const told = shape(delta);
  for (const key in told) {
    const value = told[key];
    if (key === "role" || value === null || value === "") continue;
    if (Array.isArray(value) && value.length === 0) continue;
    return true;
  }
  return false;
}

/** An estimate: the first string of the delta that is content, arguments or reasoning, as escaped bytes; less than 0: arguments. */
function visibleBytes(frame: string, from: number): number {
  const delta = frame.indexOf('delta":', from);
  const at = delta === -1 ? from : delta;
  for (const key of visibleKeys) {
    const found = frame.indexOf(key, at);
    const length = found === -1 ? 0 : stringLength(frame, found + key.length);
    if (length > 0) return key === argumentsKey ? -length : length;
  }
  return 0;
}

const argumentsKey = '"arguments":"';
const visibleKeys = ['"content":"', argumentsKey, '"reasoning_content":"', '"reasoning":"', '"text":"'] as const;
