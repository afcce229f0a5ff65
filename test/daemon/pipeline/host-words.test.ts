/** Hosts that speak OpenAI's chat completions with words of their own, and deployments whose name tells nothing. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { call, type Lab, startLab, startUpstream, type Upstream } from "./lab.ts";

let upstream: Upstream;
let lab: Lab;
before(async () => {
  upstream = await startUpstream();
  const at = { base_url: `${upstream.origin}/v1`, api_key: "env.SECRET" };
  lab = await startLab({
    auth: { inference: "open" },
    providers: {
      mistral: at,
      "mistral-strict": { ...at, host: "mistral", strict: true },
      groq: at,
      ollama: at,
      perplexity: { ...at, base_url: upstream.origin },
      "opencode-zen": at,
      huggingface: at,
      voyage: at,
      openai: { ...at, deployments: { "gpt-5-mini": "ours" } },
      azure: { ...at, base_url: upstream.origin },
      "azure-preview": { ...at, base_url: upstream.origin, host: "azure", azure: { api_version: "preview" } },
      "azure-dated": { ...at, base_url: upstream.origin, host: "azure", azure: { api_version: "2025-03-01-preview" } },
    },
    ledger: { no_cap: "inject", inject_cap: 77 },
    prices: Object.fromEntries(
      ["mistral/*", "mistral-strict/*", "groq/*", "ollama/*", "openai/*", "voyage/*"].map((name) => [
        name,
        { input: 2, output: 10 },
      ]),
    ),
  });
});
after(async () => {
  await lab?.stop();
  await upstream?.stop();
});

const messages = [{ role: "user", content: "q" }];
/** What is asked, what the provider hears of it beside the conversation, and what is told to have been left out. */
async function heard(path: string, body: object): Promise<[sent: object, dropped: unknown, status: number]> {
  const before = upstream.seen.length;
  const answer = await call(lab.url, { path, body: { messages, ...body } });
  const last = upstream.seen[before];
  const {
    messages: _,
    model: __,
    ...sent
  } = (last === undefined ? {} : JSON.parse(last.body)) as Record<string, unknown>;
  return [sent, answer.headers["x-bifrost-dropped-params"], answer.status];
}

test("noEndpoint() says where Mistral's batches are made, under the provider's own name", async () => {
  const before = upstream.seen.length;
  for (const name of ["mistral", "mistral-strict"]) {
    const body = { input_file_id: `${name}~f-1`, endpoint: "/v1/chat/completions", completion_window: "24h" };
    const { status, text } = await call(lab.url, { path: "/v1/batches", body });
    assert.equal(status, 400, text);
    assert.match(text, new RegExp(`${name} does not offer batches: .+POST /passthrough/${name}/v1/batch/jobs`));
  }
  assert.equal(upstream.seen.length, before);
});

test("Mistral gets its own words, relayed and translated, and no word that it refuses", async () => {
  const asked = { model: "mistral/m", seed: 7, max_completion_tokens: 5, user: "u", store: null };
  assert.deepEqual(await heard("/v1/chat/completions", asked), [{ random_seed: 7, max_tokens: 5 }, "user", 200]);
  const claude = { model: "mistral/m", max_tokens: 5, metadata: { user_id: "u" } };
  assert.deepEqual(await heard("/v1/messages", claude), [{ max_tokens: 5 }, "metadata.user_id", 200]);
});

test("a strict provider refuses what its host has no word for, by name", async () => {
  const asked = { model: "mistral-strict/m", max_tokens: 5, logprobs: true };
  assert.deepEqual(await heard("/v1/chat/completions", asked), [{}, undefined, 400]);
  assert.equal((await heard("/v1/chat/completions", { ...asked, logprobs: null }))[2], 200);
});

test("Groq gets no log probabilities to refuse, and everything else as it came", async () => {
  const asked = { model: "groq/m", max_completion_tokens: 5, logprobs: true, seed: 1, user: "u" };
  const told = { max_completion_tokens: 5, seed: 1, user: "u" };
  assert.deepEqual(await heard("/v1/chat/completions", asked), [told, "logprobs", 200]);
});

test("a cap reaches a host that knows it by its old name only", async () => {
  const asked = { model: "ollama/gpt-oss:20b", max_completion_tokens: 5 };
  assert.deepEqual((await heard("/v1/chat/completions", asked))[0], { max_tokens: 5 });
  assert.deepEqual((await heard("/v1/messages", { model: "ollama/gpt-oss:20b", max_tokens: 5 }))[0], { max_tokens: 5 });
});

test("a cap stands where the model looks for it, sent, translated and injected, whatever its deployment is called", async () => {
  assert.deepEqual((await heard("/v1/messages", { model: "openai/gpt-5-mini", max_tokens: 5 }))[0], {
    max_completion_tokens: 5,
  });
  assert.deepEqual((await heard("/v1/chat/completions", { model: "openai/gpt-5-mini" }))[0], {
    max_completion_tokens: 77,
  });
  assert.deepEqual((await heard("/v1/chat/completions", { model: "openai/o3" }))[0], { max_completion_tokens: 77 });
  assert.deepEqual((await heard("/v1/chat/completions", { model: "openai/gpt-4o" }))[0], { max_tokens: 77 });
});

