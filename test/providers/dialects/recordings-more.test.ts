/** Every recording of OpenAI's responses and of Gemini decodes to what the vendor's own SDK reports for it. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI, type Part } from "@google/genai";
import OpenAI from "openai";
import { gemini } from "../../../providers/dialects/gemini.ts";
import { dialects } from "../../../providers/dialects/index.ts";
import { openaiResponses } from "../../../providers/dialects/openai-responses.ts";
import type { Event } from "../../../providers/exchange.ts";
import { fixture, frames, noCorpora, type Recording, recordings, replay, seen, sse } from "./replay.ts";

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

const baseURL = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const openai = () => new OpenAI({ apiKey: "test", baseURL: baseURL(), maxRetries: 0 });
const claude = () => new Anthropic({ apiKey: "test", baseURL: baseURL(), maxRetries: 0 });
const google = () => new GoogleGenAI({ apiKey: "test", httpOptions: { baseUrl: baseURL() } });

/** Some recordings hold several responses one after another; the first is what a stream is. */
function firstResponse(text: string): { event: string; data: string }[] {
  const all = frames(text).map(({ data }) => ({ event: "", data }));
  const last = all.findIndex(({ data }) => /"type":\s*"response\.(completed|incomplete|failed)"/.test(data));
  return last === -1 ? all : all.slice(0, last + 1);
}

const ofResponses = ({ name, text }: Recording) => text.includes('"object":"response"') && !odd.test(name);
/** An error, and one whose last event lacks a brace. */
const odd = /openai-error|parallel-tool-call-wrapper\.1\.chunks/;
/** Their deltas were thinned out, their last events not. */
const cutDown = /openai-phase|openai-shell-container\.1/;
const responsesPatterns = "vercel-ai/{openai/responses,open-responses/responses,azure,xai/responses}/*";
const responseStreams = recordings([`${responsesPatterns}.chunks.txt`]).filter(ofResponses);
const responseBodies = recordings([`${responsesPatterns}.json`]).filter(({ text }) =>
  /"object": *"response"/.test(text),
);
const geminiStreams = recordings(["vercel-ai/google/*.chunks.txt"]);
const geminiBodies = recordings(["vercel-ai/google/*.json"]).filter(({ text }) => text.includes('"candidates"'));

test("recordings of responses and of Gemini are found where the variable says", { skip: noCorpora }, () => {
  assert.ok(
    responseStreams.length >= 35 && responseBodies.length >= 35,
    `${responseStreams.length} ${responseBodies.length}`,
  );
  assert.ok(geminiStreams.length >= 8 && geminiBodies.length >= 5, `${geminiStreams.length} ${geminiBodies.length}`);
});

function ours(events: readonly Event[]) {
  const { text, refusal, thinking, tools, usage } = seen(events);
  const { input, output, cacheRead: cached, reasoning } = usage;
  const pictures = events.filter((event) => event.type === "media").length;
  return { text, refusal, thinking, tools, input, output, cached, reasoning, pictures };
}

function responseSeen({ output, usage }: OpenAI.Responses.Response): ReturnType<typeof ours> {
  let text = "";
  let refusal = "";
  const thinking: string[] = [];
  const tools: { id: string; name: string; input: unknown }[] = [];
  let pictures = 0;
  for (const item of output) {
    if (item.type === "message") {
      for (const part of item.content) {
        if (part.type === "output_text") text += part.text;
        else refusal += part.refusal;
      }
    } else if (item.type === "reasoning") {
      const pieces = item.summary.length > 0 ? item.summary : (item.content ?? []);
      thinking.push(pieces.map((piece) => piece.text).join("\n\n"));
    } else if (item.type === "function_call") {
      tools.push({ id: item.call_id, name: item.name, input: JSON.parse(item.arguments || "{}") });
    } else if (item.type === "image_generation_call" && item.result) pictures++;
  }
  return {
    text,
    refusal,
    thinking: thinking.join(""),
    tools,
    input: usage?.input_tokens,
    output: usage?.output_tokens,
    cached: usage?.input_tokens_details.cached_tokens,
    reasoning: usage?.output_tokens_details.reasoning_tokens,
    pictures,
  };
}

for (const { name, text } of responseStreams) {
  const source = firstResponse(text);
  test(`decodeStream() of openai-responses tells what the SDK tells: ${name}`, async () => {
    answer = { type: "text/event-stream", body: source.map(sse).join("") };
    const stream = await openai().responses.create({ model: "m", input: "x", stream: true });
    let last: OpenAI.Responses.Response | undefined;
    for await (const event of stream) {
      if (event.type === "response.completed" || event.type === "response.incomplete") last = event.response;
    }
    const told = ours(replay(openaiResponses, source));
    const expected = responseSeen(last!);
    // Some recordings had their last event cut down: then the deltas are all there is.
    const shortened = last!.output.length === 0 || cutDown.test(name);
    assert.deepEqual(
      shortened ? { input: told.input, output: told.output } : told,
      shortened ? { input: expected.input, output: expected.output } : expected,
    );
  });
}

