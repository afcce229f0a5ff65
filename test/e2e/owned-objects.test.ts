/** Files, batches and kept responses are for whoever made them, although one account at the provider has them all. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { completion } from "../daemon/pipeline/lab.ts";
import { type Account, startAccount } from "../support/account.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";

/** An account with files and batches, listed newest first and a hundred a page at most, as OpenAI does. */
const files: { id: string }[] = [];
const batches: Record<string, unknown>[] = [];
const asked: { method: string; url: string; body: string }[] = [];
let upstream: Account;
let daemon: Daemon;
let key: string;
let colleague: string;
let stranger: string;

before(async () => {
  upstream = await startAccount(({ method, url, body }) => {
    const text = body.toString("utf8");
    asked.push({ method, url: url.pathname + url.search, body: text });
    return answer(method, url, text);
  });
  const { port } = upstream;
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      providers: {
        up: { base_url: `http://127.0.0.1:${port}/v1`, models: ["m"], api_key: "env.KEY" },
      },
      prices: { "up/*": { input: 1, output: 2 } },
    },
  });
  for (const name of ["red", "blue"]) await daemon.admin("POST", "/api/governance/teams", { name });
  const make = async (name: string, team: string) =>
    (await daemon.admin<{ secret: string }>("POST", "/api/keys", { name, team })).secret;
  key = await make("one", "red");
  colleague = await make("two", "red");
  stranger = await make("three", "blue");
});
after(async () => {
  await daemon?.stop();
  upstream?.close();
});

function answer(method: string, { pathname, searchParams }: URL, body: string): unknown {
  const [, , kind, id, verb] = pathname.split("/");
  if (kind === "chat") return completion;
  const all = kind === "files" ? files : batches;
  if (method === "POST" && id === undefined) {
    const made =
      kind === "files"
        ? { id: `file-${files.length + 1}`, object: "file" }
        : { id: `batch_${batches.length + 1}`, object: "batch", input_file_id: JSON.parse(body).input_file_id };
    all.unshift(made);
    return made;
  }
  if (method === "DELETE") return { id, object: "file", deleted: true };
  if (verb === "cancel" || id !== undefined) {
    const found = all.find((each) => each.id === id);
    return kind === "batches" ? { ...found, output_file_id: `file-out-${id}` } : found;
  }
  const from = searchParams.get("after");
  const start = from === null ? 0 : all.findIndex((each) => each.id === from) + 1;
  const size = Math.min(Number(searchParams.get("limit") ?? 20), 100);
  const data = all.slice(start, start + size);
  return { object: "list", data, has_more: start + size < all.length, first_id: data[0]?.id, last_id: data.at(-1)?.id };
}

const sdk = (apiKey: string) => new OpenAI({ baseURL: `${daemon.url}/v1`, apiKey, maxRetries: 0 });
const upload = (apiKey: string) =>
  sdk(apiKey).files.create({ purpose: "batch", file: new File(["{}"], "a.jsonl", { type: "application/jsonl" }) });
const refused = { status: 404, code: "not_found" };

test("a file may be read, used and deleted by its owner's keys and by nobody else's", async () => {
  const { id } = await upload(key);
  assert.match(id, /^up~file-\d+$/);
  for (const own of [key, colleague]) assert.equal((await sdk(own).files.retrieve(id)).id, id);
  const before = asked.length;
  const other = sdk(stranger);
  await assert.rejects(other.files.retrieve(id), refused);
  await assert.rejects(other.files.content(id), refused);
  await assert.rejects(other.files.delete(id), refused);
  const window = { endpoint: "/v1/chat/completions", completion_window: "24h" } as const;
  await assert.rejects(other.batches.create({ input_file_id: id, ...window }), refused);
  await assert.rejects(other.files.retrieve("up~file-nobody-made"), refused);
  assert.equal(asked.length, before, "nothing of it reached the provider");
  assert.equal((await sdk(colleague).files.delete(id)).deleted, true);
  await assert.rejects(sdk(key).files.retrieve(id), refused);
});

test("a batch and what it wrote are its owner's", async () => {
  const { id: file } = await upload(key);
  const window = { endpoint: "/v1/chat/completions", completion_window: "24h" } as const;
  const batch = await sdk(key).batches.create({ input_file_id: file, ...window });
  assert.deepEqual([batch.id, batch.input_file_id], ["up~batch_1", file]);
  await assert.rejects(sdk(stranger).batches.retrieve(batch.id), refused);
  await assert.rejects(sdk(stranger).batches.cancel(batch.id), refused);
  const { output_file_id: output } = await sdk(colleague).batches.retrieve(batch.id);
  assert.equal(output, "up~file-out-batch_1");
  await assert.rejects(sdk(stranger).files.content(output!), refused);
  assert.equal((await sdk(key).files.content(output!)).status, 200);
});

test("a list has the owner's own, page by page, however many of others' lie between", async () => {
  const mine = [await upload(stranger)];
  for (let other = 0; other < 130; other++) files.unshift({ id: `file-of-somebody-${other}` });
  mine.unshift(await upload(stranger));
  for (const limit of [1, 100]) {
    const listed: string[] = [];
    for await (const file of sdk(stranger).files.list({ limit })) listed.push(file.id);
    assert.deepEqual(
      listed,
      mine.map(({ id }) => id),
    );
  }
});

