/**
 * Bedrock, Vertex, Azure and Gemini through a real daemon, each against an upstream that keeps path, proof and body and
 * answers in its own language; and the vendors' own clients, unmodified, in front. Over 400 lines since all clouds share one
 * daemon: that each is asked in its own way beside the others is what is tested.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from "@aws-sdk/client-bedrock-runtime";
import { CohereClientV2 } from "cohere-ai";
import OpenAI from "openai";
import { EventStreamSplitter, eventStream } from "../../daemon/http/event-stream.ts";
import { open } from "../support/client.ts";
import { baseKeys, type Cloud, type Sent, startCloud } from "../support/cloud.ts";
import { bytes, converseEvents, eventType, type message, speak } from "../support/cloud-answers.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { isSignedWith, scopeOf } from "../support/sigv4.ts";

const folder = mkdtempSync(join(tmpdir(), "bf-hosts-"));
const { publicKey, privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
const claude = "anthropic.claude-sonnet-4-5-20250929-v1:0";
const profile = `arn:aws:bedrock:eu-1:123456789012:inference-profile/eu.${claude}`;
let cloud: Cloud;
let daemon: Daemon;
let key: string;

before(async () => {
  cloud = await startCloud(folder, publicKey);
  cloud.answer = speak;
  const account = {
    type: "service_account",
    project_id: "project-of-file",
    client_email: "a@b",
    private_key: privateKey,
    token_uri: `${cloud.origin}/google/token`,
  };
  writeFileSync(join(folder, "account.json"), JSON.stringify(account));
  const there = { base_url: cloud.origin, free: true };
  daemon = await startDaemon({
    config: {
      ledger: patientLedger,
      server: { keep_alive_comment: "50ms" },
      providers: {
        bedrock: {
          ...there,
          aws: { region: "eu-1", access_key_id: "env.ONE", secret_access_key: "env.TWO" },
          deployments: { [`mapped-${claude}`]: profile },
        },
        "bedrock-key": { ...there, host: "bedrock", aws: { region: "eu-1" }, api_key: "env.THREE" },
        vertex: { ...there, google: { credentials_file: join(folder, "account.json"), location: "europe-west4" } },
        azure: { ...there, api_key: "env.THREE", deployments: { "gpt-5": "my gpt" } },
        "azure-dated": { ...there, host: "azure", api_key: "env.THREE", azure: { api_version: "2024-10-21" } },
        gemini: { ...there, base_url: `${cloud.origin}/v1beta`, api_key: "env.THREE" },
        cohere: { ...there, base_url: `${cloud.origin}/v2`, api_key: "env.THREE" },
        anthropic: { ...there, base_url: `${cloud.origin}/v1`, api_key: "env.THREE" },
        openai: { ...there, base_url: `${cloud.origin}/v1`, api_key: "env.THREE" },
      },
    },
    env: { ONE: baseKeys.id, TWO: baseKeys.secret, THREE: "provider-key" },
  });
  key = await daemon.createKey();
});
after(async () => {
  await daemon?.stop();
  await cloud?.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  cloud.calls.length = 0;
});

const openai = () => new OpenAI({ apiKey: key, baseURL: `${daemon.url}/v1`, maxRetries: 0 });
const anthropic = () => new Anthropic({ apiKey: key, baseURL: daemon.url, maxRetries: 0 });
/** As it comes: it speaks HTTP/2 at once to a plain address. The virtual key is the access key id. */
const aws = () =>
  new BedrockRuntimeClient({
    region: "us-east-1",
    endpoint: daemon.url,
    credentials: { accessKeyId: key, secretAccessKey: "any" },
    maxAttempts: 1,
  });
const cohere = () => new CohereClientV2({ token: key, environment: daemon.url, maxRetries: 0 });
const question = [{ role: "user" as const, content: "q" }];
const converseQuestion = [{ role: "user" as const, content: [{ text: "q" }] }];

