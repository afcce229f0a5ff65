/** Gemini's files, batches and caches, by Google's own SDK: relayed to the account, and each its owner's. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createPartFromUri, GoogleGenAI } from "@google/genai";
import type { KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { type GeminiAccount, geminiAccount } from "../support/gemini-account.ts";
import { until } from "../support/until.ts";

let account: GeminiAccount;
let spare: GeminiAccount;
let daemon: Daemon;
let key: string;
let stranger: string;

before(async () => {
  [account, spare] = [await geminiAccount(), await geminiAccount()];
  const provider = ({ port }: GeminiAccount) => ({
    base_url: `http://127.0.0.1:${port}/v1beta`,
    dialect: "gemini",
    models: ["m", "n"],
    api_key: "env.KEY",
  });
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      providers: { ge: provider(account), spare: provider(spare) },
      prices: { "ge/*": { input: 1, output: 2 } },
    },
  });
  [key, stranger] = [await daemon.createKey(), await daemon.createKey()];
});
after(async () => {
  await daemon?.stop();
  account?.server.close();
  spare?.server.close();
});

const sdk = (apiKey: string, path = "") => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: daemon.url + path } });
const upload = (apiKey: string, path = "", text = "hello") =>
  sdk(apiKey, path).files.upload({ file: new Blob([text]), config: { mimeType: "text/plain" } });
const notFound = { status: 404 };

for (const path of ["", "/genai"]) {
  test(`a file is uploaded, read and deleted by its owner and nobody else, at ${path || "the root"}`, async () => {
    const { name } = await upload(key, path);
    assert.match(name!, /^files\/ge~f\d+abc$/);
    const own = sdk(key, path).files;
    assert.equal((await own.get({ name: name! })).sizeBytes, "5");
    const folder = mkdtempSync(join(tmpdir(), "gemini-"));
    await own.download({ file: name!, downloadPath: join(folder, "a") });
    assert.equal(readFileSync(join(folder, "a"), "utf8"), "hello");
    rmSync(folder, { recursive: true });
    const count = account.asked.length;
    await assert.rejects(sdk(stranger, path).files.get({ name: name! }), notFound);
    await assert.rejects(sdk(stranger, path).files.delete({ name: name! }), notFound);
    await assert.rejects(sdk("sk-bf-nobody", path).files.list(), { status: 401 });
    assert.equal(account.asked.length, count, "nothing of it reached the provider");
    await own.delete({ name: name! });
    await assert.rejects(own.get({ name: name! }), notFound);
    assert.ok(!account.asked.some(({ url, headers }) => `${url} ${JSON.stringify(headers)}`.includes(key)));
  });
}

test("a long upload comes in several calls, and is not held", async () => {
  const text = "x".repeat(40 * 1024 * 1024); // longer than a body that is read whole may be; the SDK sends 8 MB at a time
  assert.equal((await upload(key, "", text)).sizeBytes, String(text.length));
});

test("an upload goes on for whoever began it, at the address it was told and no other", async () => {
  const start = await fetch(`${daemon.url}/upload/v1beta/files`, {
    method: "POST",
    headers: { "x-goog-api-key": key, "content-type": "application/json", "x-goog-upload-command": "start" },
    body: '{"file":{"displayName":"a"}}',
  });
  const address = start.headers.get("x-goog-upload-url")!;
  assert.ok(address.startsWith(`${daemon.url}/upload/v1beta/files?upload_id=ge~`), address);
  const put = async (to: string, apiKey: string) => {
    const headers = {
      "x-goog-api-key": apiKey,
      "x-goog-upload-command": "upload, finalize",
      "x-goog-upload-offset": "0",
    };
    const response = await fetch(to, { method: "POST", headers, body: "bytes" });
    const status = response.headers.get("x-goog-upload-status");
    await response.text();
    return [response.status, status];
  };
  const count = account.asked.length;
  assert.deepEqual(await put(address, stranger), [404, null]);
  assert.deepEqual(await put(address.replace(/upload_id=[^&]*/, "upload_id=ge~Li4v"), key), [404, null]);
  assert.deepEqual(await put(address.replace(/upload_id=[^&]*/, "upload_id=else~Li4v"), key), [404, null]);
  assert.equal(account.asked.length, count);
  assert.deepEqual(await put(address, key), [200, "final"]);
});

test("lists have the owner's own, page by page", async () => {
  const mine: string[] = [];
  for (let index = 0; index < 3; index++) {
    mine.unshift((await upload(stranger)).name!);
    for (let other = 0; other < 7; other++) await upload(key);
  }
  for (const pageSize of [1, 2, 50]) {
    const listed: string[] = [];
    for await (const { name } of await sdk(stranger).files.list({ config: { pageSize } })) listed.push(name!);
    assert.deepEqual(listed, mine, `page size ${pageSize}`);
  }
});

