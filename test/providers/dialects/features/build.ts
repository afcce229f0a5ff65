/** How a client of each dialect asks for a feature: the words around it, which are the same for all of them. */
import type { DialectId, JsonObject } from "../../../../providers/exchange.ts";

export type Feature = {
  readonly said: Readonly<Partial<Record<DialectId, JsonObject>>>;
  /** In the JSON of an upstream's request; the second form by its dialect, with the first for the others. */
  readonly mark: RegExp | ({ readonly else: RegExp } & Readonly<Partial<Record<DialectId, RegExp>>>);
};

const all: readonly DialectId[] = [
  "openai-chat",
  "openai-responses",
  "anthropic",
  "gemini",
  "bedrock-converse",
  "cohere",
];

type Of = Readonly<Partial<Record<DialectId, JsonObject | readonly JsonObject[]>>>;
const listOf = (value: JsonObject | readonly JsonObject[]): readonly JsonObject[] =>
  Array.isArray(value) ? value : [value as JsonObject];

/** A user's message of these parts, after a text. */
export function userParts(of: Of): Feature["said"] {
  return said(of, (id, parts) => {
    const words = { "openai-responses": { type: "input_text", text: "see" }, ...bare }[id as "gemini"] ?? {
      type: "text",
      text: "see",
    };
    return messages(id, [{ role: "user", parts: [words, ...parts] }]);
  });
}
const bare = { gemini: { text: "see" }, "bedrock-converse": { text: "see" } };

/** A question, what the assistant did, and one thing more from the user. */
export function history(of: Of, after: Of = {}): Feature["said"] {
  return said(of, (id, parts) => {
    const next = after[id] === undefined ? undefined : listOf(after[id]);
    if (id === "openai-responses") {
      const more = next ?? [{ role: "user", content: "and?" }];
      return { input: [{ role: "user", content: "hi" }, ...parts, ...more] };
    }
    if (id === "openai-chat" || id === "cohere") {
      const more = next ?? [{ role: "user", content: "and?" }];
      return { messages: [{ role: "user", content: "hi" }, ...parts, ...more] };
    }
    const words = id === "anthropic" ? { type: "text", text: "and?" } : { text: "and?" };
    return messages(id, [
      { role: "user", parts: [id === "anthropic" ? { type: "text", text: "hi" } : { text: "hi" }] },
      { role: "assistant", parts },
      { role: "user", parts: next ?? [words] },
    ]);
  });
}

/** Fields beside a plain question. */
export function fields(of: Readonly<Partial<Record<DialectId, JsonObject>>>): Feature["said"] {
  return said(of, (id, [more]) => ({ ...plain(id), ...more! }));
}

function said(
  of: Of,
  body: (id: DialectId, parts: readonly JsonObject[]) => JsonObject,
): Readonly<Partial<Record<DialectId, JsonObject>>> {
  const bodies: Partial<Record<DialectId, JsonObject>> = {};
  for (const id of all) if (of[id] !== undefined) bodies[id] = body(id, listOf(of[id]));
  return bodies;
}

function messages(
  id: DialectId,
  turns: readonly { readonly role: "user" | "assistant"; readonly parts: readonly JsonObject[] }[],
): JsonObject {
  if (id === "gemini") {
    return { contents: turns.map(({ role, parts }) => ({ role: role === "user" ? "user" : "model", parts })) };
  }
  const list = turns.map(({ role, parts }) => ({ role, content: parts }));
  return id === "openai-responses" ? { input: list } : { messages: list };
}

export function plain(id: DialectId): JsonObject {
  if (id === "gemini") return { contents: [{ role: "user", parts: [{ text: "hi" }] }] };
  if (id === "openai-responses") return { input: "hi" };
  return { messages: [{ role: "user", content: id === "bedrock-converse" ? [{ text: "hi" }] : "hi" }] };
}

export const schema = { type: "object", properties: { city: { type: "string" } } } as const;

export function tool(id: DialectId, more: JsonObject = {}): JsonObject {
  const told = { name: "weather", description: "d" };
  switch (id) {
    case "openai-responses":
      return { type: "function", ...told, parameters: schema, ...more };
    case "anthropic":
      return { ...told, input_schema: schema, ...more };
    case "gemini":
      return { functionDeclarations: [{ ...told, parametersJsonSchema: schema, ...more }] };
    case "bedrock-converse":
      return { toolSpec: { ...told, inputSchema: { json: schema }, ...more } };
    default:
      return { type: "function", function: { ...told, parameters: schema, ...more } };
  }
}

/** The same tool, and what is said of the choice. */
export function withTool(
  of: Readonly<Partial<Record<DialectId, JsonObject>>>,
  more: Readonly<Partial<Record<DialectId, JsonObject>>> = {},
): Feature["said"] {
  return said(of, (id, [choice]) => {
    const tools = [tool(id, more[id])];
    if (id === "bedrock-converse") return { ...plain(id), toolConfig: { tools, ...choice! } };
    return { ...plain(id), tools, ...choice! };
  });
}

export const everywhere = {
  "openai-chat": {},
  "openai-responses": {},
  anthropic: {},
  gemini: {},
  "bedrock-converse": {},
  cohere: {},
};
export const config = (more: JsonObject): JsonObject => ({ generationConfig: more });
export const inference = (more: JsonObject): JsonObject => ({ inferenceConfig: more });
const call = { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"MARK"}' } } as const;
export const called: Of = {
  "openai-chat": { role: "assistant", content: null, tool_calls: [call] },
  "openai-responses": { type: "function_call", call_id: "call_1", name: "weather", arguments: '{"city":"MARK"}' },
  anthropic: { type: "tool_use", id: "call_1", name: "weather", input: { city: "MARK" } },
  gemini: { functionCall: { id: "call_1", name: "weather", args: { city: "MARK" } } },
  "bedrock-converse": { toolUse: { toolUseId: "call_1", name: "weather", input: { city: "MARK" } } },
  cohere: { role: "assistant", tool_calls: [call] },
};
export const png = { type: "image", source: { type: "base64", media_type: "image/png", data: "MARK" } } as const;
export const pageCitation = {
  type: "web_search_result_location",
  url: "https://mark.example/a",
  title: "A",
  cited_text: "c",
  encrypted_index: "e",
} as const;
