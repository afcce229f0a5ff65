/** OpenAI's containers, and what the lines of an uploaded batch name, by its own SDK. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI, { toFile } from "openai";
import type { KeyAnswer } from "../../daemon/admin/contract/keys.ts";
import { completion } from "../daemon/pipeline/lab.ts";
import { type Account, startAccount } from "../support/account.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";

type Thing = { readonly id: string } & Readonly<Record<string, unknown>>;
const containers: Thing[] = [];
const inside: Thing[] = [];
const asked: {
  readonly method: string;
  readonly url: string;
  readonly body: Buffer;
  readonly length: string | undefined;
}[] = [];
let files = 0;
let upstream: Account;
let daemon: Daemon;
let key: string;
let stranger: string;

before(async () => {
  upstream = await startAccount(({ method, url, headers, body }) => {
    asked.push({ method, url: url.pathname + url.search, body, length: headers["content-length"] });
    return answer(method, url, body);
  });
  const { port } = upstream;
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      providers: { up: { base_url: `http://127.0.0.1:${port}/v1`, models: ["m"], api_key: "env.KEY" } },
      prices: { "up/*": { input: 1, output: 2, container: 0.03 } },
    },
  });
  [key, stranger] = [await daemon.createKey(), await daemon.createKey()];
});
after(async () => {
  await daemon?.stop();
  upstream?.close();
});

function answer(method: string, { pathname }: URL, body: Buffer): unknown {
  const [, , kind, id, sub, file, verb] = pathname.split("/");
  if (kind === "chat") return completion;
  if (kind === "responses") return { id: "resp_1", object: "response", status: "completed", output: [], usage: null };
  if (kind === "files") return { id: `file-${++files}`, object: "file" };
  if (verb === "content") return Buffer.from("bytes of it");
  const all = sub === "files" ? inside : containers;
  const named = sub === "files" ? file : id;
  if (method === "DELETE") return {};
  if (named !== undefined) return all.find((each) => each.id === named);
  if (method === "GET") return { object: "list", data: all, has_more: false, first_id: null, last_id: null };
  const made =
    sub === "files"
      ? { id: `cfile_${inside.length + 1}`, container_id: id, object: "container.file", told: body.toString("latin1") }
      : { id: `cntr_${containers.length + 1}`, object: "container", name: "c" };
  all.unshift(made);
  return made;
}

const sdk = (apiKey: string, path = "/v1") => new OpenAI({ baseURL: daemon.url + path, apiKey, maxRetries: 0 });
const upload = async (apiKey: string, lines: string, name = "a.jsonl", purpose: "batch" | "user_data" = "batch") =>
  sdk(apiKey).files.create({
    purpose,
    file: await toFile(Buffer.from(lines), name, { type: "application/octet-stream" }),
  });
const notFound = { status: 404, code: "not_found" };

for (const path of ["/v1", "/openai/v1", "/litellm"]) {
  test(`a container and its files are their owner's and nobody else's, at ${path}`, async () => {
    const own = sdk(key, path).containers;
    const { id: mine } = await upload(key, "{}");
    const { id } = await own.create({ name: "c", file_ids: [mine] });
    assert.match(id, /^up~cntr_\d+$/);
    assert.match(asked.at(-1)!.body.toString("utf8"), /"file_ids":\["file-\d+"\]/);
    assert.equal((await own.retrieve(id)).id, id);
    const file = await own.files.create(id, { file_id: mine });
    assert.deepEqual([file.container_id, /^up~cfile_\d+$/.test(file.id)], [id, true]);
    const sent = await own.files.create(id, { file: await toFile(Buffer.from("hello"), "a.txt") });
    assert.match(String((sent as unknown as { told: string }).told), /hello/);
    assert.equal((await own.files.retrieve(file.id, { container_id: id })).id, file.id);
    assert.equal(await (await own.files.content.retrieve(file.id, { container_id: id })).text(), "bytes of it");
    assert.ok((await own.files.list(id)).data.some((each) => each.id === file.id));
    const count = asked.length;
    const other = sdk(stranger, path).containers;
    for (const ask of [
      () => other.retrieve(id),
      () => other.delete(id),
      () => other.files.list(id),
      () => other.files.create(id, { file_id: "file-of-nobody" }),
      () => other.files.retrieve(file.id, { container_id: id }),
      () => other.files.content.retrieve(file.id, { container_id: id }),
      () => other.files.delete(file.id, { container_id: id }),
      () => other.create({ name: "c", file_ids: [mine] }),
    ])
      await assert.rejects(ask(), notFound, String(ask));
    assert.equal(asked.length, count, "nothing of it reached the provider");
    assert.deepEqual((await other.list()).data, []);
    await own.files.delete(file.id, { container_id: id });
    assert.equal((await own.retrieve(id)).id, id, "a file that is deleted takes nothing else with it");
    await own.delete(id);
    await assert.rejects(own.retrieve(id), notFound);
  });
}

test("a response runs in a container of the caller's own and in nobody else's", async () => {
  const { id } = await sdk(key).containers.create({ name: "c" });
  const ask = async (apiKey: string, container: string) => {
    const response = await fetch(`${daemon.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      body: JSON.stringify({
        model: "up/m",
        max_tokens: 5,
        messages: [{ role: "user", content: "hi" }],
        x: { type: "code_interpreter", container },
      }),
    });
    await response.text();
    return response.status;
  };
  const bare = id.slice("up~".length);
  assert.equal(await ask(key, id), 200);
  assert.match(asked.at(-1)!.body.toString("utf8"), new RegExp(`"container":"${bare}"`));
  for (const name of [id, bare]) assert.equal(await ask(stranger, name), 404, name);
});

const line = (file: string, n = 1) =>
  `${JSON.stringify({
    custom_id: `r${n}`,
    method: "POST",
    url: "/v1/chat/completions",
    body: { model: "m", messages: [{ role: "user", content: [{ type: "file", file: { file_id: file } }] }] },
  })}\n`;

test("A66 the lines of a batch name files of the caller's own, as the provider knows them", async () => {
  const { id: mine } = await upload(key, "{}");
  const bare = mine.slice("up~".length);
  const lines = Array.from({ length: 2_000 }, (_, index) => line(mine, index)).join("");
  for (const name of ["a.jsonl", "without-an-ending"]) {
    await upload(key, lines, name).catch((error: unknown) => {
      // The SDK has the file before its purpose: without an ending nobody could know.
      assert.match(String(error), /put the field `purpose` before the file/);
      assert.equal(name, "without-an-ending");
    });
  }
  const { body, length } = asked.find(({ body: sent }) => sent.length > lines.length)!;
  assert.equal(body.length, Number(length ?? body.length));
  const told = body.toString("utf8");
  assert.ok(!told.includes("up~") && told.includes(bare));
  const first = told.slice(told.indexOf('{"custom_id"')).split("\n")[0]!;
  assert.deepEqual(JSON.parse(first), JSON.parse(line(bare, 0)));
  const count = asked.length;
  for (const name of [mine, bare, `up~${bare}`]) await assert.rejects(upload(stranger, line(name)), notFound, name);
  await assert.rejects(upload(stranger, line("x").replace('"file_id":"x"', `"file_\\u0069d":"${bare}"`)), notFound);
  for (const { body: sent } of asked.slice(count))
    assert.ok(!sent.includes(bare), "nothing of it reached the provider");
  assert.match((await upload(stranger, line("file-uploaded-elsewhere"))).id, /^up~file-/);
});

test("what is no batch goes up as it is", async () => {
  const { id: mine } = await upload(key, "{}");
  await upload(stranger, line(mine), "notes.txt", "user_data");
  assert.ok(asked.at(-1)!.body.includes(mine));
});

test("A66 a model that a body names beside what is made is none: a key for it alone makes nothing of everybody's", async () => {
  const restricted = await daemon.createKey({ models: ["up/m"] });
  for (const [path, body] of [
    ["batches", { input_file_id: "up~file-elsewhere", endpoint: "/v1/chat/completions", completion_window: "24h" }],
    ["containers", { name: "box" }],
  ] as const) {
    const answer = await fetch(`${daemon.url}/v1/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${restricted}`, "content-type": "application/json" },
      body: JSON.stringify({ ...body, model: "m" }),
    });
    assert.equal(answer.status, 403, await answer.text());
  }
});

test("A1 a container is held for and charged by its size, to a budget that covers it and to no other", async () => {
  const name = "boxes";
  const paying = await daemon.createKey({ name, budget: "0.5/1d" });
  const make = (memory_limit?: "1g" | "4g" | "16g") =>
    sdk(paying).containers.create({ name: "c", ...(memory_limit === undefined ? {} : { memory_limit }) });
  const spent = async () => (await daemon.admin<KeyAnswer>("GET", `/api/keys/${name}`)).key.budgets[0]?.spent_nano;
  const { id } = await make();
  await make("4g");
  assert.equal(await spent(), 30_000_000 + 120_000_000, "no token of them is billed");
  await assert.rejects(make("16g"), { status: 402, code: "budget_exceeded" });
  await sdk(paying).containers.retrieve(id);
  await sdk(paying).containers.files.create(id, { file: await toFile(Buffer.from("x"), "a.txt") });
  await sdk(paying).containers.delete(id);
  assert.equal(await spent(), 150_000_000, "asking, filling and deleting cost nothing");
  await daemon.settled();
});
