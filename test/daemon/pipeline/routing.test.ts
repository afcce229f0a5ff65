/** Routing over real sockets: what the client, the upstreams and the row see of it. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { WebSocket } from "ws";
import { requestFlag } from "../../../daemon/store/rows.ts";
import { until } from "../../support/until.ts";
import {
  answers,
  chunk,
  completion,
  done,
  errorOf,
  type Lab,
  role,
  startLab,
  startUpstream,
  stop,
  streams,
  type Upstream,
} from "./lab.ts";

let first: Upstream;
let second: Upstream;
let lab: Lab;
let key: string;
const keys = ["one", "two", "three"].map((name) => ({ name, value: "env.SECRET" }));
before(async () => {
  [first, second] = [await startUpstream(), await startUpstream()];
  const to = (upstream: Upstream, more: object = {}) => ({
    base_url: `${upstream.origin}/v1`,
    dialect: "openai-chat",
    api_key: "env.SECRET",
    ...more,
  });
  lab = await startLab({
    server: { hold_back: "10s" },
    providers: {
      first: to(first, { timeouts: { connect: "10m" } }),
      second: to(second),
      many: to(first, { api_key: undefined, keys }),
      narrow: to(first, { concurrency_max: 1 }),
      strict: to(second, { dialect: "anthropic" }),
      listed: to(first, { models: ["m"], any_model: false }),
      claude: to(second, { dialect: "anthropic", models: ["m"], any_model: false }),
    },
    groups: { sticky: { targets: ["many/m", "second/m"] } },
    model_timeouts: { "first/impatient*": { first_byte: "120ms" } },
    prices: { "first/*": { input: 1, output: 5 }, "second/*": { input: 1, output: 5 } },
    routing: {
      breaker: { failures: 3, open: "30s" },
      queue: { max: 2, wait: "2s", scopes: true },
      streams: { release_tokens: 4, release_after: "5s" },
      rules: [
        { name: "gold", when: '"x-tier" in headers && headers["x-tier"] == "gold"', targets: ["second/gold"] },
        { name: "hot", when: "has(params.temperature) && params.temperature > 1.5", targets: ["second/hot"] },
      ],
    },
  });
  key = lab.createKey();
});
after(async () => {
  assert.deepEqual(lab.logged, []);
  await lab.stop();
  await Promise.all([first.stop(), second.stop()]);
});
afterEach(() => {
  for (const upstream of [first, second]) {
    upstream.answer = answers();
    upstream.seen.length = 0;
  }
});

let asked = 0;
/** Unlike any other test's model, so that no breaker is shared. */
const model = (provider: string, name = "m"): string => `${provider}/${name}-${++asked}`;
const call = (body: object, headers: Readonly<Record<string, string>> = {}) =>
  lab.call({ key, headers, body: { messages: [{ role: "user", content: "Hi" }], ...body } });
const broken = (status = 500) => answers({ error: { message: "told" } }, status);

test("R4 a target that fails is left alone by the data plane: 503 with retry-after, and the upstream hears nothing", async () => {
  const name = model("first");
  first.answer = broken();
  for (let index = 0; index < 3; index++) assert.equal((await call({ model: name })).status, 502);
  const heard = first.seen.length;
  const refused = await Promise.all(Array.from({ length: 20 }, () => call({ model: name })));
  assert.equal(first.seen.length, heard, "no stampede");
  for (const answer of refused) {
    assert.deepEqual([answer.status, errorOf(answer).code], [503, "targets_unavailable"]);
    assert.ok(Number(answer.headers["retry-after-ms"]) > 0 && Number(answer.headers["retry-after"]) <= 30);
  }
  const saved = await call({ model: name, fallbacks: ["second/saved"] });
  assert.deepEqual([saved.status, saved.headers["x-bifrost-fallback-index"]], [200, "1"]);
  const row = (await lab.rows()).at(-1)!;
  assert.match(String(row["attempts"]), /"reason":"skipped","error":"breaker_open"/);
});

test("routeHeaders() says who answered, and of a fallback who should have", async () => {
  first.answer = answers(completion, 200, { "x-ratelimit-remaining-requests": "7", "set-cookie": "a=b" });
  const name = model("first");
  const { headers } = await call({ model: name });
  assert.deepEqual(
    ["provider", "original-model", "resolved-model", "request-type", "fallback-index"].map(
      (each) => headers[`x-bifrost-${each}`],
    ),
    ["first", name, name.slice(6), "chat", undefined],
  );
  assert.deepEqual([headers["x-ratelimit-remaining-requests"], headers["set-cookie"]], ["7", undefined]);
  assert.ok(Number(headers["x-bifrost-upstream-latency-ms"]) >= 0);
  first.answer = broken();
  const other = model("first");
  const { headers: rescued } = await call({ model: other, fallbacks: ["second/other"] });
  assert.deepEqual(
    ["is-fallback", "provider", "model", "key", "primary-provider", "primary-model"].map(
      (each) => rescued[`x-bifrost-routing-info-${each}`],
    ),
    ["true", "second", "other", "second", "first", other.slice(6)],
  );
});

