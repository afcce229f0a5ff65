/** Events as a whole Cohere answer. Hides the gathering of deltas into content, calls and citations. */
import type { Event, JsonObject, RenderContext, Usage } from "../../exchange.ts";
import { renderCitation } from "./citation.ts";
import { renderLogprobs } from "./logprobs.ts";
import { redactedSignature } from "./redacted.ts";
import { renderFinish, renderUsage } from "./usage.ts";

type Call = { readonly id: string; readonly name: string; written: string };
type Content =
  | { readonly type: "text"; text: string }
  | { readonly type: "thinking"; thinking: string; signature?: string };

export function render(events: readonly Event[], context: RenderContext): JsonObject {
  const content: Content[] = [];
  const calls: Call[] = [];
  const citations: JsonObject[] = [];
  const logprobs: JsonObject[] = [];
  let id = context.id;
  let usage: Usage = {};
  let finish = "COMPLETE";

  for (const event of events) {
    // This dialect has one choice; the others have no place.
    if ("choice" in event && (event.choice ?? 0) > 0) continue;
    const last = content.at(-1);
    switch (event.type) {
      case "start":
        id = event.id ?? id;
        usage = { ...usage, ...event.usage };
        break;
      case "usage":
        usage = { ...usage, ...event.usage };
        break;
      case "finish":
        usage = { ...usage, ...event.usage };
        finish = renderFinish(event.reason, event.native, event.stopSequence, calls.length > 0);
        break;
      case "text":
      case "refusal":
        if (last?.type === "text") last.text += event.delta;
        else content.push({ type: "text", text: event.delta });
        break;
      case "thinking":
        if (last?.type === "thinking" && last.signature === undefined) last.thinking += event.delta;
        else content.push({ type: "thinking", thinking: event.delta });
        break;
      case "thinking_signature":
        // Cohere has no such field; kept by the client, it lets another's thinking return.
        if (last?.type === "thinking" && last.signature === undefined) last.signature = event.signature;
        else content.push({ type: "thinking", thinking: "", signature: event.signature });
        break;
      case "redacted_thinking":
        content.push({ type: "thinking", thinking: "", signature: redactedSignature(event.data) });
        break;
      case "tool_call_start":
        calls[event.index] = { id: event.id, name: event.name, written: "" };
        break;
      case "tool_call_delta": {
        const call = calls[event.index];
        if (call !== undefined) call.written += event.delta;
        break;
      }
      case "citation": {
        const citation = renderCitation(event.value);
        if (citation !== undefined) citations.push(citation);
        break;
      }
      case "logprobs":
        logprobs.push(...renderLogprobs(event.value));
        break;
      default:
        break; // pictures and other dialects' blocks have no place here
    }
  }
  const called = calls.filter(Boolean).map(renderCall);
  return {
    id,
    message: {
      role: "assistant",
      ...(content.length === 0 ? {} : { content }),
      ...(called.length === 0 ? {} : { tool_calls: called }),
      ...(citations.length === 0 ? {} : { citations }),
    },
    finish_reason: finish,
    usage: renderUsage(usage),
    ...(logprobs.length === 0 ? {} : { logprobs }),
  };
}

function renderCall({ id, name, written }: Call): JsonObject {
  return { id, type: "function", function: { name, arguments: written === "" ? "{}" : written } };
}
