/** OpenAI's custom tools with providers that have none: a function stands for each, both ways, streamed and not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { customArguments, InputReader } from "../../../providers/dialects/custom-tool.ts";
import { dialects } from "../../../providers/dialects/index.ts";
import type { DialectId, Event, JsonObject, RenderContext, Request } from "../../../providers/exchange.ts";
import { eventProblems, noSpec, problems } from "../../support/openai-spec.ts";

const { "openai-chat": openaiChat, "openai-responses": openaiResponses } = dialects;

const grammar = { type: "grammar", syntax: "lark", definition: 'start: "SELECT" /.+/' } as const;
const sql = { name: "sql", description: "Runs a query.", format: grammar };
const query = 'SELECT "a\\b"\n\tFROM é😀';

function responsesRequest(): Request {
  return openaiResponses.parse({
    model: "m",
    tools: [
      { type: "custom", ...sql },
      { type: "function", name: "f", parameters: { type: "object" }, strict: false },
    ],
    tool_choice: { type: "custom", name: "sql" },
    input: [
      { role: "user", content: "ask" },
      { type: "custom_tool_call", id: "ctc_1", call_id: "c1", name: "sql", input: query },
      { type: "custom_tool_call_output", call_id: "c1", output: "1 row" },
    ],
  });
}

function chatRequest(): Request {
  const format = { type: "grammar", grammar: { syntax: "lark", definition: grammar.definition } };
  return openaiChat.parse({
    model: "m",
    tools: [
      { type: "custom", custom: { ...sql, format } },
      { type: "function", function: { name: "f", parameters: { type: "object" } } },
    ],
    tool_choice: { type: "custom", custom: { name: "sql" } },
    messages: [
      { role: "user", content: "ask" },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c1", type: "custom", custom: { name: "sql", input: query } }],
      },
      { role: "tool", tool_call_id: "c1", content: "1 row" },
    ],
  });
}

const clients: Readonly<Record<string, () => Request>> = {
  "openai-chat": chatRequest,
  "openai-responses": responsesRequest,
};
const functionsOnly: readonly DialectId[] = ["anthropic", "gemini", "bedrock-converse", "cohere"];

for (const [client, request] of Object.entries(clients)) {
  for (const id of functionsOnly) {
    test(`encode() for ${id} makes functions of the custom tools of ${client}`, () => {
      const { body, dropped } = dialects[id].encode(request());
      const text = JSON.stringify(body);
      assert.match(text, /Runs a query\..*must follow this grammar \(lark\).*SELECT/);
      assert.ok(text.includes('"required":["input"]'), text);
      const written = JSON.stringify({ input: query });
      assert.ok(text.includes(written) || text.includes(JSON.stringify(written)), text);
      assert.ok(text.includes("1 row"), text);
      // Cohere cannot be told which one to call: the others are not sent.
      assert.equal(text.includes('"f"'), id !== "cohere", text);
      assert.doesNotMatch(dropped.join(), /custom|tool_call|tool_choice/);
    });
  }

  test(`encode() for a server that is only like OpenAI's makes functions of the custom tools of ${client}`, () => {
    const { body } = openaiChat.encode(request(), { functionsOnly: true });
    const [tool] = body["tools"] as JsonObject[];
    assert.equal(tool?.["type"], "function");
    assert.deepEqual(body["tool_choice"], { type: "function", function: { name: "sql" } });
    const call = { id: "c1", type: "function", function: { name: "sql", arguments: customArguments(query) } };
    assert.ok(JSON.stringify(body["messages"]).includes(JSON.stringify(call)));
  });

  test(`encode() for OpenAI leaves the custom tools of ${client} what they are`, () => {
    const chat = openaiChat.encode(request()).body;
    assert.deepEqual(chat["tool_choice"], { type: "custom", custom: { name: "sql" } });
    const call = { id: "c1", type: "custom", custom: { name: "sql", input: query } };
    assert.ok(JSON.stringify(chat["messages"]).includes(JSON.stringify(call)));
    const responses = openaiResponses.encode(request()).body;
    assert.deepEqual(responses["tool_choice"], { type: "custom", name: "sql" });
    const items = JSON.stringify(responses["input"]);
    assert.ok(items.includes(JSON.stringify({ type: "custom_tool_call", call_id: "c1", name: "sql", input: query })));
    const told = { type: "custom_tool_call_output", call_id: "c1", output: "1 row" };
    assert.ok(items.includes(JSON.stringify(told)), items);
    const { type, ...inner } = grammar;
    assert.deepEqual((chat["tools"] as JsonObject[])[0], {
      type: "custom",
      custom: { ...sql, format: { type, grammar: inner } },
    });
    assert.deepEqual((responses["tools"] as JsonObject[])[0], { type: "custom", ...sql });
  });
}

function context(request: Request): RenderContext {
  return { id: "x1", model: "m", created: 1, includeUsage: true, echo: request.echo };
}

/** A function's call in pieces of `size`, as a provider without custom tools writes it, and one of a plain function. */
function events(size: number): Event[] {
  const pieces = JSON.stringify({ input: query }).match(new RegExp(`[^]{1,${size}}`, "g"))!;
  return [
    { type: "start", id: "up", model: "m" },
    { type: "tool_call_start", index: 0, id: "c1", name: "sql" },
    ...pieces.map((delta): Event => ({ type: "tool_call_delta", index: 0, delta })),
    { type: "tool_call_start", index: 1, id: "c2", name: "f" },
    { type: "tool_call_delta", index: 1, delta: '{"input":"x"}' },
    { type: "finish", reason: "tool_calls", usage: { input: 1, output: 2 } },
  ];
}

