/** Events as a whole response. Hides the gathering of deltas into items. */
import type { Event, JsonObject, RenderContext, Usage } from "../../exchange.ts";
import { customNames, type InputReader } from "../custom-tool.ts";
import { renderTier } from "../openai-extra.ts";
import {
  type Call,
  callItem,
  type Item,
  itemId,
  type MessagePart,
  modelFailed,
  pictureItem,
  redactedItem,
  renderAnnotation,
  renderItem,
  renderLogprobs,
  renderResponse,
  responseId,
  seal,
} from "./items.ts";
import { type Ending, renderEnding, renderUsage } from "./usage.ts";

export function render(events: readonly Event[], context: RenderContext): JsonObject {
  let id = responseId(context.id);
  let model = context.model;
  let usage: Usage = {};
  let ending: Ending = { status: "completed", details: null };
  const items: Item[] = [];
  const calls: Call[] = [];
  const custom = customNames(context.echo);

  for (const event of events) {
    // This dialect has one choice; the others have no place.
    if ("choice" in event && (event.choice ?? 0) > 0) continue;
    switch (event.type) {
      case "start":
        if (!context.id.startsWith("resp_")) id = responseId(event.id ?? context.id);
        model = event.model ?? model;
        usage = { ...usage, ...event.usage };
        break;
      case "usage":
        usage = { ...usage, ...event.usage };
        break;
      case "finish":
        usage = { ...usage, ...event.usage };
        ending = renderEnding(event.reason, items.some(refuses));
        break;
      case "tool_call_start": {
        const call = callItem(event, id, items.length, custom);
        calls[event.index] = call;
        items.push(call);
        break;
      }
      case "tool_call_delta": {
        const call = calls[event.index];
        if (call !== undefined) call.written += readerOf(call)?.push(event.delta) ?? event.delta;
        break;
      }
      default:
        gather(event, items, id);
    }
  }
  for (const call of calls) if (call !== undefined) call.written += readerOf(call)?.end() ?? "";
  const status = ending.status === "completed" ? "completed" : "incomplete";
  return renderResponse(
    { id, model, created: context.created },
    {
      ...ending,
      output: items.map((item) => renderItem(item, status)),
      usage: renderUsage(usage),
      serviceTier: renderTier(usage.serviceTier),
      ...(ending.status === "failed" ? { error: modelFailed } : {}),
    },
    context.echo,
  );
}

function readerOf(call: Call): InputReader | undefined {
  return call.type === "custom_tool_call" ? call.reader : undefined;
}

function refuses(item: Item): boolean {
  return item.type === "message" && item.content.some((part) => part.type === "refusal");
}

type Said = Exclude<Event, { type: "start" | "usage" | "finish" | "tool_call_start" | "tool_call_delta" }>;

function gather(event: Said, items: Item[], id: string): void {
  switch (event.type) {
    case "text":
      textPart(items, id).text += event.delta;
      return;
    case "refusal":
      refusalPart(items, id).refusal += event.delta;
      return;
    case "citation": {
      const part = textPart(items, id);
      const annotation = renderAnnotation(event.value, part.text.length);
      if (annotation !== undefined) part.annotations.push(annotation);
      return;
    }
    case "logprobs":
      textPart(items, id).logprobs.push(...renderLogprobs(event.value));
      return;
    case "thinking":
      openReasoning(items, id).text += event.delta;
      return;
    case "thinking_signature":
      seal(openReasoning(items, id), event.signature, false);
      return;
    case "redacted_thinking":
      items.push(redactedItem(event.data, itemId("rs", id, items.length), items.length));
      return;
    case "media": {
      const value = pictureItem(event, itemId("ig", id, items.length));
      if (value !== undefined) items.push({ type: "whole", place: items.length, value });
      return;
    }
    case "opaque":
      if (event.dialect !== "openai-responses") return;
      items.push({ type: "whole", place: items.length, value: event.value });
  }
}

function message(items: Item[], id: string): MessagePart[] {
  const last = items.at(-1);
  if (last?.type === "message") return last.content;
  const content: MessagePart[] = [];
  items.push({ type: "message", id: itemId("msg", id, items.length), place: items.length, content });
  return content;
}

function textPart(items: Item[], id: string): Extract<MessagePart, { type: "output_text" }> {
  const content = message(items, id);
  const last = content.at(-1);
  if (last?.type === "output_text") return last;
  const part = { type: "output_text", text: "", annotations: [], logprobs: [] } satisfies MessagePart;
  content.push(part);
  return part;
}

function refusalPart(items: Item[], id: string): Extract<MessagePart, { type: "refusal" }> {
  const content = message(items, id);
  const last = content.at(-1);
  if (last?.type === "refusal") return last;
  const part = { type: "refusal", refusal: "" } satisfies MessagePart;
  content.push(part);
  return part;
}

/** A proof closes an item: what is thought after it is another. */
function openReasoning(items: Item[], id: string): Extract<Item, { type: "reasoning" }> {
  const last = items.at(-1);
  if (last?.type === "reasoning" && last.encrypted === undefined) return last;
  const place = items.length;
  const item = { type: "reasoning", id: itemId("rs", id, place), place, text: "", encrypted: undefined } as const;
  const opened: Extract<Item, { type: "reasoning" }> = { ...item };
  items.push(opened);
  return opened;
}
