/** Pieces of responses that are named and not told: by the key that has them, and by nobody else. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { mayRefer } from "../../../daemon/pipeline/item-references.ts";
import { answers, call, completion, errorOf, type Lab, startLab, startUpstream, type Upstream } from "./lab.ts";

let upstream: Upstream;
let lab: Lab;
let key: string;
let other: string;
before(async () => {
  upstream = await startUpstream();
  const provider = (name: string, dialect: string) => ({
    base_url: `${upstream.origin}/${name}`,
    dialect,
    models: ["m"],
    api_key: "env.SECRET",
  });
  lab = await startLab({
    providers: {
      chat: provider("chat", "openai-chat"),
      own: provider("own", "openai-responses"),
      twin: provider("twin", "openai-responses"),
      files: provider("files/v1", "openai-chat"),
    },
  });
});
beforeEach(() => {
  key = lab.createKey();
  other = lab.createKey();
});
after(async () => {
  await lab?.stop();
  await upstream?.stop();
});

let made = 0;
const create = (body: object, by = key) =>
  call(lab.url, { path: "/v1/responses", key: by, body: { model: "chat/m", ...body } });
/** A response that its provider keeps, with one item. */
async function createThere(model = "own/m"): Promise<{ readonly response: string; readonly item: string }> {
  made += 1;
  const [response, item] = [`resp_there_${made}`, `msg_there_${made}`];
  const output = [{ type: "message", id: item, role: "assistant", content: [] }];
  const usage = { input_tokens: 1, output_tokens: 1 };
  const told = { object: "response", status: "completed", store: true, output, usage };
  upstream.answer = answers({ id: response, ...told });
  assert.equal((await create({ model, input: "one" })).status, 200);
  return { response, item };
}
/** One that is kept here. */
async function createHere(): Promise<string> {
  upstream.answer = answers({ ...completion, id: `chatcmpl-${++made}` });
  const { output } = JSON.parse((await create({ input: "one" })).text) as { output: { id: string }[] };
  return output[0]!.id;
}
const said = () => JSON.parse(upstream.seen.at(-1)!.body) as { messages: { role: string; content: unknown }[] };
const ways = (id: string) => [{ type: "item_reference", id }, { id }, { type: null, id }, { id, type: null }];

test("tellItems() tells any model what is kept here in place of its name", async () => {
  const item = await createHere();
  for (const way of ways(item)) {
    const answer = await create({ input: [{ role: "user", content: "one" }, way, { role: "user", content: "two" }] });
    assert.equal(answer.status, 200, answer.text);
    const texts = said().messages.map(({ role, content }) => [role, JSON.stringify(content).includes("Hello.")]);
    assert.deepEqual(texts, [
      ["user", false],
      ["assistant", true],
      ["user", false],
    ]);
  }
});

test("tellItems() keeps what was told, so that a later turn goes on from it", async () => {
  const item = await createHere();
  const second = await create({
    input: [
      { type: "item_reference", id: item },
      { role: "user", content: "two" },
    ],
  });
  const { id } = JSON.parse(second.text) as { id: string };
  const third = await create({ input: "three", previous_response_id: id });
  assert.equal(third.status, 200, third.text);
  assert.match(upstream.seen.at(-1)!.body, /Hello\..*two.*Hello\..*three/s);
});

test("tellItems() sends what a provider keeps to that provider as it came, and to no other", async () => {
  const { item } = await createThere();
  for (const way of ways(item)) {
    const input = [way, { role: "user", content: "two" }];
    assert.equal((await create({ model: "own/m", input })).status, 200);
    assert.deepEqual((JSON.parse(upstream.seen.at(-1)!.body) as { input: unknown }).input, input);
    const seen = upstream.seen.length;
    for (const model of ["twin/m", "chat/m"]) {
      const { status, text } = await create({ model, input });
      assert.ok(status >= 400 && status < 500, text);
    }
    assert.equal(upstream.seen.length, seen);
  }
  const { item: second } = await createThere("twin/m");
  const scattered = await create({ model: "own/m", input: [{ id: item }, { id: second }] });
  assert.deepEqual([scattered.status, errorOf(scattered).code], [400, "invalid_request"]);
});

