import assert from "node:assert/strict";
import { test } from "node:test";
import { anthropic } from "../../../providers/dialects/anthropic.ts";
import { bedrockConverse } from "../../../providers/dialects/bedrock-converse.ts";
import { openaiChat } from "../../../providers/dialects/openai-chat.ts";
import type { Event, Json, JsonObject } from "../../../providers/exchange.ts";
import { type Frame, frames, noCorpora, recordings, replay, seen } from "./replay.ts";

const context = { id: "id_1", model: "m", created: 1 };
const path = { model: "anthropic.claude-sonnet-4-5-20250929-v1:0", stream: false };
const folder = "vercel-ai/amazon-bedrock";
const streams = recordings([`${folder}/*.chunks.txt`]);
const bodies = recordings([`${folder}/*.json`]);

test("bedrock recordings are found where the variable says", { skip: noCorpora }, () => {
  assert.ok(streams.length >= 11 && bodies.length >= 9, `${streams.length} ${bodies.length}`);
});

type Wire = Readonly<Record<string, Readonly<Record<string, never>>>>;
type Told = { text: string; thinking: string; tools: { id: string; name: string; input: Json }[]; usage: JsonObject };

/** What a recording tells, read by its own structure alone. */
function told(events: readonly Wire[]): Told {
  const result: Told = { text: "", thinking: "", tools: [], usage: {} };
  const written: string[] = [];
  for (const event of events) {
    const { start, delta } = (event["contentBlockStart"] ?? event["contentBlockDelta"] ?? {}) as JsonObject as {
      start?: { toolUse?: { toolUseId: string; name: string } };
      delta?: { text?: string; toolUse?: { input: string }; reasoningContent?: { text?: string } };
    };
    if (start?.toolUse !== undefined) {
      written.push("");
      result.tools.push({ id: start.toolUse.toolUseId, name: start.toolUse.name, input: {} });
    }
    result.text += delta?.text ?? "";
    result.thinking += delta?.reasoningContent?.text ?? "";
    if (delta?.toolUse !== undefined) written[written.length - 1] += delta.toolUse.input;
    if (event["metadata"] !== undefined) result.usage = event["metadata"]["usage"] as unknown as JsonObject;
  }
  for (const [index, text] of written.entries()) if (text !== "") result.tools[index]!.input = JSON.parse(text) as Json;
  return result;
}

function compared(events: readonly Event[]) {
  const { text, thinking, tools, usage } = seen(events);
  return { text, thinking, tools, input: usage.input, output: usage.output };
}

function expected({ text, thinking, tools, usage }: Told) {
  const { inputTokens, cacheReadInputTokens = 0, cacheWriteInputTokens = 0, outputTokens } = usage;
  const cached = Number(cacheReadInputTokens) + Number(cacheWriteInputTokens);
  const input = inputTokens === undefined ? undefined : Number(inputTokens) + cached;
  return { text, thinking, tools, input, output: outputTokens };
}

/** As the wire has them: named, without their wrapping. */
function named(text: string): Frame[] {
  return frames(text).map(({ data }) => {
    const [[event, value]] = Object.entries(JSON.parse(data) as JsonObject) as [[string, Json]];
    return { event, data: JSON.stringify(value) };
  });
}

