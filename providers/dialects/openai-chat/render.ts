/** Events as a whole chat completion. Hides the gathering of deltas into one message a choice. */
import type { Event, Json, JsonObject, RenderContext, Usage } from "../../exchange.ts";
import { isObject, list, type Mutable } from "../../json.ts";
import { customCall, customNames, InputReader } from "../custom-tool.ts";
import { renderTier } from "../openai-extra.ts";
import { annotation } from "./annotation.ts";
import { renderFinish, renderUsage } from "./usage.ts";

type Call = {
  readonly id: string;
  readonly name: string;
  written: string;
  readonly custom: boolean;
  readonly reader: InputReader | undefined;
};

type Choice = {
  text: string;
  said: boolean;
  refusal: string;
  finish: string;
  readonly calls: Call[];
  readonly annotations: JsonObject[];
  readonly details: JsonObject[];
  readonly logprobs: Json[];
  readonly images: JsonObject[];
  /** Base64, a piece each. */
  readonly audio: string[];
  thinking: string;
  /** Text of the thinking block that no signature has closed yet. */
  block: string;
  /** The last thing told was a proof: a call that follows is what it stands on. */
  proven: boolean;
  extra: JsonObject;
};

export function render(events: readonly Event[], context: RenderContext): JsonObject {
  const choices = new Map<number, Choice>();
  let id = context.id;
  let model = context.model;
  let usage: Usage = {};
  const custom = customNames(context.echo);
  for (const event of events) {
    if (event.type === "start") {
      id = event.id ?? id;
      model = event.model ?? model;
      usage = { ...usage, ...event.usage };
    } else if (event.type === "usage") {
      usage = { ...usage, ...event.usage };
    } else {
      if (event.type === "finish") usage = { ...usage, ...event.usage };
      gather(event, choiceAt(choices, "choice" in event ? (event.choice ?? 0) : 0), custom);
    }
  }
  const rendered: Record<string, Json> = {
    id,
    object: "chat.completion",
    created: context.created,
    model,
    choices: [...choices].sort(([a], [b]) => a - b).map(([index, choice]) => renderChoice(index, choice, context)),
  };
  const told = renderUsage(usage);
  if (told !== undefined) rendered["usage"] = told;
  const tier = renderTier(usage.serviceTier);
  if (tier !== undefined) rendered["service_tier"] = tier;
  return rendered;
}

function choiceAt(choices: Map<number, Choice>, index: number): Choice {
  let choice = choices.get(index);
  if (choice === undefined) {
    choice = {
      text: "",
      said: false,
      refusal: "",
      finish: "stop",
      calls: [],
      annotations: [],
      details: [],
      logprobs: [],
      images: [],
      audio: [],
      thinking: "",
      block: "",
      proven: false,
      extra: {},
    };
    choices.set(index, choice);
  }
  return choice;
}

function gather(event: Exclude<Event, { type: "start" | "usage" }>, choice: Choice, custom: ReadonlySet<string>): void {
  const { proven } = choice;
  choice.proven = event.type === "thinking_signature";
  switch (event.type) {
    case "text":
      choice.text += event.delta;
      choice.said = true;
      return;
    case "refusal":
      choice.refusal += event.delta;
      return;
    case "thinking":
      choice.thinking += event.delta;
      choice.block += event.delta;
      return;
    case "thinking_signature":
      choice.details.push(signedDetail(choice.block, event.signature, choice.details.length));
      choice.block = "";
      return;
    case "redacted_thinking":
      choice.details.push(encryptedDetail(event.data, choice.details.length));
      return;
    case "tool_call_start":
      if (proven) choice.details.push({ ...choice.details.pop(), id: event.id });
      choice.calls[event.index] = {
        ...{ id: event.id, name: event.name, written: "" },
        custom: event.custom === true || custom.has(event.name),
        reader: event.custom !== true && custom.has(event.name) ? new InputReader() : undefined,
      };
      return;
    case "tool_call_delta": {
      const call = choice.calls[event.index];
      if (call !== undefined) call.written += call.reader?.push(event.delta) ?? event.delta;
      return;
    }
    case "citation":
      choice.annotations.push(annotation(event.value, choice.text.length));
      return;
    case "logprobs":
      choice.logprobs.push(event.value);
      return;
    case "media":
      if (event.mediaType.startsWith("image/")) choice.images.push(imagePart(event.mediaType, event.data));
      else if (event.mediaType.startsWith("audio/")) choice.audio.push(event.data);
      return;
    case "opaque": {
      const called = customCall(event, custom);
      if (called !== undefined) {
        const { input: written, ...rest } = called;
        choice.calls.push({ ...rest, written, custom: true, reader: undefined });
      }
      if (event.dialect === "openai-chat") choice.extra = { ...choice.extra, ...event.value };
      return;
    }
    case "finish":
      choice.finish = choice.calls.length > 0 && event.reason === "stop" ? "tool_calls" : renderFinish[event.reason];
  }
}

