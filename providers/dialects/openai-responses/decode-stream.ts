/**
 * A streamed response as events. Hides items that open and close: what was not told in deltas is told when its item is
 * done, and what was is not told twice. Items are known by their place, since some servers change ids on the way.
 */
import type { Event, StreamDecoder } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, isObject, list, parseJson, type Shape, shape, words } from "../../json.ts";
import {
  callStart,
  finish,
  protocol,
  pushCitation,
  pushItem,
  pushLogprobs,
  pushOther,
  pushProof,
  start,
} from "./decode.ts";
import { decodeFailure, holdsFailure } from "./failure.ts";
import { pieceBreak } from "./reasoning.ts";

/** Items one response may open. */
const itemsMax = 4_096;

type Item = {
  /** Its place among the calls of functions; undefined for every other kind. */
  readonly call: number | undefined;
  /** Some of its content has been told. */
  told: boolean;
  /** The piece of reasoning told last. */
  piece: number;
};

export function decodeStream(): StreamDecoder {
  const items = new Map<number, Item>();
  let started = false;
  let calls = 0;
  let finished = false;

  function push(event: string, data: string): readonly Event[] {
    if (finished || data === "" || data.startsWith("[DONE]")) return [];
    const frame = parseJson(data);
    if (!isObject(frame)) {
      if (event === "error") throw decodeFailure(200, data);
      throw protocol("the provider sent a frame that is not a JSON object");
    }
    const events: Event[] = [];
    take(words(frame["type"]) ?? event, frame, events);
    return events;
  }

  function take(type: string, frame: Shape, events: Event[]): void {
    switch (type) {
      case "response.output_text.delta":
        tellDelta("text", frame, events);
        break;
      case "response.refusal.delta":
        tellDelta("refusal", frame, events);
        break;
      case "response.function_call_arguments.delta":
        callDelta(frame, events);
        break;
      case "response.reasoning_summary_text.delta":
        thinkingDelta(frame, frame["summary_index"], events);
        break;
      case "response.reasoning_text.delta":
        thinkingDelta(frame, frame["content_index"], events);
        break;
      case "response.output_text.annotation.added":
        pushCitation(frame["annotation"], events);
        break;
      case "response.output_item.added":
        itemAdded(frame, events);
        break;
      case "response.output_item.done":
        itemDone(frame, events);
        break;
      case "response.created":
      case "response.in_progress":
      case "response.queued":
        begin(shape(frame["response"]), events);
        break;
      case "response.completed":
      case "response.incomplete":
        end(shape(frame["response"]), events);
        break;
      case "response.failed":
      case "response.cancelled":
      case "error":
        throw decodeFailure(200, frame);
      default:
        // Steps of hosted tools, the ends of parts, and events not known yet.
        if (type === "" && isObject(frame["error"])) throw decodeFailure(200, frame);
    }
  }

  function begin(response: Shape, events: Event[]): void {
    if (holdsFailure(response)) throw decodeFailure(200, response);
    if (started) return;
    started = true;
    events.push(start(response));
  }

  /** The item of a frame; one whose beginning was never told begins with what is first said of it. */
  function itemAt(frame: Shape, call?: number): Item {
    const place = count(frame["output_index"]) ?? items.size;
    let item = items.get(place);
    if (item === undefined) {
      if (items.size >= itemsMax) throw protocol(`the provider sent more than ${itemsMax} items`);
      item = { call, told: false, piece: 0 };
      items.set(place, item);
    }
    return item;
  }

  function itemAdded(frame: Shape, events: Event[]): void {
    const item = shape(frame["item"]);
    if (item["type"] !== "function_call") {
      itemAt(frame);
      return;
    }
    const state = itemAt(frame, calls);
    if (state.call !== calls) return; // told twice
    events.push(callStart(item, calls++));
    const written = words(item["arguments"]);
    if (written === undefined) return;
    state.told = true;
    events.push({ type: "tool_call_delta", index: state.call, delta: written });
  }

  function tellDelta(type: "text" | "refusal", frame: Shape, events: Event[]): void {
    const delta = words(frame["delta"]);
    if (delta !== undefined) {
      itemAt(frame).told = true;
      events.push({ type, delta });
    }
    if (frame["logprobs"] !== undefined) pushLogprobs(frame, events);
  }

  function callDelta(frame: Shape, events: Event[]): void {
    const state = items.get(count(frame["output_index"]) ?? -1);
    const delta = words(frame["delta"]);
    if (state?.call === undefined || delta === undefined) return;
    state.told = true;
    events.push({ type: "tool_call_delta", index: state.call, delta });
  }

  function thinkingDelta(frame: Shape, place: unknown, events: Event[]): void {
    const delta = words(frame["delta"]);
    if (delta === undefined) return;
    const state = itemAt(frame);
    const piece = count(place) ?? 0;
    if (piece > state.piece && state.told) events.push({ type: "thinking", delta: pieceBreak });
    state.piece = piece;
    state.told = true;
    events.push({ type: "thinking", delta });
  }

  function itemDone(frame: Shape, events: Event[]): void {
    const item = shape(frame["item"]);
    const known = items.get(count(frame["output_index"]) ?? -1);
    const state = known ?? itemAt(frame, item["type"] === "function_call" ? calls : undefined);
    switch (item["type"]) {
      case "message":
        if (!state.told) pushItem(item, calls, events);
        break;
      case "function_call":
        if (known === undefined) calls += pushItem(item, calls, events);
        else if (!state.told && state.call !== undefined && words(item["arguments"]) !== undefined) {
          events.push({ type: "tool_call_delta", index: state.call, delta: String(item["arguments"]) });
        }
        break;
      case "reasoning":
        if (state.told) pushProof(item, events);
        else pushItem(item, calls, events);
        break;
      default:
        pushOther(item, events);
    }
    state.told = true;
  }

  function end(response: Shape, events: Event[]): void {
    begin(response, events);
    // A server that tells nothing before the end.
    if (items.size === 0) {
      for (const item of list(response["output"])) calls += pushItem(shape(item), calls, events);
    }
    finished = true;
    events.push(finish(response, calls > 0));
  }

  return {
    push,
    finished() {
      return finished;
    },
    end() {
      if (finished) return [];
      throw new GatewayError("upstream_truncated", "the provider's stream ended before its response was complete", {
        source: "provider",
      });
    },
  };
}
