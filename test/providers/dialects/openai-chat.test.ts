import assert from "node:assert/strict";
import { test } from "node:test";
import { openaiChat } from "../../../providers/dialects/openai-chat.ts";
import type { Event, Request } from "../../../providers/exchange.ts";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { push, replay, seen } from "./replay.ts";

const context = { id: "chatcmpl-1", model: "m", created: 1_700_000_000 };
const hello = { model: "m", messages: [{ role: "user", content: "hi" }] };

function chunk(choice: object, more: object = {}): { event: string; data: string } {
  return {
    event: "",
    data: JSON.stringify({ id: "c1", model: "m", choices: [{ index: 0, finish_reason: null, ...choice }], ...more }),
  };
}

const done = { event: "", data: "[DONE]" };

test("decodeStream() tells text, finish and usage in order", () => {
  const events = replay(openaiChat, [
    chunk({ delta: { role: "assistant", content: "" } }),
    chunk({ delta: { content: "Hel" } }),
    chunk({ delta: { content: "lo" } }, { usage: null }),
    chunk({ delta: {}, finish_reason: "stop" }),
    { event: "", data: `{"id":"c1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}` },
    done,
  ]);
  assert.deepEqual(events, [
    { type: "start", id: "c1", model: "m" },
    { type: "text", delta: "Hel" },
    { type: "text", delta: "lo" },
    { type: "finish", reason: "stop", native: "stop" },
    { type: "usage", usage: { input: 9, output: 2 } },
  ]);
});

test("A27 decodeStream() numbers parallel calls in order of appearance, across gaps and interleaved", () => {
  const call = (index: number, rest: object) => chunk({ delta: { tool_calls: [{ index, ...rest }] } });
  const events = replay(openaiChat, [
    call(3, { id: "a", function: { name: "one", arguments: "" } }),
    call(7, { id: "b", function: { name: "two", arguments: '{"y"' } }),
    call(3, { function: { arguments: '{"x":1}' } }),
    call(7, { function: { arguments: ":2}" } }),
    chunk({ delta: {}, finish_reason: "tool_calls" }),
  ]);
  assert.deepEqual(seen(events).tools, [
    { id: "a", name: "one", input: { x: 1 } },
    { id: "b", name: "two", input: { y: 2 } },
  ]);
});

test("A27 decodeStream() keeps whole calls apart that a server numbers all 0, or not at all", () => {
  const whole = (id: string, index: object) =>
    chunk({ delta: { tool_calls: [{ ...index, id, function: { name: "f", arguments: "{}" } }] } });
  for (const index of [{ index: 0 }, {}]) {
    const events = replay(openaiChat, [
      whole("a", index),
      whole("b", index),
      chunk({ delta: {}, finish_reason: "stop" }),
    ]);
    assert.deepEqual(
      seen(events).tools.map(({ id }) => id),
      ["a", "b"],
    );
  }
});

test("A20 decodeStream() takes an end after the finish reason, and refuses one before it", () => {
  const said = [chunk({ delta: { content: "x" } })];
  assert.throws(() => replay(openaiChat, said), { code: "upstream_truncated" });
  assert.throws(() => replay(openaiChat, []), { code: "upstream_truncated" });
  assert.equal(seen(replay(openaiChat, [...said, chunk({ delta: {}, finish_reason: "length" })])).finish[0], "length");
  assert.equal(seen(replay(openaiChat, [...said, done])).finish[0], "stop");
});

test("A20 decodeStream() waits for every choice to finish", () => {
  const second = { event: "", data: `{"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":null}]}` };
  const first = [chunk({ delta: { content: "a" } }), second, chunk({ delta: {}, finish_reason: "stop" })];
  assert.throws(() => replay(openaiChat, first), { code: "upstream_truncated" });
});

test("A22 decodeStream() throws an error at the top, in a choice, and as a finish reason", () => {
  const cases: readonly [object, string][] = [
    [{ error: { message: "busy", code: 529 } }, "upstream_overloaded"],
    [{ choices: [{ index: 0, delta: {}, error: { message: "slow down", code: 429 } }] }, "rate_limit_exceeded"],
    [{ choices: [{ index: 0, delta: {}, finish_reason: "error" }] }, "upstream_error"],
    [{ error: "it broke" }, "upstream_error"],
  ];
  for (const [data, code] of cases) {
    assert.throws(() => push(openaiChat.decodeStream(), [{ event: "", data: JSON.stringify(data) }]), { code });
    assert.throws(() => openaiChat.decode(data), { code });
  }
});

