import assert from "node:assert/strict";
import { test } from "node:test";
import { anthropic } from "../../../providers/dialects/anthropic.ts";
import { openaiChat } from "../../../providers/dialects/openai-chat.ts";
import { openaiResponses } from "../../../providers/dialects/openai-responses.ts";
import type { Event, JsonObject, Request } from "../../../providers/exchange.ts";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { fixture, frames, replay } from "./replay.ts";

const context = { id: "req_1", model: "m", created: 1_700_000_000 };
const hello = { model: "gpt-5.1", input: "hi" };

const frame = (type: string, more: JsonObject = {}) => ({ event: type, data: JSON.stringify({ type, ...more }) });
const ended = (status: string, more: JsonObject = {}) =>
  frame(`response.${status}`, { response: { id: "resp_1", status, error: null, output: [], ...more } });

test("decodeStream() tells items by their place, each thing once, and what was told in no delta", () => {
  const proof = "openai-responses#rs_1:4.4:gAAA_-==";
  assert.deepEqual(replay(openaiResponses, fixture("responses-reasoning-tools.sse")), [
    { type: "start", id: "resp_1", model: "gpt-5.1" },
    { type: "thinking", delta: "One." },
    { type: "thinking", delta: "\n\n" },
    { type: "thinking", delta: "Two." },
    { type: "thinking_signature", signature: proof },
    { type: "text", delta: "Looking." },
    {
      type: "logprobs",
      value: { content: [{ token: "Looking", logprob: -0.5, bytes: [76], top_logprobs: [] }], refusal: null },
    },
    {
      type: "citation",
      value: { type: "url_citation", url: "https://a", title: "A", start_index: 0, end_index: 7 },
    },
    { type: "tool_call_start", index: 0, id: "call_1", name: "weather" },
    { type: "tool_call_delta", index: 0, delta: '{"city":' },
    { type: "tool_call_delta", index: 0, delta: '"Bern"}' },
    { type: "tool_call_start", index: 1, id: "call_2", name: "now" },
    { type: "tool_call_delta", index: 1, delta: "{}" },
    {
      type: "opaque",
      dialect: "openai-responses",
      value: { id: "ws_1", type: "web_search_call", status: "completed", action: { type: "search", query: "q" } },
    },
    {
      type: "finish",
      reason: "tool_calls",
      native: "completed",
      usage: { input: 20, output: 9, cacheRead: 8, reasoning: 4, serverToolRequests: 1, serviceTier: "default" },
    },
  ] satisfies Event[]);
});

test("decodeStream() reads a server that tells nothing before the end", () => {
  const output = [{ type: "message", content: [{ type: "output_text", text: "all" }] }];
  assert.deepEqual(replay(openaiResponses, [ended("completed", { output })]), [
    { type: "start", id: "resp_1", model: undefined },
    { type: "text", delta: "all" },
    { type: "finish", reason: "stop", native: "completed", usage: undefined },
  ]);
});

test("decodeStream() tells why a response is incomplete", () => {
  const reasonOf = (reason: string) =>
    replay(openaiResponses, [ended("incomplete", { incomplete_details: { reason } })]).at(-1);
  assert.deepEqual(reasonOf("max_output_tokens"), {
    type: "finish",
    reason: "length",
    native: "max_output_tokens",
    usage: undefined,
  });
  assert.deepEqual(reasonOf("content_filter"), {
    type: "finish",
    reason: "content_filter",
    native: "content_filter",
    usage: undefined,
  });
});

