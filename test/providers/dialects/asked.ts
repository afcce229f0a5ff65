/**
 * The same things asked in every dialect: what a client of it writes, and what is written to an upstream of it where
 * that is not the same. A dialect that is absent from a row has no word for it, and is not asked.
 * Over 400 lines since it is one table: a row is looked up by what is asked, and all are asked by the same loop.
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
  "bedrock-converse": { messages: [{ role: "user", content: [{ text: "hi" }] }] },
  cohere: { messages: [{ role: "user", content: "hi" }] },
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
  "bedrock-converse": {
    toolConfig: { tools: [{ toolSpec: { name: "weather", description: "d", inputSchema: { json: schema } } }] },
  },
  cohere: { tools: [chatTool()] },
} as const;
const looseTools = {
  "openai-responses": { tools: [{ ...tools["openai-responses"].tools[0], strict: false }] },
} as const;

/** `without`: whose words for the choice say less than the row does. */
function withTools(choice: Readonly<Record<keyof typeof tools, JsonObject>>, ...without: readonly DialectId[]): Asked {
  const ids = ["openai-chat", "openai-responses", "anthropic", "gemini", "cohere"] as const;
  const all = ids.map((id) => [id, { ...hi[id], ...tools[id], ...choice[id] }] as const);
  const { "openai-responses": loose } = looseTools;
  const { toolConfig } = tools["bedrock-converse"];
  const converse = choice["bedrock-converse"];
  return {
    said: {
      ...Object.fromEntries(all),
      "bedrock-converse": { ...hi["bedrock-converse"], toolConfig: { ...toolConfig, ...converse } },
    },
    sent: {
      "openai-responses": { ...hi["openai-responses"], ...loose, ...choice["openai-responses"] },
      // Without the tools, since there is no word for not calling them.
      ...(converse === noChoice ? { "bedrock-converse": hi["bedrock-converse"] } : {}),
    },
    from: [...ids, "bedrock-converse" as const].filter((id) => !without.includes(id)),
  };
}

