/**
 * Events as chat completion chunks. Hides what every chunk repeats, which is written out once a stream, and the role
 * that must come first.
 */
import type { Event, JsonObject, RenderContext, StreamRenderer, Usage } from "../../exchange.ts";
import type { GatewayError } from "../../gateway-error.ts";
import { customCall, customNames, InputReader } from "../custom-tool.ts";
import { renderTier } from "../openai-extra.ts";
import { annotation } from "./annotation.ts";
import { renderFailure } from "./failure.ts";
import { audioPart, encryptedDetail, imagePart, renderCustom, signedDetail } from "./render.ts";
import { renderFinish, renderUsage } from "./usage.ts";

const doneFrame = "data: [DONE]\n\n";
const close = "}]}\n\n";

export function renderStream(context: RenderContext): StreamRenderer {
  let head = "";
  let usage: Usage = {};
  let textLength = 0;
  let details = 0;
  /** A signed block, until it is known whether a call follows, which it then names. */
  let proven: { readonly choice: number; readonly detail: JsonObject } | undefined;
  /** Text of the thinking block that no signature has closed yet: it goes back to its issuer as one piece. */
  let block = "";
  /** Per choice, the calls whose arguments are still empty. */
  const silent = new Map<number, Set<number>>();
  /** Of the first choice. */
  let callCount = 0;
  const greeted = new Set<number>();
  const custom = customNames(context.echo);
  const flat = context.echo?.["flat"] === true;
  /** Per choice, the calls of custom tools, and how their text is read; undefined: it is told as it is. */
  const texts = new Map<number, Map<number, InputReader | undefined>>();

  function begin(id: string, model: string): void {
    const envelope = { id, object: "chat.completion.chunk", created: context.created, model };
    head = `data: ${JSON.stringify(envelope).slice(0, -1)},"choices":[{"index":`;
  }

  function chunk(choice: number, delta: string, rest = `,"logprobs":null,"finish_reason":null`): string {
    if (head === "") begin(context.id, context.model);
    if (greeted.has(choice)) return `${head}${choice},"delta":${delta}${rest}${close}`;
    greeted.add(choice);
    const role = `${head}${choice},"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null${close}`;
    return `${role}${head}${choice},"delta":${delta}${rest}${close}`;
  }

  function greet(): string {
    if (greeted.has(0)) return "";
    greeted.add(0);
    return `${head}0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null${close}`;
  }

  function push(event: Event): string {
    if (proven === undefined) return told(event);
    const { choice, detail } = proven;
    proven = undefined;
    const named = event.type === "tool_call_start" ? { ...detail, id: event.id } : detail;
    return chunk(choice, `{"reasoning_details":[${JSON.stringify(named)}]}`) + told(event);
  }

  function told(event: Event): string {
    switch (event.type) {
      case "text":
        textLength += event.delta.length;
        return chunk(event.choice ?? 0, `{"content":${JSON.stringify(event.delta)}}`);
      case "tool_call_delta":
        silent.get(event.choice ?? 0)?.delete(event.index);
        return callDelta(event.choice ?? 0, event.index, event.delta);
      case "start":
        if (head === "") begin(event.id ?? context.id, event.model ?? context.model);
        usage = { ...usage, ...event.usage };
        return greet();
      case "usage":
        usage = { ...usage, ...event.usage };
        return "";
      case "refusal":
        return chunk(event.choice ?? 0, `{"refusal":${JSON.stringify(event.delta)}}`);
      case "tool_call_start":
        return callStart(event);
      case "logprobs":
        return chunk(event.choice ?? 0, "{}", `,"logprobs":${JSON.stringify(event.value)},"finish_reason":null`);
      case "finish":
        usage = { ...usage, ...event.usage };
        return finish(
          event.choice ?? 0,
          event.reason === "stop" && callCount > 0 ? "tool_calls" : renderFinish[event.reason],
        );
      default:
        return aside(event);
    }
  }

  /** What only some providers tell: reasoning, citations, parts without a translation. */
  function aside(
    event: Extract<
      Event,
      { type: "thinking" | "thinking_signature" | "redacted_thinking" | "citation" | "media" | "opaque" }
    >,
  ): string {
    switch (event.type) {
      case "thinking":
        block += event.delta;
        return chunk(event.choice ?? 0, `{"reasoning_content":${JSON.stringify(event.delta)}}`);
      case "thinking_signature": {
        proven = { choice: event.choice ?? 0, detail: signedDetail(block, event.signature, details++) };
        block = "";
        return "";
      }
      case "redacted_thinking":
        return chunk(
          event.choice ?? 0,
          `{"reasoning_details":[${JSON.stringify(encryptedDetail(event.data, details++))}]}`,
        );
      case "citation":
        return chunk(event.choice ?? 0, `{"annotations":[${JSON.stringify(annotation(event.value, textLength))}]}`);
      case "media":
        if (event.mediaType.startsWith("audio/"))
          return chunk(event.choice ?? 0, `{"audio":${JSON.stringify(audioPart(event.data, context.created))}}`);
        if (!event.mediaType.startsWith("image/")) return "";
        return chunk(event.choice ?? 0, `{"images":[${JSON.stringify(imagePart(event.mediaType, event.data))}]}`);
      case "opaque":
        return event.dialect === "openai-chat" ? chunk(0, JSON.stringify(event.value)) : calledWhole(event);
    }
  }

  function callStart(event: Extract<Event, { type: "tool_call_start" }>): string {
    const choice = event.choice ?? 0;
    if (choice === 0) callCount = Math.max(callCount, event.index + 1);
    if (event.custom === true || custom.has(event.name)) return customStart(event, choice);
    const calls = silent.get(choice) ?? new Set();
    silent.set(choice, calls.add(event.index));
    const call: JsonObject = {
      index: event.index,
      id: event.id,
      type: "function",
      function: { name: event.name, arguments: "" },
    };
    return chunk(choice, `{"tool_calls":[${JSON.stringify(call)}]}`);
  }

  function customStart({ index, id, name, custom: told }: Extract<Event, { type: "tool_call_start" }>, choice: number) {
    const calls = texts.get(choice) ?? new Map<number, InputReader | undefined>();
    texts.set(choice, calls.set(index, told === true ? undefined : new InputReader()));
    const call: JsonObject = { index, id, ...renderCustom(name, "", flat) };
    return chunk(choice, `{"tool_calls":[${JSON.stringify(call)}]}`);
  }

  /** Told by responses, whose places among calls are not ours: it comes after those that are. */
  function calledWhole(event: Event): string {
    const called = customCall(event, custom);
    if (called === undefined) return "";
    const { id, name, input } = called;
    const call: JsonObject = { index: callCount++, id, ...renderCustom(name, input, flat) };
    return chunk(0, `{"tool_calls":[${JSON.stringify(call)}]}`);
  }

  function inputDelta(choice: number, index: number, delta: string): string {
    if (delta === "") return "";
    const text = JSON.stringify(delta);
    const both = flat ? `,"function":{"arguments":${text}}` : "";
    return chunk(choice, `{"tool_calls":[{"index":${index},"custom":{"input":${text}}${both}}]}`);
  }

  function callDelta(choice: number, index: number, delta: string): string {
    const calls = texts.get(choice);
    if (calls?.has(index) === true) return inputDelta(choice, index, calls.get(index)?.push(delta) ?? delta);
    return chunk(choice, `{"tool_calls":[{"index":${index},"function":{"arguments":${JSON.stringify(delta)}}}]}`);
  }

  /** A call without arguments is `{}` here: clients parse the text. */
  function finish(choice: number, reason: string): string {
    let out = "";
    for (const index of silent.get(choice) ?? []) out += callDelta(choice, index, "{}");
    silent.delete(choice);
    for (const [index, reader] of texts.get(choice) ?? []) out += inputDelta(choice, index, reader?.end() ?? "");
    texts.delete(choice);
    return out + chunk(choice, "{}", `,"logprobs":null,"finish_reason":${JSON.stringify(reason)}`);
  }

  function flushProven(): string {
    return proven === undefined ? "" : push({ type: "usage", usage: {} });
  }

  function usageChunk(): string {
    const told = context.includeUsage === true ? renderUsage(usage) : undefined;
    if (told === undefined) return "";
    if (head === "") begin(context.id, context.model);
    const tier = renderTier(usage.serviceTier);
    const service = tier === undefined ? "" : `,"service_tier":${JSON.stringify(tier)}`;
    return `${head.slice(0, -`[{"index":`.length)}[]${service},"usage":${JSON.stringify(told)}}\n\n`;
  }

  return {
    push,
    end: () => flushProven() + usageChunk() + doneFrame,
    fail: (error: GatewayError, requestId: string) =>
      `data: ${JSON.stringify(renderFailure(error, requestId))}\n\n${doneFrame}`,
  };
}