function sent(): Sent & { readonly json: Record<string, unknown> } {
  const last = cloud.calls.at(-1)!;
  return { ...last, json: JSON.parse(last.body) as Record<string, unknown> };
}

async function streamed(model: string): Promise<string> {
  const stream = await openai().chat.completions.create({ model, messages: question, stream: true });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  return text;
}

async function whole(model: string): Promise<string> {
  const { choices } = await openai().chat.completions.create({ model, messages: question });
  return choices[0]!.message.content ?? "";
}

async function messaged(model: string): Promise<string> {
  const { content } = await anthropic().messages.create(
    { model, max_tokens: 9, messages: question },
    { headers: { "anthropic-beta": "one-2025,two-2025" } },
  );
  return content.map((block) => (block.type === "text" ? block.text : "")).join("");
}

async function messagedStream(model: string): Promise<string> {
  const stream = anthropic().messages.stream({ model, max_tokens: 9, messages: question });
  return stream.finalText();
}

test("a client of chat completions reaches Bedrock by Converse, signed, streamed and not", async () => {
  assert.equal(await whole(`bedrock/${claude}`), "Grüezi");
  assert.equal(sent().path, `/model/${encodeURIComponent(claude)}/converse`);
  assert.deepEqual(sent().json, { messages: converseQuestion });
  assert.ok(isSignedWith(baseKeys.secret, sent()));
  assert.deepEqual(scopeOf(sent()), { accessKeyId: baseKeys.id, region: "eu-1", service: "bedrock" });
  assert.equal(await streamed(`bedrock/${claude}`), "Grüezi");
  assert.equal(sent().path, `/model/${encodeURIComponent(claude)}/converse-stream`);
  assert.ok(isSignedWith(baseKeys.secret, sent()));
});

test("a deployment stands in the path in place of the model, whatever is in its name", async () => {
  assert.equal(await whole(`bedrock/mapped-${claude}`), "Grüezi");
  assert.equal(sent().path, `/model/${encodeURIComponent(profile)}/converse`);
  assert.ok(isSignedWith(baseKeys.secret, sent()));
});

test("a Bedrock API key is sent as it is", async () => {
  assert.equal(await whole(`bedrock-key/${claude}`), "Grüezi");
  assert.equal(sent().headers.authorization, "Bearer provider-key");
});

test("a client of Anthropic reaches Claude on Bedrock in its own language, its frames taken off", async () => {
  assert.equal(await messaged(`bedrock/${claude}`), "Grüezi");
  assert.equal(sent().path, `/model/${encodeURIComponent(claude)}/invoke`);
  assert.deepEqual(sent().json, {
    max_tokens: 9,
    messages: question,
    anthropic_version: "bedrock-2023-05-31",
    anthropic_beta: ["one-2025", "two-2025"],
  });
  assert.ok(isSignedWith(baseKeys.secret, sent()));
  assert.equal(await messagedStream(`bedrock/${claude}`), "Grüezi");
  assert.equal(sent().path, `/model/${encodeURIComponent(claude)}/invoke-with-response-stream`);
  assert.deepEqual(Object.keys(sent().json).sort(), ["anthropic_version", "max_tokens", "messages"]);
  assert.ok(isSignedWith(baseKeys.secret, sent()));
});

test("A24 the AWS SDK, over HTTP/2 and unmodified, speaks Converse with Bedrock and with others", async () => {
  const client = aws();
  for (const model of [`bedrock/${claude}`, "anthropic/claude-x", "openai/gpt-x", "gemini/gemini-x"]) {
    const { output, usage, stopReason } = await client.send(
      new ConverseCommand({ modelId: model, messages: converseQuestion, inferenceConfig: { maxTokens: 9 } }),
    );
    const said = output?.message?.content?.[0]?.text;
    assert.equal(said, model.startsWith("openai") ? "Hello." : "Grüezi", model);
    assert.ok((usage?.inputTokens ?? 0) > 0 && stopReason === "end_turn", model);
  }
  for (const model of [`bedrock/${claude}`, "anthropic/claude-x", "gemini/gemini-x"]) {
    const { stream } = await client.send(new ConverseStreamCommand({ modelId: model, messages: converseQuestion }));
    let text = "";
    let stop: string | undefined;
    let output: number | undefined;
    for await (const event of stream!) {
      text += event.contentBlockDelta?.delta?.text ?? "";
      stop = event.messageStop?.stopReason ?? stop;
      output = event.metadata?.usage?.outputTokens ?? output;
    }
    assert.deepEqual([text, stop, output], ["Grüezi", "end_turn", 2], model);
  }
  client.destroy();
});

