import assert from "node:assert/strict";
import { test } from "node:test";
import { anthropic } from "../../../providers/dialects/anthropic.ts";
import { openaiChat } from "../../../providers/dialects/openai-chat.ts";
import type { Dialect, FrameKind } from "../../../providers/exchange.ts";

function latin1(text: string): string {
  return Buffer.from(text).toString("latin1");
}

function kinds(dialect: Dialect, frames: readonly string[]) {
  const tap = dialect.tap();
  return { told: frames.map((frame) => tap.frame(latin1(frame))), tap };
}

const say = (delta: object, more: object = {}, reason: string | null = null) =>
  `data: ${JSON.stringify({ id: "c", choices: [{ index: 0, delta, finish_reason: reason }], ...more })}`;

test("tap() of openai-chat tells role, content, finish, usage and [DONE] apart", () => {
  const { told, tap } = kinds(openaiChat, [
    ": keep-alive",
    `data: {"choices":[],"prompt_filter_results":[]}`,
    say({ role: "assistant", content: "", refusal: null }),
    say({ content: "Hello" }, { usage: null }),
    say({ content: "" }),
    say({}, {}, "stop"),
    `data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}`,
    "data: [DONE]",
  ]);
  const expected: FrameKind[] = [
    "preamble",
    "preamble",
    "preamble",
    "content",
    "content",
    "finish",
    "usage",
    "terminal",
  ];
  assert.deepEqual(told, expected);
  assert.deepEqual([tap.usage(), tap.finished, tap.outputBytes], [{ input: 9, output: 2 }, true, 5]);
});

test("tap() of openai-chat takes usage from the finish chunk, and the last of several", () => {
  const usage = (output: number) => ({ usage: { prompt_tokens: 9, completion_tokens: output } });
  const { told, tap } = kinds(openaiChat, [
    say({ content: "a" }, usage(1)),
    say({ content: "b" }, usage(2)),
    say({}, usage(3), "stop"),
  ]);
  assert.deepEqual([told, tap.usage()], [["content", "content", "finish"], { input: 9, output: 3 }]);
});

test("tap() of openai-chat is not fooled by what a model writes", () => {
  const words = '"usage":{"prompt_tokens":1} "error":{} "finish_reason":"stop" data: [DONE] \\"error\\"';
  const { told, tap } = kinds(openaiChat, [
    say({ content: words }),
    say({
      tool_calls: [{ index: 0, function: { arguments: JSON.stringify({ usage: { prompt_tokens: 1 }, error: "x" }) } }],
    }),
    say({ content: "error" }),
    say({ content: "x", extra: { usage: { prompt_tokens: 5 }, error: { message: "no" }, finish_reason: "stop" } }),
  ]);
  assert.deepEqual(told, ["content", "content", "content", "content"]);
  assert.deepEqual([tap.usage(), tap.finished, tap.failure()], [undefined, false, undefined]);
});

test("A22 tap() of openai-chat reports an error at the top, in a choice, and as a finish reason", () => {
  const cases: readonly [string, string, string][] = [
    [`data: {"error":{"message":"zu viel für heute","code":429}}`, "rate_limit_exceeded", "zu viel für heute"],
    [`data: {"error":"it broke"}`, "upstream_error", "it broke"],
    [`data: {"choices":[{"index":0,"delta":{},"error":{"message":"bad","code":502}}]}`, "upstream_error", "bad"],
    [`event: error\ndata: {"error":{"message":"busy","type":"overloaded_error"}}`, "upstream_overloaded", "busy"],
    [`event: error\ndata: {"message":"spent","code":503}`, "upstream_overloaded", "spent"],
    [say({}, {}, "error"), "upstream_error", "the provider reported a failure in its answer"],
  ];
  for (const [frame, code, message] of cases) {
    const { told, tap } = kinds(openaiChat, [say({ content: "x" }), frame]);
    assert.deepEqual(
      [told[1], tap.failure()?.code, tap.failure()?.message, tap.finished],
      ["error", code, message, false],
    );
  }
});

test("tap() of openai-chat reads frames with any line end, no blank after the colon, and blanks within", () => {
  const { told } = kinds(openaiChat, [
    `data:{"choices": [{"delta": {"content": "x"}, "finish_reason": null}]}`,
    `event: message\r\ndata: {"choices":[{"delta":{},"finish_reason": "stop"}]}`,
    `data: {"choices":[],\ndata: "usage":{"prompt_tokens":1}}`,
    "data:[DONE]",
  ]);
  assert.deepEqual(told, ["content", "finish", "usage", "terminal"]);
});