test("decodeStream() refuses a frame that is no JSON object", () => {
  for (const data of ["{", "[]", "3"]) {
    assert.throws(() => push(openaiChat.decodeStream(), [{ event: "", data }]), { code: "upstream_protocol" });
  }
});

test("decode() tells reasoning, refusal, logprobs and each choice", () => {
  const events = openaiChat.decode({
    id: "c1",
    model: "m",
    choices: [
      {
        index: 0,
        message: { reasoning_content: "hm", content: null, refusal: "no" },
        finish_reason: "stop",
        logprobs: { content: [] },
      },
      { index: 1, message: { content: "yes" }, finish_reason: "constructor" },
    ],
    usage: {
      prompt_tokens: 3,
      completion_tokens: 4,
      total_tokens: 12,
      completion_tokens_details: { reasoning_tokens: 5 },
    },
    service_tier: "flex",
  });
  assert.deepEqual(events, [
    { type: "start", id: "c1", model: "m" },
    { type: "thinking", delta: "hm" },
    { type: "refusal", delta: "no" },
    { type: "logprobs", value: { content: [] } },
    { type: "finish", reason: "stop", native: "stop" },
    { type: "text", delta: "yes", choice: 1 },
    { type: "finish", reason: "stop", native: "constructor", choice: 1 },
    { type: "usage", usage: { input: 3, output: 9, reasoning: 5, serviceTier: "flex" } },
  ]);
});

test("parse() reads every field that has a place, and keeps the rest", () => {
  const request = openaiChat.parse({
    ...hello,
    stream: true,
    stream_options: { include_usage: true },
    max_completion_tokens: 10,
    stop: "END",
    tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
    tool_choice: { type: "function", function: { name: "f" } },
    parallel_tool_calls: false,
    response_format: { type: "json_schema", json_schema: { name: "out", schema: { type: "object" }, strict: true } },
    reasoning_effort: "high",
    temperature: null,
    user: "u",
    verbosity: "low",
  });
  assert.deepEqual(request, {
    dialect: "openai-chat",
    model: "m",
    messages: [{ role: "user", parts: [{ type: "text", text: "hi" }] }],
    stream: true,
    includeUsage: true,
    maxTokens: 10,
    stop: ["END"],
    tools: [{ type: "function", name: "f", parameters: { type: "object" } }],
    toolChoice: { type: "tool", name: "f" },
    parallelToolCalls: false,
    responseFormat: { type: "json_schema", name: "out", schema: { type: "object" }, strict: true },
    reasoning: { effort: "high" },
    user: "u",
    extra: { verbosity: "low" },
  } satisfies Request);
});

test("parse() names the field at fault", () => {
  const user = (content: unknown) => ({ model: "m", messages: [{ role: "user", content }] });
  const cases: readonly [unknown, string | undefined][] = [
    [[], undefined],
    [{ model: "m", messages: [] }, "messages"],
    [{ model: 3, messages: hello.messages }, "model"],
    [{ model: "m" }, "messages"],
    [{ model: "m", messages: {} }, "messages"],
    [{ model: "m", messages: [{ role: "robot", content: "" }] }, "messages[0].role"],
    [user(3), "messages[0].content"],
    [user([{ type: "text" }]), "messages[0].content[0].text"],
    [user([{ type: "image_url", image_url: "x" }]), "messages[0].content[0].image_url"],
    [
      { model: "m", messages: [{ role: "assistant", tool_calls: [{ id: "a" }] }] },
      "messages[0].tool_calls[0].function",
    ],
    [{ ...hello, temperature: "hot" }, "temperature"],
    [{ ...hello, max_tokens: -1 }, "max_tokens"],
    [{ ...hello, stream: "yes" }, "stream"],
    [{ ...hello, stop: [1] }, "stop[0]"],
    [{ ...hello, tools: [{ type: "function", function: {} }] }, "tools[0].function.name"],
    [{ ...hello, response_format: { type: "xml" } }, "response_format.type"],
  ];
  for (const [body, param] of cases) {
    assert.throws(
      () => openaiChat.parse(body),
      (error) => error instanceof GatewayError && error.code === "invalid_request" && error.details.param === param,
      JSON.stringify(body),
    );
  }
});

