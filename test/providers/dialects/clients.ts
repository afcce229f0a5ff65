/** How a client of each dialect goes on: what it keeps of an answer, whole or streamed, and how it answers the calls in it. */

import { dialects } from "../../../providers/dialects/index.ts";
import type { DialectId, Event, Json, JsonObject, RenderContext } from "../../../providers/exchange.ts";
import { frames } from "./replay.ts";

export type Client = {
  readonly id: DialectId;
  /** The request's body for what has been said so far. */
  ask(history: readonly Json[]): JsonObject;
  question(text: string): readonly Json[];
  /** What joins the history: the answer, then a result for each call. */
  keep(events: readonly Event[], streamed: boolean): readonly Json[];
  results(kept: readonly Json[], text: (id: string) => string): readonly Json[];
};

type Fields = Record<string, Json>;
const context: RenderContext = { id: "id_1", model: "m", created: 1, includeUsage: true };

function streamed(id: DialectId, events: readonly Event[]): { event: string; data: Fields }[] {
  const renderer = dialects[id].renderStream(context);
  const text = events.map((event) => renderer.push(event)).join("") + renderer.end();
  return frames(text)
    .filter(({ data }) => data !== "[DONE]")
    .map(({ event, data }) => ({ event, data: JSON.parse(data) as Fields }));
}

function body(id: DialectId, events: readonly Event[]): Fields {
  return dialects[id].render(events, context) as Fields;
}

/** As SDKs that put a stream together do: texts are joined, lists by their `index`. */
export function merge(into: Fields, delta: Readonly<Fields>): void {
  for (const [key, value] of Object.entries(delta)) {
    const before = into[key];
    if (typeof before === "string" && typeof value === "string" && key !== "type" && key !== "role")
      into[key] = before + value;
    else if (Array.isArray(before) && Array.isArray(value)) {
      for (const item of value as Fields[]) {
        const same = (before as Fields[]).find((other) => other["index"] === item["index"]);
        if (same === undefined) before.push(item);
        else merge(same, item);
      }
    } else if (typeof before === "object" && before !== null && typeof value === "object" && value !== null) {
      merge(before as Fields, value as Fields);
    } else if (value !== null) into[key] = value;
  }
}

const chat: Client = {
  id: "openai-chat",
  ask: (messages) => ({ model: "m", messages }),
  question: (text) => [{ role: "user", content: text }],
  keep(events, inPieces) {
    if (!inPieces) return [(body(this.id, events)["choices"] as { message: Json }[])[0]!.message];
    const message: Fields = {};
    for (const { data } of streamed(this.id, events)) {
      for (const choice of data["choices"] as { delta: Fields }[]) merge(message, choice.delta);
    }
    return [message];
  },
  results(kept, text) {
    const calls = (kept[0] as { tool_calls: { id: string }[] }).tool_calls;
    return calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: text(id) }));
  },
};

const responses: Client = {
  id: "openai-responses",
  ask: (input) => ({ model: "m", input, include: ["reasoning.encrypted_content"], store: false }),
  question: (text) => [{ role: "user", content: text }],
  keep(events, inPieces) {
    const last = inPieces ? (streamed(this.id, events).at(-1)!.data["response"] as Fields) : body(this.id, events);
    return last["output"] as Json[];
  },
  results(kept, text) {
    const calls = (kept as { type: string; call_id: string }[]).filter(({ type }) => type === "function_call");
    return calls.map(({ call_id: id }) => ({ type: "function_call_output", call_id: id, output: text(id) }));
  },
};