const failures: readonly [string, readonly { event: string; data: string }[], string, string][] = [
  [
    "a response that failed",
    [ended("failed", { status: "failed", error: { code: "rate_limit_exceeded", message: "slow" } })],
    "rate_limit_exceeded",
    "slow",
  ],
  [
    "an error event",
    [frame("error", { code: "server_error", message: "broke", param: null })],
    "upstream_error",
    "broke",
  ],
  [
    "an error in an error event",
    [frame("error", { error: { type: "insufficient_quota", code: "insufficient_quota", message: "spent" } })],
    "rate_limit_exceeded",
    "spent",
  ],
  [
    "a refused prompt",
    [ended("failed", { error: { code: "invalid_prompt", message: "no" } })],
    "upstream_rejected",
    "no",
  ],
  ["another envelope", [{ event: "", data: '{"error":{"message":"proxy"}}' }], "upstream_error", "proxy"],
];

for (const [name, broken, code, message] of failures) {
  test(`A21 A22 decodeStream() and tap() report ${name}, before content and after it`, () => {
    const begun = [frame("response.created", { response: { id: "resp_1", error: null } })];
    const said = frame("response.output_text.delta", { output_index: 0, delta: "x" });
    for (const before of [begun, [...begun, said]]) {
      assert.throws(() => replay(openaiResponses, [...before, ...broken]), { code, message });
      const tap = openaiResponses.tap();
      const kinds = [...before, ...broken].map(({ event, data }) =>
        tap.frame(event === "" ? `data: ${data}` : `event: ${event}\ndata: ${data}`),
      );
      assert.equal(kinds.at(-1), "error");
      assert.deepEqual([tap.failure()?.code, tap.failure()?.message, tap.finished], [code, message, false]);
      const next = broken[0]!.event === "" ? before.length : before.length + broken.length - 1;
      assert.equal(tap.position?.().sequence, next, "our event takes its number");
    }
  });
}

test("A22 decode() and tap().body() report a response that failed in a 200", () => {
  const body = { id: "resp_1", status: "failed", output: [], error: { code: "server_error", message: "broke" } };
  assert.throws(() => openaiResponses.decode(body), { code: "upstream_error", message: "broke" });
  const tap = openaiResponses.tap();
  assert.equal(tap.body(JSON.stringify(body)), "error");
  assert.equal(tap.failure()?.message, "broke");
  assert.throws(() => openaiResponses.decode({ id: "r", status: "queued", output: [] }), { code: "upstream_protocol" });
});

test("A20 decodeStream() refuses a stream cut before its response is complete, and a frame that is none", () => {
  const source = frames(fixture("responses-reasoning-tools.sse"));
  assert.throws(() => replay(openaiResponses, source.slice(0, -1)), { code: "upstream_truncated" });
  assert.throws(() => replay(openaiResponses, [{ event: "response.created", data: "{" }]), {
    code: "upstream_protocol",
  });
});

test("tap() tells preamble, content and the end apart, counts what is visible, and knows where the stream stands", () => {
  const tap = openaiResponses.tap();
  const kinds = fixture("responses-reasoning-tools.sse")
    .split("\n\n")
    .filter((text) => text !== "")
    .map((text) => tap.frame(Buffer.from(text).toString("latin1")));
  assert.deepEqual(kinds.slice(0, 5), ["preamble", "preamble", "preamble", "preamble", "content"]);
  assert.deepEqual(new Set(kinds.slice(5, -1)), new Set(["content", "preamble"]));
  assert.equal(kinds.at(-1), "terminal");
  assert.deepEqual(tap.usage(), {
    input: 20,
    output: 9,
    cacheRead: 8,
    reasoning: 4,
    serverToolRequests: 1,
    serviceTier: "default",
  });
  assert.deepEqual(
    [tap.finished, tap.outputBytes],
    [true, "One.Two.Looking.".length + String.raw`{\"city\":\"Bern\"}`.length],
  );
  assert.deepEqual(tap.position?.(), { id: "resp_1", sequence: 20 });
});