test("a prompt names a file by its address or its name, goes where it is, and names nobody else's", async () => {
  const { name, uri } = await upload(key);
  const bare = name!.replace("ge~", "");
  const ask = (apiKey: string, file: string) =>
    sdk(apiKey).models.generateContent({
      model: "ge/m",
      contents: [createPartFromUri(file, "text/plain"), "what is it?"],
    });
  for (const file of [uri!, name!, uri!.replace(bare, name!)]) {
    assert.equal((await ask(key, file)).text, "ok", file);
    const sent = account.asked.at(-1)!.body.toString("utf8");
    assert.ok(sent.includes(bare) && !sent.includes("ge~"), sent);
  }
  const count = account.asked.length;
  for (const file of [uri!, name!, bare, uri!.replace(bare, name!)])
    await assert.rejects(ask(stranger, file), notFound);
  const inOpenai = await fetch(`${daemon.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${stranger}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: "ge/m",
      max_tokens: 5,
      messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: uri } }] }],
    }),
  });
  assert.equal(inOpenai.status, 404, await inOpenai.text());
  assert.equal(account.asked.length, count, "nothing of it reached the provider");
});

test("a file that no id says where it is is asked for where its prompt may go", async () => {
  const made = await fetch(`${daemon.url}/upload/v1beta/files?provider=spare`, {
    method: "POST",
    headers: { "x-goog-api-key": key, "content-type": "application/json", "x-goog-upload-command": "start" },
    body: "{}",
  });
  const finished = await fetch(made.headers.get("x-goog-upload-url")!, {
    method: "POST",
    headers: { "x-goog-api-key": key, "x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0" },
    body: "bytes",
  });
  const { file } = (await finished.json()) as { file: { name: string; uri: string } };
  assert.match(file.name, /^files\/spare~/);
  const contents = [createPartFromUri(file.uri, "text/plain")];
  await assert.rejects(sdk(key).models.generateContent({ model: "ge/m", contents }));
  assert.equal((await sdk(key).models.generateContent({ model: "spare/m", contents })).text, "ok");
});

const inline = (text: string, maxOutputTokens = 100) => ({
  contents: [{ role: "user", parts: [{ text }] }],
  config: { maxOutputTokens },
});

test("a batch is made, read and ended by its owner, and its output is its owner's", async () => {
  const own = sdk(key).batches;
  const { name } = await own.create({ model: "ge/m", src: [inline("a"), inline("b")] });
  assert.match(name!, /^batches\/ge~x\d+$/);
  assert.match(account.asked.at(-1)!.url, /\/models\/m:batchGenerateContent/);
  const seen = await own.get({ name: name! });
  assert.match(seen.dest?.fileName ?? "", /^files\/ge~out-x/);
  await assert.rejects(sdk(stranger).batches.get({ name: name! }), notFound);
  await assert.rejects(sdk(stranger).files.get({ name: seen.dest!.fileName! }), notFound);
  assert.equal((await sdk(key).files.get({ name: seen.dest!.fileName! })).name, seen.dest!.fileName);
  const listed: (string | undefined)[] = [];
  for await (const each of await own.list()) listed.push(each.name);
  assert.deepEqual(listed, [name]);
  for await (const each of await sdk(stranger).batches.list()) assert.fail(each.name);
  await assert.rejects(sdk(stranger).batches.cancel({ name: name! }), notFound);
  await own.cancel({ name: name! });
  await own.delete({ name: name! });
});

test("A66 a batch of Gemini's asks for its model, its file and its money", async () => {
  const { name } = await upload(key);
  const count = account.asked.length;
  const only = await daemon.createKey({ models: ["ge/n"] });
  await assert.rejects(sdk(only).batches.create({ model: "ge/m", src: [inline("a")] }), { status: 403 });
  await assert.rejects(sdk(stranger).batches.create({ model: "ge/m", src: { fileName: name! } }), notFound);
  const poor = await daemon.createKey({ budget: "0.0001/1d" });
  await assert.rejects(sdk(poor).batches.create({ model: "ge/m", src: [inline("a")] }), { status: 402 });
  assert.equal(account.asked.length, count);
  const rich = await daemon.createKey({ budget: "1/1d" });
  await assert.rejects(
    sdk(rich).batches.create({ model: "ge/m", src: { fileName: (await upload(rich)).name! } }),
    /what this batch costs is not known/,
    "it is no file of requests",
  );
  const file = (await upload(rich)).name!;
  const told = account.asked.length;
  for (const body of [
    { batch: { inputConfig: { fileName: file } }, x: { requests: [] } },
    { batch: { inputConfig: { fileName: file, requests: { requests: [] } } } },
    { batch: { inputConfig: { requests: { requests: [] } }, input_config: { file_name: file } } },
  ]) {
    const answer = await fetch(`${daemon.url}/v1beta/models/ge/m:batchGenerateContent`, {
      method: "POST",
      headers: { "x-goog-api-key": rich, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.match(await answer.text(), /what this batch costs is not known|is given twice/, JSON.stringify(body));
  }
  assert.equal(account.asked.length, told);
  assert.match((await sdk(key).batches.create({ model: "ge/m", src: { fileName: name! } })).name!, /ge~/);
  assert.ok(account.asked.at(-1)!.body.includes(name!.replace("ge~", "")));
  await daemon.settled();
});

test("A66 a batch of Gemini's from a file that went up here is held and charged by its lines", async () => {
  const rich = await daemon.createKey({ budget: "1/1d" });
  const line = (most: number, model?: string) =>
    JSON.stringify({ key: "a", request: { model, contents: [], generation_config: { maxOutputTokens: most } } });
  const send = async (text: string) =>
    (await sdk(rich).files.upload({ file: new Blob([text]), config: { mimeType: "application/jsonl" } })).name!;
  const make = (file: string) => sdk(rich).batches.create({ model: "ge/m", src: { fileName: file } });
  const text = `${line(50)}\n${line(70, "models/m")}\n`;
  await make(await send(text));
  const row = await until("its row", async () =>
    (await daemon.rows("ge/m")).find(({ tokens_out: tokens }) => tokens === 120),
  );
  assert.equal(row.held_nano, 1_000 * (text.length - 2) + 2_000 * 120);
  await assert.rejects(make(await send(line(1, "models/n"))), /name different models/);
  const twice = line(50).replace('"maxOutputTokens":50', '"max_output_tokens":9000,"maxOutputTokens":50');
  await assert.rejects(make(await send(twice)), /what this batch costs is not known/);
  const poor = await send(`${line(400_000)}\n${line(400_000)}`);
  await assert.rejects(make(poor), { status: 402 });
  await daemon.settled();
});

test("A66 a key for some models makes no batch of a file that nobody has read, since its lines may name any", async () => {
  const { secret, key: only } = await daemon.admin<KeySecretAnswer>("POST", "/api/keys", { name: "only" });
  const file = async (text: string) =>
    (await sdk(secret).files.upload({ file: new Blob([text]), config: { mimeType: "application/jsonl" } })).name!;
  const make = (name: string) => sdk(secret).batches.create({ model: "ge/m", src: { fileName: name } });
  const line = JSON.stringify({ key: "a", request: { contents: [], generation_config: { maxOutputTokens: 5 } } });
  // The SDK sends 8 MB at a time: such a file comes in two calls.
  const long = `${line}\n`.repeat(Math.ceil((9 * 1024 * 1024) / (line.length + 1)));
  const [read, unread, noLines] = [await file(line), await file(long), await file("no lines")];
  assert.match((await make(unread)).name!, /ge~/, "who may call all models may");
  for (const rule of [{ models: ["ge/m"] }, { models: null, blocked: ["ge/n"] }]) {
    await daemon.admin("PATCH", `/api/keys/${only.id}`, rule);
    const count = account.asked.length;
    for (const name of [unread, noLines])
      await assert.rejects(make(name), /may not call every model of ge: upload the file here in one part/);
    assert.equal(account.asked.length, count, "nothing of it reached the provider");
    assert.match((await make(read)).name!, /ge~/, "what was read is as it should be");
  }
  await daemon.settled();
});

test("a cache is its owner's, and is named in a prompt by nobody else", async () => {
  const contents = [{ role: "user", parts: [{ text: "long" }] }];
  const cache = await sdk(key).caches.create({ model: "ge/m", config: { contents } });
  assert.match(cache.name!, /^cachedContents\/ge~x\d+$/);
  assert.match(account.asked.at(-1)!.body.toString("utf8"), /"model":"models\/m"/);
  assert.equal((await sdk(key).caches.get({ name: cache.name! })).name, cache.name);
  await sdk(key).caches.update({ name: cache.name!, config: { ttl: "60s" } });
  const ask = (apiKey: string, cachedContent: string) =>
    sdk(apiKey).models.generateContent({ model: "ge/m", contents: "hi", config: { cachedContent } });
  assert.equal((await ask(key, cache.name!)).text, "ok");
  assert.match(account.asked.at(-1)!.body.toString("utf8"), /"cachedContent":"cachedContents\/x\d+"/);
  await assert.rejects(ask(stranger, cache.name!), notFound);
  await assert.rejects(ask(stranger, cache.name!.replace("ge~", "")), notFound);
  await assert.rejects(sdk(stranger).caches.delete({ name: cache.name! }), notFound);
  const only = await daemon.createKey({ models: ["ge/n"] });
  await assert.rejects(sdk(only).caches.create({ model: "ge/m", config: { contents } }), { status: 403 });
  await sdk(key).caches.delete({ name: cache.name! });
});

test("A66 raw calls do not go round Gemini's files", async () => {
  const { name, uri } = await upload(key);
  const raw = async (path: string, body?: string) => {
    const response = await fetch(`${daemon.url}/passthrough/ge${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${stranger}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body }),
    });
    await response.body?.cancel();
    return response.status;
  };
  for (const path of [
    "/v1beta/files",
    `/v1beta/${name!.replace("ge~", "")}:download`,
    "/batches/x1",
    "/cachedContents",
  ])
    assert.equal(await raw(path), 403, path);
  assert.equal(await raw("/upload/v1beta/files", "{}"), 403);
  const body = (file: string) => JSON.stringify({ contents: [{ parts: [{ fileData: { fileUri: file } }] }] });
  for (const file of [uri!, name!.replace("ge~", "")])
    assert.equal(await raw("/v1beta/models/m:generateContent", body(file)), 404, file);
});
