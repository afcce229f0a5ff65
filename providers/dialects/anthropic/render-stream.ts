/**
 * Events as an Anthropic stream. Hides the numbering, opening and closing of blocks: one is open at a time, so the
 * deltas of calls that an upstream interleaves wait until the call before them is whole.
 */
import type { Event, JsonObject, RenderContext, StreamRenderer, Usage } from "../../exchange.ts";
import type { GatewayError } from "../../gateway-error.ts";
import { parseJson } from "../../json.ts";
import { renderCitation } from "./citation.ts";
import { renderFailure } from "./failure.ts";
import { renderStop, renderUsage } from "./usage.ts";

type Call = { readonly index: number; readonly id: string; readonly name: string; waiting: string };

function frame(name: string, data: string): string {
  return `event: ${name}\ndata: ${data}\n\n`;
}

export function renderStream(context: RenderContext): StreamRenderer {
  let usage: Usage = {};
  let begun = false;
  /** The number of the open block, or of the next one when none is open. */
  let number = 0;
  let open: "none" | "text" | "thinking" | "tool" = "none";
  let deltaHead = "";
  /** The call whose block is open, its arguments so far, and the calls that wait behind it. */
  let current: Call | undefined;
  let written = "";
  let waiting: Call[] = [];
  let called = false;
  let ending: { readonly stop: string; readonly sequence: string | null } | undefined;

  function begin(id = context.id, model = context.model): string {
    if (begun) return "";
    begun = true;
    const message = {
      id,
      type: "message",
      role: "assistant",
      model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: renderUsage(usage),
    };
    return frame("message_start", JSON.stringify({ type: "message_start", message }));
  }

  function openBlock(kind: "text" | "thinking" | "tool", block: JsonObject, delta: string): string {
    const out = begin() + closeBlock() + startFrame(block);
    open = kind;
    deltaHead = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${number},"delta":{"type":${delta}`;
    return out;
  }

  function startFrame(block: JsonObject): string {
    return frame(
      "content_block_start",
      `{"type":"content_block_start","index":${number},"content_block":${JSON.stringify(block)}}`,
    );
  }

  function stopFrame(): string {
    return frame("content_block_stop", `{"type":"content_block_stop","index":${number++}}`);
  }

  /** Closes what is open, after the calls that wait: whatever comes next comes after them. */
  function closeBlock(): string {
    if (open === "none") return "";
    let out = stopFrame();
    open = "none";
    current = undefined;
    while (waiting.length > 0) {
      const call = waiting.shift()!;
      out += openCall(call) + stopFrame();
      open = "none";
      current = undefined;
    }
    return out;
  }

  function textDelta(delta: string): string {
    const out = open === "text" ? "" : openBlock("text", { type: "text", text: "" }, `"text_delta","text":`);
    return `${out}${deltaHead}${JSON.stringify(delta)}}}\n\n`;
  }

  function thinkingDelta(delta: string): string {
    const out = open === "thinking" ? "" : openThinking();
    return `${out}${deltaHead}${JSON.stringify(delta)}}}\n\n`;
  }

  function openThinking(): string {
    return openBlock("thinking", { type: "thinking", thinking: "", signature: "" }, `"thinking_delta","thinking":`);
  }

  function signature(proof: string): string {
    const out = open === "thinking" ? "" : openThinking();
    const delta = { type: "content_block_delta", index: number, delta: { type: "signature_delta", signature: proof } };
    return out + frame("content_block_delta", JSON.stringify(delta)) + closeBlock();
  }

  function citation(value: JsonObject): string {
    const out = open === "text" ? "" : openBlock("text", { type: "text", text: "" }, `"text_delta","text":`);
    const delta = {
      type: "content_block_delta",
      index: number,
      delta: { type: "citations_delta", citation: renderCitation(value) },
    };
    return out + frame("content_block_delta", JSON.stringify(delta));
  }

  function whole(block: JsonObject): string {
    return begin() + closeBlock() + startFrame(block) + stopFrame();
  }

  function openCall(call: Call): string {
    current = call;
    written = call.waiting;
    const block = { type: "tool_use", id: call.id, name: call.name, input: {} };
    open = "tool";
    deltaHead = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${number},"delta":{"type":"input_json_delta","partial_json":`;
    const out = startFrame(block);
    return call.waiting === "" ? out : `${out}${deltaHead}${JSON.stringify(call.waiting)}}}\n\n`;
  }

  function callStart(call: Call): string {
    called = true;
    if (current !== undefined && !(waiting.length === 0 && isWhole(written))) {
      waiting.push(call);
      return "";
    }
    return begin() + closeBlock() + openCall(call);
  }

  function callDelta(index: number, delta: string): string {
    if (current?.index === index) {
      written += delta;
      return `${deltaHead}${JSON.stringify(delta)}}}\n\n`;
    }
    const call = waiting.find((candidate) => candidate.index === index);
    if (call === undefined) return ""; // a delta for a call that is closed, or was never begun
    call.waiting += delta;
    return advance();
  }

  /** The open call is whole, and one behind it has begun to write: close it and open the next. */
  function advance(): string {
    if (!isWhole(written)) return "";
    const [next, ...rest] = waiting;
    if (next === undefined) return "";
    waiting = [];
    const out = closeBlock();
    waiting = rest;
    return out + openCall(next);
  }

  function push(event: Event): string {
    if ("choice" in event && (event.choice ?? 0) > 0) return "";
    switch (event.type) {
      case "text":
      case "refusal":
        return textDelta(event.delta);
      case "tool_call_delta":
        return callDelta(event.index, event.delta);
      case "thinking":
        return thinkingDelta(event.delta);
      case "tool_call_start":
        return callStart({ index: event.index, id: event.id, name: event.name, waiting: "" });
      case "thinking_signature":
        return signature(event.signature);
      case "redacted_thinking":
        return whole({ type: "redacted_thinking", data: event.data });
      case "citation":
        return citation(event.value);
      case "opaque":
        return event.dialect === "anthropic" ? whole(event.value) : "";
      case "start":
        usage = { ...usage, ...event.usage };
        return begin(event.id, event.model);
      case "usage":
        usage = { ...usage, ...event.usage };
        return "";
      case "logprobs":
      case "media":
        return "";
      case "finish":
        usage = { ...usage, ...event.usage };
        ending = {
          stop: renderStop(event.reason, event.native, event.stopSequence, called),
          sequence: event.stopSequence ?? null,
        };
        return closeBlock(); // the stop reason waits for `end`: an upstream may tell its usage after it
    }
  }

  function end(): string {
    const delta = { stop_reason: ending?.stop ?? "end_turn", stop_sequence: ending?.sequence ?? null };
    const last = JSON.stringify({ type: "message_delta", delta, usage: renderUsage(usage) });
    return begin() + closeBlock() + frame("message_delta", last) + frame("message_stop", `{"type":"message_stop"}`);
  }

  return {
    push,
    end,
    fail: (error: GatewayError, requestId: string) => frame("error", JSON.stringify(renderFailure(error, requestId))),
  };
}

/** Whether arguments are complete: nothing more can follow a whole JSON object. */
function isWhole(written: string): boolean {
  return written.trimEnd().endsWith("}") && parseJson(written) !== undefined;
}