test("fail() goes on from where the upstream's own stream stood", () => {
  const error = new GatewayError("upstream_truncated", "cut", { source: "provider", provider: "openai" });
  const text = openaiResponses.renderStream({ ...context, id: "resp_1", sequence: 7 }).fail(error, "req_9");
  const [told] = frames(text);
  const data = JSON.parse(told!.data) as { sequence_number: number; response: JsonObject };
  assert.deepEqual([told!.event, data.sequence_number, data.response["id"]], ["response.failed", 7, "resp_1"]);
  assert.deepEqual(data.response["status"], "failed");
  assert.deepEqual(data.response["error"], {
    code: "server_error",
    message: "cut",
    type: "provider_error",
    reason: "upstream_truncated",
    provider: "openai",
    request_id: "req_9",
  });
});

test("parse() makes one turn of what an assistant thought, said and called, and one of the outputs", () => {
  const { messages } = openaiResponses.parse({
    ...hello,
    instructions: "be brief",
    input: [
      {
        role: "user",
        content: [
          { type: "input_text", text: "hi" },
          { type: "input_image", file_id: "f1" },
        ],
      },
      { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "hm" }], encrypted_content: "enc" },
      { role: "assistant", content: [{ type: "output_text", text: "so", annotations: [] }] },
      { type: "function_call", call_id: "a", name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: "a", output: "1" },
      { type: "function_call_output", call_id: "b", output: [{ type: "input_text", text: "2" }] },
      { type: "computer_call_output", call_id: "c", output: {} },
    ],
  });
  assert.deepEqual(messages, [
    { role: "system", parts: [{ type: "text", text: "be brief" }] },
    {
      role: "user",
      parts: [
        { type: "text", text: "hi" },
        { type: "image", source: { kind: "file", id: "f1" } },
      ],
    },
    {
      role: "assistant",
      parts: [
        { type: "thinking", text: "hm", signature: "openai-responses#rs_1:2:enc" },
        { type: "text", text: "so" },
        { type: "tool_call", id: "a", name: "f", arguments: "{}" },
      ],
    },
    {
      role: "user",
      parts: [
        { type: "tool_result", id: "a", content: [{ type: "text", text: "1" }] },
        { type: "tool_result", id: "b", content: [{ type: "text", text: "2" }] },
        {
          type: "opaque",
          dialect: "openai-responses",
          value: { type: "computer_call_output", call_id: "c", output: {} },
        },
      ],
    },
  ] satisfies Request["messages"]);
});

test("parse() names the field that is wrong", () => {
  const wrong: readonly [JsonObject, string][] = [
    [{ input: [{ type: "function_call", name: "f", arguments: "{}" }] }, "input[0].call_id"],
    [{ input: [{ role: "robot", content: "x" }] }, "input[0].role"],
    [{ input: [{ role: "user", content: [{ type: "input_text" }] }] }, "input[0].content[0].text"],
    [{ input: 7 }, "input"],
    [{ input: "x", max_output_tokens: "9" }, "max_output_tokens"],
    [{ input: "x", tools: [{ type: "function" }] }, "tools[0].name"],
    [{ input: "x", text: { format: { type: "xml" } } }, "text.format.type"],
  ];
  for (const [body, param] of wrong) {
    assert.throws(() => openaiResponses.parse({ model: "m", ...body }), {
      code: "invalid_request",
      details: { source: "client", param },
    });
  }
});

test("encode() of other dialects refuses what only OpenAI has stored, and drops what asks for nothing", () => {
  for (const body of [
    { ...hello, previous_response_id: "resp_0" },
    { ...hello, conversation: "conv_1" },
    {
      ...hello,
      input: [
        { role: "user", content: "x" },
        { type: "item_reference", id: "msg_1" },
      ],
    },
  ]) {
    for (const other of [anthropic, openaiChat]) {
      assert.throws(() => other.encode(openaiResponses.parse(body)), { code: "unsupported_parameter" });
    }
  }
  const { dropped } = anthropic.encode(
    openaiResponses.parse({
      ...hello,
      store: false,
      background: false,
      truncation: "disabled",
      include: ["reasoning.encrypted_content", "file_search_call.results"],
      prompt_cache_key: "k",
      stream_options: { include_obfuscation: false },
    }),
  );
  assert.deepEqual([...dropped].sort(), ["include", "prompt_cache_key"]);
});

