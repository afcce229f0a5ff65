import assert from "node:assert/strict";
import { test } from "node:test";
import { anthropic } from "../../../providers/dialects/anthropic.ts";
import { openaiChat } from "../../../providers/dialects/openai-chat.ts";
import type { Request } from "../../../providers/exchange.ts";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { seen } from "./replay.ts";

const hello = { model: "claude-sonnet-4-5", max_tokens: 100, messages: [{ role: "user", content: "hi" }] };

function chat(body: object): Request {
  return openaiChat.parse({ model: "claude-sonnet-4-5", messages: [{ role: "user", content: "hi" }], ...body });
}

test("decode() counts a compaction, which is billed and left out of the counts at the top", () => {
  const compaction = { type: "compaction", input_tokens: 60_000, output_tokens: 500, cache_read_input_tokens: 7 };
  const other = { type: "advisor_message", input_tokens: 9, output_tokens: 9, model: "another" };
  const usage = { input_tokens: 600, output_tokens: 20, iterations: [compaction, other] };
  const { usage: told } = seen(anthropic.decode({ content: [], stop_reason: "end_turn", usage }));
  assert.deepEqual(told, { input: 60_607, output: 520, cacheRead: 7 });
});

test("parse() reads every field that has a place, and keeps the rest", () => {
  const request = anthropic.parse({
    ...hello,
    system: [{ type: "text", text: "be brief", cache_control: { type: "ephemeral", ttl: "1h" } }],
    stop_sequences: ["END"],
    tools: [
      { name: "f", input_schema: { type: "object" }, defer_loading: true },
      { type: "web_search_20250305", name: "web_search", max_uses: 3 },
    ],
    tool_choice: { type: "any", disable_parallel_tool_use: true },
    output_config: { format: { type: "json_schema", schema: { type: "object" } }, effort: "low", task_budget: 9 },
    thinking: { type: "enabled", budget_tokens: 2048 },
    metadata: { user_id: "u" },
    container: "c",
  });
  assert.deepEqual(request, {
    dialect: "anthropic",
    model: "claude-sonnet-4-5",
    messages: [
      { role: "system", parts: [{ type: "text", text: "be brief", cache: { ttl: "1h" } }] },
      { role: "user", parts: [{ type: "text", text: "hi" }] },
    ],
    stream: false,
    includeUsage: true,
    maxTokens: 100,
    stop: ["END"],
    tools: [
      { type: "function", name: "f", parameters: { type: "object" }, extra: { defer_loading: true } },
      { type: "opaque", dialect: "anthropic", value: { type: "web_search_20250305", name: "web_search", max_uses: 3 } },
    ],
    toolChoice: { type: "required" },
    parallelToolCalls: false,
    responseFormat: { type: "json_schema", name: "response", schema: { type: "object" }, strict: true },
    reasoning: { effort: "low", enabled: true, budgetTokens: 2048 },
    user: "u",
    extra: { container: "c", output_config: { task_budget: 9 } },
  } satisfies Request);
});

test("parse() names the field at fault", () => {
  const user = (content: unknown) => ({ ...hello, messages: [{ role: "user", content }] });
  const cases: readonly [unknown, string | undefined][] = [
    ["text", undefined],
    [{ ...hello, model: undefined }, "model"],
    [{ ...hello, messages: "hi" }, "messages"],
    [{ ...hello, messages: [{ role: "tool", content: "" }] }, "messages[0].role"],
    [user(undefined), "messages[0].content"],
    [user([{ type: "text", text: 1 }]), "messages[0].content[0].text"],
    [user([{ type: "image", source: { type: "base64", data: "" } }]), "messages[0].content[0].source.media_type"],
    [user([{ type: "tool_result" }]), "messages[0].content[0].tool_use_id"],
    [
      user([{ type: "tool_result", tool_use_id: "a", content: [{ type: "tool_result", tool_use_id: "b" }] }]),
      "messages[0].content[0].content[0]",
    ],
    [user([{ no: "type" }]), "messages[0].content[0].type"],
    [{ ...hello, system: 3 }, "system"],
    [{ ...hello, max_tokens: 1.5 }, "max_tokens"],
    [{ ...hello, tools: [{ name: "f" }] }, "tools[0].input_schema"],
    [{ ...hello, tool_choice: { type: "some" } }, "tool_choice.type"],
    [{ ...hello, thinking: { type: "enabled" } }, "thinking.budget_tokens"],
  ];
  for (const [body, param] of cases) {
    assert.throws(
      () => anthropic.parse(body),
      (error) => error instanceof GatewayError && error.code === "invalid_request" && error.details.param === param,
      JSON.stringify(body),
    );
  }
});