test("tellItems() finds nothing of another key's, however it is named", async () => {
  const [here, { item: there }] = [await createHere(), await createThere()];
  const seen = upstream.seen.length;
  for (const id of [here, there, "msg_of_nobody"])
    for (const model of ["own/m", "chat/m"])
      for (const path of ["/v1/responses", "/v1/responses/input_tokens", "/v1/responses/compact"])
        for (const way of ways(id)) {
          const answer = await call(lab.url, { path, key: other, body: { model, input: [way] } });
          assert.deepEqual([answer.status, errorOf(answer).code], [404, "not_found"], JSON.stringify([path, way]));
        }
  const escaped = `{"model":"own/m","input":[{"type":"item\\u005freference","i\\u0064":"${there}"}]}`;
  assert.equal((await call(lab.url, { path: "/v1/responses", key: other, body: escaped })).status, 404);
  const raw = { path: "/passthrough/own/responses", key: other, body: { model: "m", input: [{ id: there }] } };
  assert.equal((await call(lab.url, raw)).status, 403);
  assert.equal(upstream.seen.length, seen);
});

test("learnItems() hears from the provider what else is in one: what was asked, and what came later", async () => {
  const { response } = await createThere();
  upstream.answer = answers({
    object: "list",
    data: [{ type: "message", id: "msg_asked", role: "user", content: [] }],
  });
  await call(lab.url, { method: "GET", path: `/v1/responses/${response}/input_items`, key });
  const output = [{ type: "message", id: "msg_later", role: "assistant", content: [] }];
  upstream.answer = answers({ id: response, object: "response", status: "completed", store: true, output });
  await call(lab.url, { method: "GET", path: `/v1/responses/${response}`, key });
  for (const id of ["msg_asked", "msg_later"]) {
    assert.equal((await create({ model: "own/m", input: [{ id }] })).status, 200, id);
    assert.equal((await create({ model: "own/m", input: [{ id }] }, other)).status, 404, id);
  }
  upstream.answer = answers({ id: response, deleted: true });
  await call(lab.url, { method: "DELETE", path: `/v1/responses/${response}`, key });
  assert.equal((await create({ model: "own/m", input: [{ id: "msg_later" }] })).status, 404);
});

test("batchBody() refuses a batch whose lines name another key's responses or their items", async () => {
  const { response, item } = await createThere();
  upstream.answer = answers({ id: "file-1", object: "file" });
  const upload = (body: object, by: string) => {
    const line = JSON.stringify({ custom_id: "1", method: "POST", url: "/v1/responses", body });
    const head = '--b\r\ncontent-disposition: form-data; name="';
    const form = `${head}purpose"\r\n\r\nbatch\r\n${head}file"; filename="a.jsonl"\r\n\r\n${line}\n\r\n--b--\r\n`;
    return call(lab.url, {
      path: "/v1/files?provider=files",
      key: by,
      body: form,
      headers: { "content-type": "multipart/form-data; boundary=b" },
    });
  };
  for (const body of [
    { model: "m", previous_response_id: response },
    { model: "m", input: [{ type: "item_reference", id: item }] },
    { model: "m", input: [{ id: item }] },
  ]) {
    assert.equal((await upload(body, other)).status, 404, JSON.stringify(body));
    assert.equal((await upload(body, key)).status, 200, JSON.stringify(body));
  }
});

test("mayRefer() looks closer at nothing that has ids and more", () => {
  const may = (text: string) => mayRefer({ body: Buffer.from(text), view: { sighted: 0 } as never });
  for (const text of [
    '{"input":[{"id":"msg_1","type":"message","role":"user"}]}',
    '{"input":[{"type":"message","id":"msg_1"}]}',
    '{"file_id":"x","ids":["id"]}',
    '{"id":7}',
    '{"id":"a","":1}',
  ])
    assert.equal(may(text), false, text);
  for (const text of ['{"input":[{ "id" : "msg_1" }]}', '[{"type": null , "id":"a"}]', '[{"id":"a", "type":null}]'])
    assert.equal(may(text), true, text);
});