test("encode() carries what OpenAI's two dialects share, under its other name", () => {
  const shared = { prompt_cache_key: "k", safety_identifier: "s", metadata: { a: "b" } };
  const custom = { name: "sql", description: "d" };
  const { body, dropped } = openaiResponses.encode(
    openaiChat.parse({
      model: "gpt-5.1",
      messages: [{ role: "user", content: "hi" }],
      ...shared,
      store: true,
      verbosity: "low",
      tools: [{ type: "custom", custom }],
      reasoning_effort: "high",
    }),
  );
  assert.deepEqual(body, {
    model: "gpt-5.1",
    input: [{ type: "message", role: "user", content: "hi" }],
    tools: [{ type: "custom", ...custom }],
    reasoning: { effort: "high" },
    include: ["reasoning.encrypted_content"],
    ...shared,
    store: true,
    text: { verbosity: "low" },
  });
  assert.deepEqual(dropped, []);
  const back = openaiChat.encode(openaiResponses.parse(body));
  assert.deepEqual(
    [back.body["verbosity"], back.body["prompt_cache_key"], back.body["tools"], back.dropped],
    ["low", "k", [{ type: "custom", custom }], []],
  );
});

test("encode() shows the thinking of whoever asked for it by a budget, and not of others", () => {
  const thinking = (body: JsonObject) =>
    openaiResponses.encode({
      ...anthropic.parse({ model: "m", max_tokens: 9_000, messages: [{ role: "user", content: "x" }], ...body }),
      model: "gpt-5.1",
    });
  const budget = thinking({ thinking: { type: "enabled", budget_tokens: 5_000 } });
  assert.deepEqual(budget.body["reasoning"], { effort: "medium", summary: "auto" });
  const effort = thinking({ output_config: { effort: "low" } });
  assert.deepEqual(effort.body["reasoning"], { effort: "low" });
  assert.deepEqual(thinking({ thinking: { type: "disabled" } }).body["reasoning"], { effort: "none" });
});

test("render() repeats what was asked, and says what goes without saying", () => {
  const request = openaiResponses.parse({
    ...hello,
    instructions: "be brief",
    temperature: 0.2,
    tools: [{ type: "function", name: "f", parameters: {}, strict: true }],
    metadata: { a: "b" },
    reasoning: { effort: "low", summary: null },
  });
  const answer = openaiResponses.render([{ type: "text", delta: "x" }], { ...context, echo: request.echo });
  assert.deepEqual(answer, {
    id: "resp_req_1",
    object: "response",
    created_at: 1_700_000_000,
    status: "completed",
    background: false,
    error: null,
    incomplete_details: null,
    instructions: "be brief",
    max_output_tokens: null,
    max_tool_calls: null,
    metadata: { a: "b" },
    model: "m",
    output: [
      {
        id: "msg_req_1_0",
        type: "message",
        status: "completed",
        role: "assistant",
        content: [{ type: "output_text", text: "x", annotations: [], logprobs: [] }],
      },
    ],
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: "low", summary: null },
    store: false,
    temperature: 0.2,
    text: { format: { type: "text" } },
    tool_choice: "auto",
    tools: [{ type: "function", name: "f", parameters: {}, strict: true }],
    top_logprobs: 0,
    top_p: 1,
    truncation: "disabled",
  });
});

test("render() keeps the id that the store gave, and says what is missing of an answer", () => {
  const events: Event[] = [
    { type: "start", id: "chatcmpl-1" },
    { type: "text", delta: "x" },
    { type: "finish", reason: "length" },
  ];
  const answer = openaiResponses.render(events, { ...context, id: "resp_kept" });
  assert.deepEqual(
    [answer["id"], answer["status"], answer["incomplete_details"]],
    ["resp_kept", "incomplete", { reason: "max_output_tokens" }],
  );
});