for (const { name, text } of responseBodies) {
  test(`decode() of openai-responses tells what the SDK tells: ${name}`, async () => {
    answer = { type: "application/json", body: text };
    const response = await openai().responses.create({ model: "m", input: "x" });
    assert.deepEqual(ours(openaiResponses.decode(JSON.parse(text))), responseSeen(response));
  });
}

type Counted = {
  promptTokenCount?: number;
  candidatesTokenCount?: number;
  thoughtsTokenCount?: number;
  cachedContentTokenCount?: number;
};

function geminiSeen(parts: readonly Part[], usage: Counted | undefined) {
  const textOf = (thought: boolean) =>
    parts.map((part) => ((part.thought ?? false) === thought ? (part.text ?? "") : "")).join("");
  const thoughts = usage?.thoughtsTokenCount;
  return {
    text: textOf(false),
    thinking: textOf(true),
    signatures: parts.flatMap(({ thoughtSignature }) => thoughtSignature ?? []),
    calls: parts.flatMap(({ functionCall }) =>
      functionCall?.name === undefined ? [] : { name: functionCall.name, input: functionCall.args },
    ),
    input: usage?.promptTokenCount,
    output: usage?.candidatesTokenCount === undefined ? undefined : usage.candidatesTokenCount + (thoughts ?? 0),
    cached: usage?.cachedContentTokenCount,
    reasoning: thoughts,
  };
}

