import assert from "node:assert/strict";
import { test } from "node:test";
import { anthropic } from "../../../providers/dialects/anthropic.ts";
import { cohere } from "../../../providers/dialects/cohere.ts";
import { openaiChat } from "../../../providers/dialects/openai-chat.ts";
import type { Event, Json, JsonObject } from "../../../providers/exchange.ts";
import { frames, noCorpora, recordings, replay, seen } from "./replay.ts";

const context = { id: "id_1", model: "m", created: 1 };
const folder = "vercel-ai/cohere";
const streams = recordings([`${folder}/*.chunks.txt`]);
const bodies = recordings([`${folder}/*.json`]).filter(({ text }) => text.includes('"finish_reason"'));

test("cohere recordings are found where the variable says", { skip: noCorpora }, () => {
  assert.ok(streams.length >= 4 && bodies.length >= 6, `${streams.length} ${bodies.length}`);
});

function compared(events: readonly Event[]) {
  const { text, thinking, tools, usage, finish } = seen(events);
  return { text, thinking, tools, finish, input: usage.input, output: usage.output };
}

type Call = { id: string; function: { name: string; arguments: string | null } };
type Message = {
  content?: { text?: string; thinking?: string } | { text?: string; thinking?: string }[];
  tool_plan?: string;
  tool_calls?: Call | Call[];
};

/** What a recording tells, read by its own structure alone. */
function told(text: string) {
  const result = { text: "", thinking: "", tools: [] as { id: string; name: string; written: string }[], usage: {} };
  for (const { data } of frames(text)) {
    const { type, delta } = JSON.parse(data) as { type: string; delta?: { message?: Message; usage?: JsonObject } };
    const { content, tool_plan: plan, tool_calls: calls } = delta?.message ?? {};
    for (const part of [content ?? []].flat()) {
      result.text += part.text ?? "";
      result.thinking += part.thinking ?? "";
    }
    result.text += plan ?? "";
    for (const call of [calls ?? []].flat()) {
      if (type === "tool-call-start") result.tools.push({ id: call.id, name: call.function.name, written: "" });
      result.tools.at(-1)!.written += call.function.arguments ?? "";
    }
    if (delta?.usage !== undefined) result.usage = delta.usage;
  }
  const { billed_units: billed } = result.usage as { billed_units?: { input_tokens: number; output_tokens: number } };
  return {
    text: result.text,
    thinking: result.thinking,
    tools: result.tools.map(({ id, name, written }) => ({ id, name, input: JSON.parse(written || "{}") as Json })),
    input: billed?.input_tokens,
    output: billed?.output_tokens,
  };
}

for (const { name, text } of streams) {
  test(`decodeStream() of cohere tells what was recorded: ${name}`, () => {
    const { finish: _, ...events } = compared(replay(cohere, text));
    assert.deepEqual(events, told(text));
  });

  test(`A20 decodeStream() of cohere cut at every frame tells a beginning, then truncation: ${name}`, () => {
    const source = frames(text);
    const whole = JSON.stringify(replay(cohere, source)).slice(0, -1);
    const last = source.findIndex(({ data }) => data.includes('"message-end"'));
    for (let cut = 0; cut <= last; cut++) {
      const decoder = cohere.decodeStream();
      const events = source.slice(0, cut).flatMap(({ event, data }) => decoder.push(event, data));
      assert.ok(whole.startsWith(JSON.stringify(events).slice(0, -1)));
      assert.throws(() => decoder.end(), { code: "upstream_truncated" });
    }
  });

  test(`tap() of cohere tells the usage that the decoder tells: ${name}`, () => {
    const tap = cohere.tap();
    const kinds = frames(text).map(({ data }) => {
      const { type } = JSON.parse(data) as { type: string };
      return tap.frame(`event: ${type}\ndata: ${data}\n\n`);
    });
    assert.deepEqual(tap.usage(), seen(replay(cohere, text)).usage);
    assert.equal(kinds.at(-1), "terminal");
    assert.equal(kinds[0], "preamble");
    assert.ok(kinds.includes("content") && tap.finished && tap.outputBytes > 0);
  });

  test(`renderStream() of cohere says what it decoded: ${name}`, () => {
    const events = replay(cohere, text);
    const renderer = cohere.renderStream(context);
    const rendered = events.map(renderer.push).join("") + renderer.end();
    assert.deepEqual(compared(replay(cohere, rendered)), compared(events));
    assert.ok(rendered.endsWith("data: [DONE]\n\n"));
  });
}

