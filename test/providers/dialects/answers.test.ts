/** Every pair of dialects: what an upstream answered is what its client reads, in the order and numbers its vendor promises. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readFrame, SseSplitter } from "../../../daemon/http/sse-splitter.ts";
import { dialects } from "../../../providers/dialects/index.ts";
import type { Dialect, Event, Framing, JsonObject } from "../../../providers/exchange.ts";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { nestingLevelsMax, nestsWithin } from "../../../providers/json.ts";
import { eventProblems, noSpec, problems } from "../../support/openai-spec.ts";
import { fixture, frames, noCorpora, recordings, replay, seen } from "./replay.ts";

const context = { id: "id_1", model: "m", created: 1, includeUsage: true };
const all = Object.values(dialects);
const responses = dialects["openai-responses"];
const gemini = dialects.gemini;

function stream(dialect: Dialect, events: readonly Event[], framing?: Framing): string {
  const renderer = dialect.renderStream(framing === undefined ? context : { ...context, framing });
  return events.map((event) => renderer.push(event)).join("") + renderer.end();
}

/** Two calls whose arguments come in turns, a gap in their numbers, and one without any. */
const interleaved: readonly Event[] = [
  { type: "start", id: "x", model: "m" },
  { type: "text", delta: "so" },
  { type: "tool_call_start", index: 0, id: "call_a", name: "f" },
  { type: "tool_call_start", index: 1, id: "call_b", name: "g" },
  { type: "tool_call_delta", index: 1, delta: '{"b":' },
  { type: "tool_call_delta", index: 0, delta: '{"a":' },
  { type: "tool_call_delta", index: 1, delta: "2}" },
  { type: "tool_call_delta", index: 0, delta: "1}" },
  { type: "tool_call_start", index: 3, id: "call_c", name: "h" },
  { type: "finish", reason: "tool_calls", usage: { input: 3, output: 4 } },
];
const everything: readonly Event[] = [
  { type: "start", id: "x", model: "m", usage: { input: 3 } },
  { type: "thinking", delta: "hm" },
  { type: "thinking_signature", signature: "c2ln" },
  { type: "redacted_thinking", data: "ZW5j" },
  { type: "text", delta: "Zürich " },
  { type: "text", delta: "is wet" },
  { type: "citation", value: { type: "url_citation", url_citation: { url: "https://a", title: "A" } } },
  {
    type: "logprobs",
    value: { content: [{ token: "wet", logprob: -0.1, bytes: [119], top_logprobs: [] }], refusal: null },
  },
  { type: "refusal", delta: "no more" },
  { type: "media", mediaType: "image/png", data: "iVBO" },
  { type: "opaque", dialect: "anthropic", value: { type: "server_tool_use", id: "s", name: "n", input: {} } },
  ...interleaved.slice(2, -1),
  { type: "finish", reason: "tool_calls" },
  { type: "usage", usage: { input: 3, output: 4, cacheRead: 1, reasoning: 2, serviceTier: "standard" } },
];

for (const dialect of all) {
  test(`A27 renderStream() of ${dialect.id} keeps calls apart that come in turns, and ends none too early`, () => {
    const { tools, finish, text } = seen(replay(dialect, stream(dialect, interleaved)));
    assert.equal(text, "so");
    assert.deepEqual(
      tools.filter(Boolean).map(({ name, input }) => ({ name, input })),
      [
        { name: "f", input: { a: 1 } },
        { name: "g", input: { b: 2 } },
        { name: "h", input: {} },
      ],
    );
    assert.deepEqual(finish, ["tool_calls"]);
  });

  test(`A20 renderStream() of ${dialect.id}, cut at every byte, is read as what it is or as cut`, () => {
    const text = stream(dialect, [...everything.slice(0, 5), ...interleaved.slice(2)]);
    const bytes = Buffer.from(text);
    const whole = replay(dialect, text);
    for (let at = 0; at <= bytes.length; at++) {
      // In two pieces it is the same stream.
      const told: Event[] = [];
      const decoder = dialect.decodeStream();
      const splitter = new SseSplitter(bytes.length + 1);
      const take = (frame: Buffer): void => {
        const { event, data } = readFrame(frame.toString());
        if (data !== "") told.push(...decoder.push(event, data));
      };
      splitter.push(bytes.subarray(0, at), take);
      // Cut here it is a beginning, and is known to be cut unless the finish has gone by.
      if (!told.some((event) => event.type === "finish")) {
        assert.throws(() => decoder.end(), { code: "upstream_truncated" }, `at ${at}`);
      }
      assert.deepEqual(told, whole.slice(0, told.length), `at ${at}`);
      splitter.push(bytes.subarray(at), take);
      const rest = splitter.rest();
      if (rest !== undefined) take(rest);
      assert.deepEqual(told, whole, `at ${at}`);
    }
  });

  test(`fail() of ${dialect.id} is read as the failure it tells, before content and after it`, () => {
    const error = new GatewayError("upstream_overloaded", "try later", { source: "provider" });
    for (const told of [0, 3, everything.length - 4]) {
      const renderer = dialect.renderStream(context);
      const text = everything
        .slice(0, told)
        .map((event) => renderer.push(event))
        .join("");
      const ended = text + renderer.fail(error, "req_1");
      assert.throws(() => replay(dialect, ended), { message: "try later" });
      assert.doesNotMatch(
        ended,
        /"finish_reason":"(?!ERROR)|"stop_reason":"|"finishReason"|response\.(completed|incomplete)/,
      );
    }
  });
}

