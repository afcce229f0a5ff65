/** Chat completions written half in the words of responses or of Anthropic's messages, as editors for several APIs do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { anthropic } from "../../../providers/dialects/anthropic.ts";
import { openaiChat } from "../../../providers/dialects/openai-chat.ts";
import { openaiResponses } from "../../../providers/dialects/openai-responses.ts";
import type { Event } from "../../../providers/exchange.ts";

const asked = { model: "m", stream: false };
const rules = { syntax: "lark", definition: 'start: "*** Begin Patch"' };
const grammar = { type: "grammar", ...rules };
const flatPatch = { type: "custom", name: "ApplyPatch", description: "Edits files", format: grammar };
const read = { name: "Read", description: "Reads", parameters: { type: "object", properties: {} } };
const patch = "*** Begin Patch\n*** End Patch";

/** As Cursor's agent asks for a model of OpenAI's. */
const asResponse = {
  model: "m",
  stream: true,
  stream_options: { include_usage: true },
  messages: [],
  input: [
    { role: "system", content: "Be brief" },
    { role: "user", content: [{ type: "input_text", text: "fix it" }] },
    { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "ZW5j" },
    { type: "function_call", call_id: "c1", name: "Read", arguments: '{"path":"a"}' },
    { type: "custom_tool_call", call_id: "c2", name: "ApplyPatch", input: patch },
    { type: "function_call_output", call_id: "c1", output: "text" },
    { type: "custom_tool_call_output", call_id: "c2", output: "done" },
  ],
  tools: [{ type: "function", ...read }, { type: "function", function: { ...read, name: "List" } }, flatPatch],
  tool_choice: { type: "function", function: { name: "Read" } },
  reasoning: { effort: "high", summary: "auto" },
  text: { verbosity: "low" },
  include: ["reasoning.encrypted_content"],
  max_tokens: 50,
  prompt_cache_key: "k",
  store: true,
  user: "u",
};

test("parse() reads an input in place of messages, and it becomes a chat completion that OpenAI takes", () => {
  const { body, dropped } = openaiChat.encode(openaiChat.parse(asResponse, asked));
  assert.deepEqual(body, {
    model: "m",
    messages: [
      { role: "system", content: "Be brief" },
      { role: "user", content: "fix it" },
      {
        role: "assistant",
        content: null,
        tool_calls: [
          { id: "c1", type: "function", function: { name: "Read", arguments: '{"path":"a"}' } },
          { id: "c2", type: "custom", custom: { name: "ApplyPatch", input: patch } },
        ],
      },
      { role: "tool", tool_call_id: "c1", content: "text" },
      { role: "tool", tool_call_id: "c2", content: "done" },
    ],
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: 50,
    tools: [
      { type: "function", function: read },
      { type: "function", function: { ...read, name: "List" } },
      {
        type: "custom",
        custom: { name: "ApplyPatch", description: "Edits files", format: { type: "grammar", grammar: rules } },
      },
    ],
    tool_choice: { type: "function", function: { name: "Read" } },
    reasoning_effort: "high",
    user: "u",
    verbosity: "low",
    prompt_cache_key: "k",
  });
  assert.deepEqual(dropped, ["messages[].thinking"]);
});

test("parse() keeps all of it for a host that has responses as well", () => {
  const { body } = openaiResponses.encode(openaiChat.parse(asResponse, asked));
  const { instructions: _, ...said } = body as Record<string, unknown>;
  assert.deepEqual(said["tools"], [
    { type: "function", ...read },
    { type: "function", ...read, name: "List" },
    flatPatch,
  ]);
  assert.deepEqual(said["reasoning"], { effort: "high", summary: "auto" });
  assert.equal(said["max_output_tokens"], 50);
  assert.ok(JSON.stringify(said["input"]).includes("ZW5j"), "the encrypted reasoning");
  assert.ok(JSON.stringify(said["input"]).includes("custom_tool_call_output"));
});

test("parse() reads messages of a chat and Anthropic's blocks among an input's items", () => {
  const input = [
    { role: "user", content: "go" },
    { role: "assistant", content: [{ type: "tool_use", id: "t1", name: "Read", input: { path: "a" } }] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: [{ type: "text", text: "A" }] }] },
    { type: "function_call", call_id: "t2", name: "Read", arguments: "{}" },
    { role: "tool", tool_call_id: "t2", content: "B" },
    { role: "user", content: [{ type: "image_url", image_url: { url: "https://x.test/a.png" } }] },
  ];
  const { body } = openaiChat.encode(openaiChat.parse({ model: "m", input }, asked));
  const call = (id: string, args: string) => ({ id, type: "function", function: { name: "Read", arguments: args } });
  assert.deepEqual((body as { messages: unknown }).messages, [
    { role: "user", content: "go" },
    { role: "assistant", content: null, tool_calls: [call("t1", '{"path":"a"}')] },
    { role: "tool", tool_call_id: "t1", content: "A" },
    { role: "assistant", content: null, tool_calls: [call("t2", "{}")] },
    { role: "tool", tool_call_id: "t2", content: "B" },
    { role: "user", content: [{ type: "image_url", image_url: { url: "https://x.test/a.png" } }] },
  ]);
  assert.throws(() => openaiChat.parse({ model: "m", input: [...input, { role: "user", content: 3 }] }, asked), {
    details: { source: "client", param: "input[6].content" },
  });
});

