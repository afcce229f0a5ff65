/** Responses that are kept: for providers that have no memory, and beside those that have. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import type { Plane } from "../../../daemon/pipeline/plane.ts";
import {
  answers,
  call,
  chunk,
  completion,
  done,
  errorOf,
  type Lab,
  startLab,
  startUpstream,
  stop,
  streams,
  type Upstream,
  usageChunk,
} from "./lab.ts";

let upstream: Upstream;
let lab: Lab;
let key: string;
before(async () => {
  upstream = await startUpstream();
  const provider = (name: string, dialect: string) => ({
    base_url: `${upstream.origin}/${name}`,
    dialect,
    models: ["m"],
    api_key: "env.SECRET",
  });
  lab = await startLab({
    providers: { chat: provider("chat", "openai-chat"), own: provider("own", "openai-responses") },
    prices: { "own/*": { input: 1, output: 2 } },
  });
});
let answered = 0;
beforeEach(() => {
  key = lab.createKey();
  upstream.answer = hello;
});

/** Every answer has an id of its own. */
const hello: Upstream["answer"] = (request, response, seen) =>
  answers({ ...completion, id: `chatcmpl-${++answered}` })(request, response, seen);
after(async () => {
  await lab?.stop();
  await upstream?.stop();
});

const create = (body: object, by = key) =>
  call(lab.url, { path: "/v1/responses", key: by, body: { model: "chat/m", ...body } });
const about = (path: string, method = "GET", by = key) =>
  call(lab.url, { method, path: `/v1/responses/${path}`, key: by });
const idOf = ({ text }: { text: string }) => (JSON.parse(text) as { id: string }).id;
const sentMessages = () =>
  (JSON.parse(upstream.seen.at(-1)!.body) as { messages: { role: string; content: unknown }[] }).messages;
const words = ({ role, content }: { role: string; content: unknown }) => [
  role,
  typeof content === "string" ? content : (content as { text: string }[]).map(({ text }) => text).join(""),
];

test("goOnFrom() tells a provider without memory the whole conversation, streamed or not", async () => {
  const first = await create({ input: "one" });
  assert.equal(first.status, 200, first.text);
  const second = await create({ input: [{ role: "user", content: "two" }], previous_response_id: idOf(first) });
  assert.equal(second.status, 200, second.text);
  assert.deepEqual(sentMessages().map(words), [
    ["user", "one"],
    ["assistant", "Hello."],
    ["user", "two"],
  ]);
  upstream.answer = streams(chunk({ content: "Streamed." }), stop, usageChunk, done);
  const third = await create({ input: "three", stream: true, previous_response_id: idOf(second) });
  const id = /"id":"(resp_[^"]+|[^"]+)"/.exec(third.text.slice(third.text.indexOf('"response"')))?.[1] ?? "";
  upstream.answer = hello;
  const fourth = await create({ input: "four", previous_response_id: id });
  assert.equal(fourth.status, 200, fourth.text);
  assert.deepEqual(sentMessages().map(words).at(-2), ["assistant", "Streamed."]);
  assert.equal(sentMessages().length, 7);
});

test("answersStored() gives back what was kept, its input, and nothing once it was deleted", async () => {
  const made = await create({ input: "one", instructions: "be kind" });
  const id = idOf(made);
  assert.deepEqual(JSON.parse((await about(id)).text), JSON.parse(made.text));
  const items = JSON.parse((await about(`${id}/input_items`)).text) as { data: { role: string; content: string }[] };
  assert.deepEqual(
    items.data.map(({ role, content }) => [role, content]),
    [["user", "one"]],
  );
  const cancelled = await about(`${id}/cancel`, "POST");
  assert.deepEqual([cancelled.status, errorOf(cancelled).code], [400, "invalid_request"]);
  assert.deepEqual(JSON.parse((await about(id, "DELETE")).text), { id, object: "response", deleted: true });
  for (const gone of [about(id), about(id, "DELETE"), create({ input: "x", previous_response_id: id })])
    assert.equal((await gone).status, 404);
});

