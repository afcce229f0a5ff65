/** Embeddings and counts between dialects, as their callers see them. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { answers, call, errorOf, type Lab, startLab, startUpstream, type Upstream } from "./lab.ts";

let upstream: Upstream;
let lab: Lab;
before(async () => {
  upstream = await startUpstream();
  const provider = (dialect: string, model: string) => ({
    base_url: `${upstream.origin}/${dialect}`,
    dialect,
    models: [model],
    api_key: "env.SECRET",
  });
  lab = await startLab({
    auth: { inference: "open" },
    providers: {
      chat: provider("openai-chat", "c"),
      goog: provider("gemini", "g"),
      claude: provider("anthropic", "a"),
      resp: provider("openai-responses", "r"),
    },
    prices: { "goog/*": { input: 3, output: 0 }, "chat/*": { input: 3, output: 0 } },
  });
});
after(async () => {
  await lab?.stop();
  await upstream?.stop();
});

const ask = (path: string, body: object) => call(lab.url, { path, body });
const sent = () => {
  const { path, body } = upstream.seen.at(-1)!;
  return [path, JSON.parse(body) as unknown];
};

test("encodeOperation() gives OpenAI's callers vectors of any provider, as floats or as base64", async () => {
  upstream.answer = answers({
    embeddings: [{ values: [0.5, -2] }, { values: [1, 0] }],
    usageMetadata: { promptTokenCount: 7 },
  });
  const body = { model: "goog/g", input: ["one", "two"], dimensions: 2 };
  const floats = await ask("/v1/embeddings", body);
  assert.deepEqual(JSON.parse(floats.text), {
    object: "list",
    data: [
      { object: "embedding", index: 0, embedding: [0.5, -2] },
      { object: "embedding", index: 1, embedding: [1, 0] },
    ],
    model: "goog/g",
    usage: { prompt_tokens: 7, total_tokens: 7 },
  });
  const asked = (text: string) => ({ model: "models/g", content: { parts: [{ text }] }, outputDimensionality: 2 });
  assert.deepEqual(sent(), ["/gemini/models/g:batchEmbedContents", { requests: [asked("one"), asked("two")] }]);
  assert.equal((await lab.rows()).at(-1)?.cost_nano, 7 * 3_000);
  const base64 = await ask("/v1/embeddings", { ...body, encoding_format: "base64" });
  const { data } = JSON.parse(base64.text) as { data: { embedding: string }[] };
  const bytes = Buffer.from(data[0]!.embedding, "base64");
  assert.deepEqual([bytes.readFloatLE(0), bytes.readFloatLE(4)], [0.5, -2]);
  const tokens = await ask("/v1/embeddings", { model: "goog/g", input: [1, 2] });
  assert.deepEqual([tokens.status, errorOf(tokens).code], [400, "unsupported_parameter"]);
});

test("encodeOperation() gives Google's callers vectors of an OpenAI provider, one or many", async () => {
  const vector = Buffer.alloc(8);
  vector.writeFloatLE(0.25, 0);
  upstream.answer = answers({
    data: [{ index: 0, embedding: vector.toString("base64") }],
    usage: { prompt_tokens: 3 },
  });
  const one = await ask("/v1beta/models/chat%2Fc:embedContent", { content: { parts: [{ text: "hi" }] } });
  assert.deepEqual(JSON.parse(one.text), { embedding: { values: [0.25, 0] }, usageMetadata: { promptTokenCount: 3 } });
  assert.deepEqual(sent(), ["/openai-chat/embeddings", { model: "c", input: ["hi"], encoding_format: "float" }]);
  upstream.answer = answers({ data: [{ index: 0, embedding: [1] }] });
  const many = await ask("/v1beta/models/chat/c:batchEmbedContents", {
    requests: [{ content: { parts: [{ text: "x" }] } }],
  });
  assert.deepEqual(JSON.parse(many.text), { embeddings: [{ values: [1] }] });
  const never = await ask("/v1/embeddings", { model: "claude/a", input: "x" });
  assert.deepEqual([never.status, errorOf(never).code], [400, "unsupported_parameter"]);
});

test("countsLocally() counts where no provider does, and asks the provider where one does", async () => {
  const messages = [{ role: "user", content: "hello" }];
  upstream.answer = answers({ totalTokens: 11 });
  const google = await ask("/v1/messages/count_tokens", { model: "goog/g", messages });
  assert.deepEqual([JSON.parse(google.text), google.headers["x-bifrost-estimated"]], [{ input_tokens: 11 }, undefined]);
  upstream.answer = answers({ input_tokens: 12 });
  const responses = await ask("/v1beta/models/resp/r:countTokens", { contents: [{ parts: [{ text: "hello" }] }] });
  assert.equal(JSON.parse(responses.text).totalTokens, 12);
  const claude = await ask("/v1/responses/input_tokens", { model: "claude/a", input: "hello" });
  assert.deepEqual(JSON.parse(claude.text), { object: "response.input_tokens", input_tokens: 12 });
  const [path, body] = sent();
  assert.equal(path, "/anthropic/messages/count_tokens");
  assert.deepEqual(Object.keys(body as object).sort(), ["messages", "model"]);
  const estimated = await ask("/v1beta/models/chat/c:countTokens", { contents: [{ parts: [{ text: "hello" }] }] });
  assert.equal(estimated.headers["x-bifrost-estimated"], "true");
  assert.ok(JSON.parse(estimated.text).totalTokens > 0);
});

test("an Anthropic client's ?beta=true reaches Anthropic, and nobody else", async () => {
  const body = { max_tokens: 9, messages: [{ role: "user", content: "hello" }] };
  for (const [path, model, asked] of [
    ["/v1/messages?beta=true", "claude/a", "/anthropic/messages?beta=true"],
    ["/anthropic/v1/messages?x=1&beta=true", "claude/a", "/anthropic/messages?beta=true"],
    ["/v1/messages/count_tokens?beta=true", "claude/a", "/anthropic/messages/count_tokens?beta=true"],
    ["/v1/messages?beta=truest", "claude/a", "/anthropic/messages"],
    ["/v1/messages?beta=true", "chat/c", "/openai-chat/chat/completions"],
  ] as const) {
    await ask(path, { ...body, model });
    assert.equal(sent()[0], asked, path);
  }
});