for (const { name, text } of streams) {
  test(`decodeStream() of bedrock-converse tells what was recorded: ${name}`, () => {
    const wanted = expected(told(frames(text).map(({ data }) => JSON.parse(data) as Wire)));
    assert.deepEqual(compared(replay(bedrockConverse, text)), wanted, "unframed");
    assert.deepEqual(compared(replay(bedrockConverse, named(text))), wanted, "framed");
  });

  test(`A20 decodeStream() of bedrock-converse cut at every frame tells a beginning, then truncation: ${name}`, () => {
    const source = named(text);
    const whole = JSON.stringify(replay(bedrockConverse, source)).slice(0, -1);
    const stop = source.findIndex(({ event }) => event === "messageStop");
    for (let cut = 0; cut <= stop; cut++) {
      const decoder = bedrockConverse.decodeStream();
      const events = source.slice(0, cut).flatMap(({ event, data }) => decoder.push(event, data));
      assert.ok(whole.startsWith(JSON.stringify(events).slice(0, -1)));
      assert.throws(() => decoder.end(), { code: "upstream_truncated" });
    }
    assert.doesNotThrow(() => replay(bedrockConverse, source.slice(0, stop + 1)));
  });

  test(`tap() of bedrock-converse tells the usage that the decoder tells: ${name}`, () => {
    const tap = bedrockConverse.tap();
    const kinds = named(text).map(({ event, data }) => tap.frame(`event: ${event}\ndata: ${data}\n\n`));
    assert.deepEqual(tap.usage() ?? {}, seen(replay(bedrockConverse, text)).usage);
    assert.match(String(kinds.at(-1)), /^(terminal|finish)$/); // some were made by hand, and end without their usage
    assert.ok(kinds.includes("content") && tap.finished && tap.outputBytes > 0);
  });

  test(`renderStream() of bedrock-converse says what it decoded: ${name}`, () => {
    const events = replay(bedrockConverse, text);
    const renderer = bedrockConverse.renderStream(context);
    const rendered = events.map(renderer.push).join("") + renderer.end();
    const { input = 0, output = 0, ...rest } = compared(events);
    assert.deepEqual(compared(replay(bedrockConverse, rendered)), { ...rest, input, output });
  });
}

for (const { name, text } of bodies) {
  test(`decode() of bedrock-converse tells what was recorded, and render() says it again: ${name}`, () => {
    const body = JSON.parse(text) as {
      output: { message: { content: JsonObject[] } };
      stopReason: string;
      usage: JsonObject;
    };
    const events = bedrockConverse.decode(body);
    const { content } = body.output.message;
    const calls = content.flatMap(({ toolUse }) => (toolUse === undefined ? [] : [toolUse as JsonObject]));
    const { text: said, tools } = seen(events);
    assert.equal(said, content.map((block) => block["text"] ?? "").join(""));
    assert.deepEqual(
      tools,
      calls.map((call) => ({ id: call["toolUseId"], name: call["name"], input: call["input"] })),
    );
    const again = bedrockConverse.render(events, context) as typeof body;
    assert.deepEqual(compared(bedrockConverse.decode(again)), compared(events));
    assert.equal(again.stopReason, body.stopReason);
    const tap = bedrockConverse.tap();
    tap.body(text);
    assert.deepEqual(tap.usage(), seen(events).usage);
  });
}

test("encode() of bedrock-converse says what a client of it said, all of it", () => {
  const sent: JsonObject = {
    messages: [
      {
        role: "user",
        content: [
          { text: "look" },
          { cachePoint: { type: "default", ttl: "1h" } },
          { image: { format: "png", source: { bytes: "aGk=" } } },
          { document: { format: "pdf", name: "a report", source: { bytes: "JVBE" }, citations: { enabled: true } } },
          { document: { format: "txt", name: "notes", source: { text: "n" } } },
          { video: { format: "mp4", source: { s3Location: { uri: "s3://b/v.mp4" } } } },
          { guardContent: { text: { text: "g", qualifiers: ["query"] } } },
        ],
      },
      {
        role: "assistant",
        content: [
          { reasoningContent: { reasoningText: { text: "hm", signature: "c2ln+/==" } } },
          { reasoningContent: { redactedContent: "ZW5j" } },
          { toolUse: { toolUseId: "tooluse_1", name: "f", input: { a: [1, { b: null }] } } },
        ],
      },
      {
        role: "user",
        content: [{ toolResult: { toolUseId: "tooluse_1", content: [{ text: "bad" }], status: "error" } }],
      },
    ],
    system: [{ text: "s" }, { cachePoint: { type: "default" } }],
    inferenceConfig: { maxTokens: 4000, temperature: 1, stopSequences: ["A"] },
    toolConfig: {
      tools: [
        { toolSpec: { name: "f", description: "d", inputSchema: { json: { type: "object" } } } },
        { cachePoint: { type: "default" } },
        { systemTool: { name: "nova_grounding" } },
      ],
      toolChoice: { auto: {} },
    },
    outputConfig: {
      textFormat: { type: "json_schema", structure: { jsonSchema: { schema: '{"type":"object"}', name: "n" } } },
    },
    serviceTier: { type: "priority" },
    requestMetadata: { team: "a" },
    guardrailConfig: { guardrailIdentifier: "g", guardrailVersion: "1" },
    additionalModelRequestFields: { thinking: { type: "enabled", budget_tokens: 2000 }, anthropic_beta: ["b"] },
  };
  const { body, dropped } = bedrockConverse.encode(bedrockConverse.parse(sent, path));
  assert.deepEqual([body, dropped], [sent, []]);
});