test("report() names an ending of the model's name that nothing here does, and refuses it where the caller is strict", async () => {
  const message = { type: "message", content: [{ type: "text", text: "so" }], stop_reason: "end_turn", usage: {} };
  second.answer = answers(message);
  for (const [name, upstream] of [
    ["listed", first],
    ["claude", second],
  ] as const) {
    const told = await call({ model: `${name}/m:online` });
    assert.deepEqual([told.status, told.headers["x-bifrost-dropped-params"]], [200, "model:online"], told.text);
    assert.equal((JSON.parse(upstream.seen.at(-1)!.body) as { model: string }).model, "m");
    const refused = await call({ model: `${name}/m:online` }, { "x-bifrost-unsupported": "strict" });
    assert.deepEqual([refused.status, errorOf(refused).code], [400, "unsupported_parameter"]);
    assert.match(refused.text, /model:online/);
  }
  assert.equal((await call({ model: "listed/m" })).headers["x-bifrost-dropped-params"], undefined);
});

test("withExtraFields() adds its fields only where they are asked for", async () => {
  const plain = await call({ model: model("first") });
  assert.deepEqual(JSON.parse(plain.text), completion);
  const name = model("first");
  const told = await call({ model: name }, { "x-bifrost-extra-fields": "true" });
  const { extra_fields: fields, ...rest } = JSON.parse(told.text) as { extra_fields: Record<string, unknown> };
  assert.deepEqual(rest, completion);
  assert.deepEqual(
    [fields["provider"], fields["original_model_requested"], fields["request_type"]],
    ["first", name, "chat"],
  );
});

test("R6 a session keeps its provider and credential through the data plane, by header and by body", async () => {
  for (const say of [{ headers: { "x-bf-session-id": "h" } }, { body: { prompt_cache_key: "c" } }]) {
    const used = new Set<string>();
    const from = (await lab.rows()).length;
    for (let turn = 0; turn < 12; turn++) await call({ model: "sticky", ...say.body }, say.headers);
    for (const row of (await lab.rows()).slice(from)) used.add(`${row["target"]} ${row["credential"]}`);
    assert.equal(used.size, 1, [...used].join());
  }
});

test("R8 route() takes the target of the rule that holds, by header and by parameter, and keeps the decision", async () => {
  assert.equal((await call({ model: "first/x" }, { "x-tier": "gold" })).headers["x-bifrost-resolved-model"], "gold");
  const row = (await lab.rows()).at(-1)!;
  const { decision } = JSON.parse(String(row["attempts"])) as { decision: { rules: string[]; considered: unknown[] } };
  assert.deepEqual([decision.rules, decision.considered], [["gold"], [{ target: "second/gold" }]]);
  assert.equal((await call({ model: "first/x", temperature: 1.9 })).headers["x-bifrost-resolved-model"], "hot");
  assert.equal((await call({ model: "first/x", temperature: 0.1 })).headers["x-bifrost-resolved-model"], "x");
});

test("timersFor() gives a model its own timers, and a header shortens them for one request", async () => {
  first.answer = () => undefined;
  const own = await call({ model: "first/impatient" });
  assert.deepEqual([own.status, errorOf(own).code], [504, "upstream_timeout"]);
  const wished = await call({ model: "first/patient" }, { "x-bifrost-first-byte-timeout": "0.1" });
  assert.match(errorOf(wished).message, /first byte timer/);
  const total = await call({ model: "first/patient-in-all" }, { "x-bifrost-timeout": "0.1" });
  assert.match(errorOf(total).message, /total timer/);
  first.answer = (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(role + content("Long enough to have been let go."));
  };
  const { text } = await call({ model: "first/patient-between", stream: true }, { "x-bifrost-idle-timeout": "0.1" });
  assert.match(text, /let go[\s\S]*idle timer/);
});

test("readOther() obeys the headers of a form as those of a body, and rules find no parameters in it", async () => {
  first.answer = () => undefined;
  const send = async (name: string, headers: Readonly<Record<string, string>> = {}) => {
    const form = new FormData();
    form.set("model", name);
    form.set("file", new Blob(["sound"]), "a.mp3");
    const init = { method: "POST", headers: { authorization: `Bearer ${key}`, ...headers }, body: form };
    const answer = await fetch(`${lab.url}/v1/audio/transcriptions`, init);
    return { status: answer.status, text: await answer.text() };
  };
  const told = async (name: string, headers?: Readonly<Record<string, string>>) => {
    const { status, text } = await send(name, headers);
    assert.equal(status, 504, text);
    return text;
  };
  assert.match(await told(model("first"), { "x-bifrost-first-byte-timeout": "0.1" }), /first byte timer/);
  assert.match(await told(model("first"), { "x-bifrost-timeout": "0.1" }), /total timer/);
  assert.match(await told("first/impatient"), /first byte timer/);
  assert.match((await send(model("first"), { "x-bifrost-timeout": "soon" })).text, /x-bifrost-timeout/);
  const gold = await send(model("first"), { "x-tier": "gold", "x-bifrost-timeout": "0.1" });
  assert.equal(gold.status, 200, gold.text);
  assert.equal(second.seen.length, 1, "a rule went by its header");
});