test("encode(parse()) gives back what the caller wrote", () => {
  const body = {
    model: "claude-sonnet-4-5",
    max_tokens: 3000,
    system: [{ type: "text", text: "be brief", cache_control: { type: "ephemeral" } }],
    messages: [
      {
        role: "user",
        content: [
          { type: "image", source: { type: "url", url: "https://x/y.png" } },
          {
            type: "document",
            source: { type: "text", media_type: "text/plain", data: "d" },
            title: "t",
            citations: { enabled: true },
          },
        ],
      },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "hm", signature: "s" },
          { type: "redacted_thinking", data: "r" },
          { type: "server_tool_use", id: "s1", name: "web_search", input: { query: "q" } },
          { type: "text", text: "so", citations: [{ type: "char_location" }] },
          { type: "tool_use", id: "a", name: "f", input: { n: 1 } },
        ],
      },
      {
        role: "user",
        content: [
          {
            type: "tool_result",
            tool_use_id: "a",
            content: [
              { type: "text", text: "no" },
              { type: "image", source: { type: "file", file_id: "f1" } },
            ],
            is_error: true,
            cache_control: { type: "ephemeral", ttl: "5m" },
          },
        ],
      },
    ],
    temperature: 1,
    top_p: 0.99,
    stop_sequences: ["END"],
    tools: [
      { name: "f", description: "d", input_schema: { type: "object" }, strict: true },
      { type: "bash_20250124", name: "bash" },
    ],
    tool_choice: { type: "auto", disable_parallel_tool_use: true },
    thinking: { type: "enabled", budget_tokens: 2048 },
    metadata: { user_id: "u" },
    service_tier: "auto",
    context_management: { edits: [] },
    output_config: { format: { type: "json_schema", schema: { type: "object" } }, effort: "low" },
  };
  assert.deepEqual(anthropic.encode(anthropic.parse(body)), {
    body,
    headers: { "anthropic-version": "2023-06-01" },
    dropped: [],
  });
});

test("encode() gives the documented cap when the caller gives none", () => {
  assert.equal(anthropic.encode(chat({})).body["max_tokens"], 4096);
  assert.equal(anthropic.encode(chat({ max_tokens: 7 })).body["max_tokens"], 7);
});

test("encode() puts system text from anywhere in the field, and joins turns of one role", () => {
  const { body } = anthropic.encode(
    chat({
      messages: [
        { role: "system", content: "a" },
        { role: "user", content: "one" },
        { role: "developer", content: "b" },
        { role: "user", content: "two" },
        {
          role: "assistant",
          content: null,
          tool_calls: [
            { id: "x", type: "function", function: { name: "f", arguments: "" } },
            { id: "y", type: "function", function: { name: "f", arguments: "{broken" } },
          ],
        },
        { role: "tool", tool_call_id: "x", content: "1" },
        { role: "tool", tool_call_id: "y", content: "2" },
        { role: "user", content: "go on" },
      ],
    }),
  );
  assert.deepEqual(body["system"], [
    { type: "text", text: "a" },
    { type: "text", text: "b" },
  ]);
  assert.deepEqual(body["messages"], [
    {
      role: "user",
      content: [
        { type: "text", text: "one" },
        { type: "text", text: "two" },
      ],
    },
    {
      role: "assistant",
      content: [
        { type: "tool_use", id: "x", name: "f", input: {} },
        { type: "tool_use", id: "y", name: "f", input: { raw_arguments: "{broken" } },
      ],
    },
    {
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "x", content: "1" },
        { type: "tool_result", tool_use_id: "y", content: "2" },
        { type: "text", text: "go on" },
      ],
    },
  ]);
});