test("A24 the AWS SDK invokes Claude with and without a stream, on Bedrock and at Anthropic", async () => {
  const client = aws();
  const head = { anthropic_version: "bedrock-2023-05-31", anthropic_beta: ["b-1"] };
  const body = JSON.stringify({ ...head, max_tokens: 9, messages: question });
  for (const model of [`bedrock/${claude}`, "anthropic/claude-x"]) {
    const whole = await client.send(new InvokeModelCommand({ modelId: model, body, contentType: "application/json" }));
    const told = JSON.parse(Buffer.from(whole.body).toString("utf8")) as typeof message;
    assert.equal(told.content[0]!.text, "Grüezi", model);
    const streamed = await client.send(
      new InvokeModelWithResponseStreamCommand({ modelId: model, body, contentType: "application/json" }),
    );
    const types: string[] = [];
    for await (const { chunk } of streamed.body!) {
      types.push((JSON.parse(Buffer.from(chunk!.bytes!).toString("utf8")) as { type: string }).type);
    }
    assert.deepEqual([types[0], types.at(-1)], ["message_start", "message_stop"], model);
  }
  assert.equal(sent().path, "/v1/messages");
  assert.deepEqual(sent().json, { model: "claude-x", stream: true, max_tokens: 9, messages: question });
  assert.equal(sent().headers["anthropic-beta"], "b-1");
  client.destroy();
});

test("the AWS SDK reads our errors by their names", async () => {
  const client = aws();
  await assert.rejects(client.send(new ConverseCommand({ modelId: "nowhere/m", messages: converseQuestion })), {
    name: "ResourceNotFoundException",
  });
  cloud.answer = () => ({ status: 429, type: "application/json", body: '{"message":"slow down"}' });
  try {
    await assert.rejects(
      client.send(new ConverseStreamCommand({ modelId: `bedrock/${claude}`, messages: converseQuestion })),
      { name: "ThrottlingException", message: "slow down" },
    );
  } finally {
    cloud.answer = speak;
    client.destroy();
  }
});

test("F7 a Converse stream that breaks ends with an exception that the AWS SDK throws", async () => {
  const client = aws();
  const cut = bytes(eventStream.write(converseEvents.slice(0, converseEvents.indexOf("event: contentBlockStop"))));
  cloud.answer = () => ({ type: eventType, body: cut });
  try {
    const { stream } = await client.send(
      new ConverseStreamCommand({ modelId: `bedrock/${claude}`, messages: converseQuestion }),
    );
    let text = "";
    await assert.rejects(
      async () => {
        for await (const event of stream!) text += event.contentBlockDelta?.delta?.text ?? "";
      },
      { name: "ModelStreamErrorException" },
    );
    assert.equal(text, "Grüezi");
  } finally {
    cloud.answer = speak;
    client.destroy();
  }
});