/** The same call by a server that has custom tools: its input as it is. */
const native: readonly Event[] = [
  { type: "start", id: "up", model: "m" },
  { type: "tool_call_start", index: 0, id: "c1", name: "sql", custom: true },
  { type: "tool_call_delta", index: 0, delta: query.slice(0, 7) },
  { type: "tool_call_delta", index: 0, delta: query.slice(7) },
  { type: "tool_call_start", index: 1, id: "c2", name: "f" },
  { type: "tool_call_delta", index: 1, delta: '{"input":"x"}' },
  { type: "finish", reason: "tool_calls", usage: { input: 1, output: 2 } },
];

function framesOf(id: DialectId, told: readonly Event[], request: Request): JsonObject[] {
  const renderer = dialects[id].renderStream(context(request));
  const text = told.map((event) => renderer.push(event)).join("") + renderer.end();
  return text
    .split("\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice(6)) as JsonObject);
}

for (const [how, told] of [
  ["whole", events(1_000)],
  ["letter by letter", events(1)],
  ["as it is", native],
] as const) {
  test(`renderStream() of openai-responses tells a custom tool's input that came ${how}`, () => {
    const frames = framesOf("openai-responses", told, responsesRequest());
    const deltas = frames.filter(({ type }) => type === "response.custom_tool_call_input.delta");
    assert.equal(deltas.map(({ delta }) => delta).join(""), query);
    const [done] = frames.filter(({ type }) => type === "response.custom_tool_call_input.done");
    assert.equal(done?.["input"], query);
    const { response } = frames.at(-1) as { response?: { output: JsonObject[] } };
    const [call, plain] = response!.output;
    assert.deepEqual(
      [call?.["type"], call?.["call_id"], call?.["name"], call?.["input"], plain?.["type"], plain?.["arguments"]],
      ["custom_tool_call", "c1", "sql", query, "function_call", '{"input":"x"}'],
    );
    assert.deepEqual(
      openaiResponses.render(told, context(responsesRequest()))["output"],
      response!.output,
      "whole as streamed",
    );
  });

  test(`renderStream() of openai-chat tells a custom tool's input that came ${how}`, () => {
    const frames = framesOf("openai-chat", told, chatRequest());
    const deltas = frames.flatMap((frame) => {
      const [choice] = frame["choices"] as { delta: { tool_calls?: { index: number; custom?: JsonObject }[] } }[];
      return choice?.delta.tool_calls ?? [];
    });
    const input = deltas.map(({ custom }) => custom?.["input"] ?? "").join("");
    assert.deepEqual([input, deltas[0]?.custom?.["name"]], [query, "sql"]);
    const whole = openaiChat.render(told, context(chatRequest())) as {
      choices?: { message: { tool_calls: JsonObject[] }; finish_reason: string }[];
    };
    assert.deepEqual(whole.choices![0]!.message.tool_calls, [
      { id: "c1", type: "custom", custom: { name: "sql", input: query } },
      { id: "c2", type: "function", function: { name: "f", arguments: '{"input":"x"}' } },
    ]);
  });
}

test("what is told of custom tools is what OpenAI describes", { skip: noSpec }, () => {
  for (const told of [events(3), native]) {
    for (const frame of framesOf("openai-responses", told, responsesRequest())) {
      assert.deepEqual(eventProblems(frame as { type: string }), [], JSON.stringify(frame));
    }
    for (const frame of framesOf("openai-chat", told, chatRequest()).slice(-1))
      assert.deepEqual(problems("CreateChatCompletionStreamResponse", frame), [], JSON.stringify(frame));
    const whole = openaiChat.render(told, context(chatRequest()));
    assert.deepEqual(problems("CreateChatCompletionResponse", whole), []);
  }
});

test("a call of the caller's custom tool by responses is one in chat completions, and a hosted tool's is none", () => {
  const call = (name: string): Event => ({
    type: "opaque",
    dialect: "openai-responses",
    value: { type: "custom_tool_call", id: "ctc", call_id: "c9", name, input: query },
  });
  const told: Event[] = [{ type: "start" }, call("sql"), call("x_search"), { type: "finish", reason: "stop" }];
  const expected = [{ id: "c9", type: "custom", custom: { name: "sql", input: query } }];
  const { choices } = openaiChat.render(told, context(chatRequest())) as {
    choices?: { message: { tool_calls: JsonObject[] }; finish_reason: string }[];
  };
  assert.deepEqual([choices![0]!.message.tool_calls, choices![0]!.finish_reason], [expected, "tool_calls"]);
  const frames = framesOf("openai-chat", told, chatRequest());
  assert.ok(JSON.stringify(frames).includes(JSON.stringify(expected[0]!.custom)));
  assert.doesNotMatch(JSON.stringify(frames), /x_search/);
  assert.match(JSON.stringify(frames), /"finish_reason":"tool_calls"/);
});

test("InputReader tells what is written, however it comes, and all of what is something else", () => {
  const read = (pieces: readonly string[]): string => {
    const reader = new InputReader();
    return pieces.map((piece) => reader.push(piece)).join("") + reader.end();
  };
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }),
      fc.array(fc.nat(200), { maxLength: 8 }),
      fc.boolean(),
      (input, cuts, ascii) => {
        let json = `{ "input" : ${JSON.stringify(input)} }`;
        if (ascii) json = json.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
        const at = [0, ...cuts.map((cut) => cut % (json.length + 1)).sort((a, b) => a - b), json.length];
        assert.equal(read(at.slice(1).map((end, index) => json.slice(at[index], end))), input);
      },
    ),
  );
  for (const other of ["", "SELECT 1", '{"query":"x"}', `{"a":"${"x".repeat(200)}"}`, '{"input":3}', "[1]"])
    assert.equal(read([...other]), other);
});

