/** Every recording we have decodes to what the vendor's own SDK reports for it. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { anthropic } from "../../../providers/dialects/anthropic.ts";
import { openaiChat } from "../../../providers/dialects/openai-chat.ts";
import type { Event } from "../../../providers/exchange.ts";
import { type Frame, fixture, frames, noCorpora, type Recording, recordings, replay, seen, sse } from "./replay.ts";

/** The server says what a recording said; the SDKs read it off a socket. */
let server: Server;
let answer = { type: "", body: "" };
before(async () => {
  server = createServer((request, response) => {
    request.resume();
    response.setHeader("content-type", answer.type);
    response.end(answer.body);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
});
after(() => new Promise((done) => server.close(done)));

function baseURL(): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const openai = () => new OpenAI({ apiKey: "test", baseURL: baseURL(), maxRetries: 0 });
const claude = () => new Anthropic({ apiKey: "test", baseURL: baseURL(), maxRetries: 0 });

/** Some recordings hold several answers one after another; the first is what a stream is. */
function firstAnswer(all: readonly Frame[]): Frame[] {
  const named = all.map((frame) => ({
    ...frame,
    event: /^\{\s*"type":\s*"(\w+)"/.exec(frame.data)?.[1] ?? frame.event,
  }));
  const last = named.findIndex((frame) => frame.event === "message_stop");
  return last === -1 ? named : named.slice(0, last + 1);
}

const ofChat = (recording: Recording) => recording.text.includes('"chat.completion');
const chatPatterns = ["vercel-ai/*/*", "vercel-ai/*/chat/*"];
const chatStreams = recordings([
  ...chatPatterns.map((pattern) => `${pattern}.chunks.txt`),
  "vercel-ai/**/*.sse",
]).filter(ofChat);
const chatBodies = recordings(chatPatterns.map((pattern) => `${pattern}.json`)).filter(ofChat);
const messageStreams = recordings(["vercel-ai/anthropic/*.chunks.txt", "anthropic-sdk/*.sse"]);
const messageBodies = recordings(["vercel-ai/anthropic/*.json"]).filter(({ text }) =>
  text.includes('"type": "message"'),
);

test("recordings are found where the variable says", { skip: noCorpora }, () => {
  assert.ok(chatStreams.length >= 20 && chatBodies.length >= 20, `${chatStreams.length} ${chatBodies.length}`);
  assert.ok(
    messageStreams.length >= 30 && messageBodies.length >= 30,
    `${messageStreams.length} ${messageBodies.length}`,
  );
});

type Message = OpenAI.Chat.Completions.ChatCompletionMessage & { reasoning_content?: string; reasoning?: string };

function chatSeen(message: Message, usage: OpenAI.CompletionUsage | undefined) {
  const tools = (message.tool_calls ?? []).filter(Boolean).filter((call) => call.type !== "custom");
  return {
    text: message.content ?? "",
    tools: tools.map(({ id, function: fn }) => ({ id, name: fn.name, input: JSON.parse(fn.arguments || "{}") })),
    input: usage?.prompt_tokens,
    output: usage?.completion_tokens,
    cached: usage?.prompt_tokens_details?.cached_tokens,
    reasoning: usage?.completion_tokens_details?.reasoning_tokens,
  };
}

/** Ours in the same words. xAI counts reasoning beside the completion; we count it within, and the total says so. */
function ours(events: readonly Event[], usage: OpenAI.CompletionUsage | undefined) {
  const { text, tools, usage: told } = seen(events);
  const beside = usage !== undefined && usage.total_tokens > usage.prompt_tokens + usage.completion_tokens;
  const output = beside ? (told.output ?? 0) - (told.reasoning ?? 0) : told.output;
  return { text, tools, input: told.input, output, cached: told.cacheRead, reasoning: told.reasoning };
}

/** Places that OpenAI's own SDK does not know to look at, told here as what they mean. */
function normalize(usage: OpenAI.CompletionUsage | undefined): OpenAI.CompletionUsage | undefined {
  if (usage === undefined) return undefined;
  const { cached_tokens: cached, reasoning_tokens: reasoning } = usage as {
    cached_tokens?: number;
    reasoning_tokens?: number;
  };
  return {
    ...usage,
    prompt_tokens_details: {
      ...(cached === undefined ? {} : { cached_tokens: cached }),
      ...usage.prompt_tokens_details,
    },
    completion_tokens_details: {
      ...(reasoning === undefined ? {} : { reasoning_tokens: reasoning }),
      ...usage.completion_tokens_details,
    },
  };
}

for (const { name, text } of chatStreams) {
  test(`decodeStream() of openai-chat tells what the SDK tells: ${name}`, async () => {
    const source = frames(text);
    const done = source.at(-1)?.data === "[DONE]" ? "" : "data: [DONE]\n\n";
    answer = { type: "text/event-stream", body: source.map(sse).join("") + done };
    const stream = await openai().chat.completions.create({ model: "m", messages: [], stream: true });
    let content = "";
    let usage: OpenAI.CompletionUsage | undefined;
    const calls: { id: string; type: "function"; function: { name: string; arguments: string } }[] = [];
    for await (const chunk of stream) {
      usage = chunk.usage ?? usage;
      const delta = chunk.choices[0]?.delta;
      const parts: unknown = delta?.content;
      if (Array.isArray(parts)) content += parts.map((part) => (part.type === "text" ? part.text : "")).join("");
      else content += delta?.content ?? "";
      for (const [position, call] of (delta?.tool_calls ?? []).entries()) {
        const index = call.index ?? position; // Mistral numbers nothing
        calls[index] ??= { id: call.id!, type: "function", function: { name: call.function!.name!, arguments: "" } };
        calls[index].function.arguments += call.function?.arguments ?? "";
      }
    }
    const message = { role: "assistant", content, refusal: null, tool_calls: calls } as Message;
    assert.deepEqual(ours(replay(openaiChat, source), usage), chatSeen(message, normalize(usage)));
  });
}

for (const { name, text } of chatBodies) {
  test(`decode() of openai-chat tells what the SDK tells: ${name}`, async () => {
    answer = { type: "application/json", body: text };
    const completion = await openai().chat.completions.create({ model: "m", messages: [] });
    const message = completion.choices[0]!.message as Message;
    const parts: unknown = message.content;
    const content = Array.isArray(parts)
      ? parts.map((part) => (part.type === "text" ? part.text : "")).join("")
      : message.content;
    const expected = chatSeen({ ...message, content }, normalize(completion.usage));
    assert.deepEqual(ours(openaiChat.decode(JSON.parse(text)), completion.usage), expected);
  });
}

type Iteration = { readonly type: string; readonly input_tokens: number; readonly output_tokens: number };

/** The SDK leaves `iterations` out of what it gathers from a stream: there they come from the recording. */
function iterationsIn(source: readonly Frame[]): readonly Iteration[] {
  const last = source.find((frame) => frame.event === "message_delta");
  return last === undefined ? [] : (JSON.parse(last.data).usage.iterations ?? []);
}

function messageSeen(message: Anthropic.Message, iterations: readonly Iteration[]) {
  const blocks = message.content;
  const { input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens } = message.usage;
  // Compaction is billed, and stands apart from the counts at the top.
  const compacted = iterations.filter(({ type }) => type === "compaction");
  const sum = (field: "input_tokens" | "output_tokens") => compacted.reduce((total, one) => total + one[field], 0);
  return {
    text: blocks.map((block) => (block.type === "text" ? block.text : "")).join(""),
    thinking: blocks.map((block) => (block.type === "thinking" ? block.thinking : "")).join(""),
    signatures: blocks.flatMap((block) => (block.type === "thinking" && block.signature ? [block.signature] : [])),
    tools: blocks.flatMap((block) =>
      block.type === "tool_use" ? [{ id: block.id, name: block.name, input: block.input }] : [],
    ),
    input: input_tokens + (cache_read_input_tokens ?? 0) + (cache_creation_input_tokens ?? 0) + sum("input_tokens"),
    output: output_tokens + sum("output_tokens"),
    searches: message.usage.server_tool_use?.web_search_requests,
    stop: message.stop_reason,
  };
}

function oursOfMessages(events: readonly Event[]) {
  const { text, thinking, signatures, tools, usage } = seen(events);
  const finish = events.find((event) => event.type === "finish");
  const { input, output, serverToolRequests: searches } = usage;
  return { text, thinking, signatures, tools, input, output, searches, stop: finish?.native };
}

/** The SDK refuses these two: a repeated `message_start` and a spliced one. */
const refused = /duplicate-message-start|spliced-message-start/;

for (const { name, text } of messageStreams.filter((recording) => !refused.test(recording.name))) {
  test(`decodeStream() of anthropic tells what the SDK tells: ${name}`, async () => {
    const source = firstAnswer(frames(text));
    answer = { type: "text/event-stream", body: source.map(sse).join("") };
    const message = await claude().messages.stream({ model: "m", max_tokens: 1, messages: [] }).finalMessage();
    assert.deepEqual(oursOfMessages(replay(anthropic, source)), messageSeen(message, iterationsIn(source)));
  });
}

for (const { name, text } of messageBodies) {
  test(`decode() of anthropic tells what the SDK tells: ${name}`, async () => {
    answer = { type: "application/json", body: text };
    const message = await claude().messages.create({ model: "m", max_tokens: 1, messages: [] });
    assert.deepEqual(
      oursOfMessages(anthropic.decode(JSON.parse(text))),
      messageSeen(message, JSON.parse(text).usage.iterations ?? []),
    );
  });
}

const everyStream = [
  ...chatStreams.map((recording) => ({ ...recording, dialect: openaiChat })),
  ...messageStreams
    .filter(({ name }) => !refused.test(name))
    .map((recording) => ({ ...recording, dialect: anthropic })),
];

/** Cutting a recording short changes no event that was decoded before the cut, and the decoder knows that it was cut. */
for (const { name, text, dialect } of everyStream) {
  test(`A20 decodeStream() of ${dialect.id} cut at every frame tells a beginning, then truncation: ${name}`, () => {
    const source = firstAnswer(frames(text));
    const whole = replay(dialect, source);
    const decoder = dialect.decodeStream();
    const told: Event[] = [];
    for (const frame of source) {
      if (!told.some((event) => event.type === "finish"))
        assert.throws(() => decoder.end(), { code: "upstream_truncated" });
      told.push(...decoder.push(frame.event, frame.data));
      assert.deepEqual(told, whole.slice(0, told.length));
    }
    assert.equal(told.length, whole.length);
  });

  test(`tap() of ${dialect.id} tells the usage that the decoder tells: ${name}`, () => {
    const source = firstAnswer(frames(text));
    const tap = dialect.tap();
    for (const frame of source) tap.frame(Buffer.from(sse(frame).trimEnd()).toString("latin1"));
    const { usage } = seen(replay(dialect, source));
    assert.deepEqual(tap.usage() ?? {}, usage);
    assert.equal(tap.finished, true);
    assert.equal(tap.failure(), undefined);
  });
}

for (const { name, text, dialect } of [
  ...chatBodies.map((recording) => ({ ...recording, dialect: openaiChat })),
  ...messageBodies.map((recording) => ({ ...recording, dialect: anthropic })),
]) {
  test(`tap().body() of ${dialect.id} tells the usage that decode() tells: ${name}`, () => {
    const tap = dialect.tap();
    assert.equal(tap.body(Buffer.from(text).toString("latin1")), "terminal");
    assert.deepEqual(tap.usage() ?? {}, seen(dialect.decode(JSON.parse(text))).usage);
  });
}

const context = { id: "answer_1", model: "m", created: 1, includeUsage: true };

/** What we render is read by the other vendor's SDK, which must find in it what we decoded. */
for (const { name, text, dialect } of everyStream) {
  test(`renderStream() of anthropic is read by its SDK: ${name}`, async () => {
    const events = replay(dialect, firstAnswer(frames(text)));
    const renderer = anthropic.renderStream(context);
    answer = { type: "text/event-stream", body: events.map(renderer.push).join("") + renderer.end() };
    const told = messageSeen(
      await claude().messages.stream({ model: "m", max_tokens: 1, messages: [] }).finalMessage(),
      [],
    );
    const { text: said, thinking, signatures, tools, refusal, usage } = seen(events);
    const { input = 0, output = 0, serverToolRequests: searches } = usage;
    const expected = { text: said + refusal, thinking, signatures, tools, input, output, searches };
    assert.deepEqual({ ...told, stop: undefined }, { ...expected, stop: undefined });
  });

  test(`renderStream() of openai-chat is read by its SDK: ${name}`, async () => {
    const events = replay(dialect, firstAnswer(frames(text)));
    const renderer = openaiChat.renderStream(context);
    answer = { type: "text/event-stream", body: events.map(renderer.push).join("") + renderer.end() };
    const stream = openai().chat.completions.stream({ model: "m", messages: [] });
    const completion = await stream.finalChatCompletion();
    const { text: said, tools, usage } = seen(events);
    const { input, output, cacheRead: cached, reasoning } = usage;
    const expected = { text: said, tools, input, output, cached, reasoning };
    assert.deepEqual(chatSeen(completion.choices[0]!.message as Message, completion.usage), expected);
  });
}

test("decodeStream() of anthropic bears a repeated message_start", () => {
  const { text, usage } = seen(replay(anthropic, fixture("repeated-start.sse")));
  assert.deepEqual({ text, usage }, { text: "Hello", usage: { input: 17, output: 227 } });
});

test("decodeStream() of anthropic refuses a second message spliced in after content", () => {
  assert.throws(() => replay(anthropic, fixture("spliced-start.sse")), { code: "upstream_protocol" });
});