for (const { name, text } of bodies) {
  test(`decode() of cohere tells what was recorded, and render() says it again: ${name}`, () => {
    const body = JSON.parse(text) as JsonObject & { message: Message };
    const events = cohere.decode(body);
    const { content = [], tool_calls: calls = [], tool_plan: plan = "" } = body.message;
    const said = [content].flat();
    assert.equal(seen(events).text, said.map((part) => part.text ?? "").join("") + plan);
    assert.equal(seen(events).thinking, said.map((part) => part.thinking ?? "").join(""));
    const expected = [calls].flat().map((call) => {
      const input = JSON.parse(call.function.arguments ?? "{}") as Json;
      return { id: call.id, name: call.function.name, input: input ?? {} };
    });
    assert.deepEqual(seen(events).tools, expected);
    assert.deepEqual(compared(cohere.decode(cohere.render(events, context))), compared(events));
    const tap = cohere.tap();
    assert.equal(tap.body(text), "terminal");
    assert.deepEqual(tap.usage(), seen(events).usage);
  });
}

test("encode() of cohere says what a client of it said", () => {
  const sent: JsonObject = {
    model: "command-a-03-2025",
    messages: [
      { role: "system", content: "s" },
      {
        role: "user",
        content: [
          { type: "text", text: "q" },
          { type: "image_url", image_url: { url: "https://a/b.png", detail: "low" } },
        ],
      },
      {
        role: "assistant",
        tool_plan: "I will look.",
        tool_calls: [{ id: "f_1", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
      },
      { role: "tool", tool_call_id: "f_1", content: "r" },
      { role: "user", content: "and?" },
    ],
    stream: true,
    documents: [{ data: { text: "d", title: "t" } }],
    max_tokens: 9,
    temperature: 0.5,
    p: 0.9,
    k: 5,
    seed: 1,
    frequency_penalty: 0.1,
    presence_penalty: 0.2,
    stop_sequences: ["A"],
    logprobs: true,
    tools: [{ type: "function", function: { name: "f", description: "d", parameters: { type: "object" } } }],
    strict_tools: true,
    tool_choice: "REQUIRED",
    response_format: { type: "json_object", json_schema: { type: "object" } },
    thinking: { type: "enabled", token_budget: 100 },
    safety_mode: "STRICT",
    citation_options: { mode: "FAST" },
  };
  const { body, dropped } = cohere.encode(cohere.parse(sent));
  assert.deepEqual([body, dropped], [sent, []]);
});

test("encode() for cohere says what a client of chat completions said, and reports the rest", () => {
  const tool = (name: string): JsonObject => ({ type: "function", function: { name, parameters: {} } });
  const { body, dropped } = cohere.encode(
    openaiChat.parse({
      model: "command-a-03-2025",
      messages: [
        { role: "developer", content: "s" },
        { role: "user", content: "q" },
        {
          role: "assistant",
          content: "plan",
          tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "" } }],
        },
        { role: "tool", tool_call_id: "a", content: "r" },
      ],
      tools: [tool("f"), tool("g")],
      tool_choice: { type: "function", function: { name: "g" } },
      response_format: { type: "json_schema", json_schema: { name: "n", schema: { type: "object" } } },
      reasoning_effort: "low",
      top_p: 1,
      frequency_penalty: -1,
      n: 2,
      user: "u",
    }),
  );
  assert.deepEqual(body, {
    model: "command-a-03-2025",
    messages: [
      { role: "system", content: "s" },
      { role: "user", content: "q" },
      {
        role: "assistant",
        tool_plan: "plan",
        tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }],
      },
      { role: "tool", tool_call_id: "a", content: "r" },
    ],
    tools: [{ type: "function", function: { name: "g", parameters: { type: "object" } } }],
    tool_choice: "REQUIRED",
    response_format: { type: "json_object", json_schema: { type: "object" } },
  });
  assert.deepEqual([...dropped].sort(), ["frequency_penalty", "n", "reasoning_effort", "top_p", "user"]);
});

