/** Anthropic's streams, read and written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { anthropic } from "../../../providers/dialects/anthropic.ts";
import type { Event } from "../../../providers/exchange.ts";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { fixture, frames, push, replay, seen } from "./replay.ts";

const context = { id: "msg_new", model: "m", created: 1 };

test("decodeStream() joins blocks, signatures and the two halves of usage", () => {
  assert.deepEqual(replay(anthropic, fixture("thinking-tools.sse")), [
    {
      type: "start",
      id: "msg_1",
      model: "claude-sonnet-4-5",
      usage: { input: 160, output: 1, cacheRead: 100, cacheWrite5m: 30, cacheWrite1h: 20 },
    },
    { type: "thinking", delta: "Two calls, " },
    { type: "thinking", delta: "then." },
    { type: "thinking_signature", signature: "c2lnbmF0dXJlLTE=" },
    { type: "redacted_thinking", data: "ZW5jcnlwdGVk" },
    { type: "text", delta: "Looking." },
    { type: "tool_call_start", index: 0, id: "toolu_a", name: "weather" },
    { type: "tool_call_delta", index: 0, delta: '{"city"' },
    { type: "tool_call_delta", index: 0, delta: ':"Bern"}' },
    { type: "tool_call_start", index: 1, id: "toolu_b", name: "now" },
    { type: "tool_call_delta", index: 1, delta: "{}" },
    {
      type: "finish",
      reason: "tool_calls",
      native: "tool_use",
      stopSequence: undefined,
      usage: { input: 160, output: 44, cacheRead: 100, cacheWrite5m: 30, cacheWrite1h: 20 },
    },
  ]);
});

test("decodeStream() keeps a server tool's block whole, its input put together", () => {
  const block = { type: "server_tool_use", id: "s1", name: "web_search", input: {} };
  const events = push(anthropic.decodeStream(), [
    { event: "", data: JSON.stringify({ type: "content_block_start", index: 0, content_block: block }) },
    {
      event: "",
      data: `{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\\"q\\":1}"}}`,
    },
    { event: "", data: `{"type":"content_block_stop","index":0}` },
  ]);
  assert.deepEqual(events, [{ type: "opaque", dialect: "anthropic", value: { ...block, input: { q: 1 } } }]);
});

test("A22 decodeStream() throws the error that the stream carries", () => {
  const frame = { event: "error", data: `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}` };
  assert.throws(() => push(anthropic.decodeStream(), [frame]), { code: "upstream_overloaded", message: "Overloaded" });
  assert.throws(() => anthropic.decode(JSON.parse(frame.data)), { code: "upstream_overloaded" });
});

test("A20 decodeStream() takes an end after the stop reason, and refuses one before it", () => {
  const all = frames(fixture("thinking-tools.sse"));
  assert.equal(seen(replay(anthropic, all.slice(0, -1))).finish[0], "tool_calls");
  assert.throws(() => replay(anthropic, all.slice(0, -2)), { code: "upstream_truncated" });
});

test("A27 renderStream() keeps one block open at a time while calls are interleaved", () => {
  const renderer = anthropic.renderStream(context);
  const events: Event[] = [
    { type: "start" },
    { type: "text", delta: "so" },
    { type: "tool_call_start", index: 0, id: "a", name: "f" },
    { type: "tool_call_start", index: 1, id: "b", name: "g" },
    { type: "tool_call_delta", index: 1, delta: '{"y"' },
    { type: "tool_call_delta", index: 0, delta: '{"x":1}' },
    { type: "tool_call_delta", index: 1, delta: ":2}" },
    { type: "tool_call_start", index: 2, id: "c", name: "h" },
    { type: "finish", reason: "stop" },
    { type: "usage", usage: { input: 3, output: 4 } },
  ];
  const told = frames(events.map(renderer.push).join("") + renderer.end()).map(({ event, data }) => {
    const { index, delta, content_block: block, usage } = JSON.parse(data);
    return [
      event,
      index,
      block?.id ?? delta?.partial_json ?? delta?.text ?? delta?.stop_reason,
      ...(event === "message_delta" ? [usage] : []),
    ];
  });
  assert.deepEqual(told, [
    ["message_start", undefined, undefined],
    ["content_block_start", 0, undefined],
    ["content_block_delta", 0, "so"],
    ["content_block_stop", 0, undefined],
    ["content_block_start", 1, "a"],
    ["content_block_delta", 1, '{"x":1}'],
    ["content_block_stop", 1, undefined],
    ["content_block_start", 2, "b"],
    ["content_block_delta", 2, '{"y":2}'],
    ["content_block_stop", 2, undefined],
    ["content_block_start", 3, "c"],
    ["content_block_stop", 3, undefined],
    ["message_delta", undefined, "tool_use", { input_tokens: 3, output_tokens: 4 }],
    ["message_stop", undefined, undefined],
  ]);
});

test("renderStream().fail() is one error event and nothing after it", () => {
  const error = new GatewayError("budget_exceeded", "spent", {
    scope: "key",
    limit: "10",
    spent: "9.5",
    held: "0.5",
    resetsAt: "2026-01-01T00:00:00Z",
  });
  assert.deepEqual(frames(anthropic.renderStream(context).fail(error, "req_1")), [
    {
      event: "error",
      data: JSON.stringify({
        type: "error",
        error: {
          type: "billing_error",
          message: "spent",
          code: "budget_exceeded",
          scope: "key",
          limit: "10",
          spent: "9.5",
          held: "0.5",
          resets_at: "2026-01-01T00:00:00Z",
        },
        request_id: "req_1",
      }),
    },
  ]);
});