/** What holds for every stream of responses: numbers without gaps, deltas of what is open, an end that is the sum. */
function assertOrder(text: string): void {
  type Frame = { type: string; sequence_number: number; output_index: number; content_index?: number; delta?: string };
  type Item = { id: string; type: string };
  const told = frames(text).map(({ event, data }) => ({ event, data: JSON.parse(data) as Frame & { item: Item } }));
  const open = new Map<number, { item: Item; deltas: string }>();
  const done: Item[] = [];
  for (const [index, { event, data }] of told.entries()) {
    assert.equal(event, data.type);
    assert.equal(data.sequence_number, index);
    const { item_id } = data as { item_id?: string };
    if (item_id !== undefined)
      assert.equal(open.get(data.output_index)?.item.id, item_id, `${data.type} of no open item`);
    if (data.type === "response.output_item.added") {
      assert.equal(data.output_index, done.length + open.size);
      open.set(data.output_index, { item: data.item, deltas: "" });
    }
    if (data.type === "response.output_item.done") {
      assert.equal(open.get(data.output_index)?.item.type, data.item.type);
      open.delete(data.output_index);
      done[data.output_index] = data.item;
    }
  }
  assert.equal(open.size, 0);
  const last = told.at(-1)!.data as unknown as { type: string; response: { output: Item[]; status: string } };
  assert.equal(last.type, `response.${last.response.status}`);
  if (last.response.status === "completed") assert.deepEqual(last.response.output, done);
}

test("renderStream() of openai-responses numbers, opens and closes what it tells", () => {
  assertOrder(stream(responses, everything));
  assertOrder(stream(responses, interleaved));
  assertOrder(stream(responses, [{ type: "finish", reason: "length" }]));
});

const foreign = all.filter((dialect) => dialect !== responses && dialect.framing === "sse");
const read: readonly { readonly name: string; readonly events: readonly Event[] }[] = recordings([
  "vercel-ai/{anthropic,google,groq,mistral,perplexity,cohere,alibaba,moonshotai}/*.chunks.txt",
]).flatMap(({ name, text }) =>
  foreign.flatMap((dialect) => {
    try {
      const events = replay(dialect, frames(text));
      return events.some((event) => event.type === "finish") ? [{ name, events }] : [];
    } catch {
      return []; // another dialect's
    }
  }),
);

test("render() and renderStream() of openai-responses are what OpenAI describes", { skip: noSpec }, () => {
  assert.ok(read.length > 40, `${read.length} recordings`);
  for (const { name, events } of [...read, { name: "everything", events: everything }]) {
    const text = stream(responses, events);
    assertOrder(text);
    for (const { data } of frames(text)) assert.deepEqual(eventProblems(JSON.parse(data)), [], `${name}: ${data}`);
    assert.deepEqual(problems("Response", responses.render(events, context)), [], name);
  }
  const error = new GatewayError("rate_limit_exceeded", "slow down", { source: "gateway" });
  const failed = frames(responses.renderStream(context).fail(error, "req_1"))[0]!;
  assert.deepEqual(eventProblems(JSON.parse(failed.data)), []);
});