test("documents of a Cohere client stand in the question for others, with their titles", () => {
  const request = cohere.parse({
    model: "m",
    messages: [{ role: "user", content: "q" }],
    documents: ["plain", { id: "1", data: { text: "t", title: "T" } }, { data: { a: 1 } }],
  });
  const [message] = anthropic.encode(request).body["messages"] as JsonObject[];
  const text = (data: string, title?: string) => ({
    type: "document",
    source: { type: "text", media_type: "text/plain", data },
    ...(title === undefined ? {} : { title }),
  });
  assert.deepEqual(message!["content"], [text("plain"), text("t", "T"), text('{"a":1}'), { type: "text", text: "q" }]);
});

test("A28 thinking that another signed goes round by a client of Cohere byte for byte", () => {
  const events: Event[] = [
    { type: "thinking", delta: "hm" },
    { type: "thinking_signature", signature: "c2ln+/8=" },
    { type: "text", delta: "x" },
    { type: "finish", reason: "stop" },
  ];
  const message = cohere.render(events, context)["message"] as JsonObject;
  const { messages } = cohere.parse({ model: "m", messages: [{ role: "user", content: "q" }, message] });
  const [, turn] = anthropic.encode({ model: "claude-x", stream: false, messages }).body["messages"] as JsonObject[];
  assert.deepEqual((turn!["content"] as JsonObject[])[0], { type: "thinking", thinking: "hm", signature: "c2ln+/8=" });
});

test("A27 renderStream() of cohere keeps interleaved calls apart, and ends none too early", () => {
  const renderer = cohere.renderStream(context);
  const events: Event[] = [
    { type: "tool_call_start", index: 0, id: "a", name: "f" },
    { type: "tool_call_start", index: 1, id: "b", name: "g" },
    { type: "tool_call_delta", index: 0, delta: '{"x"' },
    { type: "tool_call_delta", index: 1, delta: '{"y":2}' },
    { type: "tool_call_delta", index: 0, delta: ":1}" },
    { type: "finish", reason: "tool_calls" },
  ];
  const rendered = events.map(renderer.push).join("") + renderer.end();
  assert.deepEqual(seen(replay(cohere, rendered)).tools, [
    { id: "a", name: "f", input: { x: 1 } },
    { id: "b", name: "g", input: { y: 2 } },
  ]);
});

test("A22 cohere reports an error as a finish reason, as a body, and as an event", () => {
  const end = '{"type":"message-end","delta":{"finish_reason":"ERROR","error":"broke é"}}';
  assert.throws(() => cohere.decodeStream().push("message-end", end), { code: "upstream_error", message: "broke é" });
  const tap = cohere.tap();
  assert.equal(tap.frame(Buffer.from(`event: message-end\ndata: ${end}\n\n`).toString("latin1")), "error");
  assert.equal(tap.failure()?.message, "broke é");
  assert.throws(() => cohere.decode({ id: "x", message: "too many requests", status: 429 }), {
    code: "rate_limit_exceeded",
  });
  assert.equal(cohere.tap().body('{"id":"x","message":"no"}'), "error");
  assert.throws(() => cohere.decodeStream().push("error", '{"type":"error","message":"no"}'), { message: "no" });
  const late = { message: { role: "assistant", content: [] }, finish_reason: "TIMEOUT" };
  assert.throws(() => cohere.decode(late), { code: "upstream_timeout" });
});

