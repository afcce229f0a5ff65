/** Anthropic's files and message batches, by its own SDK: relayed to the account, and each its owner's. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import Anthropic, { toFile } from "@anthropic-ai/sdk";
import type { LogAnswer } from "../../daemon/admin/contract/logs.ts";
import { type Account, anthropicAccount } from "../support/anthropic-account.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

let account: Account;
let daemon: Daemon;
let key: string;
let stranger: string;

before(async () => {
  account = await anthropicAccount();
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      providers: {
        // First in the config, and with files of another kind.
        other: { base_url: `http://127.0.0.1:${account.port}/v1`, models: ["x"], api_key: "env.KEY" },
        an: {
          base_url: `http://127.0.0.1:${account.port}/v1`,
          dialect: "anthropic",
          models: ["m", "n"],
          api_key: "env.KEY",
        },
      },
      prices: { "an/*": { input: 1, output: 2 } },
      aliases: { quick: "an/m" },
    },
  });
  [key, stranger] = [await daemon.createKey(), await daemon.createKey()];
});
after(async () => {
  await daemon?.stop();
  account?.server.close();
});

const sdk = (apiKey: string, path = "") => new Anthropic({ baseURL: daemon.url + path, apiKey, maxRetries: 0 });
const upload = async (apiKey: string, path = "", text = "hello") =>
  sdk(apiKey, path).beta.files.upload({ file: await toFile(Buffer.from(text), "a.txt", { type: "text/plain" }) });
const notFound = { status: 404 };

for (const path of ["", "/anthropic"]) {
  test(`a file is uploaded, read and deleted by its owner and nobody else, at ${path || "the root"}`, async () => {
    const { id, size_bytes: size } = await upload(key, path);
    assert.match(id, /^an~file_\d+$/);
    assert.equal(size, 5);
    const own = sdk(key, path).beta.files;
    assert.equal((await own.retrieveMetadata(id)).id, id);
    assert.equal(await (await own.download(id)).text(), "hello");
    const count = account.asked.length;
    const other = sdk(stranger, path).beta.files;
    for (const ask of [() => other.retrieveMetadata(id), () => other.download(id), () => other.delete(id)])
      await assert.rejects(ask(), notFound);
    await assert.rejects(sdk("sk-bf-nobody", path).beta.files.list(), { status: 401 });
    assert.equal(account.asked.length, count, "nothing of it reached the provider");
    assert.equal((await own.delete(id)).id, id);
    await assert.rejects(own.retrieveMetadata(id), notFound);
  });
}

test("a long file passes through, and is not held", async () => {
  const text = "x".repeat(40 * 1024 * 1024); // longer than a body that is read whole may be
  const { size_bytes: size } = await upload(key, "", text);
  assert.equal(size, text.length);
});

test("lists have the owner's own, in either direction", async () => {
  const mine: string[] = [];
  for (let index = 0; index < 3; index++) {
    mine.unshift((await upload(stranger)).id);
    for (let other = 0; other < 7; other++) await upload(key);
  }
  for (const limit of [1, 2, 50]) {
    const listed: string[] = [];
    for await (const { id } of sdk(stranger).beta.files.list({ limit })) listed.push(id);
    assert.deepEqual(listed, mine, `limit ${limit}`);
  }
  // Before they had words pages followed ids.
  const page = async (query: string) => {
    const headers = { "x-api-key": stranger, "anthropic-version": "2023-06-01" };
    const response = await fetch(`${daemon.url}/v1/files?old=1&${query}`, { headers });
    const { data, has_more: more } = (await response.json()) as { data: { id: string }[]; has_more: boolean };
    return [data.map(({ id }) => id), more];
  };
  assert.deepEqual(await page("limit=2"), [mine.slice(0, 2), true]);
  assert.deepEqual(await page(`limit=2&after_id=${mine[0]}`), [mine.slice(1), false]);
  assert.deepEqual(await page(`limit=1&before_id=${mine[2]}`), [[mine[1]], true]);
  assert.deepEqual(await page(`limit=5&before_id=${mine[2]}`), [mine.slice(0, 2), false]);
  const named = await sdk(stranger).beta.files.list({ ids: [mine[0]!, (await upload(key)).id] });
  assert.deepEqual(
    named.data.map(({ id }) => id),
    [mine[0]],
  );
});

test("a message names a file by the id that was told, and nobody else's by any", async () => {
  const { id } = await upload(key);
  const ask = (apiKey: string, file: string) =>
    sdk(apiKey).beta.messages.create({
      model: "an/m",
      max_tokens: 5,
      messages: [{ role: "user", content: [{ type: "document", source: { type: "file", file_id: file } }] }],
    });
  assert.equal((await ask(key, id)).content.length, 1);
  assert.ok(account.asked.at(-1)!.body.includes(`"file_id":"${id.slice("an~".length)}"`));
  for (const name of [id, id.slice("an~".length)]) await assert.rejects(ask(stranger, name), notFound);
});

const request = (model: string, name = "one", tokens = 100) => ({
  custom_id: name,
  params: { model, max_tokens: tokens, messages: [{ role: "user" as const, content: "hi" }] },
});

test("a batch is made, read and ended by its owner, with results at the gateway's own address", async () => {
  const own = sdk(key).messages.batches;
  const made = await own.create({ requests: [request("an/m", "a"), request("quick", "b")] });
  assert.match(made.id, /^an~msgbatch_\d+$/);
  assert.deepEqual(
    (
      JSON.parse(account.asked.at(-1)!.body.toString("utf8")) as { requests: { params: { model: string } }[] }
    ).requests.map(({ params }) => params.model),
    ["m", "m"],
    "models are told as the provider knows them",
  );
  const seen = await own.retrieve(made.id);
  assert.equal(seen.results_url, `${daemon.url}/v1/messages/batches/${encodeURIComponent(made.id)}/results`);
  const results: string[] = [];
  for await (const { custom_id: name, result } of await own.results(made.id)) results.push(`${name} ${result.type}`);
  assert.deepEqual(results, ["a succeeded", "b succeeded"]);
  assert.deepEqual(
    (await own.list()).data.map(({ id }) => id),
    [made.id],
  );
  const other = sdk(stranger).messages.batches;
  for (const ask of [
    () => other.retrieve(made.id),
    () => other.results(made.id),
    () => other.cancel(made.id),
    () => other.delete(made.id),
  ])
    await assert.rejects(ask(), notFound);
  assert.equal((await other.list()).data.length, 0);
  assert.equal((await own.cancel(made.id)).id, made.id);
  assert.equal((await own.delete(made.id)).id, made.id);
});

test("A66 each model of a batch must be one that the key may call", async () => {
  const only = sdk(await daemon.createKey({ models: ["an/m"] })).messages.batches;
  const count = account.asked.length;
  await assert.rejects(only.create({ requests: [request("an/m"), request("an/n", "two")] }), { status: 403 });
  await assert.rejects(only.create({ requests: [request("nobody")] }), { status: 404 });
  await assert.rejects(only.create({ requests: [request("other/x")] }), { status: 400 });
  await assert.rejects(only.create({ requests: [] }), { status: 400 });
  await assert.rejects(only.create({ requests: [{ custom_id: "a" } as never] }), { status: 400 });
  assert.equal(account.asked.length, count);
  const { id } = await only.create({ requests: [request("an/m")] });
  assert.equal((await only.retrieve(id)).id, id, "what it may make it may ask about");
  await assert.rejects(only.list(), { status: 403 }, "a list is of all models");
  const elsewhere = sdk(await daemon.createKey({ models: ["echo/echo"] })).messages.batches;
  await assert.rejects(elsewhere.retrieve(id), { status: 403 });
});

test("A66 a batch is held against the budget at its worst, and charged by an estimate", async () => {
  const poor = await daemon.createKey({ budget: "0.0001/1d" }); // 50 tokens of output
  const count = account.asked.length;
  await assert.rejects(sdk(poor).messages.batches.create({ requests: [request("an/m")] }), { status: 402 });
  assert.equal(account.asked.length, count);
  const rich = await daemon.createKey({ budget: "1/1d" });
  const { response } = await sdk(rich)
    .messages.batches.create({ requests: [request("an/m"), request("an/m", "two", 200)] })
    .withResponse();
  const id = response.headers.get("x-request-id")!;
  const row = await until("the row", () =>
    daemon.admin<LogAnswer>("GET", `/api/logs/${id}`).then(
      ({ request: told }) => told,
      () => undefined,
    ),
  );
  assert.deepEqual([row.route, row.status], ["messages.batches", 200]);
  assert.ok((row.cost_nano ?? 0) >= 300 * 2_000, `300 tokens of output and some input: ${row.cost_nano}`);
  await daemon.settled();
});

test("A66 a batch whose requests could be read in two ways is refused, whichever a vendor's parser would take", async () => {
  const rich = await daemon.createKey({ budget: "1/1d" });
  const count = account.asked.length;
  const small = JSON.stringify(request("an/m", "one", 1));
  const large = JSON.stringify(request("an/m", "one", 100_000));
  const model = small.replace('"model":"an/m"', '"model":"an/n","model":"an/m"');
  for (const [body, words] of [
    [`{"requests":[${large}],"requests":[${small}]}`, /`requests` is given twice/],
    [`{"requests":[${small}],"requ\\u0065sts":[${large}]}`, /without escapes/],
    [
      `{"requests":[${small.replace('"max_tokens":1', '"max_tokens":9000,"max_tokens":1')}]}`,
      /max_tokens` is given twice/,
    ],
    [`{"requests":[${small},${model}]}`, /`requests.1.params.model` is given twice/],
    [`{"requests":[${small.replace('"params":', '"params":{},"params":')}]}`, /params` is given twice/],
  ] as const) {
    const answer = await fetch(`${daemon.url}/v1/messages/batches`, {
      method: "POST",
      headers: { "x-api-key": rich, "content-type": "application/json" },
      body,
    });
    assert.equal(answer.status, 400, body);
    assert.match(await answer.text(), words, body);
  }
  assert.equal(account.asked.length, count, "nothing of it reached the provider");
});

test("A66 raw calls do not go round it", async () => {
  const raw = async (path: string) => {
    const headers = { authorization: `Bearer ${stranger}` };
    const response = await fetch(`${daemon.url}/passthrough/an${path}`, { headers });
    await response.body?.cancel();
    return response.status;
  };
  for (const path of ["/v1/files", "/v1/files/file_000001/content", "/v1/messages/batches/msgbatch_1/results"])
    assert.equal(await raw(path), 403, path);
});