test("A24 the AWS and Cohere SDKs finish a slow stream, kept alive by what they pass over", async () => {
  const whole = bytes(eventStream.write(converseEvents));
  const begun = converseEvents.slice(0, converseEvents.indexOf("event: contentBlockStop"));
  const cut = bytes(eventStream.write(begun)).length;
  let release = (): void => undefined;
  async function* slowly(): AsyncGenerator<Buffer> {
    const gate = Promise.withResolvers<void>();
    release = gate.resolve;
    yield whole.subarray(0, cut);
    await gate.promise;
    yield whole.subarray(cut);
  }
  cloud.answer = () => ({ type: eventType, body: slowly() });
  const client = aws();
  try {
    const raw = await open(daemon.url, { dialect: "converse", model: `bedrock/${claude}`, key, stream: true });
    await raw.until("ping");
    release();
    const frames: string[] = [];
    const splitter = new EventStreamSplitter(1 << 20);
    splitter.push((await raw.answer()).bytes, (frame) => frames.push(eventStream.read(frame).event));
    assert.ok(frames.includes("ping") && frames.at(-1) === "metadata", frames.join(" "));

    const { stream } = await client.send(
      new ConverseStreamCommand({ modelId: `bedrock/${claude}`, messages: converseQuestion }),
    );
    const seen: string[] = [];
    for await (const event of stream!) {
      seen.push(...Object.keys(event));
      if (event.contentBlockDelta?.delta?.text === "ezi") setTimeout(() => release(), 200); // four keep-alives
    }
    assert.deepEqual([seen[0], seen.at(-1), seen.includes("$unknown")], ["messageStart", "metadata", false]);

    let text = "";
    for await (const event of await cohere().chatStream({ model: `bedrock/${claude}`, messages: question })) {
      if (event.type !== "content-delta") continue;
      text += event.delta?.message?.content?.text ?? "";
      if (text === "Grüezi") setTimeout(() => release(), 200);
    }
    assert.equal(text, "Grüezi");
  } finally {
    cloud.answer = speak;
    client.destroy();
  }
});

test("Vertex serves Gemini and Claude at their publishers' paths, with a token", async () => {
  const at = "/v1/projects/project-of-file/locations/europe-west4/publishers";
  assert.equal(await whole("vertex/gemini-x"), "Grüezi");
  assert.equal(sent().path, `${at}/google/models/gemini-x:generateContent`);
  assert.match(sent().headers.authorization ?? "", /^Bearer google-\d+$/);
  assert.equal(await streamed("vertex/gemini-x"), "Grüezi");
  assert.equal(sent().path, `${at}/google/models/gemini-x:streamGenerateContent?alt=sse`);
  assert.equal(await messaged("vertex/claude-x@20250929"), "Grüezi");
  assert.equal(sent().path, `${at}/anthropic/models/claude-x%4020250929:rawPredict`);
  assert.deepEqual(sent().json, { max_tokens: 9, messages: question, anthropic_version: "vertex-2023-10-16" });
  assert.equal(await messagedStream("vertex/claude-x"), "Grüezi");
  assert.equal(sent().path, `${at}/anthropic/models/claude-x:streamRawPredict`);
  assert.equal(sent().json["stream"], true);
  assert.equal(await streamed("vertex/claude-x"), "Grüezi");
  assert.deepEqual(Object.keys(sent().json).sort(), ["anthropic_version", "max_tokens", "messages", "stream"]);
  assert.equal(await whole("vertex/meta/llama-x"), "Hello.");
  assert.equal(sent().path, "/v1/projects/project-of-file/locations/europe-west4/endpoints/openapi/chat/completions");
  assert.equal(sent().json["model"], "meta/llama-x");
});

test("Azure is asked by its v1 paths, or by deployment and version", async () => {
  assert.equal(await whole("azure/gpt-5"), "Hello.");
  assert.equal(sent().path, "/openai/v1/chat/completions");
  assert.equal(sent().json["model"], "my gpt");
  assert.equal(sent().headers["api-key"], "provider-key");
  assert.equal(sent().headers.authorization, undefined);
  assert.equal(await whole("azure-dated/gpt 4o"), "Hello.");
  assert.equal(sent().path, "/openai/deployments/gpt%204o/chat/completions?api-version=2024-10-21");
});

test("Gemini is asked at the model's path with its own header", async () => {
  assert.equal(await whole("gemini/gemini-x"), "Grüezi");
  assert.equal(sent().path, "/v1beta/models/gemini-x:generateContent");
  assert.equal(sent().headers["x-goog-api-key"], "provider-key");
});