test("logprobs and citations of cohere are told in chat completions' words, and back", () => {
  const body: JsonObject = {
    id: "x",
    message: {
      role: "assistant",
      content: [{ type: "text", text: "Bern" }],
      citations: [
        {
          start: 0,
          end: 4,
          text: "Bern",
          sources: [{ type: "document", id: "d", document: { id: "d", url: "https://a", title: "A" } }],
        },
      ],
    },
    finish_reason: "COMPLETE",
    logprobs: [{ text: "Bern", token_ids: [1], logprobs: [-0.5] }],
  };
  const events = cohere.decode(body);
  const [choice] = openaiChat.render(events, context)["choices"] as { message: JsonObject; logprobs: JsonObject }[];
  assert.deepEqual(choice!.logprobs["content"], [{ token: "Bern", logprob: -0.5, bytes: null, top_logprobs: [] }]);
  assert.deepEqual(choice!.message["annotations"], [
    { type: "url_citation", url_citation: { url: "https://a", title: "A", start_index: 0, end_index: 4 } },
  ]);
  const again = cohere.render(events, context);
  assert.deepEqual((again["message"] as JsonObject)["citations"], (body["message"] as JsonObject)["citations"]);
  assert.deepEqual(again["logprobs"], [{ text: "Bern", token_ids: [], logprobs: [-0.5] }]);
});

test("embeddings of cohere are asked for and told in its words", () => {
  const codec = cohere.embeddings!;
  const request = codec.parse({
    model: "m",
    texts: ["a", "b"],
    input_type: "search_query",
    embedding_types: ["float"],
    output_dimension: 2,
    truncate: "END",
  });
  const { body } = codec.encode(request);
  assert.deepEqual(body, {
    model: "m",
    texts: ["a", "b"],
    input_type: "search_query",
    embedding_types: ["float"],
    output_dimension: 2,
    truncate: "END",
  });
  const answer = codec.decode({
    embeddings: {
      float: [
        [1, 2],
        [3, 4],
      ],
    },
    meta: { billed_units: { input_tokens: 5 } },
  });
  assert.deepEqual(answer, {
    vectors: [
      [1, 2],
      [3, 4],
    ],
    usage: { input: 5 },
  });
  const rendered = codec.render(answer, { ...context, request });
  assert.deepEqual(
    [rendered["embeddings"], rendered["texts"]],
    [
      {
        float: [
          [1, 2],
          [3, 4],
        ],
      },
      ["a", "b"],
    ],
  );
  const parts = codec.parse({ model: "m", inputs: [{ content: [{ type: "text", text: "x" }] }] });
  assert.deepEqual(parts.inputs, ["x"]);
  assert.throws(() => codec.encode({ model: "m", inputs: [[1, 2]] }), { code: "unsupported_parameter" });
  assert.throws(() => codec.parse({ model: "m", texts: ["a"], embedding_types: ["int8"] }), {
    code: "invalid_request",
  });
  assert.throws(() => codec.decode({ embeddings: { float: ["x"] } }), { code: "upstream_protocol" });
});

test("rankings of cohere are asked for and told in its words", () => {
  const codec = cohere.rerank!;
  const request = codec.parse({
    model: "m",
    query: "q",
    documents: ["a", { text: "b" }, { c: 1 }],
    top_n: 2,
    return_documents: true,
  });
  assert.deepEqual(codec.encode(request).body, { model: "m", query: "q", documents: ["a", "b", '{"c":1}'], top_n: 2 });
  const answer = codec.decode({
    id: "r",
    results: [{ index: 1, relevance_score: 0.5 }],
    meta: { billed_units: { search_units: 3 } },
  });
  assert.deepEqual(answer, { id: "r", results: [{ index: 1, score: 0.5 }], searches: 3, usage: undefined });
  assert.deepEqual(codec.render(answer, { ...context, request }), {
    id: "r",
    results: [{ index: 1, relevance_score: 0.5, document: { text: "b" } }],
    meta: { api_version: { version: "2" }, billed_units: { search_units: 3 } },
  });
});

test("recorded embeddings and rankings of cohere decode", { skip: noCorpora }, () => {
  const [embedded] = recordings([`${folder}/cohere-embedding.json`]);
  const { vectors, usage } = cohere.embeddings!.decode(JSON.parse(embedded!.text));
  assert.deepEqual([vectors.length, usage], [2, { input: 10 }]);
  for (const { name, text } of recordings([`${folder}/reranking/*.json`])) {
    assert.ok(cohere.rerank!.decode(JSON.parse(text)).results.length > 0, name);
  }
});