test("parse() reads Anthropic's blocks in the messages of a chat, its proofs and pictures too", () => {
  const messages = [
    { role: "user", content: [{ type: "image", source: { type: "base64", media_type: "image/png", data: "aQ==" } }] },
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "hm", signature: "c2ln" },
        { type: "text", text: "I look" },
        { type: "tool_use", id: "t1", name: "Read", input: { path: "a" } },
      ],
    },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: "A", is_error: true }] },
  ];
  const said = { model: "m", max_tokens: 9, messages, tools: [{ name: "Read", input_schema: read.parameters }] };
  const { body } = anthropic.encode(openaiChat.parse(said, asked));
  assert.deepEqual((body as { messages: unknown }).messages, messages);
});

test("parse() takes nothing that only /v1/responses may be asked for", () => {
  for (const name of ["previous_response_id", "conversation", "prompt"])
    assert.throws(() => openaiChat.parse({ model: "m", input: "hi", [name]: "x" }, asked), {
      code: "invalid_request",
      details: { source: "client", param: name },
    });
});

test("parse() reads a function's call of a custom tool as that tool's, whose text is no JSON", () => {
  const called = { id: "c", type: "function", function: { name: "ApplyPatch", arguments: patch } };
  const messages = [
    { role: "user", content: "go" },
    { role: "assistant", content: [], tool_calls: [called] },
    { role: "tool", tool_call_id: "c", content: "done" },
  ];
  const { body } = openaiChat.encode(openaiChat.parse({ model: "m", messages, tools: [flatPatch] }, asked));
  assert.deepEqual((body as { messages: unknown[] }).messages[1], {
    role: "assistant",
    content: null,
    tool_calls: [{ id: "c", type: "custom", custom: { name: "ApplyPatch", input: patch } }],
  });
});

test("render() tells a flat custom tool's call in both shapes, and one that was written in this API's way in one", () => {
  const events: readonly Event[] = [
    { type: "tool_call_start", index: 0, id: "c", name: "ApplyPatch" },
    { type: "tool_call_delta", index: 0, delta: '{"input": "*** Beg' },
    { type: "tool_call_delta", index: 0, delta: 'in"}' },
    { type: "finish", reason: "tool_calls" },
  ];
  const messages = [{ role: "user", content: "go" }];
  const own = { type: "custom", custom: { name: "ApplyPatch" } };
  const call = { id: "c", type: "custom", custom: { name: "ApplyPatch", input: "*** Begin" } };
  for (const [tool, told] of [
    [flatPatch, { ...call, function: { name: "ApplyPatch", arguments: "*** Begin" } }],
    [own, call],
  ] as const) {
    for (const said of [{ messages }, { input: "go" }]) {
      if (tool === own && "input" in said) continue;
      const { echo } = openaiChat.parse({ model: "m", ...said, tools: [tool] }, asked);
      const context = { id: "i", model: "m", created: 1, echo };
      const { choices } = openaiChat.render(events, context) as { choices: { message: { tool_calls: unknown } }[] };
      assert.deepEqual(choices[0]?.message.tool_calls, [told]);
      const renderer = openaiChat.renderStream(context);
      const deltas = events
        .map((event) => renderer.push(event))
        .join("")
        .split("\n\n")
        .filter((frame) => frame.includes('tool_calls":['))
        .map((frame) => (JSON.parse(frame.slice(6)) as { choices: [{ delta: { tool_calls: [Joined] } }] }).choices[0])
        .map(({ delta }) => delta.tool_calls[0]);
      const all = { id: "c", type: "custom", custom: { name: "ApplyPatch", input: text(deltas, "custom", "input") } };
      const both = { function: { name: "ApplyPatch", arguments: text(deltas, "function", "arguments") } };
      assert.deepEqual({ ...all, ...("function" in told ? both : {}) }, told);
      assert.equal(
        deltas.some((delta) => delta.function !== undefined),
        "function" in told,
      );
    }
  }
});

type Joined = { custom?: { input: string }; function?: { arguments: string } };
const text = (deltas: readonly Joined[], kind: "custom" | "function", field: "input" | "arguments") =>
  deltas.map((delta) => (delta[kind] as Record<string, string> | undefined)?.[field] ?? "").join("");
