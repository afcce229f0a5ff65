/** What every pair of dialects must carry from one to the other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { anthropic } from "../../../providers/dialects/anthropic.ts";
import { dialects } from "../../../providers/dialects/index.ts";
import { openaiChat } from "../../../providers/dialects/openai-chat.ts";
import type { Dialect, Event, JsonObject } from "../../../providers/exchange.ts";
import { replay, seen } from "./replay.ts";

const context = { id: "id_1", model: "m", created: 1, includeUsage: true };
const all = Object.values(dialects);

const answers: Readonly<Record<string, readonly Event[]>> = {
  text: [
    { type: "start", id: "x", model: "m" },
    { type: "text", delta: "Grüezi " },
    { type: "text", delta: '"quoted"\n\u2028 😀' },
    { type: "finish", reason: "stop", usage: { input: 7, output: 3 } },
  ],
  "cut by length, cached": [
    { type: "start", id: "x", model: "m", usage: { input: 100 } },
    { type: "text", delta: "a" },
    { type: "finish", reason: "length" },
    { type: "usage", usage: { input: 100, output: 3, cacheRead: 60, cacheWrite5m: 20, reasoning: 2 } },
  ],
  "parallel tools, one without arguments": [
    { type: "start", id: "x", model: "m" },
    { type: "text", delta: "calling" },
    { type: "tool_call_start", index: 0, id: "call_a", name: "f" },
    { type: "tool_call_delta", index: 0, delta: '{"a":[1,{"b":null' },
    { type: "tool_call_delta", index: 0, delta: "}]}" },
    { type: "tool_call_start", index: 1, id: "call_b", name: "g" },
    { type: "finish", reason: "tool_calls", usage: { input: 1, output: 2 } },
  ],
  "signed thinking": [
    { type: "start", id: "x", model: "m" },
    { type: "thinking", delta: "let " },
    { type: "thinking", delta: "me" },
    { type: "thinking_signature", signature: "c2ln+/==" },
    { type: "redacted_thinking", data: "ZW5j" },
    { type: "text", delta: "done" },
    { type: "finish", reason: "stop", usage: { input: 1, output: 2 } },
  ],
  refused: [
    { type: "start", id: "x", model: "m" },
    { type: "text", delta: "I cannot" },
    { type: "finish", reason: "refusal", usage: { input: 1, output: 2 } },
  ],
};

for (const dialect of all) {
  for (const [name, events] of Object.entries(answers)) {
    const expected = seen(events);
    // Only Anthropic has two words for a refusal and a filter.
    const finish = expected.finish.map((reason) =>
      reason === "refusal" && dialect.id !== "anthropic" ? "content_filter" : reason,
    );

    test(`decodeStream(renderStream()) of ${dialect.id} keeps ${name}`, () => {
      const renderer = dialect.renderStream(context);
      const text = events.map(renderer.push).join("") + renderer.end();
      assert.deepEqual(comparable(dialect, seen(replay(dialect, text))), comparable(dialect, { ...expected, finish }));
      assert.doesNotMatch(text, /^id:/m);
    });

    test(`decode(render()) of ${dialect.id} keeps ${name}`, () => {
      assert.deepEqual(
        comparable(dialect, seen(dialect.decode(dialect.render(events, context)))),
        comparable(dialect, { ...expected, finish }),
      );
    });
  }

  test(`renderStream() of ${dialect.id} opens an answer that never began, and ends one that said nothing`, () => {
    const renderer = dialect.renderStream(context);
    const text = renderer.push({ type: "finish", reason: "stop" }) + renderer.end();
    assert.deepEqual(seen(replay(dialect, text)).finish, ["stop"]);
  });

  test(`parse() of ${dialect.id} does not take a field's name for a prototype`, () => {
    const content = dialect.id === "bedrock-converse" ? '[{"text":"x"}]' : '"x"';
    const body = JSON.parse(
      '{"model":"m","max_tokens":1,"messages":[{"role":"user","content":CONTENT}],"contents":[{"parts":[{"text":"x"}]}],"__proto__":{"polluted":1}}'.replace(
        "CONTENT",
        content,
      ),
    );
    const { body: encoded } = dialect.encode(dialect.parse(body, { model: "m", stream: false }));
    assert.equal((encoded as { polluted?: number }).polluted, undefined);
  });
}

/** What a dialect has no word for counts as nothing; so does nothing, where one must write a number. */
const uncounted: Readonly<Partial<Record<string, readonly string[]>>> = {
  gemini: ["cacheWrite5m"],
  "bedrock-converse": ["reasoning"],
  cohere: ["cacheRead", "cacheWrite5m", "reasoning"],
};

