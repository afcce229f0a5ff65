/** Who waits for a place goes in order of priority; a stream that begins too slowly is replaced; what callers add and ask for. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { after, afterEach, before, test } from "node:test";
import { concurrencyRow } from "../../../daemon/routing/places.ts";
import { findTarget } from "../../../daemon/routing/resolve.ts";
import { until } from "../../support/until.ts";
import {
  answers,
  chunk,
  done,
  errorOf,
  type Lab,
  role,
  startLab,
  startUpstream,
  stop,
  streams,
  type Upstream,
  usageChunk,
} from "./lab.ts";

let slow: Upstream;
let quick: Upstream;
let lab: Lab;
let key: string;
before(async () => {
  [slow, quick] = [await startUpstream(), await startUpstream()];
  const to = ({ origin }: Upstream, more: object = {}) => ({
    base_url: `${origin}/v1`,
    dialect: "openai-chat",
    api_key: "env.SECRET",
    ...more,
  });
  lab = await startLab({
    providers: {
      slow: to(slow),
      quick: to(quick),
      narrow: to(slow, { concurrency_max: 1 }),
      claude: to(quick, { dialect: "anthropic", headers: { "x-own": "ours" } }),
    },
    groups: { guarded: { strategy: "ordered", targets: ["slow/m", "quick/m"] } },
    routing: { streams: { rate_min: 1000, rate_window: "150ms" }, queue: { max: 10, wait: "30s" } },
  });
  key = lab.createKey();
});
after(async () => {
  assert.deepEqual(lab.logged, []);
  await lab.stop();
  await Promise.all([slow.stop(), quick.stop()]);
});
afterEach(() => {
  for (const upstream of [slow, quick]) {
    upstream.answer = answers();
    upstream.seen.length = 0;
  }
});
const call = (model: string, more: object = {}, headers: Readonly<Record<string, string>> = {}) =>
  lab.call({ key, headers, body: { model, messages: [{ role: "user", content: "Hi" }], ...more } });

test("take() lets who waits go by priority, then by who came first", async () => {
  const open: ServerResponse[] = [];
  slow.answer = (_request, response) => void open.push(response);
  const calls = [call("narrow/first")];
  await until("the first is under way", () => slow.seen.length === 1);
  for (const [index, [name, priority]] of [
    ["low", 0],
    ["low-later", 0],
    ["high", 9],
    ["middle", 5],
    ["high-later", 9],
  ].entries()) {
    calls.push(call(`narrow/${name}`, {}, { "x-bifrost-priority": String(priority) }));
    await until("it waits", () => lab.plane.places.waiting === index + 1);
  }
  for (let done = 1; done <= calls.length; done++) {
    const response = open.shift()!;
    answers()(response.req, response, slow.seen.at(-1)!);
    if (done < calls.length) await until("the next is under way", () => open.length === 1);
  }
  for (const answer of await Promise.all(calls)) assert.equal(answer.status, 200);
  assert.deepEqual(
    slow.seen.map(({ body }) => (JSON.parse(body) as { model: string }).model),
    ["first", "high", "high-later", "middle", "low", "low-later"],
  );
});

test("tryTake() takes no place before those who wait for one, though one is free", async () => {
  const open: ServerResponse[] = [];
  slow.answer = (_request, response) => void open.push(response);
  const first = call("narrow/first");
  await until("the first is under way", () => slow.seen.length === 1);
  const second = call("narrow/second");
  await until("it waits", () => lab.plane.places.waiting === 1);
  // The place is given back behind the queue's back, as another worker would.
  const { table } = lab.plane.routing;
  const target = findTarget(lab.plane.generation, "narrow/first")!;
  table.leave(table.find(concurrencyRow("narrow")));
  assert.equal(lab.plane.places.tryTake(target), false);
  await until("who waits has it", () => slow.seen.length === 2);
  assert.equal(lab.plane.places.tryTake(target), false, "none is left");
  table.enter(table.find(concurrencyRow("narrow")));
  for (const response of open) answers()(response.req, response, slow.seen.at(-1)!);
  assert.deepEqual([(await first).status, (await second).status], [200, 200]);
  assert.equal(lab.plane.places.tryTake(target), true);
  lab.plane.places.give(target);
});

test("waited() asks no target that was given up while requests waited for a place there", async () => {
  slow.answer = (...all) => void setTimeout(() => answers({ error: { message: "told" } }, 500)(...all), 20);
  const all = await Promise.all(Array.from({ length: 8 }, () => call("narrow/failing")));
  assert.equal(slow.seen.length, 5, "five faults in a row open the breaker");
  assert.deepEqual(all.map(({ status }) => status).toSorted(), [502, 502, 502, 502, 502, 503, 503, 503]);
  const refused = all.find(({ status }) => status === 503)!;
  assert.equal(errorOf(refused).code, "targets_unavailable");
  assert.ok(Number(refused.headers["retry-after"]) >= 1);
  // The places were given back.
  slow.answer = answers();
  assert.equal((await call("narrow/other")).status, 200);
});

test("a stream that begins too slowly is given up unseen, and the next target answers", async () => {
  let left = false;
  slow.answer = (_request, response) => {
    response.on("close", () => {
      left = true;
    });
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(role + chunk({ content: "S" }));
  };
  quick.answer = streams(role, chunk({ content: "Q".repeat(400) }), stop, usageChunk, done);
  const answer = await call("guarded", { stream: true });
  assert.deepEqual([answer.status, answer.headers["x-bifrost-provider"]], [200, "quick"]);
  assert.doesNotMatch(answer.text, /"S"/);
  await until("the slow one is left", () => left);
  const row = (await lab.rows()).at(-1);
  assert.match(String(row?.attempts), /"slow\/m".*"upstream_slow"/);
  const alone = await call("slow/m", { stream: true });
  assert.equal(errorOf(alone).code, "upstream_slow");
  // One that has shown itself in time is let go, however slow it is from then on.
  slow.answer = (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(role + chunk({ content: "S".repeat(400) }));
    setTimeout(() => response.end(chunk({ content: "end" }) + stop + done), 400);
  };
  const shown = await call("guarded", { stream: true });
  assert.deepEqual([shown.headers["x-bifrost-provider"], /"end"/.test(shown.text)], ["slow", true]);
});

test("extraFieldsWriter() puts extra_fields into each event of a stream, only where they are asked for", async () => {
  const frames = [role, chunk({ content: "Hé. ".repeat(200) }), stop, usageChunk];
  quick.answer = streams(...frames, done);
  const plain = await call("quick/m", { stream: true, stream_options: { include_usage: true } });
  assert.equal(plain.text, [...frames, done].join(""));
  const told = await call(
    "quick/m",
    { stream: true, stream_options: { include_usage: true } },
    { "x-bifrost-extra-fields": "true" },
  );
  const events = told.text.split("\n\n").slice(0, -2);
  assert.equal(told.text.slice(-done.length), done);
  const parsed = events.map((event) => JSON.parse(event.slice("data: ".length)) as Record<string, unknown>);
  assert.deepEqual(
    parsed.map(({ extra_fields: _fields, ...rest }) => rest),
    frames.map((frame) => JSON.parse(frame.slice("data: ".length)) as unknown),
  );
  const fields = parsed.map((event) => event["extra_fields"] as Record<string, unknown>);
  assert.deepEqual(
    fields.map(({ chunk_index: index }) => index),
    [0, 1, 2, 3],
  );
  assert.deepEqual(
    [fields[0]!["provider"], fields[0]!["resolved_model_used"], fields[0]!["original_model_requested"]],
    ["quick", "m", "quick/m"],
  );
});

test("forwardedHeaders() passes x-bf-eh-… on by the name that follows, whatever the dialect, but nothing that is ours", async () => {
  const asked = {
    "x-bf-eh-x-tenant": "acme",
    "X-BF-EH-OpenAI-Beta": "mine",
    "openai-beta": "plain",
    "x-bf-eh-authorization": "Bearer stolen",
    "x-bf-eh-x-api-key": "stolen",
    "x-bf-eh-host": "elsewhere",
    "x-bf-eh-connection": "close",
    "x-bf-eh-content-length": "1",
    "x-bf-eh-cookie": "a=b",
    "x-bf-eh-x-forwarded-for": "10.0.0.1",
    "x-bf-eh-x-bf-vk": "x",
    "x-bf-eh-x-own": "theirs",
    "x-bf-eh-": "nothing",
  };
  await call("quick/m", {}, asked);
  await call("claude/m", { max_tokens: 5 }, asked);
  for (const { headers } of quick.seen) {
    assert.equal(headers["x-tenant"], "acme");
    assert.equal(headers["openai-beta"], "mine");
    assert.doesNotMatch(JSON.stringify(headers), /stolen|elsewhere|10\.0\.0\.1|"cookie"|x-bf-/);
    assert.notEqual(headers["content-length"], "1");
  }
  assert.deepEqual([quick.seen.length, quick.seen[1]!.headers["x-own"]], [2, "ours"]);
  await call("quick/m", {}, { "x-bf-session-id": "s", "x-bf-ex": "e" });
  assert.doesNotMatch(JSON.stringify(quick.seen[2]!.headers), /x-bf-/);
});