test("Azure is asked for voices, pictures and answers where each of its versions has them", async () => {
  const speech = { model: "tts", input: "Hi", voice: "alloy" };
  const at = async (provider: string, path: string, body: object): Promise<string> => {
    await call(lab.url, { path, body: { ...body, model: `${provider}/${(body as { model: string }).model}` } });
    return upstream.seen.at(-1)!.path;
  };
  assert.equal(await at("azure", "/v1/audio/speech", speech), "/openai/v1/audio/speech");
  assert.equal(await at("azure-preview", "/v1/audio/speech", speech), "/openai/v1/audio/speech?api-version=preview");
  assert.equal(
    await at("azure-dated", "/v1/audio/speech", speech),
    "/openai/deployments/tts/audio/speech?api-version=2025-03-01-preview",
  );
  const image = { model: "gpt-image-1", prompt: "a cat" };
  assert.equal(await at("azure", "/v1/images/generations", image), "/openai/v1/images/generations");
  const answer = { model: "gpt-5", input: "q" };
  assert.equal(await at("azure-preview", "/v1/responses", answer), "/openai/v1/responses?api-version=preview");
  assert.equal(await at("azure-dated", "/v1/responses", answer), "/openai/responses?api-version=2025-03-01-preview");
});

test("a host is asked for each model in the language that it serves it in, under the header that language has", async () => {
  const asked = async (model: string): Promise<[path: string, ...keys: unknown[]]> => {
    const before = upstream.seen.length;
    await call(lab.url, { path: "/v1/chat/completions", body: { model, messages, max_tokens: 9 } });
    const { path, headers } = upstream.seen[before]!;
    return [path, headers["authorization"], headers["x-api-key"], headers["x-goog-api-key"]];
  };
  const keys = ["Bearer upstream-secret", "upstream-secret", "upstream-secret"];
  assert.deepEqual(await asked("opencode-zen/glm-5"), ["/v1/chat/completions", ...keys]);
  assert.deepEqual(await asked("opencode-zen/gpt-5.4"), ["/v1/responses", ...keys]);
  assert.deepEqual(await asked("opencode-zen/claude-opus-4-6"), ["/v1/messages", ...keys]);
  assert.deepEqual(await asked("opencode-zen/gemini-3-flash"), ["/v1/models/gemini-3-flash:generateContent", ...keys]);
  assert.equal((await asked("perplexity/sonar-pro"))[0], "/chat/completions");
  assert.equal((await asked("perplexity/openai/gpt-5.4"))[0], "/v1/responses");
});

test("Hugging Face is asked for vectors where its own servers have them, at the model's two folders", async () => {
  const usual = upstream.answer;
  upstream.answer = (_request, response) =>
    response.writeHead(200, { "content-type": "application/json" }).end("[[0.5,0.25],[1,2]]");
  const ask = (model: string, more: object = {}) =>
    call(lab.url, { path: "/v1/embeddings", body: { model: `huggingface/${model}`, input: ["x", "y"], ...more } });
  try {
    const answer = await ask("BAAI/bge-large-en-v1.5", { dimensions: 2 });
    const { path, body } = upstream.seen.at(-1)!;
    assert.equal(path, "/hf-inference/models/BAAI/bge-large-en-v1.5/pipeline/feature-extraction");
    assert.deepEqual(JSON.parse(body), { inputs: ["x", "y"] });
    const { data } = JSON.parse(answer.text) as { data: { embedding: number[] }[] };
    assert.deepEqual(
      [data[0]!.embedding, data[1]!.embedding],
      [
        [0.5, 0.25],
        [1, 2],
      ],
    );
    assert.equal(answer.headers["x-bifrost-dropped-params"], "dimensions");
    const count = upstream.seen.length;
    for (const climbing of ["../secrets", "a/..", "a/../b", "a/b/c", "a", "a/b%2f.."])
      assert.equal((await ask(climbing)).status, 400, climbing);
    assert.equal((await ask("a/b", { input: [[1, 2]] })).status, 400);
    assert.equal(upstream.seen.length, count);
    upstream.answer = (_request, response) =>
      response.writeHead(200, { "content-type": "application/json" }).end("[[[0.5]],[[1]]]");
    assert.equal((await ask("a/b")).status, 502, "of each token, not of the text");
  } finally {
    upstream.answer = usual;
  }
});

test("Voyage ranks in Cohere's words, and is paid for by its tokens", async () => {
  const usual = upstream.answer;
  const data = [{ index: 1, relevance_score: 0.9 }];
  upstream.answer = (_request, response) =>
    response
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify({ object: "list", data, model: "rerank-2.5", usage: { total_tokens: 26 } }));
  try {
    const asked = { model: "voyage/rerank-2.5", query: "q", documents: ["a", "b"], top_n: 1, return_documents: true };
    const { text, headers } = await call(lab.url, { path: "/v2/rerank", body: asked });
    const { path, body } = upstream.seen.at(-1)!;
    assert.equal(path, "/v1/rerank");
    assert.deepEqual(JSON.parse(body), { model: "rerank-2.5", query: "q", documents: ["a", "b"], top_k: 1 });
    const { results } = JSON.parse(text) as { results: object[] };
    assert.deepEqual(results, [{ ...data[0], document: { text: "b" } }]);
    assert.equal(headers["x-bifrost-cost-usd"], "0.000052");
  } finally {
    upstream.answer = usual;
  }
});
