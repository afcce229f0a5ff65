/** Thinking and its proofs on their way through chat completions and back, as clients keep them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { anthropic } from "../../../providers/dialects/anthropic.ts";
import { openaiChat } from "../../../providers/dialects/openai-chat.ts";
import { openaiResponses } from "../../../providers/dialects/openai-responses.ts";
import type { EncodeOptions, Event, Json, JsonObject } from "../../../providers/exchange.ts";
import { fixture, frames, replay } from "./replay.ts";

const context = { id: "id_1", model: "m", created: 1, includeUsage: true };

/** Two habits of clients: keep the message of a body, or put a stream's deltas together, lists by their `index`. */
const keeps: Readonly<Record<string, (events: readonly Event[]) => JsonObject>> = {
  "a body": (events) => {
    const choices = openaiChat.render(events, context)["choices"] as { message: JsonObject }[];
    return choices[0]!.message;
  },
  "a stream": (events) => {
    const renderer = openaiChat.renderStream(context);
    const message: Record<string, Json> = {};
    for (const { data } of frames(events.map(renderer.push).join("")))
      merge(message, JSON.parse(data).choices[0].delta);
    return message;
  },
};

function merge(into: Record<string, Json>, delta: Readonly<Record<string, Json>>): void {
  for (const [key, value] of Object.entries(delta)) {
    const before = into[key];
    if (typeof before === "string" && typeof value === "string" && key !== "type" && key !== "role")
      into[key] = before + value;
    else if (Array.isArray(before) && Array.isArray(value)) {
      for (const item of value as Record<string, Json>[]) {
        const same = (before as Record<string, Json>[]).find((other) => other["index"] === item["index"]);
        if (same === undefined) before.push(item);
        else merge(same, item);
      }
    } else if (typeof before === "object" && before !== null && typeof value === "object" && value !== null) {
      merge(before as Record<string, Json>, value as Record<string, Json>);
    } else if (value !== null) into[key] = value;
  }
}

for (const [name, keep] of Object.entries(keeps)) {
  test(`A28 encode() returns thinking byte for byte over a tool loop of three turns, kept by the client from ${name}`, () => {
    const proofs = ["c2lnbmF0dXJlLTE=", '+/8=ÿ\u2028"\\', "c2lnLTM="];
    const history: JsonObject[] = [{ role: "user", content: "q" }];
    const expected: JsonObject[] = [{ role: "user", content: "q" }];
    for (const [turn, proof] of proofs.entries()) {
      const source = fixture("thinking-tools.sse").replace("c2lnbmF0dXJlLTE=", JSON.stringify(proof).slice(1, -1));
      history.push(keep(replay(anthropic, source)));
      for (const id of ["toolu_a", "toolu_b"])
        history.push({ role: "tool", tool_call_id: id, content: `${id} ${turn}` });
      expected.push(
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "Two calls, then.", signature: proof },
            { type: "redacted_thinking", data: "ZW5jcnlwdGVk" },
            { type: "text", text: "Looking." },
            { type: "tool_use", id: "toolu_a", name: "weather", input: { city: "Bern" } },
            { type: "tool_use", id: "toolu_b", name: "now", input: {} },
          ],
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "toolu_a", content: `toolu_a ${turn}` },
            { type: "tool_result", tool_use_id: "toolu_b", content: `toolu_b ${turn}` },
          ],
        },
      );
      const { body, dropped } = anthropic.encode(
        openaiChat.parse({ model: "claude-sonnet-4-5", messages: history, reasoning_effort: "low" }),
      );
      assert.deepEqual([body["messages"], dropped], [expected, []]);
      assert.deepEqual(body["thinking"], { type: "enabled", budget_tokens: 2048 });
    }
  });
}