/** Gemini marks the ids it gives. */
function comparable({ id }: Dialect, told: ReturnType<typeof seen>) {
  const { input = 0, output = 0, cacheRead = 0, cacheWrite5m = 0, reasoning = 0 } = told.usage;
  const usage: Record<string, number> = { input, output, cacheRead, cacheWrite5m, reasoning };
  for (const name of uncounted[id] ?? []) usage[name] = 0;
  return { ...told, usage, tools: told.tools.map((tool) => ({ ...tool, id: tool.id.replace(/^gm_/, "") })) };
}

/** What a client of each dialect sends for the same thing. */
const asked: Readonly<Record<string, readonly [chat: JsonObject, messages: JsonObject]>> = {
  text: [{ messages: [{ role: "user", content: "hi" }] }, { messages: [{ role: "user", content: "hi" }] }],
  "system and stop": [
    {
      messages: [
        { role: "system", content: "s" },
        { role: "user", content: "hi" },
      ],
      stop: ["A"],
      temperature: 0.5,
    },
    { system: "s", messages: [{ role: "user", content: "hi" }], stop_sequences: ["A"], temperature: 0.5 },
  ],
  images: [
    user(
      { type: "image_url", image_url: { url: "https://a/b.png" } },
      { type: "image_url", image_url: { url: "data:image/gif;base64,R0lG" } },
    ),
    user(
      { type: "image", source: { type: "url", url: "https://a/b.png" } },
      { type: "image", source: { type: "base64", media_type: "image/gif", data: "R0lG" } },
    ),
  ],
  documents: [
    user(
      { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBE" } },
      { type: "file", file: { file_id: "f1" } },
    ),
    user(
      { type: "document", source: { type: "base64", media_type: "application/pdf", data: "JVBE" }, title: "a.pdf" },
      { type: "document", source: { type: "file", file_id: "f1" } },
    ),
  ],
  tools: [
    {
      messages: [
        { role: "user", content: "hi" },
        { role: "assistant", content: "so", tool_calls: [call("a", '{"x":1}'), call("b", "{}")] },
        { role: "tool", tool_call_id: "a", content: "1" },
        {
          role: "tool",
          tool_call_id: "b",
          content: [
            { type: "text", text: "2" },
            { type: "text", text: "3" },
          ],
        },
        { role: "user", content: "next" },
      ],
      tools: [
        { type: "function", function: { name: "f", description: "d", parameters: { type: "object" }, strict: true } },
      ],
      tool_choice: { type: "function", function: { name: "f" } },
      parallel_tool_calls: false,
    },
    {
      messages: [
        { role: "user", content: "hi" },
        {
          role: "assistant",
          content: [
            { type: "text", text: "so" },
            { type: "tool_use", id: "a", name: "f", input: { x: 1 } },
            { type: "tool_use", id: "b", name: "f", input: {} },
          ],
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "a", content: "1" },
            {
              type: "tool_result",
              tool_use_id: "b",
              content: [
                { type: "text", text: "2" },
                { type: "text", text: "3" },
              ],
            },
            { type: "text", text: "next" },
          ],
        },
      ],
      tools: [{ name: "f", description: "d", input_schema: { type: "object" }, strict: true }],
      tool_choice: { type: "tool", name: "f", disable_parallel_tool_use: true },
    },
  ],
  "a schema, a person and a tier": [
    {
      messages: [{ role: "user", content: "hi" }],
      response_format: {
        type: "json_schema",
        json_schema: { name: "response", schema: { type: "object" }, strict: true },
      },
      user: "u",
      service_tier: "default",
    },
    {
      messages: [{ role: "user", content: "hi" }],
      output_config: { format: { type: "json_schema", schema: { type: "object" } } },
      metadata: { user_id: "u" },
      service_tier: "standard_only",
    },
  ],
};

function user(...content: JsonObject[]): JsonObject {
  return { messages: [{ role: "user", content }] };
}

function call(id: string, written: string): JsonObject {
  return { id, type: "function", function: { name: "f", arguments: written } };
}

for (const [name, [chat, messages]] of Object.entries(asked)) {
  const head = { model: "m", max_tokens: 9 };
  const table: readonly (readonly [Dialect, JsonObject, Dialect, JsonObject])[] = [
    [openaiChat, chat, anthropic, messages],
    [anthropic, messages, openaiChat, chat],
    [openaiChat, chat, openaiChat, chat],
    [anthropic, messages, anthropic, messages],
  ];
  for (const [from, sent, to, expected] of table) {
    test(`encode() for ${to.id} says what a client of ${from.id} said: ${name}`, () => {
      const encoded = to.encode(from.parse({ ...head, ...sent }));
      assert.deepEqual(encoded, { body: { ...head, ...expected }, headers: encoded.headers, dropped: [] });
    });
  }
}