test("encode() for bedrock-converse says what a client of chat completions said", () => {
  const { body, dropped, headers } = bedrockConverse.encode(
    openaiChat.parse({
      model: "amazon.nova-pro-v1:0",
      max_tokens: 9,
      messages: [
        { role: "system", content: "s" },
        { role: "user", content: [{ type: "image_url", image_url: { url: "data:image/jpeg;base64,aGk=" } }] },
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "a b", type: "function", function: { name: "f", arguments: "" } }],
        },
        { role: "tool", tool_call_id: "a b", content: "r" },
        { role: "user", content: "go on" },
      ],
      tools: [{ type: "function", function: { name: "f", parameters: {} } }],
      tool_choice: "required",
      parallel_tool_calls: false,
      seed: 1,
      stop: "A",
    }),
  );
  assert.deepEqual(body, {
    messages: [
      { role: "user", content: [{ image: { format: "jpeg", source: { bytes: "aGk=" } } }] },
      { role: "assistant", content: [{ toolUse: { toolUseId: "a_b", name: "f", input: {} } }] },
      { role: "user", content: [{ toolResult: { toolUseId: "a_b", content: [{ text: "r" }] } }, { text: "go on" }] },
    ],
    system: [{ text: "s" }],
    inferenceConfig: { maxTokens: 9, stopSequences: ["A"] },
    toolConfig: {
      tools: [{ toolSpec: { name: "f", inputSchema: { json: { type: "object" } } } }],
      toolChoice: { any: {} },
    },
  });
  assert.deepEqual([...dropped].sort(), ["parallel_tool_calls", "seed"]);
  assert.deepEqual(headers, {});
});

test("encode() for bedrock-converse leaves tools out where none may be called, but not out of a tool loop", () => {
  const asked = (messages: JsonObject[]) =>
    bedrockConverse.encode(
      openaiChat.parse({
        model: "m",
        messages,
        tools: [{ type: "function", function: { name: "f", parameters: {} } }],
        tool_choice: "none",
      }),
    );
  assert.equal(asked([{ role: "user", content: "x" }]).body["toolConfig"], undefined);
  const loop = asked([
    { role: "assistant", tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }] },
    { role: "tool", tool_call_id: "a", content: "r" },
  ]);
  assert.ok(loop.body["toolConfig"]);
  assert.deepEqual(loop.dropped, ["tool_choice"]);
});

test("encode() for bedrock-converse says how hard to think in each family's words", () => {
  const asked = (model: string) => {
    const request = openaiChat.parse({ model, reasoning_effort: "low", messages: [{ role: "user", content: "x" }] });
    const { body, dropped } = bedrockConverse.encode(request);
    return [body["additionalModelRequestFields"], body["outputConfig"], dropped];
  };
  assert.deepEqual(asked("us.anthropic.claude-sonnet-4-5-20250929-v1:0"), [
    { thinking: { type: "enabled", budget_tokens: 2048 } },
    undefined,
    [],
  ]);
  assert.deepEqual(asked("anthropic.claude-opus-4-8"), [{ thinking: { type: "adaptive" } }, { effort: "low" }, []]);
  assert.deepEqual(asked("openai.gpt-oss-120b-1:0"), [{ reasoning_effort: "low" }, undefined, []]);
  assert.deepEqual(asked("meta.llama3-70b-instruct-v1:0"), [undefined, undefined, ["reasoning_effort"]]);
});