test("wishesOf() gives a session as long to begin as its header says", async () => {
  first.answer = () => undefined;
  const headers = { authorization: `Bearer ${key}`, "x-bifrost-connect-timeout": "0.1" };
  const socket = new WebSocket(`${lab.url.replace("http", "ws")}/v1/realtime?model=${model("first")}`, { headers });
  const heard: string[] = [];
  socket.on("message", (data: Buffer) => heard.push(data.toString()));
  await new Promise((resolve) => socket.once("close", resolve));
  assert.match(heard.join(), /upstream_unreachable/);
});

test("take() lets requests wait for a place at a provider, in their order, and refuses those that are too many", async () => {
  const waiting: (() => void)[] = [];
  first.answer = (_request, response) => {
    waiting.push(() => answers()(_request, response, first.seen[0]!));
  };
  const name = model("narrow");
  const running = call({ model: name });
  await until("the first to be under way", () => first.seen.length === 1);
  const queued = [call({ model: name }), call({ model: name })];
  await until("two to wait", () => lab.plane.places.waiting === 2);
  const refused = await call({ model: name });
  assert.deepEqual([refused.status, errorOf(refused).code], [503, "overloaded"]);
  assert.ok(Number(refused.headers["retry-after"]) >= 1);
  const elsewhere = await call({ model: name, fallbacks: ["second/free"] });
  assert.equal(elsewhere.headers["x-bifrost-provider"], "second", "who may go elsewhere does not wait");
  for (let served = 1; served <= 3; served++) {
    await until("the next to be let through", () => waiting.length === served);
    assert.equal(first.seen.length, served, "one at a time");
    waiting[served - 1]!();
  }
  const rowsOf = async (ids: readonly unknown[]) => (await lab.rows()).filter(({ id }) => ids.includes(id));
  for (const answer of await Promise.all([running, ...queued])) assert.equal(answer.status, 200);
  const ids = (await Promise.all(queued)).map(({ headers }) => headers["x-request-id"]);
  for (const { attempts } of await rowsOf(ids)) assert.match(String(attempts), /"waitedMs":[1-9]/);
  const [straight] = await rowsOf([(await running).headers["x-request-id"]]);
  assert.doesNotMatch(String(straight?.attempts), /waitedMs/);
});

test("waitFor() lets requests wait for a place of their key, instead of 429, and sheds them in time", async () => {
  const narrow = lab.createKey({ concurrencyMax: 1 });
  const held: (() => void)[] = [];
  first.answer = (request, response) => {
    held.push(() => answers()(request, response, first.seen[0]!));
  };
  const ask = () => lab.call({ key: narrow, body: { model: "first/held", messages: [] } });
  const [one, two] = [ask(), ask()];
  await until("one to run and one to wait", () => held.length === 1 && lab.plane.places.waiting === 1);
  held[0]!();
  assert.equal((await one).status, 200);
  await until("the other to be let through", () => held.length === 2);
  const late = await ask();
  assert.deepEqual([late.status, errorOf(late).code], [503, "overloaded"]);
  held[1]!();
  assert.equal((await two).status, 200);
  const trail = (await lab.rows()).find(({ id }) => id === late.headers["x-request-id"])?.attempts;
  assert.match(String(trail), /"error":"overloaded".*"waitedMs":[1-9]/);
});

const content = (text: string): string => chunk({ content: text });

test("mustShow() holds a stream back until it has shown itself: one that dies early is replaced unseen", async () => {
  first.answer = (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(role + content("Hi"), () => response.socket?.destroy());
  };
  second.answer = streams(role, content("Hello there, this is enough."), stop, done);
  const answer = await call({ model: model("first"), stream: true, fallbacks: ["second/whole"] });
  assert.equal(answer.status, 200);
  assert.match(answer.text, /Hello there/);
  assert.doesNotMatch(answer.text, /"Hi"/);
  const row = (await lab.rows()).at(-1)!;
  assert.equal(Number(row["flags"]) & requestFlag.fallback, requestFlag.fallback);
});

test("A21 A22 an error in the stream before the first token fails over unseen, after it is told and nobody else is asked", async () => {
  const failed = `data: ${JSON.stringify({ error: { message: "broke", type: "server_error" } })}\n\n`;
  second.answer = streams(role, content("Hello there, this is enough."), stop, done);
  first.answer = streams(role, failed);
  const early = await call({ model: model("first"), stream: true, fallbacks: ["second/early"] });
  assert.deepEqual([early.status, early.headers["x-bifrost-fallback-index"]], [200, "1"]);
  assert.doesNotMatch(early.text, /broke/);
  const heard = second.seen.length;
  first.answer = streams(role, content("Long enough to have been let go."), failed);
  const late = await call({ model: model("first"), stream: true, fallbacks: ["second/late"] });
  assert.match(late.text, /Long enough[\s\S]*broke/);
  assert.equal(second.seen.length, heard);
});
