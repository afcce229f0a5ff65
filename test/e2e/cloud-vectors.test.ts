/** Vectors and rankings of Bedrock and Vertex through a real daemon, each asked in the words of its models. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { BedrockAgentRuntimeClient, RerankCommand } from "@aws-sdk/client-bedrock-agent-runtime";
import { GoogleGenAI } from "@google/genai";
import { CohereClientV2 } from "cohere-ai";
import OpenAI from "openai";
import { baseKeys, type Cloud, startCloud } from "../support/cloud.ts";
import { speak } from "../support/cloud-answers.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";

const folder = mkdtempSync(join(tmpdir(), "bf-vectors-"));
let cloud: Cloud;
let daemon: Daemon;
let key: string;

before(async () => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  cloud = await startCloud(folder, publicKey);
  cloud.answer = speak;
  const account = {
    ...{ type: "service_account", project_id: "p", client_email: "a@b", private_key: privateKey },
    token_uri: `${cloud.origin}/google/token`,
  };
  writeFileSync(join(folder, "account.json"), JSON.stringify(account));
  const there = { base_url: cloud.origin, free: true };
  daemon = await startDaemon({
    config: {
      ledger: patientLedger,
      aliases: { ranking: "bedrock/cohere.rerank-v3-5:0", film: "films/veo-3.1" },
      prices: { "films/*": { video_second: 0.4 } },
      providers: {
        ranker: { base_url: `${cloud.origin}/v2`, dialect: "cohere", free: true, models: ["rerank-v4"] },
        bedrock: { ...there, aws: { region: "eu-1", access_key_id: "env.ONE", secret_access_key: "env.TWO" } },
        films: {
          ...{ host: "vertex", base_url: cloud.origin },
          google: { credentials_file: join(folder, "account.json"), location: "europe-west4" },
        },
        vertex: { ...there, google: { credentials_file: join(folder, "account.json"), location: "europe-west4" } },
      },
    },
    env: { ONE: baseKeys.id, TWO: baseKeys.secret },
  });
  key = await daemon.createKey();
});
after(async () => {
  await daemon?.stop();
  await cloud?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const openai = () => new OpenAI({ apiKey: key, baseURL: `${daemon.url}/v1`, maxRetries: 0 });
const cohere = () => new CohereClientV2({ token: key, environment: daemon.url, maxRetries: 0 });

function sent() {
  const last = cloud.calls.at(-1)!;
  return { ...last, json: JSON.parse(last.body) as Record<string, unknown> };
}

test("Bedrock's models for vectors and rankings are invoked in their own words, and priced by what they tell", async () => {
  const embed = (model: string, input: string | string[]) =>
    openai().embeddings.create({ model, input, encoding_format: "float", dimensions: 256 });
  const { data, usage } = await embed("bedrock/amazon.titan-embed-text-v2:0", "x");
  assert.deepEqual([data[0]!.embedding, usage.prompt_tokens], [[0.5, 0.25], 3]);
  assert.deepEqual(sent().json, { inputText: "x", dimensions: 256 });
  assert.match(sent().headers.authorization ?? "", /^AWS4-HMAC-SHA256 /);
  await assert.rejects(embed("bedrock/amazon.titan-embed-text-v2:0", ["x", "y"]), /one text a call/);

  const both = await embed("bedrock/cohere.embed-v4:0", ["x", "y"]);
  assert.deepEqual([both.data[0]!.embedding, both.data[1]!.embedding], [[1], [2]]);
  const asked = { texts: ["x", "y"], input_type: "search_document", embedding_types: ["float"] };
  assert.deepEqual(sent().json, { ...asked, output_dimension: 256 });
  await assert.rejects(embed("bedrock/amazon.nova-pro-v1:0", "x"), /embeddings/);

  const ranked = await cohere().rerank({ model: "bedrock/cohere.rerank-v3-5:0", query: "q", documents: ["a", "b"] });
  assert.equal(ranked.results[0]?.relevanceScore, 0.9);
  assert.deepEqual(sent().json, { query: "q", documents: ["a", "b"], api_version: 2 });
  const own = await cohere().rerank({
    model: "bedrock/amazon.rerank-v1:0",
    query: "q",
    documents: ["a", "b"],
    topN: 1,
  });
  assert.equal(own.results[0]?.relevanceScore, 0.9);
  assert.equal(sent().path, "/model/amazon.rerank-v1%3A0/invoke");
  assert.deepEqual(sent().json, { query: "q", documents: ["a", "b"], top_n: 1 });
});

test("AWS's client for agents has documents ranked by Bedrock's models and by others, in its own words", async () => {
  const client = new BedrockAgentRuntimeClient({
    endpoint: `${daemon.url}/bedrock`,
    region: "eu-central-1",
    credentials: { accessKeyId: key, secretAccessKey: "unused" },
    maxAttempts: 1,
  });
  const rank = (modelArn: string, queries = [{ type: "TEXT" as const, textQuery: { text: "q" } }]) =>
    client.send(
      new RerankCommand({
        queries,
        sources: [
          { type: "INLINE", inlineDocumentSource: { type: "TEXT", textDocument: { text: "a" } } },
          { type: "INLINE", inlineDocumentSource: { type: "JSON", jsonDocument: { title: "b" } } },
        ],
        rerankingConfiguration: {
          type: "BEDROCK_RERANKING_MODEL",
          bedrockRerankingConfiguration: { modelConfiguration: { modelArn }, numberOfResults: 1 },
        },
      }),
    );
  try {
    const documents = ["a", '{"title":"b"}'];
    for (const model of ["arn:aws:bedrock:us-west-2::foundation-model/ranking", "bedrock/cohere.rerank-v3-5:0"]) {
      const { results } = await rank(model);
      assert.deepEqual(results, [{ index: 1, relevanceScore: 0.9 }]);
      assert.equal(sent().path, "/model/cohere.rerank-v3-5%3A0/invoke");
      assert.deepEqual(sent().json, { query: "q", documents, top_n: 1, api_version: 2 });
      assert.match(sent().headers.authorization ?? "", /^AWS4-HMAC-SHA256 /);
    }
    const other = await rank("ranker/rerank-v4");
    assert.deepEqual([other.results, sent().path], [[{ index: 1, relevanceScore: 0.9 }], "/v2/rerank"]);
    assert.deepEqual(sent().json, { model: "rerank-v4", query: "q", documents, top_n: 1 });
    const count = cloud.calls.length;
    await assert.rejects(rank("bedrock/cohere.rerank-v3-5:0", []), /exactly one query/);
    await assert.rejects(rank(""), /modelArn/);
    assert.equal(cloud.calls.length, count);
  } finally {
    client.destroy();
  }
});

test("Vertex makes vectors by predictions, for a client of OpenAI and for one of Google", async () => {
  const at = "/v1/projects/p/locations/europe-west4/publishers";
  const { data } = await openai().embeddings.create({
    model: "vertex/e5",
    input: ["x", "y"],
    encoding_format: "float",
  });
  assert.deepEqual([data[1]!.embedding, sent().path], [[0.5, 0.25], `${at}/google/models/e5:predict`]);
  assert.deepEqual(sent().json, { instances: [{ content: "x" }, { content: "y" }], parameters: {} });
  const asked = { method: "POST", headers: { "x-goog-api-key": key }, body: '{"content":{"parts":[{"text":"x"}]}}' };
  const one = await fetch(`${daemon.url}/v1beta/models/vertex/e5:embedContent`, asked);
  assert.deepEqual(((await one.json()) as { embedding: object }).embedding, { values: [0.5, 0.25] });
});

test("Vertex makes pictures by predictions and by answers, for a client of OpenAI and for one of Google", async () => {
  const at = "/v1/projects/p/locations/europe-west4/publishers/google/models";
  for (const [model, path] of [
    ["imagen-4.0-generate-001", `${at}/imagen-4.0-generate-001:predict`],
    ["gemini-3-pro-image", `${at}/gemini-3-pro-image:generateContent`],
  ]) {
    const { data } = await openai().images.generate({ model: `vertex/${model}`, prompt: "a cat" });
    assert.deepEqual([data, sent().path], [[{ b64_json: "QQ==" }], path]);
    assert.match(sent().headers.authorization ?? "", /^Bearer /);
  }
  const body = '{"instances":[{"prompt":"a cat"}],"parameters":{"sampleCount":1}}';
  const asked = { method: "POST", headers: { "x-goog-api-key": key }, body };
  const own = await fetch(`${daemon.url}/v1/publishers/google/models/vertex%2Fimagen-4.0-generate-001:predict`, asked);
  assert.deepEqual([own.status, sent().path], [200, `${at}/imagen-4.0-generate-001:predict`]);
  assert.equal(sent().body, body);
});

test("A66 Vertex makes films for Google's client, each for whoever began it, and gives back what failed", async () => {
  const at = "projects/p/locations/europe-west4/publishers/google/models/veo-3.1";
  let ends: object = { response: { videos: [{ bytesBase64Encoded: "QQ==", mimeType: "video/mp4" }] } };
  cloud.answer = ({ path }) => {
    const told = path.endsWith(":fetchPredictOperation") ? { done: true, ...ends } : {};
    return { type: "application/json", body: JSON.stringify({ name: `${at}/operations/op-1`, ...told }) };
  };
  try {
    const spender = await daemon.createKey({ budget: "10/1d" });
    const google = (apiKey: string) =>
      new GoogleGenAI({ vertexai: true, apiKey, httpOptions: { baseUrl: daemon.url } });
    const spent = async () => {
      const own = await fetch(`${daemon.url}/v1/key`, { headers: { authorization: `Bearer ${spender}` } });
      return ((await own.json()) as { data: { usage: number } }).data.usage;
    };
    const source = { prompt: "a cat" };
    const begun = await google(spender).models.generateVideos({
      model: "film",
      source,
      config: { durationSeconds: 8 },
    });
    assert.deepEqual([begun.name, sent().path], [`${at}/operations/films~op-1`, `/v1/${at}:predictLongRunning`]);
    const { done, response } = await google(spender).operations.getVideosOperation({ operation: begun });
    assert.deepEqual([done, response?.generatedVideos?.[0]?.video?.videoBytes], [true, "QQ=="]);
    assert.equal(sent().path, `/v1/${at}:fetchPredictOperation`);
    assert.deepEqual(sent().json, { operationName: `${at}/operations/op-1` });
    await daemon.settled();
    assert.equal(await spent(), 3.2);
    const count = cloud.calls.length;
    await assert.rejects(google(key).operations.getVideosOperation({ operation: begun }), /404|no such/i);
    for (const [name, status] of [
      [begun.name!.replace("op-1", "op-2"), 404],
      ["", 400],
    ] as const) {
      const body = JSON.stringify({ operationName: name, operation_name: begun.name });
      for (const type of ["application/json", "text/plain"]) {
        const headers = { "x-goog-api-key": spender, "content-type": type };
        const asked = { method: "POST", headers, body };
        const sly = await fetch(`${daemon.url}/v1/${at}:fetchPredictOperation?provider=films`, asked);
        assert.ok([status, 415].includes(sly.status), await sly.text());
      }
    }
    assert.equal(cloud.calls.length, count);
    ends = { error: { code: 3, message: "against the rules" } };
    for (let times = 0; times < 2; times++) await google(spender).operations.getVideosOperation({ operation: begun });
    await daemon.settled();
    assert.equal(await spent(), 0);
  } finally {
    cloud.answer = speak;
  }
});