test("parse() refuses deep nesting without exhausting the stack", () => {
  const depth = 50_000;
  const deep = JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`);
  assert.throws(() => openaiChat.parse({ ...hello, metadata: { deep } }), { code: "invalid_request" });
  assert.throws(() => openaiChat.parse({ ...hello, metadata: { deep } }), /metadata/);
});

test("render() gathers what stream chunks would tell", () => {
  const events: Event[] = [
    { type: "start", id: "c9", model: "real" },
    { type: "thinking", delta: "hm" },
    { type: "thinking_signature", signature: "sig" },
    { type: "text", delta: "Hi" },
    { type: "tool_call_start", index: 0, id: "a", name: "f" },
    { type: "finish", reason: "tool_calls" },
    { type: "usage", usage: { input: 5, output: 2, cacheRead: 3, cacheWrite5m: 1, reasoning: 1 } },
  ];
  assert.deepEqual(openaiChat.render(events, context), {
    id: "c9",
    object: "chat.completion",
    created: 1_700_000_000,
    model: "real",
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: "Hi",
          refusal: null,
          reasoning_content: "hm",
          reasoning_details: [{ type: "reasoning.text", text: "hm", signature: "sig", index: 0 }],
          tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }],
        },
        logprobs: null,
        finish_reason: "tool_calls",
      },
    ],
    usage: {
      prompt_tokens: 5,
      completion_tokens: 2,
      total_tokens: 7,
      prompt_tokens_details: { cached_tokens: 3, cache_write_tokens: 1 },
      completion_tokens_details: { reasoning_tokens: 1 },
    },
  });
});

test("renderStream() begins with the role, tells usage only when asked, and ends with [DONE]", () => {
  const events: Event[] = [
    { type: "start", id: "c9" },
    { type: "text", delta: 'say "hi"\n' },
    { type: "finish", reason: "stop", usage: { input: 1, output: 1 } },
  ];
  const head = `data: {"id":"c9","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[`;
  const told = [
    `${head}{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]}`,
    `${head}{"index":0,"delta":{"content":"say \\"hi\\"\\n"},"logprobs":null,"finish_reason":null}]}`,
    `${head}{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}`,
  ];
  const usage = `${head}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`;
  for (const includeUsage of [false, true]) {
    const renderer = openaiChat.renderStream({ ...context, includeUsage });
    const text = events.map(renderer.push).join("") + renderer.end();
    assert.deepEqual(text.split("\n\n"), [...told, ...(includeUsage ? [usage] : []), "data: [DONE]", ""]);
  }
});

test("renderStream().fail() is an error frame, then [DONE], and never a finish reason", () => {
  const renderer = openaiChat.renderStream(context);
  renderer.push({ type: "text", delta: "x" });
  const [frame, end, rest] = renderer.fail(new GatewayError("upstream_truncated", "cut"), "req_1").split("\n\n");
  assert.deepEqual(JSON.parse(frame!.slice(6)), {
    error: { message: "cut", type: "provider_error", param: null, code: "upstream_truncated", request_id: "req_1" },
  });
  assert.deepEqual([end, rest], ["data: [DONE]", ""]);
});

test("encode() asks for usage in a stream, unless the host refuses to be asked", () => {
  const request = { ...openaiChat.parse({ ...hello, stream: true }) };
  assert.deepEqual(openaiChat.encode(request).body["stream_options"], { include_usage: true });
  assert.equal("stream_options" in openaiChat.encode(request, { usageUnasked: true }).body, false);
});

test("encode() puts the output cap where the model looks for it", () => {
  const cap = (model: string, options = {}) =>
    Object.keys(openaiChat.encode(openaiChat.parse({ ...hello, model, max_tokens: 5 }), options).body).find((key) =>
      key.startsWith("max"),
    );
  assert.equal(cap("gpt-4o"), "max_tokens");
  assert.equal(cap("gpt-5-mini"), "max_completion_tokens");
  assert.equal(cap("openai/o3"), "max_completion_tokens");
  assert.equal(cap("o3", { fields: { max_completion_tokens: "max_tokens" } }), "max_tokens");
  assert.equal(cap("gpt-oss:20b"), "max_tokens");
});

test("encode() goes by what a deployment is known as, where its own name does not tell", () => {
  const request = { ...openaiChat.parse({ ...hello, max_tokens: 5 }), model: "ours", reasoning: { enabled: false } };
  const { max_tokens, max_completion_tokens, reasoning_effort } = openaiChat.encode({
    ...request,
    knownAs: "gpt-5.1",
  }).body;
  assert.deepEqual([max_tokens, max_completion_tokens, reasoning_effort], [undefined, 5, "none"]);
});

test("parse() reads tools and choices that are written as other APIs have them", () => {
  const parameters = { type: "object", properties: { path: { type: "string" } } };
  const own = { type: "function", function: { name: "read", description: "d", parameters } };
  const custom = { type: "custom", custom: { name: "patch", format: { type: "text" } } };
  const read = (tools: object[], tool_choice?: unknown) => {
    const { tools: parsed, toolChoice, unread, extra } = openaiChat.parse({ ...hello, tools, tool_choice });
    return { parsed, toolChoice, unread, extra };
  };
  const named = { type: "function", function: { name: "read" } };
  const expected = read([own, custom], named);
  assert.equal(expected.parsed?.length, 2);
  const flatCustom = { type: "custom", name: "patch", format: { type: "text" } };
  const flat = { type: "function", name: "read", description: "d", parameters };
  assert.deepEqual(read([flat, flatCustom], { type: "function", name: "read" }), expected);
  const claude = { name: "read", description: "d", input_schema: parameters };
  assert.deepEqual(read([claude, custom], { type: "tool", name: "read" }), expected);
  assert.deepEqual(read([{ ...claude, type: "custom" }, custom], named), expected);
  assert.deepEqual(read([own, custom], { type: "any" }), read([own, custom], "required"));
  assert.deepEqual(read([own, custom], { type: "auto" }), read([own, custom], "auto"));
});

test("encode() speaks in the host's own words, and reports what it has none for in the caller's", () => {
  const fields = { seed: "random_seed", top_logprobs: null, frequency_penalty: null };
  const request = openaiChat.parse({ ...hello, seed: 7, frequency_penalty: 1, top_logprobs: 2 });
  const { body, dropped } = openaiChat.encode({ ...request, dialect: "gemini" }, { fields });
  assert.deepEqual(
    [body["random_seed"], ["seed", "top_logprobs", "frequency_penalty"].some((name) => name in body)],
    [7, false],
  );
  assert.deepEqual(dropped, ["generationConfig.logprobs", "generationConfig.frequencyPenalty"]);
});

test("encode(parse()) gives back what the caller wrote", () => {
  const body = {
    model: "m",
    messages: [
      { role: "system", content: "be brief" },
      {
        role: "user",
        content: [
          { type: "text", text: "what is it" },
          { type: "image_url", image_url: { url: "data:image/png;base64,AAAA", detail: "low" } },
        ],
      },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: '{"n": 1.0}' } }],
      },
      { role: "tool", tool_call_id: "a", content: "ok" },
      {
        role: "user",
        content: [
          { type: "input_audio", input_audio: { data: "AA", format: "wav" } },
          { type: "file", file: { file_id: "file_1" } },
        ],
      },
    ],
    temperature: 0.5,
    top_p: 0.9,
    n: 2,
    seed: -4,
    stop: ["a", "b"],
    frequency_penalty: 0.1,
    presence_penalty: 0.2,
    logprobs: true,
    top_logprobs: 3,
    tools: [
      { type: "function", function: { name: "f", description: "d", parameters: { type: "object" }, strict: true } },
      { type: "custom", custom: { name: "g" } },
    ],
    tool_choice: { type: "allowed_tools", allowed_tools: { mode: "auto", tools: [] } },
    parallel_tool_calls: true,
    response_format: { type: "json_object" },
    reasoning_effort: "low",
    user: "u",
    service_tier: "flex",
    metadata: { a: "b" },
    logit_bias: { "50256": -100 },
  };
  assert.deepEqual(openaiChat.encode(openaiChat.parse(body)), { body, headers: {}, dropped: [] });
});