test("a body may name a file of its own by the id it was told, and nobody else's by any", async () => {
  const { id } = await upload(key);
  const bare = id.slice("up~".length);
  const ask = (apiKey: string, text: string) =>
    fetch(`${daemon.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      body: `{"model":"up/m","max_tokens":5,"messages":[{"role":"user","content":[{"type":"file","file":{${text}}}]}]}`,
    });
  const named = await ask(key, `"file_id":"${id}"`);
  assert.equal(named.status, 200, await named.text());
  assert.match(asked.at(-1)!.body, new RegExp(`"file_id":"${bare}"`));
  const before = asked.length;
  for (const text of [`"file_id":"${id}"`, `"file_id":"${bare}"`, `"file\\u005fid":"${bare}"`, `"file_id" : "${bare}"`])
    assert.equal((await ask(stranger, text)).status, 404, text);
  assert.equal(asked.length, before);
  assert.equal((await ask(stranger, '"file_id":"file-uploaded-elsewhere"')).status, 200);
});

test("files are named in lists too, and what is read here is what is sent", async () => {
  const { id } = await upload(key);
  const bare = id.slice("up~".length);
  const ask = async (apiKey: string, more: string) => {
    const response = await fetch(`${daemon.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      body: `{"model":"up/m","max_tokens":5,"messages":[{"role":"user","content":"hi"}],${more}}`,
    });
    await response.body?.cancel();
    return response.status;
  };
  const before = asked.length;
  for (const one of [id, bare]) {
    assert.equal(await ask(stranger, `"x":{"file_ids":["file-of-nobody","${one}"]}`), 404, one);
    assert.equal(await ask(stranger, `"x":{"file\\u005fids":["${one}"]}`), 404, one);
  }
  assert.equal(asked.length, before);
  assert.equal(await ask(key, `"x":{"file_ids":["${id}"]}`), 200);
  assert.match(asked.at(-1)!.body, new RegExp(`"file_ids":\\["${bare}"\\]`));
  // Whoever takes the first of two would read what was not asked about.
  for (const twice of [
    `"x":{"file_id":"${bare}","file_id":"file-x"}`,
    `"x":{"file_id":"${bare}","file_id":5}`,
    `"x":{"file\\u005fid":"${bare}"},"x":1`,
  ]) {
    assert.equal(await ask(stranger, twice), 200, twice);
    assert.ok(!asked.at(-1)!.body.includes(bare), twice);
  }
  assert.equal(await ask(stranger, '"x":{"file_id": "file-x", "n": 1.0}'), 200);
  assert.match(asked.at(-1)!.body, /"file_id": "file-x", "n": 1\.0/, "what is plain is sent as it came");
});

test("raw calls do not go round it", async () => {
  const raw = async (path: string, method = "GET") => {
    const response = await fetch(`${daemon.url}/passthrough/up${path}`, {
      method,
      headers: { authorization: `Bearer ${stranger}` },
    });
    await response.body?.cancel();
    return response.status;
  };
  const before = asked.length;
  for (const path of ["/v1/files", "/files/file-1", "/files/file-1/content", "/%66iles/file-1", "/batches?limit=1"])
    assert.equal(await raw(path), 403, path);
  // What is no encoding anywhere in the address must not keep the rest of it from being read.
  for (const path of [
    "/%66iles/file-1?x=%zz",
    "/%66iles/file-1%zz",
    "/%2566iles/file-1%",
    "/%5Cfiles",
    "/files;a/file-1",
  ])
    assert.equal(await raw(path), 403, path);
  assert.equal(await raw("/files/file-1", "DELETE"), 403);
  assert.equal(await raw("/responses/resp_1"), 403);
  assert.equal(asked.length, before);
  assert.equal(await raw("/v1/models"), 200);
});

test("raw calls name no file of somebody else's, whatever the member is called", async () => {
  const { id } = await upload(key);
  const bare = id.slice("up~".length);
  const raw = async (apiKey: string, body: string, type: string | undefined = "application/json") => {
    const response = await fetch(`${daemon.url}/passthrough/up/v1/chat/jobs`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}`, ...(type === undefined ? {} : { "content-type": type }) },
      body: Buffer.from(body),
    });
    await response.body?.cancel();
    return response.status;
  };
  const before = asked.length;
  for (const body of [
    `{"model":"m","training_file":"${bare}"}`,
    `{"model":"m","data_source":{"source":{"type":"file_id","id":"${bare}"}}}`,
    `{"model":"m","input":[{"type":"input_file","file_id":"${bare}"}]}`,
  ]) {
    assert.equal(await raw(stranger, body), 404, body);
    assert.equal(await raw(stranger, body, ""), 400, "what says nothing of itself may be JSON");
    assert.equal(await raw(stranger, body, "text/plain"), 400);
  }
  assert.equal(asked.length, before);
  assert.equal(await raw(key, `{"model":"m","training_file":"${bare}"}`), 200);
  assert.equal(await raw(stranger, '{"model":"m","training_file":"file-of-nobody"}'), 200);
  assert.equal(await raw(stranger, "\u0001\u0002", "application/octet-stream"), 200);
});

test("a kept response is the key's own", async () => {
  const { id } = await sdk(key).responses.create({ model: "echo", input: "hi" });
  assert.equal((await sdk(key).responses.retrieve(id)).id, id);
  await assert.rejects(sdk(stranger).responses.retrieve(id), refused);
  await assert.rejects(
    sdk(stranger).responses.create({ model: "echo", input: "go on", previous_response_id: id }),
    refused,
  );
});

test("owners are remembered over kill -9", async () => {
  const { id } = await upload(key);
  await daemon.kill("SIGKILL");
  await daemon.restart();
  assert.equal((await sdk(key).files.retrieve(id)).id, id);
  await assert.rejects(sdk(stranger).files.retrieve(id), refused);
});
