/** OpenAI's vector stores and conversations by its own SDK: each key has its owner's, and a response uses its own. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { type Account, startAccount } from "../support/account.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";

const asked: { readonly call: string; readonly body: string }[] = [];
const stores: { readonly id: string }[] = [];
let conversations = 0;
let upstream: Account;
let daemon: Daemon;
let key: string;
let stranger: string;

before(async () => {
  upstream = await startAccount(({ method, url, body }) => {
    const text = body.toString("utf8");
    asked.push({ call: `${method} ${url.pathname}${url.search}`, body: text });
    return answer(method, url.pathname, text);
  });
  const { port } = upstream;
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      providers: { up: { base_url: `http://127.0.0.1:${port}/v1`, host: "openai", models: ["m"], api_key: "env.KEY" } },
      prices: { "up/*": { input: 1, output: 2 } },
    },
  });
  [key, stranger] = [await daemon.createKey(), await daemon.createKey()];
});
after(async () => {
  await daemon?.stop();
  upstream?.close();
});

function answer(method: string, path: string, body: string): object {
  const [, , kind, id, sub, inner] = path.split("/");
  if (kind === "files") return { id: "file-1", object: "file" };
  if (kind === "responses") return { id: "resp_1", object: "response", status: "completed", output: [], usage: null };
  if (kind === "conversations") {
    const item = { id: "msg_1", type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] };
    if (sub === "items") return inner === undefined ? { object: "list", data: [item], has_more: false } : item;
    if (method === "DELETE") return { id, object: "conversation.deleted", deleted: true };
    return { id: id ?? `conv_${++conversations}`, object: "conversation", metadata: {} };
  }
  if (sub === "files") {
    const file = { id: inner ?? (method === "POST" ? (JSON.parse(body) as { file_id: string }).file_id : "file-1") };
    const whole = { ...file, object: "vector_store.file", vector_store_id: id };
    return method === "GET" && inner === undefined ? { object: "list", data: [whole], has_more: false } : whole;
  }
  if (sub === "search")
    return { object: "page", data: [{ file_id: "file-1", score: 1, content: [] }], has_more: false };
  if (method === "POST" && id === undefined) stores.unshift({ id: `vs_${stores.length + 1}` });
  if (id !== undefined) return { id, object: "vector_store" };
  return method === "POST" ? stores[0]! : { object: "list", data: stores, has_more: false };
}

const sdk = (apiKey: string) => new OpenAI({ baseURL: `${daemon.url}/v1`, apiKey, maxRetries: 0 });
const refused = { status: 404, code: "not_found" };

test("A66 vector stores are made, filled, searched, listed and deleted by their owner alone", async () => {
  const [own, other] = [sdk(key), sdk(stranger)];
  const file = await own.files.create({ purpose: "assistants", file: new File(["x"], "a.txt") });
  const store = await own.vectorStores.create({ file_ids: [file.id] });
  assert.deepEqual([file.id, store.id], ["up~file-1", "up~vs_1"]);
  assert.equal(asked.at(-1)!.body, '{"file_ids":["file-1"]}');
  const theirs = await other.vectorStores.create({});
  const before = asked.length;
  await assert.rejects(other.vectorStores.create({ file_ids: [file.id] }), refused);
  await assert.rejects(other.vectorStores.retrieve(store.id), { ...refused, message: /no such vector store/ });
  await assert.rejects(other.vectorStores.files.list(store.id), refused);
  await assert.rejects(other.vectorStores.search(store.id, { query: "x" }), refused);
  await assert.rejects(other.vectorStores.files.create(theirs.id, { file_id: file.id }), refused);
  await assert.rejects(other.vectorStores.delete(store.id), refused);
  assert.equal(asked.length, before, "nothing of it reached the provider");
  const added = await own.vectorStores.files.create(store.id, { file_id: file.id });
  assert.deepEqual([added.id, added.vector_store_id], [file.id, store.id]);
  assert.deepEqual(asked.at(-1), { call: "POST /v1/vector_stores/vs_1/files", body: '{"file_id":"file-1"}' });
  const found = await own.vectorStores.search(store.id, { query: "x" });
  assert.equal(found.data[0]?.file_id, file.id);
  const listed: string[] = [];
  for await (const { id } of other.vectorStores.list()) listed.push(id);
  assert.deepEqual(listed, [theirs.id]);
  const search = (id: string) => [{ type: "file_search" as const, vector_store_ids: [id] }];
  await own.responses.create({ model: "up/m", input: "hi", tools: search(store.id) });
  assert.match(asked.at(-1)!.body, /"vector_store_ids":\["vs_1"\]/);
  await assert.rejects(other.responses.create({ model: "up/m", input: "hi", tools: search(store.id) }), refused);
  await assert.rejects(other.responses.create({ model: "up/m", input: "hi", tools: search("vs_1") }), refused);
  assert.equal((await own.vectorStores.delete(store.id)).id, store.id);
  await assert.rejects(own.vectorStores.retrieve(store.id), refused);
});

test("A66 conversations are their owner's, their items keep their ids, and a response goes on with one's own", async () => {
  const [own, other] = [sdk(key), sdk(stranger)];
  const { id } = await own.conversations.create({ metadata: { topic: "x" } });
  assert.equal(id, "up~conv_1");
  const items = await own.conversations.items.list(id);
  assert.equal(items.data[0]?.id, "msg_1");
  await own.conversations.items.retrieve("msg_1", { conversation_id: id });
  assert.equal(asked.at(-1)!.call, "GET /v1/conversations/conv_1/items/msg_1");
  await assert.rejects(other.conversations.retrieve(id), { ...refused, message: /no such conversation/ });
  await assert.rejects(other.conversations.items.list(id), refused);
  for (const conversation of [id, "conv_1", { id }, { id: "conv_1" }])
    await assert.rejects(other.responses.create({ model: "up/m", input: "hi", conversation }), refused);
  await own.responses.create({ model: "up/m", input: "hi", conversation: id });
  assert.match(asked.at(-1)!.body, /"conversation":"conv_1"/);
  await own.responses.create({ model: "up/m", input: "hi", conversation: { id } });
  assert.match(asked.at(-1)!.body, /"conversation":\{"id":"conv_1"\}/);
  assert.equal((await own.conversations.delete(id)).deleted, true);
  await assert.rejects(own.conversations.retrieve(id), refused);
});