test("A28 thinking of Claude goes round by Converse byte for byte, ciphers of others come back whole", () => {
  const events: Event[] = [
    { type: "thinking", delta: "hm" },
    { type: "thinking_signature", signature: "c2ln+/8=" },
    { type: "redacted_thinking", data: "gemini#\u00e9+/8=" },
    { type: "text", delta: "x" },
    { type: "finish", reason: "stop" },
  ];
  const { output } = bedrockConverse.render(events, context) as { output: { message: JsonObject } };
  const { messages } = bedrockConverse.parse(
    { messages: [{ role: "user", content: [{ text: "q" }] }, output.message] },
    path,
  );
  assert.deepEqual(messages[1]!.parts, [
    { type: "thinking", text: "hm", signature: "c2ln+/8=" },
    { type: "redacted_thinking", data: "gemini#\u00e9+/8=" },
    { type: "text", text: "x" },
  ]);
  const claude = anthropic.encode({ model: "claude-x", stream: false, messages }).body["messages"] as JsonObject[];
  assert.deepEqual((claude[1]!["content"] as JsonObject[])[0], {
    type: "thinking",
    thinking: "hm",
    signature: "c2ln+/8=",
  });
});

test("A27 renderStream() of bedrock-converse keeps interleaved calls apart", () => {
  const renderer = bedrockConverse.renderStream(context);
  const events: Event[] = [
    { type: "tool_call_start", index: 0, id: "a", name: "f" },
    { type: "tool_call_start", index: 1, id: "b", name: "g" },
    { type: "tool_call_delta", index: 0, delta: '{"x"' },
    { type: "tool_call_delta", index: 1, delta: '{"y":2}' },
    { type: "tool_call_delta", index: 0, delta: ":1}" },
    { type: "finish", reason: "tool_calls" },
  ];
  const rendered = events.map(renderer.push).join("") + renderer.end();
  assert.deepEqual(seen(replay(bedrockConverse, rendered)).tools, [
    { id: "a", name: "f", input: { x: 1 } },
    { id: "b", name: "g", input: { y: 2 } },
  ]);
  assert.match(rendered, /event: messageStop\ndata: {"stopReason":"tool_use"}/);
});

for (const [event, code] of [
  ["throttlingException", "rate_limit_exceeded"],
  ["modelStreamErrorException", "upstream_error"],
  ["serviceUnavailableException", "upstream_overloaded"],
  ["validationException", "upstream_rejected"],
  ["somethingNewException", "upstream_error"],
] as const) {
  test(`A22 decodeStream() and tap() of bedrock-converse report ${event}`, () => {
    const data = '{"message":"no é"}';
    assert.throws(() => bedrockConverse.decodeStream().push(event, data), { code, message: "no é" });
    const tap = bedrockConverse.tap();
    const frame = Buffer.from(`event: ${event}\ndata: ${data}\n\n`).toString("latin1");
    assert.equal(tap.frame(frame), "error");
    assert.deepEqual([tap.failure()?.code, tap.failure()?.message], [code, "no é"]);
  });
}

test("A22 decode() and tap().body() of bedrock-converse report an error in a 200", () => {
  const body = { __type: "com.amazon#ThrottlingException", message: "slow down" };
  assert.throws(() => bedrockConverse.decode(body), { code: "rate_limit_exceeded" });
  const tap = bedrockConverse.tap();
  assert.equal(tap.body(JSON.stringify(body)), "error");
  assert.equal(tap.failure()?.code, "rate_limit_exceeded");
});

test("decodeFailure() of bedrock-converse knows a prompt that is too long", () => {
  const error = bedrockConverse.decodeFailure(400, { message: "Input is too long for requested model." });
  assert.equal(error.code, "context_length_exceeded");
});

test("countTokens of bedrock-converse wraps a request and reads the count", () => {
  const codec = bedrockConverse.countTokens!;
  const converse = { messages: [{ role: "user", content: [{ text: "x" }] }], system: [{ text: "s" }] };
  const request = codec.parse({ input: { converse } }, path);
  assert.deepEqual(codec.encode(request).body, { input: { converse } });
  assert.deepEqual(codec.render(codec.decode({ inputTokens: 5 }), context), { inputTokens: 5 });
  assert.throws(() => codec.parse({ input: { invokeModel: { body: "" } } }, path), {
    code: "invalid_request",
    message: /input\.converse/,
  });
});

test("encode() of others names top_k as a Converse client wrote it", () => {
  const messages = [{ role: "user", content: [{ text: "hi" }] }];
  const body = { messages, additionalModelRequestFields: { top_k: 4 } };
  const asked = bedrockConverse.parse(body, path);
  const { dropped } = openaiChat.encode({ ...asked, model: "gpt-5.1" });
  assert.deepEqual(dropped, ["additionalModelRequestFields.top_k"]);
});
