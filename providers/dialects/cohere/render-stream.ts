/** Events as a Cohere stream. Hides the numbering, opening and closing of contents and calls. */
import type { Event, JsonObject, RenderContext, StreamRenderer, Usage } from "../../exchange.ts";
import type { GatewayError } from "../../gateway-error.ts";
import { renderCitation } from "./citation.ts";
import { renderLogprobs } from "./logprobs.ts";
import { redactedSignature } from "./redacted.ts";
import { renderFinish, renderUsage } from "./usage.ts";

function frame(type: string, rest: JsonObject): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`;
}

export function renderStream(context: RenderContext): StreamRenderer {
  let usage: Usage = {};
  let begun = false;
  /** The number of the next content. */
  let next = 0;
  let open: "none" | "text" | "thinking" = "none";
  const calls = new Set<number>();
  let called = false;
  let citations = 0;
  let ending: string | undefined;

  function begin(id = context.id): string {
    if (begun) return "";
    begun = true;
    const message = { role: "assistant", content: [], tool_plan: "", tool_calls: [], citations: [] };
    return `event: message-start\ndata: ${JSON.stringify({ id, type: "message-start", delta: { message } })}\n\n`;
  }

  function close(): string {
    if (open === "none") return "";
    open = "none";
    return frame("content-end", { index: next++ });
  }

  function openContent(kind: "text" | "thinking"): string {
    if (open === kind) return "";
    const out = begin() + close();
    open = kind;
    return out + frame("content-start", { index: next, delta: { message: { content: { type: kind, [kind]: "" } } } });
  }

  /** Cohere has no such field; kept by the client, it lets another's thinking return. */
  function signature(proof: string): string {
    const delta = { message: { content: { thinking: "", signature: proof } } };
    return openContent("thinking") + frame("content-delta", { index: next, delta }) + close();
  }

  function content(kind: "text" | "thinking", delta: string): string {
    const out = openContent(kind);
    const text = JSON.stringify(delta);
    return `${out}event: content-delta\ndata: {"type":"content-delta","index":${next},"delta":{"message":{"content":{"${kind}":${text}}}}}\n\n`;
  }

  function callStart(index: number, id: string, name: string): string {
    called = true;
    calls.add(index);
    const call = { id, type: "function", function: { name, arguments: "" } };
    return begin() + close() + frame("tool-call-start", { index, delta: { message: { tool_calls: call } } });
  }

  function callDelta(index: number, delta: string): string {
    if (!calls.has(index)) return "";
    return frame("tool-call-delta", { index, delta: { message: { tool_calls: { function: { arguments: delta } } } } });
  }

  function endCalls(): string {
    let out = "";
    for (const index of calls) out += frame("tool-call-end", { index });
    calls.clear();
    return out;
  }

  function citation(value: JsonObject): string {
    const rendered = renderCitation(value);
    if (rendered === undefined) return "";
    const index = citations++;
    const start = frame("citation-start", { index, delta: { message: { citations: rendered } } });
    return begin() + start + frame("citation-end", { index });
  }

  function logprobs(event: Extract<Event, { type: "logprobs" }>): string {
    let out = "";
    for (const piece of renderLogprobs(event.value)) {
      const delta = { message: { content: { text: "" } } };
      out += frame("content-delta", { index: next, delta, logprobs: piece });
    }
    return out;
  }

  function push(event: Event): string {
    if ("choice" in event && (event.choice ?? 0) > 0) return "";
    switch (event.type) {
      case "text":
      case "refusal":
        return content("text", event.delta);
      case "thinking":
        return content("thinking", event.delta);
      case "thinking_signature":
        return signature(event.signature);
      case "redacted_thinking":
        return close() + signature(redactedSignature(event.data));
      case "tool_call_delta":
        return callDelta(event.index, event.delta);
      case "tool_call_start":
        return callStart(event.index, event.id, event.name);
      case "citation":
        return citation(event.value);
      case "logprobs":
        return open === "text" ? logprobs(event) : "";
      case "start":
        usage = { ...usage, ...event.usage };
        return begin(event.id);
      case "usage":
        usage = { ...usage, ...event.usage };
        return "";
      case "finish":
        usage = { ...usage, ...event.usage };
        ending = renderFinish(event.reason, event.native, event.stopSequence, called);
        return close() + endCalls(); // the reason waits for `end`, since usage may follow
      default:
        return ""; // pictures and other dialects' blocks have no place here
    }
  }

  function last(delta: JsonObject): string {
    return `${frame("message-end", { delta })}data: [DONE]\n\n`;
  }

  return {
    push,
    end: () =>
      begin() + close() + endCalls() + last({ finish_reason: ending ?? "COMPLETE", usage: renderUsage(usage) }),
    fail: (error: GatewayError, requestId: string) =>
      begin() + last({ finish_reason: "ERROR", error: error.message, code: error.code, request_id: requestId }),
  };
}