test("countTokens asks for the prompt alone, and answers as OpenAI does", () => {
  const { countTokens } = openaiResponses;
  const request = countTokens!.parse({ ...hello, max_output_tokens: 9, temperature: 1, tools: [] });
  assert.deepEqual(countTokens!.encode(request).body, {
    model: "gpt-5.1",
    input: [{ type: "message", role: "user", content: "hi" }],
  });
  assert.deepEqual(countTokens!.decode({ object: "response.input_tokens", input_tokens: 7 }), { input: 7 });
  assert.deepEqual(countTokens!.render({ input: 7 }, context), { object: "response.input_tokens", input_tokens: 7 });
  assert.throws(() => countTokens!.decode({}), { code: "upstream_protocol" });
});

test("decode() and tap() count the gigabytes of the containers that were begun, each once", () => {
  const ran = (container_id: string) => ({
    type: "code_interpreter_call",
    id: "ci",
    status: "completed",
    container_id,
  });
  const shell = { type: "shell_call", environment: { type: "container_reference", container_id: "cntr_c" } };
  const auto = { type: "code_interpreter", container: { type: "auto", memory_limit: "4g" } };
  for (const text of ["short", '"container_id":"cntr_of_a_model" '.repeat(200)])
    for (const [output, tools, containerGb] of [
      [[ran("cntr_a"), ran("cntr_a"), ran("cntr_b"), shell], [auto], 12],
      [[ran("cntr_a")], [{ ...auto, container: { type: "auto" } }], 1],
      [[ran("cntr_a")], [{ ...auto, container: "cntr_a" }], undefined],
      [[], [auto], undefined],
    ] as const) {
      const message = { type: "message", role: "assistant", content: [{ type: "output_text", text }] };
      const usage = { input_tokens: 2, output_tokens: 3 };
      const response = { id: "r", object: "response", status: "completed", output: [...output, message], tools, usage };
      const tap = openaiResponses.tap();
      tap.body(JSON.stringify(response));
      const expected = { input: 2, output: 3, ...(containerGb === undefined ? {} : { containerGb }) };
      assert.deepEqual(tap.usage(), expected);
      const finish = openaiResponses.decode(response).find((event) => event.type === "finish");
      assert.deepEqual(finish?.type === "finish" && finish.usage, expected);
    }
});

test("decode() and tap() count tools that the provider ran: by the items, or by what xAI's usage tells", () => {
  const usage = { input_tokens: 2, output_tokens: 3 };
  const item = (type: string) => ({ type, id: type, status: "completed" });
  const calls = ["web_search_call", "file_search_call", "file_search_call", "code_interpreter_call"].map(item);
  const told = {
    ...{ web_search_calls: 1, x_search_calls: 2, code_interpreter_calls: 3, mcp_calls: 9 },
    ...{ file_search_calls: 5, document_search_calls: 1 },
  };
  const pad = "x".repeat(5_000);
  for (const text of ["short", pad])
    for (const [own, searches, files] of [
      [usage, 1, 2],
      [{ ...usage, server_side_tool_usage_details: told }, 1 + 2 + 3 + 2, 5],
    ] as const) {
      const message = { type: "message", role: "assistant", content: [{ type: "output_text", text }] };
      const response = { id: "r", object: "response", status: "completed", output: [...calls, message], usage: own };
      const expected = { input: 2, output: 3, serverToolRequests: searches, fileSearches: files };
      const tap = openaiResponses.tap();
      tap.body(JSON.stringify(response));
      assert.deepEqual(tap.usage(), expected);
      const finish = openaiResponses.decode(response).find((event) => event.type === "finish");
      assert.deepEqual(finish?.type === "finish" && finish.usage, expected);
    }
});
