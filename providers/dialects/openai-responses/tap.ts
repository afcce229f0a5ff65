/**
 * Watching a response go by on its way to a client that speaks the same. Hides how little of it is looked at: events are
 * told apart by name, and only the last one, which holds usage and status, is parsed.
 */
import type { FrameKind, RenderContext, Tap, Usage } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, isObject, list, parseJson, type Shape, shape, words } from "../../json.ts";
import { endingOf, idNearStart, nothingSeen, sawReason, sawTool } from "../ending.ts";
import { frameData, frameEvent, stringLength, topLevelObject, utf8 } from "../sse-frame.ts";
import { decodeFailure, holdsFailure } from "./failure.ts";
import { containersIn, decodeFinish, decodeUsage, usageOf } from "./usage.ts";

export function tap(): Tap {
  let usage: Usage | undefined;
  let failure: GatewayError | undefined;
  let frames = 0;
  let id: string | undefined;
  const seen = nothingSeen();
  const self = {
    frame,
    body,
    position,
    usage: () => usage,
    failure: () => failure,
    finished: false,
    outputBytes: 0,
    ending: () => endingOf(seen),
  };

  function frame(raw: string): FrameKind {
    const delta = deltaName.test(raw);
    if (delta) {
      frames++;
      self.outputBytes += visibleBytes(raw);
      return "content";
    }
    const data = frameData(raw);
    if (data === "") return "preamble";
    frames++;
    if (data.startsWith("[DONE]")) return self.finished ? "terminal" : "preamble";
    return named(frameEvent(raw) || typeName(data), data);
  }

  function named(name: string, data: string): FrameKind {
    switch (name) {
      case "response.created":
        id = words(shape(shape(parseJson(data))["response"])["id"]);
        return "preamble";
      case "response.in_progress":
      case "response.queued":
      case "response.content_part.added":
      case "response.reasoning_summary_part.added":
        return "preamble";
      case "response.output_item.added":
        return beginsSilent(data) ? "preamble" : "content";
      case "response.completed":
      case "response.incomplete": {
        const response = shape(shape(parseJson(data))["response"]);
        if (holdsFailure(response)) return fail(data);
        usage = decodeUsage(response) ?? usage;
        sawEnd(response);
        self.finished = true;
        return "terminal";
      }
      case "response.failed":
      case "response.cancelled":
      case "error":
        return fail(data);
      case "":
        // Named neither way: a failure in another envelope, or a frame that is no event of this dialect.
        return data.includes('"error"') && isObject(shape(parseJson(data))["error"]) ? fail(data) : "preamble";
      default:
        self.outputBytes += name.endsWith(".delta") ? visibleBytes(data) : 0;
        return "content";
    }
  }

  /** It is not relayed: what comes in its place has its number. */
  function fail(data: string): FrameKind {
    frames--;
    const told = utf8(data);
    failure = decodeFailure(200, parseJson(told) ?? told);
    return "error";
  }

  function body(raw: string): FrameKind {
    const last = raw.trimEnd();
    if (!last.endsWith("}") || raw.trimStart().charCodeAt(0) !== 123) {
      failure = new GatewayError("upstream_protocol", "the provider's answer is not a JSON object", {
        source: "provider",
      });
      return "error";
    }
    if (topLevelObject(last, "error") !== undefined) return fail(last);
    usage = bodyUsage(last);
    self.finished = true;
    self.outputBytes = last.length;
    if (last.includes('ncomplete"') || last.includes('_call"')) sawEnd(shape(parseJson(last)));
    else if (last.includes('"output"')) sawReason(seen, "stop", "completed");
    seen.id = idNearStart(last);
    return "terminal";
  }

  function sawEnd(response: Shape): void {
    for (const item of list(response["output"]).map(shape))
      if (item["type"] === "function_call" || item["type"] === "custom_tool_call") sawTool(seen, item["name"]);
    const { reason, native } = decodeFinish(response, seen.tools !== undefined);
    sawReason(seen, reason, native);
    seen.id = words(response["id"]) ?? id;
  }

  function position(): Partial<RenderContext> {
    return id === undefined ? { sequence: frames } : { id, sequence: frames };
  }

  return self;
}

const deltaName = /^event: response\.(output_text|function_call_arguments|reasoning_summary_text)\.delta/;

function typeName(data: string): string {
  return words(shape(parseJson(data))["type"]) ?? "";
}

/** A message or a piece of reasoning begins empty; an item of any other kind is something already. */
function beginsSilent(data: string): boolean {
  const type = shape(shape(parseJson(data))["item"])["type"];
  return type === "message" || type === "reasoning";
}

/** Bodies up to here are parsed for what stands beside the usage; a larger one is searched. */
const parsedBytesMax = 4_096;

function bodyUsage(body: string): Usage | undefined {
  if (body.length <= parsedBytesMax) {
    const whole = shape(parseJson(body));
    return decodeUsage(whole) ?? countedInput(whole);
  }
  const found = topLevelObject(body, "usage");
  if (found === undefined) return undefined;
  const tier = /"service_tier"\s*:\s*"([a-z_]{1,32})"/.exec(body)?.[1];
  // As a type only: what a model writes has its quotes escaped.
  const items = (type: string): number => body.split(new RegExp(`"type"\\s*:\\s*"${type}"`)).length - 1;
  const told = usageOf(shape(parseJson(found)), tier, items);
  const containerGb = body.includes('"container_id"') ? containersIn(body) : 0;
  return containerGb === 0 ? told : { ...told, containerGb };
}

/** The answer to a count of tokens. */
function countedInput(whole: Shape): Usage | undefined {
  const input = count(whole["input_tokens"]);
  return input === undefined ? undefined : { input };
}

/** An estimate: the string of the delta, as escaped bytes. */
function visibleBytes(frame: string): number {
  const delta = frame.indexOf('"delta":"');
  return delta === -1 ? 0 : stringLength(frame, delta + 9);
}