test("A28 render() of openai-chat keeps two signed blocks apart, and encode() returns both", () => {
  const events: Event[] = [
    { type: "thinking", delta: "one" },
    { type: "thinking_signature", signature: "1" },
    { type: "thinking_signature", signature: "empty" },
    { type: "thinking", delta: "two" },
    { type: "thinking_signature", signature: "2" },
    { type: "text", delta: "x" },
  ];
  for (const keep of Object.values(keeps)) {
    const history = [{ role: "user", content: "q" }, keep(events)];
    const { body } = anthropic.encode(openaiChat.parse({ model: "m", messages: history }));
    assert.deepEqual((body["messages"] as { content: Json }[])[1]!.content, [
      { type: "thinking", thinking: "one", signature: "1" },
      { type: "thinking", thinking: "", signature: "empty" },
      { type: "thinking", thinking: "two", signature: "2" },
      { type: "text", text: "x" },
    ]);
  }
});

test("A28 parse() keeps pieces of different blocks apart", () => {
  const reasoning_details = [
    { type: "reasoning.text", text: "a", index: 0 },
    { type: "reasoning.text", text: "b", signature: "s", index: 1 },
  ];
  const { messages } = openaiChat.parse({
    model: "m",
    messages: [{ role: "assistant", content: null, reasoning_details }],
  });
  assert.deepEqual(messages[0]!.parts, [
    { type: "thinking", text: "a" },
    { type: "thinking", text: "b", signature: "s" },
  ]);
});

test("A28 encode() joins thinking that a client sends back in the pieces it came in", () => {
  const piece = (more: JsonObject) => ({ type: "reasoning.text", index: 0, ...more });
  const message = {
    role: "assistant",
    content: "x",
    reasoning_details: [piece({ text: "a" }), piece({ text: "b" }), piece({ signature: "s" })],
  };
  const { body } = anthropic.encode(
    openaiChat.parse({ model: "m", messages: [{ role: "user", content: "q" }, message] }),
  );
  assert.deepEqual((body["messages"] as { content: Json }[])[1]!.content, [
    { type: "thinking", thinking: "ab", signature: "s" },
    { type: "text", text: "x" },
  ]);
});

test("A28 encode() for a host with extensions returns details to the OpenAI-shaped server they came from", () => {
  const details = [
    { type: "reasoning.text", text: "hm", signature: "s", index: 0 },
    { type: "reasoning.encrypted", data: "d", index: 1 },
  ];
  const events = openaiChat.decode({
    choices: [{ message: { content: "x", reasoning_details: details }, finish_reason: "stop" }],
  });
  const { content } = anthropic.render(events, context);
  const request = anthropic.parse({ model: "m", max_tokens: 1, messages: [{ role: "assistant", content: content! }] });
  const { body } = openaiChat.encode(request, { extensions: true });
  assert.deepEqual(body["messages"], [
    { role: "assistant", content: "x", reasoning_content: "hm", reasoning_details: details },
  ]);
});

test("encode() for a host that wants it back returns the thinking before a call with the call, and none that led to none", () => {
  const input: Json = [
    { type: "message", role: "user", content: "q" },
    { type: "reasoning", summary: [{ type: "summary_text", text: "hm" }] },
    { type: "function_call", call_id: "c1", name: "f", arguments: "{}" },
    { type: "function_call_output", call_id: "c1", output: "1" },
    { type: "function_call", call_id: "c2", name: "f", arguments: "{}" },
    { type: "function_call_output", call_id: "c2", output: "2" },
    { type: "reasoning", summary: [{ type: "summary_text", text: "aha" }] },
    { type: "message", role: "assistant", content: [{ type: "output_text", text: "a" }] },
    { type: "message", role: "user", content: "q" },
  ];
  const request = openaiResponses.parse({ model: "m", input });
  const thinkingOf = (options: EncodeOptions) => {
    const { body, dropped } = openaiChat.encode(request, options);
    const turns = (body["messages"] as JsonObject[]).filter(({ role }) => role === "assistant");
    return [turns.map((turn) => turn["reasoning_content"]), dropped];
  };
  assert.deepEqual(thinkingOf({ thinkingBack: true }), [["hm", "", undefined], ["messages[].thinking"]]);
  assert.deepEqual(thinkingOf({}), [[undefined, undefined, undefined], ["messages[].thinking"]]);
});