test("encode() names a custom tool among those that may be called, or sends no others to a server without the word", () => {
  const tools = [
    { type: "custom", ...sql },
    { type: "function", name: "f", parameters: {} },
    { type: "function", name: "g", parameters: {} },
  ];
  const named = [
    { type: "custom", name: "sql" },
    { type: "function", name: "f" },
  ];
  const choice = { type: "allowed_tools", mode: "required", tools: named };
  const request = openaiResponses.parse({ model: "m", input: "hi", tools, tool_choice: choice });
  assert.deepEqual(openaiResponses.encode(request).body["tool_choice"], choice);
  assert.deepEqual(openaiChat.encode(request).body["tool_choice"], {
    type: "allowed_tools",
    allowed_tools: {
      mode: "required",
      tools: [
        { type: "custom", custom: { name: "sql" } },
        { type: "function", function: { name: "f" } },
      ],
    },
  });
  const { body } = openaiChat.encode(request, { functionsOnly: true });
  const sent = (body["tools"] as { function: { name: string } }[]).map((tool) => tool.function.name);
  assert.deepEqual([sent, body["tool_choice"]], [["sql", "f"], "required"]);
  // One that only OpenAI runs: the choice is kept as it was written, for OpenAI.
  const hosted = { ...choice, tools: [{ type: "web_search" }] };
  const kept = openaiResponses.parse({ model: "m", input: "hi", tools, tool_choice: hosted });
  assert.deepEqual(openaiResponses.encode(kept).body["tool_choice"], hosted);
  assert.deepEqual(openaiChat.encode(kept).dropped, ["tool_choice"]);
});