/** A closed thinking block, as clients send it back. Its number lets SDKs that merge lists by index keep blocks apart. */
export function signedDetail(text: string, signature: string, index: number): JsonObject {
  return { type: "reasoning.text", text, signature, index };
}

/** A picture the model made, as OpenRouter puts it. */
export function imagePart(mediaType: string, data: string): JsonObject {
  return { type: "image_url", image_url: { url: `data:${mediaType};base64,${data}` } };
}

/** A recording that the model made. It is kept nowhere, so it has expired when it comes. */
export function audioPart(data: string, created: number): JsonObject {
  return { id: "audio_0", data, expires_at: created, transcript: "" };
}

/** Each piece is base64 of its own. */
function joined(pieces: readonly string[]): string {
  return pieces.length === 1 ? pieces[0]! : btoa(pieces.map(atob).join(""));
}

export function encryptedDetail(data: string, index: number): JsonObject {
  return { type: "reasoning.encrypted", data, index };
}

function renderChoice(index: number, choice: Choice, { created, echo }: RenderContext): JsonObject {
  const message: Mutable<Record<string, Json>> = {
    role: "assistant",
    content: choice.said ? choice.text : null,
    refusal: choice.refusal === "" ? null : choice.refusal,
  };
  if (choice.thinking !== "") message["reasoning_content"] = choice.thinking;
  if (choice.details.length > 0) message["reasoning_details"] = choice.details;
  if (choice.annotations.length > 0) message["annotations"] = choice.annotations;
  const calls = choice.calls.filter((call) => call !== undefined);
  if (calls.length > 0) {
    message["tool_calls"] = calls.map((call) => renderCall(call, echo?.["flat"] === true));
  }
  if (choice.images.length > 0) message["images"] = choice.images;
  if (choice.audio.length > 0) message["audio"] = audioPart(joined(choice.audio), created);
  Object.assign(message, choice.extra);
  return { index, message, logprobs: joinLogprobs(choice.logprobs), finish_reason: choice.finish };
}

function renderCall({ id, name, written, custom, reader }: Call, flat: boolean): JsonObject {
  if (custom) return { id, ...renderCustom(name, written + (reader?.end() ?? ""), flat) };
  return { id, type: "function", function: { name, arguments: written === "" ? "{}" : written } };
}

/** Whoever wrote the tool flat reads every call as a function's (Cursor), or as OpenAI tells it: it gets both. */
export function renderCustom(name: string, input: string, flat: boolean): JsonObject {
  const both = flat ? { function: { name, arguments: input } } : {};
  return { type: "custom", custom: { name, input }, ...both };
}

/** Chunks bring the tokens a few at a time; a body holds them in one list. */
function joinLogprobs(chunks: readonly Json[]): Json {
  if (chunks.length <= 1) return chunks[0] ?? null;
  const joined: Record<string, Json[]> = {};
  for (const chunk of chunks) {
    if (!isObject(chunk)) continue;
    for (const key in chunk) joined[key] = [...(joined[key] ?? []), ...(list(chunk[key]) as Json[])];
  }
  return joined;
}
