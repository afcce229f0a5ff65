/**
 * The same things asked in every dialect: what a client of it writes, and what is written to an upstream of it where
 * that is not the same. A dialect that is absent from a row has no word for it, and is not asked.
 */
import type { DialectId, JsonObject } from "../../../providers/exchange.ts";

export type Asked = {
  readonly said: Readonly<Partial<Record<DialectId, JsonObject>>>;
  /** To an upstream; what is absent is as the client says it. */
  readonly sent?: Readonly<Partial<Record<DialectId, JsonObject>>>;
  /** Fields of ours that the dialect cannot tell an upstream, by the number of them. */
  readonly drops?: Readonly<Partial<Record<DialectId, number>>>;
  /** From these only, where others say more or less than the row does. */
  readonly from?: readonly DialectId[];
};

const png = "iVBORw0KGgo=";
const user = (...content: JsonObject[]): JsonObject => ({ messages: [{ role: "user", content }] });
const input = (...content: JsonObject[]): JsonObject => ({ input: [{ type: "message", role: "user", content }] });
const parts = (...content: JsonObject[]): JsonObject => ({ contents: [{ role: "user", parts: content }] });
const hi = {
  "openai-chat": { messages: [{ role: "user", content: "hi" }] },
  "openai-responses": { input: [{ type: "message", role: "user", content: "hi" }] },
  anthropic: { messages: [{ role: "user", content: "hi" }] },
  gemini: { contents: [{ role: "user", parts: [{ text: "hi" }] }] },
} as const;

const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] } as const;
const chatTool = (more: JsonObject = {}): JsonObject => ({
  type: "function",
  function: { name: "weather", description: "d", parameters: schema, ...more },
});
const tools = {
  "openai-chat": { tools: [chatTool()] },
  "openai-responses": { tools: [{ type: "function", name: "weather", description: "d", parameters: schema }] },
  anthropic: { tools: [{ name: "weather", description: "d", input_schema: schema }] },
  gemini: { tools: [{ functionDeclarations: [{ name: "weather", description: "d", parametersJsonSchema: schema }] }] },
} as const;
const looseTools = {
  "openai-responses": { tools: [{ ...tools["openai-responses"].tools[0], strict: false }] },
} as const;

function withTools(choice: Readonly<Record<keyof typeof tools, JsonObject>>): Pick<Asked, "said" | "sent"> {
  const ids = ["openai-chat", "openai-responses", "anthropic", "gemini"] as const;
  const all = ids.map((id) => [id, { ...hi[id], ...tools[id], ...choice[id] }] as const);
  const { "openai-responses": loose } = looseTools;
  return {
    said: Object.fromEntries(all),
    sent: { "openai-responses": { ...hi["openai-responses"], ...loose, ...choice["openai-responses"] } },
  };
}

const calling = (name: string, args: JsonObject, id?: string): JsonObject => ({
  functionCall: { ...(id === undefined ? {} : { id }), name, args },
});
const response = (name: string, value: JsonObject, id?: string): JsonObject => ({
  functionResponse: { ...(id === undefined ? {} : { id }), name, response: value },
});

