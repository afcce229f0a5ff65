/** What an answer is made of here. Hides how events fall into items: what is one turn elsewhere is many of them. */
import type { Event, Json, JsonObject, RenderContext } from "../../exchange.ts";
import { isObject, list, text } from "../../json.ts";
import { webPage } from "../citation.ts";
import { InputReader } from "../custom-tool.ts";
import { sealed, sealedRedacted } from "./reasoning.ts";

export type MessagePart =
  | { readonly type: "output_text"; text: string; readonly annotations: JsonObject[]; readonly logprobs: Json[] }
  | { readonly type: "refusal"; refusal: string };

export type Item =
  | { readonly type: "message"; readonly id: string; readonly place: number; readonly content: MessagePart[] }
  | {
      readonly type: "reasoning";
      id: string;
      readonly place: number;
      text: string;
      encrypted: string | undefined;
    }
  | {
      readonly type: "function_call";
      readonly id: string;
      readonly place: number;
      readonly callId: string;
      readonly name: string;
      written: string;
    }
  | {
      readonly type: "custom_tool_call";
      readonly id: string;
      readonly place: number;
      readonly callId: string;
      readonly name: string;
      /** Its text, of which `reader` knows how it is written; absent: as it is. */
      written: string;
      readonly reader: InputReader | undefined;
    }
  | { readonly type: "whole"; readonly place: number; readonly value: JsonObject };

/** Every id within one response is made of its own. */
export function responseId(id: string): string {
  return id.startsWith("resp_") ? id : `resp_${id}`;
}

export function itemId(prefix: string, response: string, place: number): string {
  return `${prefix}_${response.slice(5)}_${place}`;
}

export function renderPart(part: MessagePart): JsonObject {
  if (part.type === "refusal") return { type: "refusal", refusal: part.refusal };
  return { type: "output_text", text: part.text, annotations: part.annotations, logprobs: part.logprobs };
}

export function renderItem(item: Item, status: "in_progress" | "completed" | "incomplete"): JsonObject {
  switch (item.type) {
    case "message":
      return { id: item.id, type: "message", status, role: "assistant", content: item.content.map(renderPart) };
    case "reasoning": {
      const summary = item.text === "" ? [] : [{ type: "summary_text", text: item.text }];
      const proof = item.encrypted === undefined ? {} : { encrypted_content: item.encrypted };
      return { id: item.id, type: "reasoning", summary, ...proof };
    }
    case "function_call": {
      const { id, callId, name, written } = item;
      return { id, type: "function_call", status, call_id: callId, name, arguments: callText(written, status) };
    }
    case "custom_tool_call": {
      const { id, callId, name, written } = item;
      return { id, type: "custom_tool_call", status, call_id: callId, name, input: written };
    }
    case "whole":
      return item.value;
  }
}

export type Call = Extract<Item, { type: "function_call" | "custom_tool_call" }>;

/** @param custom the names of the caller's custom tools */
export function callItem(
  event: Extract<Event, { type: "tool_call_start" }>,
  response: string,
  place: number,
  custom: ReadonlySet<string>,
): Call {
  const shared = { place, callId: event.id, name: event.name, written: "" };
  if (event.custom !== true && !custom.has(event.name))
    return { type: "function_call", id: itemId("fc", response, place), ...shared };
  const reader = event.custom === true ? undefined : new InputReader();
  return { type: "custom_tool_call", id: itemId("ctc", response, place), ...shared, reader };
}

/** A call without arguments is `{}` once it is whole: clients parse the text. */
function callText(written: string, status: string): string {
  return written === "" && status !== "in_progress" ? "{}" : written;
}

/** Puts the proof into a reasoning item. It takes its issuer's id along, unless the client was told another. */
export function seal(item: Extract<Item, { type: "reasoning" }>, signature: string, told: boolean): void {
  const { encrypted, id } = sealed(signature);
  item.encrypted = encrypted;
  if (id !== undefined && !told) item.id = id;
}

export function redactedItem(data: string, id: string, place: number): Item {
  return { type: "reasoning", id, place, text: "", encrypted: sealedRedacted(data) };
}

/** A picture as the tool that OpenAI makes them with tells it; a recording has no place. */
export function pictureItem(
  { mediaType, data }: Extract<Event, { type: "media" }>,
  id: string,
): JsonObject | undefined {
  if (!mediaType.startsWith("image/")) return undefined;
  return { id, type: "image_generation_call", status: "completed", output_format: mediaType.slice(6), result: data };
}

const ownAnnotations: ReadonlySet<string> = new Set(["file_citation", "container_file_citation", "file_path"]);

/** Undefined for what this dialect has no annotation for. */
export function renderAnnotation(citation: JsonObject, offset: number): JsonObject | undefined {
  if (ownAnnotations.has(text(citation["type"]) ?? "")) return citation;
  const page = webPage(citation);
  if (page === undefined) return undefined;
  const { url, title, start = offset, end = offset } = page;
  return { type: "url_citation", url, title, start_index: start, end_index: end };
}

/** From the shape of chat completions; a server may leave fields out that are required here. */
export function renderLogprobs(value: Json): Json[] {
  if (!isObject(value)) return [];
  return list(value["content"])
    .filter(isObject)
    .map((token) => ({
      ...logprob(token),
      top_logprobs: list(token["top_logprobs"]).filter(isObject).map(logprob),
    }));
}

function logprob(token: Readonly<Record<string, unknown>>): JsonObject {
  const written = text(token["token"]) ?? "";
  const bytes = Array.isArray(token["bytes"]) ? (token["bytes"] as Json[]) : [...new TextEncoder().encode(written)];
  return { token: written, logprob: typeof token["logprob"] === "number" ? token["logprob"] : 0, bytes };
}

/** What every form of a response begins with, before what was asked is repeated. */
export type Head = { readonly id: string; readonly model: string; readonly created: number };

/** A provider gave failure as its reason to end, and nothing more. */
export const modelFailed: JsonObject = { code: "server_error", message: "the model failed" };

export type Told = {
  readonly status: string;
  readonly output: readonly JsonObject[];
  readonly usage: JsonObject | null;
  readonly details?: JsonObject | null;
  readonly error?: JsonObject;
  readonly serviceTier?: string | undefined;
};

export function renderResponse(head: Head, told: Told, echo: RenderContext["echo"]): JsonObject {
  const { id, model, created } = head;
  const { status, output, usage, details = null, error = null, serviceTier } = told;
  return {
    id,
    object: "response",
    created_at: created,
    status,
    ...asked,
    ...echo,
    error,
    incomplete_details: details,
    model,
    output: [...output],
    ...(usage === null ? {} : { usage }),
    ...(serviceTier === undefined ? {} : { service_tier: serviceTier }),
  };
}

/** What OpenAI answers where the request was silent. */
const asked: JsonObject = {
  background: false,
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: null, summary: null },
  store: false,
  temperature: 1,
  text: { format: { type: "text" } },
  tool_choice: "auto",
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  truncation: "disabled",
  metadata: {},
};