test("owned() keeps a response to the key that made it", async () => {
  const id = idOf(await create({ input: "secret" }));
  const other = lab.createKey();
  const raw = (path: string, body?: object) =>
    call(lab.url, {
      method: body === undefined ? "GET" : "POST",
      path: `/passthrough/own/${path}`,
      key: other,
      ...(body && { body }),
    });
  const seen = upstream.seen.length;
  for (const tried of [
    raw(`responses/${id}`),
    raw("responses", { model: "m", input: "x", previous_response_id: id }),
    raw("responses/compact", { model: "m", previous_response_id: "resp_of_own" }),
  ])
    assert.equal((await tried).status, 403);
  for (const path of ["input_tokens", "compact"]) {
    const body = { model: "own/m", input: "x", previous_response_id: id };
    assert.equal((await call(lab.url, { path: `/v1/responses/${path}`, key: other, body })).status, 404);
  }
  const untyped = { method: "POST", path: "/passthrough/own/responses", key: other, body: "{}" };
  assert.equal(
    (await call(lab.url, { ...untyped, headers: { "content-type": "application/octet-stream" } })).status,
    400,
  );
  assert.equal(upstream.seen.length, seen);
  for (const tried of [
    about(id, "GET", other),
    about(id, "DELETE", other),
    about(`${id}/input_items`, "GET", other),
    create({ input: "x", previous_response_id: id }, other),
  ]) {
    const answer = await tried;
    assert.deepEqual([answer.status, answer.text.includes("secret")], [404, false]);
  }
  assert.equal((await call(lab.url, { method: "GET", path: `/v1/responses/${id}` })).status, 401);
  assert.equal((await about(id)).status, 200, "it is still there for its own");
});

test("watchResponse() keeps nothing where the request says so", async () => {
  const id = idOf(await create({ input: "one", store: false }));
  assert.equal((await about(id)).status, 404);
});

test("rememberAnswer() keeps nothing that is nested too deep to be written again, and the answer stands", async () => {
  const deep = "[".repeat(50_000) + "]".repeat(50_000);
  const kept = { ...completion, id: "resp_deep", object: "response", status: "completed", output: ["deep"] };
  upstream.answer = answers(JSON.stringify(kept).replace('"deep"', deep));
  const made = await create({ model: "own/m", input: "one" });
  assert.deepEqual([made.status, made.text.includes(deep)], [200, true]);
  assert.equal((await lab.rows()).at(-1)!.error, null);
  assert.equal((await about("resp_deep")).status, 404);
});

test("a response in the background is charged by the most it may cost, and corrected when its end is asked for", async () => {
  const told = (status: string, usage: object | null) =>
    answers({ ...completion, id: "resp_later", object: "response", status, store: true, output: [], usage });
  const corrections: unknown[] = [];
  const correct: Plane["correct"] = async ({ of, toNano, output }) => {
    corrections.push(of, toNano, output);
    return {};
  };
  Object.assign(lab.plane, { correct });
  upstream.answer = told("queued", null);
  key = lab.createKey({ budgetNano: 1_000_000_000 });
  const made = await create({ model: "own/m", input: "one", background: true, max_output_tokens: 100_000 });
  assert.equal(made.status, 200);
  const { cost_nano: charged, tokens_in: input } = (await lab.rows()).at(-1)!;
  assert.equal(charged, (input as number) * 1_000 + 100_000 * 2_000);
  await about("resp_later");
  assert.equal(corrections.length, 0, "it has not ended");
  upstream.answer = told("completed", { input_tokens: 10, output_tokens: 700 });
  await about("resp_later");
  await lab.rows();
  assert.deepEqual(corrections, ["response", 10 * 1_000 + 700 * 2_000, 700]);
});

test("a provider that keeps its own is asked itself, and only it", async () => {
  const kept = {
    ...completion,
    id: "resp_theirs",
    object: "response",
    status: "completed",
    store: true,
    output: [],
    usage: { input_tokens: 1, output_tokens: 1 },
  };
  upstream.answer = answers(kept);
  const made = await create({ model: "own/m", input: "one" });
  assert.deepEqual(JSON.parse(made.text), kept);
  const fetched = await about("resp_theirs");
  assert.deepEqual([JSON.parse(fetched.text), upstream.seen.at(-1)?.path], [kept, "/own/responses/resp_theirs"]);
  await about("resp_theirs/input_items?limit=2");
  assert.equal(upstream.seen.at(-1)?.path, "/own/responses/resp_theirs/input_items?limit=2");
  assert.equal((await about("resp_theirs", "GET", lab.createKey())).status, 404);
  await create({ model: "own/m", input: "two", previous_response_id: "resp_theirs" });
  assert.equal(
    (JSON.parse(upstream.seen.at(-1)!.body) as { previous_response_id: string }).previous_response_id,
    "resp_theirs",
  );
  const elsewhere = await create({ model: "chat/m", input: "two", previous_response_id: "resp_theirs" });
  assert.ok(elsewhere.status >= 400 && elsewhere.status < 500, elsewhere.text);
  upstream.answer = answers({ id: "resp_theirs", deleted: true });
  assert.equal((await about("resp_theirs", "DELETE")).status, 200);
  assert.equal((await about("resp_theirs")).status, 404);
});
