/**
 * Events as a Converse stream. Hides the numbering and closing of blocks: only a tool's block is announced, text and
 * thinking begin with their first delta; calls that an upstream interleaves stay open side by side.
 */
import type { Event, JsonObject, RenderContext, StreamRenderer, Usage } from "../../exchange.ts";
import type { GatewayError } from "../../gateway-error.ts";
import { renderCitation } from "./citation.ts";
import { exceptionFor } from "./exceptions.ts";
import { renderRedacted } from "./redacted.ts";
import { stopFields } from "./render.ts";
import { renderStop, renderUsage } from "./usage.ts";

function frame(name: string, data: string): string {
  return `event: ${name}\ndata: ${data}\n\n`;
}

export function renderStream(_context: RenderContext): StreamRenderer {
  let usage: Usage = {};
  let begun = false;
  /** The number of the next block. */
  let next = 0;
  let open: "none" | "text" | "thinking" = "none";
  /** Block numbers of open calls, by the call's index. */
  const calls = new Map<number, number>();
  let called = false;
  let ending: { readonly stop: string; readonly fields: JsonObject } | undefined;

  function begin(): string {
    if (begun) return "";
    begun = true;
    return frame("messageStart", '{"role":"assistant"}');
  }

  function stopFrame(at: number): string {
    return frame("contentBlockStop", `{"contentBlockIndex":${at}}`);
  }

  function closePlain(): string {
    if (open === "none") return "";
    open = "none";
    return stopFrame(next++);
  }

  function closeAll(): string {
    let out = closePlain();
    for (const at of calls.values()) out += stopFrame(at);
    calls.clear();
    return out;
  }

  function delta(at: number, value: string): string {
    return `event: contentBlockDelta\ndata: {"contentBlockIndex":${at},"delta":${value}}\n\n`;
  }

  function plain(kind: "text" | "thinking", value: string): string {
    const out = open === kind ? "" : begin() + closeAll();
    open = kind;
    return out + delta(next, value);
  }

  function whole(value: string): string {
    const out = begin() + closeAll() + delta(next, value);
    return out + stopFrame(next++);
  }

  function callStart(index: number, id: string, name: string): string {
    called = true;
    const out = begin() + closePlain();
    const at = next++;
    calls.set(index, at);
    const start = { contentBlockIndex: at, start: { toolUse: { toolUseId: id, name } } };
    return out + frame("contentBlockStart", JSON.stringify(start));
  }

  function callDelta(index: number, written: string): string {
    const at = calls.get(index);
    return at === undefined ? "" : delta(at, `{"toolUse":{"input":${JSON.stringify(written)}}}`);
  }

  function push(event: Event): string {
    if ("choice" in event && (event.choice ?? 0) > 0) return "";
    switch (event.type) {
      case "text":
      case "refusal":
        return plain("text", `{"text":${JSON.stringify(event.delta)}}`);
      case "tool_call_delta":
        return callDelta(event.index, event.delta);
      case "thinking":
        return plain("thinking", `{"reasoningContent":{"text":${JSON.stringify(event.delta)}}}`);
      case "tool_call_start":
        return callStart(event.index, event.id, event.name);
      case "thinking_signature":
        return (
          plain("thinking", `{"reasoningContent":{"signature":${JSON.stringify(event.signature)}}}`) + closePlain()
        );
      case "redacted_thinking":
        return whole(`{"reasoningContent":{"redactedContent":${JSON.stringify(renderRedacted(event.data))}}}`);
      case "citation": {
        const citation = renderCitation(event.value);
        return citation === undefined ? "" : plain("text", `{"citation":${JSON.stringify(citation)}}`);
      }
      case "media":
        return picture(event.mediaType, event.data);
      case "opaque":
      case "logprobs":
        return ""; // no place in a stream
      case "start":
        usage = { ...usage, ...event.usage };
        return begin();
      case "usage":
        usage = { ...usage, ...event.usage };
        return "";
      case "finish":
        usage = { ...usage, ...event.usage };
        ending = {
          stop: renderStop(event.reason, event.native, event.stopSequence, called),
          fields: stopFields(event.stopSequence),
        };
        return closeAll(); // the stop waits for `end`, since usage may follow
    }
  }

  function picture(mediaType: string, data: string): string {
    const format = /^image\/(png|jpeg|gif|webp)$/.exec(mediaType)?.[1];
    if (format === undefined) return "";
    const out = begin() + closeAll();
    const at = next++;
    const start = { contentBlockIndex: at, start: { image: { format } } };
    const bytes = `{"image":{"source":{"bytes":${JSON.stringify(data)}}}}`;
    return out + frame("contentBlockStart", JSON.stringify(start)) + delta(at, bytes) + stopFrame(at);
  }

  function end(): string {
    const stop = { stopReason: ending?.stop ?? "end_turn", ...ending?.fields };
    const tier = usage.serviceTier === undefined ? {} : { serviceTier: { type: usage.serviceTier } };
    const metadata = { usage: renderUsage(usage), metrics: { latencyMs: 0 }, ...tier };
    return (
      begin() + closeAll() + frame("messageStop", JSON.stringify(stop)) + frame("metadata", JSON.stringify(metadata))
    );
  }

  return {
    push,
    end,
    fail: (error: GatewayError, requestId: string) =>
      frame(exceptionFor(error.code), JSON.stringify({ message: error.message, request_id: requestId })),
  };
}