test("tap().body() of openai-chat finds the usage of chats, completions and embeddings", () => {
  const usage = (body: object) => {
    const tap = openaiChat.tap();
    return [tap.body(latin1(JSON.stringify(body))), tap.usage()];
  };
  const vector = Array.from({ length: 3000 }, (_, index) => index / 7);
  assert.deepEqual(
    usage({ object: "list", data: [{ embedding: vector }], usage: { prompt_tokens: 8, total_tokens: 8 } }),
    ["terminal", { input: 8, output: 0 }],
  );
  assert.deepEqual(
    usage({
      object: "text_completion",
      choices: [{ text: "x" }],
      usage: { prompt_tokens: 8, completion_tokens: 1, total_tokens: 9 },
    }),
    ["terminal", { input: 8, output: 1 }],
  );
  const long = { role: "assistant", content: 'ü "usage":{"prompt_tokens":1} '.repeat(50) };
  const first = {
    usage: { prompt_tokens: 5, completion_tokens: 6 },
    service_tier: "flex",
    choices: [{ message: { ...long, usage: { prompt_tokens: 99 } } }],
  };
  assert.deepEqual(usage(first), ["terminal", { input: 5, output: 6, serviceTier: "flex" }]);
  assert.deepEqual(usage({ choices: [{ message: long }], usage: null }), ["terminal", undefined]);
});

test("A22 tap().body() reports an error in a 200, and a body that is no JSON object", () => {
  for (const dialect of [openaiChat, anthropic]) {
    for (const body of [
      `{"error":{"message":"no","code":500}}`,
      `{"type":"error","error":{"type":"api_error","message":"no"}}`,
    ]) {
      const tap = dialect.tap();
      assert.deepEqual(
        [tap.body(body), tap.failure()?.code, tap.failure()?.message],
        ["error", "upstream_error", "no"],
      );
    }
    for (const body of ["", "<html></html>", '{"a":', "[1]"]) {
      const tap = dialect.tap();
      assert.deepEqual([tap.body(body), tap.failure()?.code], ["error", "upstream_protocol"]);
    }
  }
});

const message = (usage: object) =>
  `event: message_start\ndata: ${JSON.stringify({ type: "message_start", message: { id: "m", usage } })}`;
const block = (type: string, more: object = {}) =>
  `event: content_block_start\ndata: ${JSON.stringify({ type: "content_block_start", index: 0, content_block: { type, ...more } })}`;
const delta = (type: string, more: object) =>
  `event: content_block_delta\ndata: ${JSON.stringify({ type: "content_block_delta", index: 0, delta: { type, ...more } })}`;

test("tap() of anthropic tells preamble, content, finish and the end apart, and joins the halves of usage", () => {
  const { told, tap } = kinds(anthropic, [
    message({
      input_tokens: 10,
      cache_read_input_tokens: 5,
      cache_creation_input_tokens: 3,
      cache_creation: { ephemeral_1h_input_tokens: 2 },
      output_tokens: 1,
    }),
    `event: ping\ndata: {"type": "ping"}`,
    block("text", { text: "" }),
    delta("text_delta", { text: 'say "hi"' }),
    delta("signature_delta", { signature: "abcdefgh" }),
    delta("input_json_delta", { partial_json: '{"usage":{"input_tokens":1},"error":{}}' }),
    `event: content_block_stop\ndata: {"type":"content_block_stop","index":0}`,
    block("tool_use", { name: "f", input: {} }),
    `event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}`,
    `event: message_stop\ndata: {"type":"message_stop"}`,
  ]);
  assert.deepEqual(told, [
    "preamble",
    "preamble",
    "preamble",
    "content",
    "content",
    "content",
    "preamble",
    "content",
    "finish",
    "terminal",
  ]);
  assert.deepEqual(tap.usage(), { input: 18, output: 7, cacheRead: 5, cacheWrite5m: 1, cacheWrite1h: 2 });
  assert.deepEqual([tap.finished, tap.outputBytes], [true, 10 + 45]);
});

test("tap() of anthropic reads events without a name", () => {
  const unnamed = [
    message({ input_tokens: 1 }),
    delta("text_delta", { text: "x" }),
    `event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}`,
  ];
  const { told, tap } = kinds(
    anthropic,
    unnamed.map((frame) => frame.slice(frame.indexOf("\n") + 1)),
  );
  assert.deepEqual(
    [told, tap.failure()?.code, tap.outputBytes],
    [["preamble", "content", "error"], "upstream_overloaded", 1],
  );
});

test("tap().body() of anthropic passes over a usage that a tool was called with", () => {
  const tap = anthropic.tap();
  const input = { usage: { input_tokens: 99 }, error: "error", deep: [{ usage: { input_tokens: 98 } }] };
  const usage = {
    input_tokens: 4,
    output_tokens: 2,
    server_tool_use: { web_search_requests: 3 },
    service_tier: "priority",
  };
  tap.body(JSON.stringify({ usage, type: "message", content: [{ type: "tool_use", input }] }));
  assert.deepEqual(tap.usage(), { input: 4, output: 2, serverToolRequests: 3, serviceTier: "priority" });
});

test("tap().body() of anthropic reads the count of count_tokens", () => {
  const tap = anthropic.tap();
  assert.deepEqual([tap.body(`{"input_tokens": 2095}`), tap.usage()], ["terminal", { input: 2095 }]);
});