export const asked: Readonly<Record<string, Asked>> = {
  text: { said: hi },
  "system text and sampling": {
    said: {
      "openai-chat": {
        messages: [{ role: "system", content: "be brief" }, ...hi["openai-chat"].messages],
        temperature: 0.5,
        top_p: 0.9,
      },
      "openai-responses": {
        input: [{ type: "message", role: "system", content: "be brief" }, ...hi["openai-responses"].input],
        temperature: 0.5,
        top_p: 0.9,
      },
      anthropic: { system: "be brief", ...hi.anthropic, temperature: 0.5, top_p: 0.9 },
      gemini: {
        systemInstruction: { parts: [{ text: "be brief" }] },
        ...hi.gemini,
        generationConfig: { temperature: 0.5, topP: 0.9 },
      },
    },
  },
  "stop sequences": {
    said: {
      "openai-chat": { ...hi["openai-chat"], stop: ["A", "B"] },
      anthropic: { ...hi.anthropic, stop_sequences: ["A", "B"] },
      gemini: { ...hi.gemini, generationConfig: { stopSequences: ["A", "B"] } },
    },
    sent: { "openai-responses": hi["openai-responses"] },
    drops: { "openai-responses": 1 },
  },
  "a seed, penalties and candidates": {
    said: {
      "openai-chat": { ...hi["openai-chat"], seed: 7, frequency_penalty: 0.1, presence_penalty: 0.2, n: 2 },
      gemini: {
        ...hi.gemini,
        generationConfig: { seed: 7, frequencyPenalty: 0.1, presencePenalty: 0.2, candidateCount: 2 },
      },
    },
    sent: { "openai-responses": hi["openai-responses"], anthropic: hi.anthropic },
    drops: { "openai-responses": 4, anthropic: 4 },
  },
  "log probabilities": {
    said: {
      "openai-chat": { ...hi["openai-chat"], logprobs: true, top_logprobs: 3 },
      "openai-responses": {
        ...hi["openai-responses"],
        include: ["message.output_text.logprobs"],
        top_logprobs: 3,
      },
      gemini: { ...hi.gemini, generationConfig: { responseLogprobs: true, logprobs: 3 } },
    },
    sent: { anthropic: hi.anthropic },
    drops: { anthropic: 2 },
  },
  images: {
    said: {
      "openai-chat": user(
        { type: "text", text: "see" },
        { type: "image_url", image_url: { url: "https://a/b.png" } },
        { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } },
      ),
      "openai-responses": input(
        { type: "input_text", text: "see" },
        { type: "input_image", image_url: "https://a/b.png", detail: "auto" },
        { type: "input_image", image_url: `data:image/png;base64,${png}`, detail: "auto" },
      ),
      anthropic: user(
        { type: "text", text: "see" },
        { type: "image", source: { type: "url", url: "https://a/b.png" } },
        { type: "image", source: { type: "base64", media_type: "image/png", data: png } },
      ),
      gemini: parts(
        { text: "see" },
        { fileData: { fileUri: "https://a/b.png", mimeType: "image/png" } },
        { inlineData: { mimeType: "image/png", data: png } },
      ),
    },
    sent: {
      "openai-chat": user(
        { type: "text", text: "see" },
        { type: "image_url", image_url: { url: "https://a/b.png" } },
        { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } },
      ),
    },
    from: ["openai-chat", "anthropic", "gemini"],
  },
  "a document": {
    said: {
      "openai-chat": user({
        type: "file",
        file: { filename: "document", file_data: "data:application/pdf;base64,JVBE" },
      }),
      "openai-responses": input({
        type: "input_file",
        filename: "document",
        file_data: "data:application/pdf;base64,JVBE",
      }),
      anthropic: user({ type: "document", source: { type: "base64", media_type: "application/pdf", data: "JVBE" } }),
      gemini: parts({ inlineData: { mimeType: "application/pdf", data: "JVBE" } }),
    },
    from: ["anthropic", "gemini"],
  },
  "a recording": {
    said: {
      "openai-chat": user(
        { type: "text", text: "hear" },
        { type: "input_audio", input_audio: { data: "UklG", format: "wav" } },
      ),
      "openai-responses": input(
        { type: "input_text", text: "hear" },
        { type: "input_audio", input_audio: { data: "UklG", format: "wav" } },
      ),
      gemini: parts({ text: "hear" }, { inlineData: { mimeType: "audio/wav", data: "UklG" } }),
    },
    sent: { anthropic: { messages: [{ role: "user", content: "hear" }] } },
    drops: { anthropic: 1 },
  },
  "a free choice of tools": withTools({
    "openai-chat": { tool_choice: "auto" },
    "openai-responses": { tool_choice: "auto" },
    anthropic: { tool_choice: { type: "auto" } },
    gemini: { toolConfig: { functionCallingConfig: { mode: "AUTO" } } },
  }),
  "some tool": withTools({
    "openai-chat": { tool_choice: "required" },
    "openai-responses": { tool_choice: "required" },
    anthropic: { tool_choice: { type: "any" } },
    gemini: { toolConfig: { functionCallingConfig: { mode: "ANY" } } },
  }),
  "no tool": withTools({
    "openai-chat": { tool_choice: "none" },
    "openai-responses": { tool_choice: "none" },
    anthropic: { tool_choice: { type: "none" } },
    gemini: { toolConfig: { functionCallingConfig: { mode: "NONE" } } },
  }),
  "one tool": withTools({
    "openai-chat": { tool_choice: { type: "function", function: { name: "weather" } } },
    "openai-responses": { tool_choice: { type: "function", name: "weather" } },
    anthropic: { tool_choice: { type: "tool", name: "weather" } },
    gemini: { toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["weather"] } } },
  }),
  "parallel calls and their results": {
    said: {
      "openai-chat": {
        messages: [
          ...hi["openai-chat"].messages,
          {
            role: "assistant",
            content: "looking",
            tool_calls: [
              { id: "a", type: "function", function: { name: "weather", arguments: '{"city":"Bern"}' } },
              { id: "b", type: "function", function: { name: "now", arguments: "{}" } },
            ],
          },
          { role: "tool", tool_call_id: "a", content: "rain" },
          { role: "tool", tool_call_id: "b", content: '{"hour":9}' },
          { role: "user", content: "and?" },
        ],
      },
      "openai-responses": {
        input: [
          ...hi["openai-responses"].input,
          { type: "message", role: "assistant", content: "looking" },
          { type: "function_call", call_id: "a", name: "weather", arguments: '{"city":"Bern"}' },
          { type: "function_call", call_id: "b", name: "now", arguments: "{}" },
          { type: "function_call_output", call_id: "a", output: "rain" },
          { type: "function_call_output", call_id: "b", output: '{"hour":9}' },
          { type: "message", role: "user", content: "and?" },
        ],
      },
      anthropic: {
        messages: [
          ...hi.anthropic.messages,
          {
            role: "assistant",
            content: [
              { type: "text", text: "looking" },
              { type: "tool_use", id: "a", name: "weather", input: { city: "Bern" } },
              { type: "tool_use", id: "b", name: "now", input: {} },
            ],
          },
          {
            role: "user",
            content: [
              { type: "tool_result", tool_use_id: "a", content: "rain" },
              { type: "tool_result", tool_use_id: "b", content: '{"hour":9}' },
              { type: "text", text: "and?" },
            ],
          },
        ],
      },
      gemini: {
        contents: [
          ...hi.gemini.contents,
          {
            role: "model",
            parts: [{ text: "looking" }, calling("weather", { city: "Bern" }, "a"), calling("now", {}, "b")],
          },
          {
            role: "user",
            parts: [response("weather", { output: "rain" }, "a"), response("now", { hour: 9 }, "b"), { text: "and?" }],
          },
        ],
      },
    },
    sent: {
      gemini: {
        contents: [
          ...hi.gemini.contents,
          { role: "model", parts: [{ text: "looking" }, calling("weather", { city: "Bern" }), calling("now", {})] },
          {
            role: "user",
            parts: [response("weather", { output: "rain" }), response("now", { hour: 9 }), { text: "and?" }],
          },
        ],
      },
    },
  },
  "an answer by schema": {
    said: {
      "openai-chat": {
        ...hi["openai-chat"],
        response_format: { type: "json_schema", json_schema: { name: "response", schema } },
      },
      "openai-responses": {
        ...hi["openai-responses"],
        text: { format: { type: "json_schema", name: "response", schema } },
      },
      anthropic: { ...hi.anthropic, output_config: { format: { type: "json_schema", schema } } },
      gemini: {
        ...hi.gemini,
        generationConfig: { responseMimeType: "application/json", responseJsonSchema: schema },
      },
    },
    from: ["openai-chat", "openai-responses", "gemini"],
  },
};