const noChoice: JsonObject = {};

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
      "bedrock-converse": {
        ...hi["bedrock-converse"],
        system: [{ text: "be brief" }],
        inferenceConfig: { temperature: 0.5, topP: 0.9 },
      },
      cohere: {
        messages: [{ role: "system", content: "be brief" }, ...hi.cohere.messages],
        temperature: 0.5,
        p: 0.9,
      },
    },
  },
  "stop sequences": {
    said: {
      "openai-chat": { ...hi["openai-chat"], stop: ["A", "B"] },
      anthropic: { ...hi.anthropic, stop_sequences: ["A", "B"] },
      gemini: { ...hi.gemini, generationConfig: { stopSequences: ["A", "B"] } },
      "bedrock-converse": { ...hi["bedrock-converse"], inferenceConfig: { stopSequences: ["A", "B"] } },
      cohere: { ...hi.cohere, stop_sequences: ["A", "B"] },
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
    sent: {
      "openai-responses": hi["openai-responses"],
      anthropic: hi.anthropic,
      "bedrock-converse": hi["bedrock-converse"],
      cohere: { ...hi.cohere, seed: 7, frequency_penalty: 0.1, presence_penalty: 0.2 },
    },
    drops: { "openai-responses": 4, anthropic: 4, "bedrock-converse": 4, cohere: 1 },
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
    sent: {
      anthropic: hi.anthropic,
      "bedrock-converse": hi["bedrock-converse"],
      cohere: { ...hi.cohere, logprobs: true },
    },
    drops: { anthropic: 2, "bedrock-converse": 2, cohere: 1 },
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
      "bedrock-converse": {
        messages: [{ role: "user", content: [{ text: "see" }, { image: { format: "png", source: { bytes: png } } }] }],
      },
      cohere: user(
        { type: "text", text: "see" },
        { type: "image_url", image_url: { url: "https://a/b.png" } },
        { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } },
      ),
    },
    drops: { "bedrock-converse": 1 },
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
    sent: {
      "bedrock-converse": {
        messages: [
          { role: "user", content: [{ document: { format: "pdf", name: "document 1", source: { bytes: "JVBE" } } }] },
        ],
      },
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
    sent: {
      anthropic: { messages: [{ role: "user", content: "hear" }] },
      "bedrock-converse": {
        messages: [
          { role: "user", content: [{ text: "hear" }, { audio: { format: "wav", source: { bytes: "UklG" } } }] },
        ],
      },
      cohere: { messages: [{ role: "user", content: "hear" }] },
    },
    drops: { anthropic: 1, cohere: 1 },
  },
  "a free choice of tools": withTools(
    {
      "openai-chat": { tool_choice: "auto" },
      "openai-responses": { tool_choice: "auto" },
      anthropic: { tool_choice: { type: "auto" } },
      gemini: { toolConfig: { functionCallingConfig: { mode: "AUTO" } } },
      "bedrock-converse": { toolChoice: { auto: {} } },
      cohere: {},
    },
    "cohere",
  ),
  "some tool": withTools({
    "openai-chat": { tool_choice: "required" },
    "openai-responses": { tool_choice: "required" },
    anthropic: { tool_choice: { type: "any" } },
    gemini: { toolConfig: { functionCallingConfig: { mode: "ANY" } } },
    "bedrock-converse": { toolChoice: { any: {} } },
    cohere: { tool_choice: "REQUIRED" },
  }),
  "no tool": withTools(
    {
      "openai-chat": { tool_choice: "none" },
      "openai-responses": { tool_choice: "none" },
      anthropic: { tool_choice: { type: "none" } },
      gemini: { toolConfig: { functionCallingConfig: { mode: "NONE" } } },
      "bedrock-converse": noChoice,
      cohere: { tool_choice: "NONE" },
    },
    "bedrock-converse",
  ),
  "one tool": withTools(
    {
      "openai-chat": { tool_choice: { type: "function", function: { name: "weather" } } },
      "openai-responses": { tool_choice: { type: "function", name: "weather" } },
      anthropic: { tool_choice: { type: "tool", name: "weather" } },
      gemini: { toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["weather"] } } },
      "bedrock-converse": { toolChoice: { tool: { name: "weather" } } },
      cohere: { tool_choice: "REQUIRED" },
    },
    "cohere",
  ),
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
      "bedrock-converse": {
        messages: [
          ...hi["bedrock-converse"].messages,
          {
            role: "assistant",
            content: [
              { text: "looking" },
              { toolUse: { toolUseId: "a", name: "weather", input: { city: "Bern" } } },
              { toolUse: { toolUseId: "b", name: "now", input: {} } },
            ],
          },
          {
            role: "user",
            content: [
              { toolResult: { toolUseId: "a", content: [{ text: "rain" }] } },
              { toolResult: { toolUseId: "b", content: [{ text: '{"hour":9}' }] } },
              { text: "and?" },
            ],
          },
        ],
      },
      cohere: {
        messages: [
          ...hi.cohere.messages,
          {
            role: "assistant",
            tool_plan: "looking",
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
      cohere: { ...hi.cohere, response_format: { type: "json_object", json_schema: schema } },
    },
    sent: {
      "bedrock-converse": {
        ...hi["bedrock-converse"],
        outputConfig: {
          textFormat: {
            type: "json_schema",
            structure: { jsonSchema: { schema: JSON.stringify(schema), name: "response" } },
          },
        },
      },
    },
    from: ["openai-chat", "openai-responses", "gemini"],
  },
};

/** What every request begins with: the model, and a cap where one must stand. */
export function whole(id: DialectId, body: JsonObject): JsonObject {
  switch (id) {
    case "openai-chat":
      return { model: "m", max_tokens: 20, ...body };
    case "openai-responses":
      return { model: "m", max_output_tokens: 20, ...body };
    case "anthropic":
    case "cohere":
      return { model: "m", max_tokens: 20, ...body };
    case "gemini":
      return { ...body, generationConfig: { maxOutputTokens: 20, ...(body["generationConfig"] as JsonObject) } };
    case "bedrock-converse":
      return { ...body, inferenceConfig: { maxTokens: 20, ...(body["inferenceConfig"] as JsonObject) } };
  }
}