const messages: Client = {
  id: "anthropic",
  ask: (history) => ({ model: "m", max_tokens: 9_000, messages: history }),
  question: (text) => [{ role: "user", content: text }],
  keep(events, inPieces) {
    if (!inPieces) return [{ role: "assistant", content: body(this.id, events)["content"]! }];
    const blocks: Fields[] = [];
    for (const { data } of streamed(this.id, events)) {
      const block = blocks[data["index"] as number];
      const delta = data["delta"] as Fields;
      if (data["type"] === "content_block_start") blocks[data["index"] as number] = data["content_block"] as Fields;
      else if (data["type"] !== "content_block_delta") continue;
      else if (delta["type"] === "input_json_delta") block!["json"] = `${block!["json"] ?? ""}${delta["partial_json"]}`;
      else for (const key of ["text", "thinking", "signature"]) if (key in delta) merge(block!, { [key]: delta[key]! });
    }
    const content = blocks.map(({ json, ...block }) =>
      json === undefined ? block : { ...block, input: JSON.parse(json as string) as Json },
    );
    return [{ role: "assistant", content }];
  },
  results(kept, text) {
    const { content } = kept[0] as { content: { type: string; id: string }[] };
    const calls = content.filter(({ type }) => type === "tool_use");
    return [
      { role: "user", content: calls.map(({ id }) => ({ type: "tool_result", tool_use_id: id, content: text(id) })) },
    ];
  },
};

type GeminiPart = Fields & { functionCall?: { id?: string; name: string } };

const contents: Client = {
  id: "gemini",
  ask: (history) => ({ contents: history }),
  question: (text) => [{ role: "user", parts: [{ text }] }],
  keep(events, inPieces) {
    type Answer = { candidates: { content: { parts: GeminiPart[] } }[] };
    const answers = (
      inPieces ? streamed(this.id, events).map(({ data }) => data) : [body(this.id, events)]
    ) as unknown[];
    const parts = (answers as Answer[]).flatMap(({ candidates }) => candidates[0]!.content.parts);
    // Google's SDK leaves out what says nothing.
    return [
      { role: "model", parts: parts.filter((part) => part["text"] !== "" || part["thoughtSignature"] !== undefined) },
    ];
  },
  results(kept, text) {
    const { parts } = kept[0] as { parts: GeminiPart[] };
    const calls = parts.flatMap(({ functionCall }) => functionCall ?? []);
    return [
      {
        role: "user",
        parts: calls.map(({ id, name }) => ({
          functionResponse: { ...(id === undefined ? {} : { id }), name, response: { output: text(id ?? name) } },
        })),
      },
    ];
  },
};

const converse: Client = {
  id: "bedrock-converse",
  ask: (history) => ({ messages: history }),
  question: (text) => [{ role: "user", content: [{ text }] }],
  keep(events, inPieces) {
    if (!inPieces) return [(body(this.id, events)["output"] as { message: Json }).message];
    const blocks: Fields[] = [];
    for (const { event, data } of streamed(this.id, events)) {
      const at = data["contentBlockIndex"] as number;
      if (event === "contentBlockStart") blocks[at] = data["start"] as Fields;
      if (event !== "contentBlockDelta") continue;
      const delta = data["delta"] as Fields;
      const block = blocks[at] ?? {};
      blocks[at] = block;
      const thought = delta["reasoningContent"] as Fields | undefined;
      if (thought === undefined) merge(block, delta);
      else if ("redactedContent" in thought) block["reasoningContent"] = thought;
      else merge(block, { reasoningContent: { reasoningText: thought } });
    }
    const content = blocks.map((block) => {
      const call = block["toolUse"] as Fields | undefined;
      return call === undefined ? block : { toolUse: { ...call, input: JSON.parse(String(call["input"])) as Json } };
    });
    return [{ role: "assistant", content }];
  },
  results(kept, text) {
    const { content } = kept[0] as { content: { toolUse?: { toolUseId: string } }[] };
    const calls = content.flatMap(({ toolUse }) => toolUse ?? []);
    return [
      {
        role: "user",
        content: calls.map(({ toolUseId }) => ({ toolResult: { toolUseId, content: [{ text: text(toolUseId) }] } })),
      },
    ];
  },
};

export const clients: readonly Client[] = [chat, responses, messages, contents, converse];