test("encode() reports, in the caller's words, what Anthropic cannot be told", () => {
  const { dropped, body } = anthropic.encode(
    chat({
      n: 2,
      seed: 1,
      logprobs: true,
      top_logprobs: 2,
      frequency_penalty: 1,
      presence_penalty: 1,
      temperature: 1.5,
      stop: ["\n", "END"],
      response_format: { type: "json_object" },
      service_tier: "flex",
      logit_bias: { 1: 2 },
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "hear" },
            { type: "input_audio", input_audio: { data: "A", format: "wav" } },
          ],
        },
      ],
    }),
  );
  assert.deepEqual([...dropped].sort(), [
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "messages[].input_audio",
    "n",
    "presence_penalty",
    "response_format",
    "seed",
    "service_tier",
    "stop",
    "temperature",
    "top_logprobs",
  ]);
  assert.deepEqual(body["stop_sequences"], ["END"]);
});

test("encode() writes call ids as Anthropic takes them, on the call and on its result alike", () => {
  const { body } = anthropic.encode(
    chat({
      messages: [
        { role: "user", content: "q" },
        {
          role: "assistant",
          tool_calls: [{ id: "functions.look:0", type: "function", function: { name: "look", arguments: "{}" } }],
        },
        { role: "tool", tool_call_id: "functions.look:0", content: "x" },
      ],
    }),
  );
  assert.deepEqual((body["messages"] as object[]).slice(1), [
    { role: "assistant", content: [{ type: "tool_use", id: "functions_look_0", name: "look", input: {} }] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "functions_look_0", content: "x" }] },
  ]);
});

test("encode() refuses a message of which nothing would be left", () => {
  const audio = { type: "input_audio", input_audio: { data: "A", format: "wav" } };
  assert.throws(() => anthropic.encode(chat({ messages: [{ role: "user", content: [audio] }] })), {
    code: "unsupported_parameter",
  });
});

test("encode() makes an effort a budget for old models and an effort for new ones", () => {
  const thinking = (body: object) => {
    const { body: encoded, dropped } = anthropic.encode(chat(body));
    return [encoded["thinking"], encoded["output_config"], encoded["max_tokens"], dropped];
  };
  const budget = (tokens: number) => ({ type: "enabled", budget_tokens: tokens });
  assert.deepEqual(thinking({ reasoning_effort: "low" }), [budget(2048), undefined, 4096 + 2048, []]);
  assert.deepEqual(thinking({ reasoning_effort: "high", max_tokens: 10_000 }), [budget(8000), undefined, 10_000, []]);
  assert.deepEqual(thinking({ reasoning_effort: "high", max_tokens: 1000 }), [
    undefined,
    undefined,
    1000,
    ["reasoning_effort"],
  ]);
  assert.deepEqual(thinking({ reasoning_effort: "none" }), [undefined, undefined, 4096, []]);
  assert.deepEqual(thinking({ reasoning: { max_tokens: 3000 }, max_tokens: 8000, temperature: 0 }), [
    budget(3000),
    undefined,
    8000,
    ["temperature"],
  ]);
  const later = { model: "claude-opus-4-7", reasoning_effort: "minimal" };
  assert.deepEqual(thinking(later), [{ type: "adaptive" }, { effort: "low" }, 4096, []]);
  const tools = [{ type: "function", function: { name: "f" } }];
  const forced = { ...later, tools, tool_choice: "required" };
  assert.deepEqual(thinking(forced), [undefined, undefined, 4096, ["reasoning_effort"]]);
});

test("encode() leaves thinking out of a tool loop whose thinking the client did not keep", () => {
  const loop = [
    { role: "user", content: "q" },
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "x", type: "function", function: { name: "f", arguments: "{}" } }],
    },
    { role: "tool", tool_call_id: "x", content: "1" },
  ];
  const { body, dropped } = anthropic.encode(chat({ messages: loop, reasoning_effort: "low" }));
  assert.deepEqual([body["thinking"], dropped], [undefined, ["reasoning_effort"]]);
});