test("render() and renderStream() of openai-chat are what OpenAI describes", { skip: noSpec }, () => {
  const { "openai-chat": chat } = dialects;
  for (const { name, events } of read) {
    for (const { data } of frames(stream(chat, events))) {
      if (data === "[DONE]") continue;
      assert.deepEqual(problems("CreateChatCompletionStreamResponse", JSON.parse(data)), [], `${name}: ${data}`);
    }
    assert.deepEqual(problems("CreateChatCompletionResponse", chat.render(events, context)), [], name);
  }
});

test("renderStream() of gemini is one array where no events are asked for, also when it breaks", () => {
  const asEvents = frames(stream(gemini, everything)).map(({ data }) => JSON.parse(data) as unknown);
  assert.deepEqual(JSON.parse(stream(gemini, everything, "json-array")), asEvents);
  const error = new GatewayError("upstream_truncated", "cut", { source: "provider" });
  for (const told of [0, 6]) {
    const renderer = gemini.renderStream({ ...context, framing: "json-array" });
    const begun = everything
      .slice(0, told)
      .map((event) => renderer.push(event))
      .join("");
    const pieces = JSON.parse(begun + renderer.fail(error, "r")) as { error?: JsonObject }[];
    assert.equal((pieces.at(-1)!.error as { status: string }).status, "UNAVAILABLE");
  }
  // The array was begun by the upstream's own bytes.
  const late = gemini.renderStream({ ...context, framing: "json-array", sequence: 2 }).fail(error, "r");
  assert.match(late, /^,.*\]$/s);
});

test("decode() of gemini reads the array that a stream without events is", () => {
  const whole = gemini.decode(JSON.parse(stream(gemini, interleaved, "json-array")));
  assert.deepEqual(seen(whole), seen(replay(gemini, stream(gemini, interleaved))));
});

const suite = globSync(join(process.env["BIFROST_CORPORA"] ?? "/nowhere", "jsontestsuite", "test_parsing", "*.json"));

test("every pair keeps the values of JSONTestSuite in a call's arguments, asked and answered", {
  skip: noCorpora,
}, () => {
  let values = 0;
  for (const file of suite) {
    let written: string;
    let value: unknown;
    try {
      written = `{"v":${new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file))}}`;
      value = JSON.parse(written);
    } catch {
      continue; // no JSON, to us as to a model
    }
    // No double holds it, or it is kept as text since writing it out again would overflow the stack.
    if (/[eE]\+?\d{3}/.test(written) || !nestsWithin(value, nestingLevelsMax)) continue;
    values++;
    const same = JSON.stringify(value);
    const call: readonly Event[] = [
      { type: "start", id: "x", model: "m" },
      { type: "tool_call_start", index: 0, id: "call_a", name: "f" },
      { type: "tool_call_delta", index: 0, delta: written },
      { type: "finish", reason: "tool_calls" },
    ];
    for (const dialect of all) {
      for (const events of [
        replay(dialect, stream(dialect, call)),
        dialect.decode(copy(dialect.render(call, context))),
      ]) {
        assert.equal(JSON.stringify(seen(events).tools[0]?.input), same, `${dialect.id}: ${file}`);
      }
      const parts = [{ type: "tool_call", id: "a", name: "f", arguments: written }] as const;
      const messages = [
        { role: "user", parts: [{ type: "text", text: "q" }] },
        { role: "assistant", parts },
      ] as const;
      const { body } = dialect.encode({ model: "m", stream: false, messages });
      const back = dialect
        .parse(copy(body), { model: "m", stream: false })
        .messages.flatMap((message) => message.parts);
      const told = back.find((part) => part.type === "tool_call");
      assert.equal(
        JSON.stringify(JSON.parse(told?.type === "tool_call" ? told.arguments : "")),
        same,
        `${dialect.id}: ${file}`,
      );
    }
  }
  assert.ok(values > 90, String(values));
});

function copy(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

test("every renderer takes what a recorded answer of Anthropic's tells", () => {
  const { tools, signatures } = seen(replay(dialects.anthropic, fixture("thinking-tools.sse")));
  for (const dialect of all) {
    const told = seen(replay(dialect, stream(dialect, replay(dialects.anthropic, fixture("thinking-tools.sse")))));
    assert.deepEqual(
      told.tools.map(({ name, input }) => ({ name, input })),
      tools.map(({ name, input }) => ({ name, input })),
    );
    assert.equal(told.signatures.length, signatures.length, dialect.id);
  }
});