test("encode() for openai-chat reports what an Anthropic client asked for and it has no word for", () => {
  const { dropped } = openaiChat.encode(
    anthropic.parse({
      model: "m",
      max_tokens: 9,
      top_k: 5,
      container: "c",
      system: [{ type: "text", text: "s", cache_control: { type: "ephemeral" } }],
      messages: [
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "t", signature: "s" },
            { type: "tool_use", id: "a", name: "f", input: {} },
          ],
        },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "a", is_error: true, content: "x" }] },
        {
          role: "user",
          content: [
            { type: "search_result", source: "s", title: "t", content: [] },
            { type: "text", text: "x" },
          ],
        },
      ],
      tools: [{ type: "web_search_20250305", name: "web_search" }],
    }),
  );
  assert.deepEqual([...dropped].sort(), [
    "container",
    "messages[].cache_control",
    "messages[].is_error",
    "messages[].search_result",
    "messages[].thinking",
    "tools[].web_search_20250305",
    "top_k",
  ]);
});

test("parse() of anthropic takes -1 for not given, as LangChain's elder clients send it", () => {
  const messages = [{ role: "user", content: "x" }];
  const { body, dropped } = openaiChat.encode(
    anthropic.parse({ model: "m", max_tokens: 9, top_k: -1, top_p: -1, messages }),
  );
  assert.deepEqual([body, dropped], [{ model: "m", max_tokens: 9, messages }, []]);
  assert.throws(() => anthropic.parse({ model: "m", max_tokens: 9, top_k: -2, messages }), /^GatewayError: top_k: /);
});

test("encode() carries cache markers both ways where the host takes them", () => {
  const marker = { cache_control: { type: "ephemeral", ttl: "1h" } };
  const text = { type: "text", text: "long", ...marker };
  const chat = { model: "m", messages: [{ role: "user", content: [text] }] };
  const messages = { model: "m", max_tokens: 4096, messages: [{ role: "user", content: [text] }] };
  assert.deepEqual(anthropic.encode(openaiChat.parse(chat)).body, messages);
  const { body, dropped } = openaiChat.encode(anthropic.parse(messages), { extensions: true });
  assert.deepEqual([body, dropped], [{ ...chat, max_tokens: 4096 }, []]);
});

test("encode() for anthropic keeps every digit of a long number in a call's arguments", () => {
  const written = '{"account":12345678901234567890,"huge":1e999,"small":1,"text":"12345678901234567890"}';
  const message = {
    role: "assistant",
    tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: written } }],
  };
  const { body } = anthropic.encode(openaiChat.parse({ model: "m", messages: [message] }));
  assert.match(
    JSON.stringify(body),
    /"input":\{"account":12345678901234567890,"huge":1e999,"small":1,"text":"12345678901234567890"\}/,
  );
});

test("encode() for openai-chat shows the pictures of a tool result in the turn after it", () => {
  const picture = { type: "image", source: { type: "url", url: "https://a/b.png" } };
  const result = { type: "tool_result", tool_use_id: "a", content: [{ type: "text", text: "see" }, picture] };
  const { body } = openaiChat.encode(
    anthropic.parse({ model: "m", max_tokens: 1, messages: [{ role: "user", content: [result] }] }),
  );
  assert.deepEqual(body["messages"], [
    { role: "tool", tool_call_id: "a", content: "see" },
    { role: "user", content: [{ type: "image_url", image_url: { url: "https://a/b.png" } }] },
  ]);
});

test("render() tells web citations in each dialect's words", () => {
  const found: JsonObject = {
    type: "web_search_result_location",
    url: "https://a",
    title: "A",
    cited_text: "t",
    encrypted_index: "e",
  };
  const events: Event[] = [
    { type: "text", delta: "so" },
    { type: "citation", value: found },
  ];
  const chat = openaiChat.render(events, context);
  const page = { type: "url_citation", url_citation: { url: "https://a", title: "A", start_index: 2, end_index: 2 } };
  assert.deepEqual((chat["choices"] as { message: JsonObject }[])[0]!.message["annotations"], [page]);
  const back = anthropic.render(openaiChat.decode(chat), context);
  assert.deepEqual(back["content"], [
    { type: "text", text: "so", citations: [{ ...found, cited_text: "", encrypted_index: "" }] },
  ]);
});
