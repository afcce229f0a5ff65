/** What a client of Gemini asks and what an upstream of it is sent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gemini } from "../../../providers/dialects/gemini.ts";
import { dialects } from "../../../providers/dialects/index.ts";
import { openaiChat } from "../../../providers/dialects/openai-chat.ts";
import type { JsonObject, Request } from "../../../providers/exchange.ts";

const context = { id: "req_1", model: "m", created: 1 };
const path = { model: "gemini-2.5-flash", stream: false };
const hi = { contents: [{ parts: [{ text: "hi" }] }] };

const thinking: readonly [model: string, asked: Partial<Request>, config: JsonObject | undefined, dropped: number][] = [
  ["gemini-2.5-flash", { reasoning: { effort: "high" } }, { includeThoughts: true, thinkingBudget: 16_384 }, 0],
  ["gemini-2.5-pro", { reasoning: { budgetTokens: 99 } }, { includeThoughts: true, thinkingBudget: 99 }, 0],
  ["gemini-2.5-flash", { reasoning: { enabled: false } }, { thinkingBudget: 0 }, 0],
  ["gemini-2.5-pro", { reasoning: { enabled: false } }, undefined, 1],
  ["gemini-3-pro", { reasoning: { effort: "low", summary: "none" } }, { thinkingLevel: "LOW" }, 0],
  ["gemini-3-pro", { reasoning: { budgetTokens: 9_000 } }, { includeThoughts: true, thinkingLevel: "MEDIUM" }, 0],
  ["gemini-3-pro", { reasoning: { effort: "vast" } }, { includeThoughts: true }, 1],
  ["gemini-2.0-flash", { reasoning: { effort: "low" } }, undefined, 1],
  ["gemini-2.0-flash", { reasoning: { enabled: false } }, undefined, 0],
  ["gemma-3-27b-it", { reasoning: { effort: "low" } }, undefined, 1],
];

for (const [model, asked, config, count] of thinking) {
  test(`encode() asks ${model} to think: ${JSON.stringify(asked.reasoning)}`, () => {
    const messages = [{ role: "user", parts: [{ type: "text", text: "x" }] }] as const;
    const { body, dropped } = gemini.encode({ model, stream: false, messages, ...asked });
    assert.deepEqual((body["generationConfig"] as JsonObject | undefined)?.["thinkingConfig"], config);
    assert.equal(dropped.length, count);
  });
}

test("encode() names what of a schema is not obeyed, and says a fixed value as a list of one", () => {
  const schema = {
    type: "object",
    properties: { kind: { const: "a" }, code: { type: "string", pattern: "^x" }, list: { items: { minLength: 2 } } },
    additionalProperties: false,
  };
  const { body, dropped } = gemini.encode(
    openaiChat.parse({
      model: "m",
      messages: [{ role: "user", content: "x" }],
      tools: [{ type: "function", function: { name: "f", parameters: schema, strict: true } }],
      response_format: { type: "json_schema", json_schema: { name: "n", schema: { not: {} } } },
    }),
  );
  const [{ functionDeclarations }] = body["tools"] as [{ functionDeclarations: JsonObject[] }];
  assert.deepEqual(functionDeclarations[0]!["parametersJsonSchema"], {
    ...schema,
    properties: { ...schema.properties, kind: { enum: ["a"] } },
  });
  assert.deepEqual([...dropped].sort(), [
    "response_format.json_schema.schema.not",
    "tools[].parameters.minLength",
    "tools[].parameters.pattern",
    "tools[].strict",
  ]);
});

test("encode() marks the calls of another model's history for models that want a signature, and no others", () => {
  const called = { id: "a", type: "function", function: { name: "f", arguments: "{}" } };
  const messages = [
    { role: "user", content: "q" },
    { role: "assistant", content: null, tool_calls: [called, { ...called, id: "b" }] },
  ];
  const partsFor = (model: string) => {
    const { body } = gemini.encode(openaiChat.parse({ model, messages }));
    return (body["contents"] as { parts: JsonObject[] }[])[1]!.parts.map((part) => part["thoughtSignature"]);
  };
  assert.deepEqual(partsFor("gemini-3-pro-preview"), ["skip_thought_signature_validator", undefined]);
  assert.deepEqual(partsFor("gemini-2.5-pro"), [undefined, undefined]);
});

test("encode() refuses a message of which nothing is left, and reports what is left out of others", () => {
  const file = { type: "file", file: { file_id: "file-abc" } };
  const ask = (...content: JsonObject[]) =>
    gemini.encode(openaiChat.parse({ model: "m", messages: [{ role: "user", content }] }));
  assert.throws(() => ask(file), { code: "unsupported_parameter" });
  assert.deepEqual(ask(file, { type: "text", text: "x" }).dropped, ["messages[].document.file_id"]);
});

test("parse() reads what Google's clients write, in JSON's spelling or protobuf's", () => {
  const body = {
    contents: [
      { role: "user", parts: [{ text: "q" }] },
      {
        role: "model",
        parts: [{ function_call: { name: "f", args: { a: 1 } } }, { functionCall: { name: "f", args: {} } }],
      },
      {
        role: "function",
        parts: [
          { functionResponse: { name: "f", response: { output: "one" } } },
          { function_response: { name: "f", response: { error: "two" } } },
        ],
      },
    ],
    system_instruction: { parts: [{ text: "s" }] },
    tools: [
      {
        function_declarations: [
          {
            name: "f",
            parameters: {
              type: "OBJECT",
              properties: {
                a: { type: "INTEGER", nullable: true },
                b: { type: "ARRAY", items: { type: "STRING" }, minItems: "1" },
              },
              propertyOrdering: ["a", "b"],
            },
          },
        ],
      },
      { google_search: {} },
    ],
    tool_config: { function_calling_config: { mode: "ANY", allowed_function_names: ["f"] } },
    generation_config: {
      max_output_tokens: 9,
      top_k: 64,
      thinking_config: { include_thoughts: true, thinking_budget: 1_024 },
      response_mime_type: "application/json",
      response_schema: { type: "STRING", enum: ["a"] },
      speechConfig: {},
    },
    safety_settings: [],
  };
  assert.deepEqual(gemini.parse(body, { model: "gemini-2.5-flash", stream: true }), {
    dialect: "gemini",
    model: "gemini-2.5-flash",
    stream: true,
    includeUsage: true,
    messages: [
      { role: "system", parts: [{ type: "text", text: "s" }] },
      { role: "user", parts: [{ type: "text", text: "q" }] },
      {
        role: "assistant",
        parts: [
          { type: "tool_call", id: "call_1_0_0", name: "f", arguments: '{"a":1}' },
          { type: "tool_call", id: "call_1_1_0", name: "f", arguments: "{}" },
        ],
      },
      {
        role: "user",
        parts: [
          { type: "tool_result", id: "call_1_0_0", content: [{ type: "text", text: "one" }] },
          { type: "tool_result", id: "call_1_1_0", content: [{ type: "text", text: "two" }], isError: true },
        ],
      },
    ],
    tools: [
      {
        type: "function",
        name: "f",
        parameters: {
          type: "object",
          properties: {
            a: { type: ["integer", "null"] },
            b: { type: "array", items: { type: "string" }, minItems: 1 },
          },
        },
      },
      { type: "opaque", dialect: "gemini", value: { googleSearch: {} } },
    ],
    toolChoice: { type: "tool", name: "f" },
    maxTokens: 9,
    topK: 64,
    reasoning: { budgetTokens: 1_024, summary: "auto", enabled: true },
    responseFormat: { type: "json_schema", name: "response", schema: { type: "string", enum: ["a"] } },
    extra: { safetySettings: [], generationConfig: { speechConfig: {} } },
  } satisfies Request);
});

test("parse() names the field that is wrong, and encode() what others cannot be told", () => {
  const wrong: readonly [JsonObject, string][] = [
    [{}, "contents"],
    [{ contents: [{ role: "robot", parts: [] }] }, "contents[0].role"],
    [{ contents: [{ parts: [{}] }] }, "contents[0].parts[0]"],
    [{ contents: [{ parts: [{ functionCall: {} }] }] }, "contents[0].parts[0].functionCall.name"],
    [{ ...hi, generationConfig: { maxOutputTokens: "9" } }, "generationConfig.maxOutputTokens"],
    [{ ...hi, toolConfig: { functionCallingConfig: { mode: "SOME" } } }, "toolConfig.functionCallingConfig.mode"],
  ];
  for (const [body, param] of wrong) {
    assert.throws(() => gemini.parse(body, path), { code: "invalid_request", details: { source: "client", param } });
  }
  const asked = gemini.parse(
    { ...hi, safetySettings: [{}], tools: [{ googleSearch: {} }], generationConfig: { topK: 3, speechConfig: {} } },
    path,
  );
  assert.deepEqual([...openaiChat.encode(asked).dropped].sort(), [
    "generationConfig.speechConfig",
    "generationConfig.topK",
    "safetySettings",
    "tools[].googleSearch",
  ]);
  assert.throws(() => openaiChat.encode(gemini.parse({ ...hi, cachedContent: "cachedContents/1" }, path)), {
    code: "unsupported_parameter",
  });
});

const { embeddings, countTokens } = gemini;

test("embeddings are asked for in one batch, and answered as they were asked for", () => {
  const one = embeddings!.parse(
    { content: { parts: [{ text: "a" }] }, taskType: "RETRIEVAL_QUERY", outputDimensionality: 2 },
    path,
  );
  assert.deepEqual(one, {
    dialect: "gemini",
    model: "gemini-2.5-flash",
    inputs: ["a"],
    single: true,
    dimensions: 2,
    taskType: "RETRIEVAL_QUERY",
  });
  assert.deepEqual(embeddings!.encode(one).body, {
    requests: [
      {
        model: "models/gemini-2.5-flash",
        content: { parts: [{ text: "a" }] },
        taskType: "RETRIEVAL_QUERY",
        outputDimensionality: 2,
      },
    ],
  });
  const many = embeddings!.parse(
    { requests: [{ content: { parts: [{ text: "a" }] } }, { content: { parts: [{ text: "b" }] } }] },
    path,
  );
  const answer = embeddings!.decode({ embeddings: [{ values: [1, 2] }, { values: [3, 4] }] });
  assert.deepEqual(answer.vectors, [
    [1, 2],
    [3, 4],
  ]);
  assert.deepEqual(embeddings!.render(answer, { ...context, request: many }), {
    embeddings: [{ values: [1, 2] }, { values: [3, 4] }],
  });
  assert.deepEqual(embeddings!.render({ vectors: [[1]], usage: { input: 2 } }, { ...context, request: one }), {
    embedding: { values: [1] },
    usageMetadata: { promptTokenCount: 2 },
  });
  const predictions = [{ embeddings: { values: [1], statistics: { token_count: 5 } } }];
  assert.deepEqual(embeddings!.decode({ predictions }), { vectors: [[1]], usage: { input: 5, output: 0 } });
  assert.throws(() => embeddings!.decode({ embeddings: [{ values: "x" }] }), { code: "upstream_protocol" });
  assert.throws(() => embeddings!.parse({ content: {} }, path), {
    details: { source: "client", param: "content.parts" },
  });
});

test("countTokens asks with contents alone where that is all, else with the whole request", () => {
  const plain = countTokens!.parse(hi, path);
  assert.deepEqual(countTokens!.encode(plain).body, { contents: [{ role: "user", parts: [{ text: "hi" }] }] });
  const wrapped = {
    generateContentRequest: { model: "models/x", ...hi, systemInstruction: { parts: [{ text: "s" }] } },
  };
  assert.deepEqual(countTokens!.encode(countTokens!.parse(wrapped, path)).body, {
    generateContentRequest: {
      model: "models/gemini-2.5-flash",
      contents: [{ role: "user", parts: [{ text: "hi" }] }],
      systemInstruction: { parts: [{ text: "s" }] },
    },
  });
  assert.deepEqual(countTokens!.decode({ totalTokens: 7 }), { input: 7 });
  assert.deepEqual(countTokens!.render({ input: 7 }, context), { totalTokens: 7 });
});

test("every other dialect can be asked what a Gemini client asks", () => {
  for (const dialect of Object.values(dialects)) {
    if (dialect.id !== "gemini") assert.deepEqual(dialect.encode(gemini.parse(hi, path)).dropped, []);
  }
});