function oursOfGemini(events: readonly Event[]): ReturnType<typeof geminiSeen> {
  const { text, thinking, signatures, tools, usage } = seen(events);
  const { input, output, cacheRead: cached, reasoning } = usage;
  const own = signatures.map((signature) => signature.replace(/^gemini#/, ""));
  const calls = tools.map(({ name, input: args }) => ({ name, input: args as Record<string, unknown> }));
  return { text, thinking, signatures: own, calls, input, output, cached, reasoning };
}

for (const { name, text } of geminiStreams) {
  test(`decodeStream() of gemini tells what the SDK tells: ${name}`, async () => {
    const source = frames(text);
    answer = { type: "text/event-stream", body: source.map(sse).join("") };
    const stream = await google().models.generateContentStream({ model: "m", contents: "x" });
    const parts: Part[] = [];
    let usage: Counted | undefined;
    for await (const chunk of stream) {
      parts.push(...(chunk.candidates?.[0]?.content?.parts ?? []));
      usage = chunk.usageMetadata ?? usage;
    }
    const told = oursOfGemini(replay(gemini, source));
    const expected = geminiSeen(parts, usage);
    // The SDK leaves the pieces of arguments to its caller.
    const pieces = text.includes('"partialArgs"');
    const calls = expected.calls.map((call, index) => (pieces ? { ...call, input: told.calls[index]!.input } : call));
    assert.deepEqual(told, { ...expected, calls });
  });
}

for (const { name, text } of geminiBodies) {
  test(`decode() of gemini tells what the SDK tells: ${name}`, async () => {
    answer = { type: "application/json", body: text };
    const { candidates, usageMetadata } = await google().models.generateContent({ model: "m", contents: "x" });
    assert.deepEqual(
      oursOfGemini(gemini.decode(JSON.parse(text))),
      geminiSeen(candidates![0]!.content!.parts!, usageMetadata),
    );
  });
}

const everyStream = [
  ...responseStreams.map(({ name, text }) => ({ name, source: firstResponse(text), dialect: openaiResponses })),
  ...geminiStreams.map(({ name, text }) => ({ name, source: frames(text), dialect: gemini })),
];

for (const { name, source, dialect } of everyStream) {
  test(`A20 decodeStream() of ${dialect.id} cut at every frame tells a beginning, then truncation: ${name}`, () => {
    const whole = replay(dialect, source);
    const decoder = dialect.decodeStream();
    const told: Event[] = [];
    for (const frame of source) {
      if (!told.some((event) => event.type === "finish"))
        assert.throws(() => decoder.end(), { code: "upstream_truncated" });
      told.push(...decoder.push(frame.event, frame.data));
    }
    assert.deepEqual(told, whole);
  });

  test(`tap() of ${dialect.id} tells the usage that the decoder tells: ${name}`, () => {
    const tap = dialect.tap();
    for (const frame of source) tap.frame(Buffer.from(sse(frame).trimEnd()).toString("latin1"));
    assert.deepEqual(tap.usage() ?? {}, seen(replay(dialect, source)).usage);
    assert.deepEqual([tap.finished, tap.failure()], [true, undefined]);
  });
}

for (const { name, text, dialect } of [
  ...responseBodies.map((recording) => ({ ...recording, dialect: openaiResponses })),
  ...geminiBodies.map((recording) => ({ ...recording, dialect: gemini })),
]) {
  test(`tap().body() of ${dialect.id} tells the usage that decode() tells: ${name}`, () => {
    const tap = dialect.tap();
    assert.equal(tap.body(Buffer.from(text).toString("latin1")), "terminal");
    assert.deepEqual(tap.usage() ?? {}, seen(dialect.decode(JSON.parse(text))).usage);
  });
}

const context = { id: "answer_1", model: "m", created: 1, includeUsage: true };
const rendered = [
  ...everyStream,
  { name: "thinking-tools.sse", source: frames(fixture("thinking-tools.sse")), dialect: dialects.anthropic },
  {
    name: "responses-reasoning-tools.sse",
    source: frames(fixture("responses-reasoning-tools.sse")),
    dialect: openaiResponses,
  },
];

/** What we render is read by the other vendor's SDK, which must find in it what we decoded. */
for (const { name, source, dialect } of rendered) {
  test(`renderStream() of openai-responses is read by its SDK: ${dialect.id}, ${name}`, async () => {
    const events = replay(dialect, source);
    const renderer = openaiResponses.renderStream(context);
    answer = { type: "text/event-stream", body: events.map(renderer.push).join("") + renderer.end() };
    const final = await openai().responses.stream({ model: "m", input: "x" }).finalResponse();
    const told = ours(events);
    const { cached = 0, reasoning = 0 } = told;
    assert.deepEqual(responseSeen(final), { ...told, cached, reasoning });
  });

  test(`renderStream() of gemini is read by its SDK: ${dialect.id}, ${name}`, async () => {
    const events = replay(dialect, source);
    const renderer = gemini.renderStream(context);
    answer = { type: "text/event-stream", body: events.map(renderer.push).join("") + renderer.end() };
    const parts: Part[] = [];
    let usage: Counted | undefined;
    for await (const chunk of await google().models.generateContentStream({ model: "m", contents: "x" })) {
      parts.push(...(chunk.candidates?.[0]?.content?.parts ?? []));
      usage = chunk.usageMetadata ?? usage;
    }
    const { text, thinking, tools, input, output, cached, reasoning } = ours(events);
    const calls = tools.map(({ name: called, input: args }) => ({ name: called, input: args }));
    const { signatures, ...told } = geminiSeen(parts, usage);
    assert.deepEqual(told, { text, thinking, calls, input, output, cached, reasoning });
    const proofs = events.filter(({ type }) => type === "thinking_signature" || type === "redacted_thinking");
    assert.equal(signatures.length, proofs.length);
  });

  test(`renderStream() of openai-chat is read by its SDK: ${dialect.id}, ${name}`, async () => {
    const events = replay(dialect, source);
    const renderer = dialects["openai-chat"].renderStream(context);
    answer = { type: "text/event-stream", body: events.map(renderer.push).join("") + renderer.end() };
    const { choices, usage } = await openai()
      .chat.completions.stream({ model: "m", messages: [] })
      .finalChatCompletion();
    const { text, tools, input, output } = ours(events);
    const { message } = choices[0]!;
    const functions = (message.tool_calls ?? []).filter((call) => call.type === "function");
    const calls = functions.map((call) => ({
      id: call.id,
      name: call.function.name,
      input: JSON.parse(call.function.arguments) as unknown,
    }));
    const told = {
      text: message.content ?? "",
      tools: calls,
      input: usage?.prompt_tokens,
      output: usage?.completion_tokens,
    };
    assert.deepEqual(told, { text, tools, input, output });
  });

  test(`renderStream() of anthropic is read by its SDK: ${dialect.id}, ${name}`, async () => {
    const events = replay(dialect, source);
    const renderer = dialects.anthropic.renderStream(context);
    answer = { type: "text/event-stream", body: events.map(renderer.push).join("") + renderer.end() };
    const { content } = await claude().messages.stream({ model: "m", max_tokens: 1, messages: [] }).finalMessage();
    const { text, thinking, tools } = ours(events);
    const told = {
      text: content.map((block) => (block.type === "text" ? block.text : "")).join(""),
      thinking: content.map((block) => (block.type === "thinking" ? block.thinking : "")).join(""),
      tools: content.flatMap((block) =>
        block.type === "tool_use" ? [{ id: block.id, name: block.name, input: block.input }] : [],
      ),
    };
    assert.deepEqual(told, { text, thinking, tools });
  });
}
