/** A Cohere answer, whole or streamed, as events. Hides that text beside calls is a plan, and that an error is a finish reason. */
import type { Event, StreamDecoder } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, isObject, list, parseJson, type Shape, shape, text, words, writable } from "../../json.ts";
import { alike } from "../alike.ts";
import { upstreamFailure } from "../failure.ts";
import { argumentsText } from "../tool-arguments.ts";
import { finishFailure } from "./failure.ts";
import { decodeLogprobs } from "./logprobs.ts";
import { redactedData } from "./redacted.ts";
import { decodeFinish, decodeUsage } from "./usage.ts";

export function decode(body: unknown): readonly Event[] {
  const answer = shape(body);
  if (!isObject(answer["message"])) {
    if (words(answer["message"]) !== undefined || isObject(answer["error"])) throw upstreamFailure(200, body);
    throw protocol("the provider's answer has no message");
  }
  const native = words(answer["finish_reason"]) ?? "COMPLETE";
  const failure = finishFailure(native, answer["error"]);
  if (failure !== undefined) throw failure;
  const message = answer["message"];
  const events: Event[] = [{ type: "start", id: words(answer["id"]) }];
  for (const item of list(message["content"])) pushContent(shape(item), events);
  if (typeof message["content"] === "string") pushContent({ text: message["content"] }, events);
  const plan = words(message["tool_plan"]);
  if (plan !== undefined) events.push({ type: "text", delta: plan });
  for (const [index, call] of list(message["tool_calls"]).entries()) {
    events.push(callStart(shape(call), index));
    events.push({ type: "tool_call_delta", index, delta: writtenArguments(shape(call)) });
  }
  for (const citation of list(message["citations"])) pushCitation(citation, events);
  const logprobs = decodeLogprobs(answer["logprobs"]);
  if (logprobs !== undefined) events.push({ type: "logprobs", value: logprobs });
  events.push({ type: "finish", reason: decodeFinish(native), native, usage: decodeUsage(answer["usage"]) });
  return events;
}

function pushContent(content: Shape, events: Event[]): void {
  const thought = words(content["thinking"]);
  if (thought !== undefined) events.push({ type: "thinking", delta: thought });
  const signature = words(content["signature"]); // not of Cohere, but of a gateway that tells another's thinking
  const data = signature === undefined ? undefined : redactedData(signature);
  if (data !== undefined) events.push({ type: "redacted_thinking", data });
  else if (signature !== undefined) events.push({ type: "thinking_signature", signature });
  const told = words(content["text"]);
  if (told !== undefined) events.push({ type: "text", delta: told });
}

function pushCitation(citation: unknown, events: Event[]): void {
  const value = writable(citation);
  if (value !== undefined) events.push({ type: "citation", value });
}

function callStart(call: Shape, index: number): Event {
  const name = text(shape(call["function"])["name"]) ?? "";
  return { type: "tool_call_start", index, id: words(call["id"]) ?? `call_${index}`, name };
}

/** A call without arguments has been seen with `null`, and with nothing. */
function writtenArguments(call: Shape): string {
  const written = argumentsText(shape(call["function"])["arguments"]);
  return written === "" || written === "null" ? "{}" : written;
}

/** Calls of one answer. */
const callsMax = 1_024;

export function decodeStream(): StreamDecoder {
  /** Whether a call's arguments have begun, by its number on the wire. */
  const written = new Map<number, { readonly index: number; begun: boolean }>();
  let started = false;
  let ended = false;

  function push(name: string, data: string): readonly Event[] {
    if (ended || data === "" || data === "[DONE]") return [];
    const frame = parseJson(data);
    if (!isObject(frame)) throw protocol("the provider sent an event that is not a JSON object");
    const type = words(frame["type"]) ?? name;
    const delta = shape(frame["delta"]);
    const message = shape(delta["message"]);
    switch (type) {
      case "message-start":
        if (started) throw protocol("the provider began a second message within one stream");
        started = true;
        return [{ type: "start", id: words(frame["id"]) }];
      case "content-start":
      case "content-delta":
        return content(frame, message);
      case "tool-plan-delta": {
        const plan = words(message["tool_plan"]);
        return plan === undefined ? [] : [{ type: "text", delta: plan }];
      }
      case "tool-call-start":
        return toolStart(count(frame["index"]) ?? 0, shape(message["tool_calls"]));
      case "tool-call-delta":
        return toolDelta(count(frame["index"]) ?? 0, shape(message["tool_calls"]));
      case "tool-call-end":
        return toolEnd(count(frame["index"]) ?? 0);
      case "citation-start": {
        const events: Event[] = [];
        for (const one of [message["citations"]].flat()) pushCitation(one, events);
        return events;
      }
      case "message-end":
        return messageEnd(delta);
      default:
        if (isObject(frame["error"]) || (type === "" && words(frame["message"]) !== undefined) || type === "error") {
          throw upstreamFailure(200, frame);
        }
        return []; // ends of contents and citations, debug, and what is not known yet
    }
  }

  function content(frame: Shape, message: Shape): readonly Event[] {
    const events: Event[] = [];
    pushContent(shape(message["content"]), events);
    const logprobs = decodeLogprobs(frame["logprobs"]);
    if (logprobs !== undefined) events.push({ type: "logprobs", value: logprobs });
    return events;
  }

  function toolStart(at: number, call: Shape): readonly Event[] {
    if (written.size >= callsMax) throw protocol(`the provider called more than ${callsMax} tools`);
    const index = written.size;
    const first = words(shape(call["function"])["arguments"]);
    written.set(at, { index, begun: first !== undefined });
    const start = callStart(call, index);
    return first === undefined ? [start] : [start, { type: "tool_call_delta", index, delta: first }];
  }

  function toolDelta(at: number, call: Shape): readonly Event[] {
    const open = written.get(at);
    const delta = words(shape(call["function"])["arguments"]);
    if (open === undefined || delta === undefined) return [];
    open.begun = true;
    return [{ type: "tool_call_delta", index: open.index, delta }];
  }

  function toolEnd(at: number): readonly Event[] {
    const open = written.get(at);
    if (open === undefined || open.begun) return [];
    open.begun = true;
    return [{ type: "tool_call_delta", index: open.index, delta: "{}" }];
  }

  function messageEnd(delta: Shape): readonly Event[] {
    const native = words(delta["finish_reason"]) ?? "COMPLETE";
    const failure = finishFailure(native, delta["error"]);
    if (failure !== undefined) throw failure;
    ended = true;
    return [{ type: "finish", reason: decodeFinish(native), native, usage: decodeUsage(delta["usage"]) }];
  }

  return alike({
    push,
    finished() {
      return ended;
    },
    end() {
      if (ended) return [];
      throw new GatewayError("upstream_truncated", "the provider's stream ended before its finish reason", {
        source: "provider",
      });
    },
  });
}

function protocol(message: string): GatewayError {
  return new GatewayError("upstream_protocol", message, { source: "provider" });
}