test("A24 the Cohere SDK, unmodified, speaks with Cohere and with others", async () => {
  const client = cohere();
  const answer = await client.chat({ model: "anthropic/claude-x", messages: question });
  assert.deepEqual(answer.message.content, [{ type: "text", text: "Grüezi" }]);
  assert.deepEqual([answer.finishReason, answer.usage?.tokens?.inputTokens], ["COMPLETE", 5]);
  let text = "";
  let finish: string | undefined;
  for await (const event of await client.chatStream({ model: `bedrock/${claude}`, messages: question })) {
    if (event.type === "content-delta") text += event.delta?.message?.content?.text ?? "";
    if (event.type === "message-end") finish = event.delta?.finishReason;
  }
  assert.deepEqual([text, finish], ["Grüezi", "COMPLETE"]);
});

test("Cohere is asked in its own language, by whoever speaks it and by others", async () => {
  assert.equal(await whole("cohere/command-a"), "Grüezi");
  assert.deepEqual(sent().json, { model: "command-a", messages: question });
  assert.equal(sent().headers.authorization, "Bearer provider-key");
  assert.equal(await streamed("cohere/command-a"), "Grüezi");
  assert.equal(await messaged("cohere/command-a"), "Grüezi");
  const client = cohere();
  const documents = [{ id: "d1", data: { text: "t" } }];
  const answer = await client.chat({
    model: "cohere/command-a",
    messages: question,
    documents,
    citationOptions: { mode: "OFF" },
  });
  assert.deepEqual([answer.id, answer.usage?.tokens?.inputTokens], ["c1", 70], "its bytes are relayed");
  assert.deepEqual(sent().json["documents"], documents);

  const { data, usage } = await openai().embeddings.create({
    model: "cohere/embed-v4",
    input: "x",
    encoding_format: "float",
  });
  assert.deepEqual([data[0]!.embedding, usage.prompt_tokens], [[0.5, 0.25], 3]);
  assert.deepEqual(sent().json, {
    model: "embed-v4",
    texts: ["x"],
    input_type: "search_document",
    embedding_types: ["float"],
  });
  const ranked = await client.rerank({ model: "cohere/rerank-v4", query: "q", documents: ["a", "b"] });
  assert.deepEqual(
    ranked.results.map(({ index, relevanceScore }) => [index, relevanceScore]),
    [[1, 0.9]],
  );
  assert.equal(sent().path, "/v2/rerank");
});

test("a cloud that quotes what it was sent tells the caller none of it", async () => {
  cloud.answer = ({ headers }) => ({
    status: 400,
    type: "application/json",
    body: JSON.stringify({
      message: `no: ${headers.authorization}`,
      error: { message: `no: ${headers.authorization}` },
    }),
  });
  try {
    for (const model of [`bedrock/${claude}`, "vertex/gemini-x"]) {
      const refused = await whole(model).catch((error: unknown) => String(error));
      assert.match(refused, /no: /, model);
      assert.doesNotMatch(refused, new RegExp(`${baseKeys.id}|google-\\d`), model);
    }
  } finally {
    cloud.answer = speak;
  }
});

test("what is passed through raw is signed as well, whatever its method", async () => {
  cloud.answer = () => ({ type: "application/json", body: "{}" });
  try {
    for (const [method, body] of [
      ["GET", undefined],
      ["POST", '{"modelId":"m"}'],
    ] as const) {
      const answer = await fetch(`${daemon.url}/passthrough/bedrock/guardrails?maxResults=5&nextToken=a%2Fb`, {
        method,
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body }),
      });
      assert.equal(answer.status, 200, await answer.text());
      assert.equal(cloud.calls.at(-1)!.path, "/guardrails?maxResults=5&nextToken=a%2Fb");
      assert.ok(isSignedWith(baseKeys.secret, cloud.calls.at(-1)!), method);
    }
  } finally {
    cloud.answer = speak;
  }
});
