/** Raw bodies in `extra_fields`: as they were, for those who ask and may, and never with a credential of ours in them. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { answers, chunk, done, type Lab, role, startLab, startUpstream, stop, streams, type Upstream } from "./lab.ts";

let one: Upstream;
let other: Upstream;
const labs: Lab[] = [];
const withRaw = async (rawBodies: string, more: object = {}) => {
  const to = ({ origin }: Upstream, dialect = "openai-chat") => ({
    base_url: dialect === "gemini" ? origin : `${origin}/v1`,
    dialect,
    api_key: "env.SECRET",
    headers: { "x-team-token": "Bearer carried-secret-1" },
  });
  const lab = await startLab({
    auth: { raw_bodies: rawBodies },
    providers: { one: to(one), other: to(other), claude: to(one, "anthropic") },
    groups: { pair: { strategy: "ordered", targets: ["one/m", "other/m"] } },
    hedging: { pair: { after: "40ms", min: "1ms", max_share: 1 } },
    ...more,
  });
  labs.push(lab);
  return lab;
};
let keys: Lab;
let all: Lab;
let off: Lab;
before(async () => {
  [one, other] = [await startUpstream(), await startUpstream()];
  [keys, all, off] = [await withRaw("keys"), await withRaw("all"), await withRaw("off")];
});
after(async () => {
  for (const lab of labs) {
    assert.deepEqual(lab.logged, []);
    await lab.stop();
  }
  await Promise.all([one.stop(), other.stop()]);
});
afterEach(() => {
  for (const upstream of [one, other]) {
    upstream.answer = answers();
    upstream.seen.length = 0;
  }
});

const both = { "x-bf-send-back-raw-request": "true", "x-bf-send-back-raw-response": "true" };
type Fields = Readonly<Record<string, unknown>>;
type Ask = { readonly model?: string; readonly headers?: Record<string, string>; readonly body?: object };
const call = (lab: Lab, key: string, { model = "one/m", headers = both, body = {} }: Ask = {}) =>
  lab.call({ key, headers, body: { model, messages: [{ role: "user", content: "Hé" }], ...body } });
const fieldsOf = (text: string): Fields => (JSON.parse(text) as { extra_fields: Fields }).extra_fields;
const eventsOf = (text: string): readonly Fields[] =>
  text.split("\n\n").flatMap((event) => (event.startsWith("data: {") ? [JSON.parse(event.slice(6)) as Fields] : []));

test("raw bodies are shown to nobody by default, and one who asks hears why", async () => {
  const cases = [
    [off, off.createKey({ raw: true }), "auth.raw_bodies is off"],
    [keys, keys.createKey(), "this API key may not be shown raw bodies"],
  ] as const;
  for (const [lab, key, why] of cases)
    for (const stream of [false, true]) {
      one.answer = stream ? streams(role, chunk({ content: "Hi" }), stop, done) : answers();
      const { status, text } = await call(lab, key, { body: { stream } });
      assert.equal(status, 200);
      const fields = stream ? (eventsOf(text)[0]!["extra_fields"] as Fields) : fieldsOf(text);
      assert.equal(fields["raw_refused"], why);
      assert.doesNotMatch(text, /raw_re(?:quest|sponse)|provider_response_headers/);
    }
});

test("raw bodies are shown as they were, to a key that may, and only what was asked for", async () => {
  one.answer = (_request, reply) =>
    void reply
      .writeHead(200, { "content-type": "application/json", "x-ratelimit-remaining-tokens": "7", "set-cookie": "a=b" })
      .end(
        '{ "id":"c", "choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],\n"odd": 1.0 }',
      );
  for (const [lab, key] of [
    [keys, keys.createKey({ raw: true })],
    [all, all.createKey()],
  ] as const) {
    const { text } = await call(lab, key);
    const fields = fieldsOf(text);
    assert.deepEqual(fields["raw_request"], JSON.parse(one.seen.at(-1)!.body));
    assert.deepEqual((fields["raw_response"] as Fields)["odd"], 1);
    const headers = fields["provider_response_headers"] as Fields;
    assert.deepEqual([headers["x-ratelimit-remaining-tokens"], headers["set-cookie"]], ["7", "[masked]"]);
    const half = fieldsOf((await call(lab, key, { headers: { "x-bf-send-back-raw-request": "true" } })).text);
    assert.deepEqual(
      ["raw_request", "raw_response", "provider_response_headers"].map((name) => name in half),
      [true, false, false],
    );
    const none = await call(lab, key, { headers: { "x-bf-send-back-raw-request": "false" } });
    assert.doesNotMatch(none.text, /extra_fields/, "nobody has asked");
  }
});

test("a raw answer is the provider's own where it is translated", async () => {
  one.answer = (_request, reply) =>
    void reply.writeHead(200, { "content-type": "application/json" }).end(
      JSON.stringify({
        ...{ id: "msg_1", type: "message", role: "assistant", model: "m", content: [{ type: "text", text: "Hi" }] },
        ...{ stop_reason: "end_turn", usage: { input_tokens: 3, output_tokens: 1 } },
      }),
    );
  const { text } = await call(all, all.createKey(), { model: "claude/m", body: { max_tokens: 9 } });
  const { raw_request: sent, raw_response: came } = fieldsOf(text) as Record<string, Fields>;
  assert.deepEqual([sent!["max_tokens"], came!["stop_reason"]], [9, "end_turn"]);
});

test("each event of a stream has what it was made of, the first what was sent and the head", async () => {
  const frames = [role, chunk({ content: "Hé" }), stop];
  one.answer = streams(...frames, done);
  const { text } = await call(all, all.createKey(), { body: { stream: true } });
  assert.ok(text.endsWith(done));
  const fields = eventsOf(text).map((event) => event["extra_fields"] as Fields);
  assert.deepEqual(
    fields.map((each) => each["raw_response"]),
    frames.map((frame) => JSON.parse(frame.slice("data: ".length)) as unknown),
  );
  assert.deepEqual(
    fields.map((each) => ["raw_request" in each, "provider_response_headers" in each]),
    [
      [true, true],
      [false, false],
      [false, false],
    ],
  );
});

test("no credential of ours is in a raw body, though the provider repeats it", async () => {
  one.answer = (request, reply, seen) =>
    void reply
      .writeHead(200, { "content-type": "application/json", "x-echo": String(request.headers.authorization) })
      .end(
        JSON.stringify({
          id: "c",
          choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
          heard: [seen.headers.authorization, seen.headers["x-team-token"]],
        }),
      );
  const { text } = await call(all, all.createKey());
  assert.match(text, /"heard":\["Bearer \[our credential\]","\[our credential\]"\]/);
  for (const each of ["carried-secret-1", one.seen[0]!.headers.authorization!.replace("Bearer ", "")])
    assert.ok(!text.split("extra_fields")[1]!.includes(each), each);
});

test("what is told is of the attempt that answered, also where two were asked at once", async () => {
  one.answer = (_request, reply) =>
    void reply.writeHead(500, { "content-type": "application/json" }).end('{"error":{"message":"first"}}');
  other.answer = answers();
  const after = fieldsOf((await call(all, all.createKey(), { model: "pair" })).text);
  assert.doesNotMatch(JSON.stringify(after["raw_response"]), /first/);
  one.answer = () => {};
  const raced = await call(all, all.createKey(), { model: "pair" });
  assert.equal(raced.headers["x-bifrost-hedge"], "won");
  assert.ok("raw_response" in fieldsOf(raced.text) && "raw_request" in fieldsOf(raced.text));
});

test("with compat.bifrost a failure has them as well, the keys that were tried, and the provider's headers go on", async () => {
  const lab = await withRaw("all", { compat: { bifrost: true } });
  one.answer = (_request, reply) =>
    void reply
      .writeHead(401, { "content-type": "application/json", "x-served-by": "edge-7", server: "up" })
      .end('{"error":{"message":"bad key","secretish":"x"}}');
  const failed = await call(lab, lab.createKey());
  const { error, extra_fields: fields } = JSON.parse(failed.text) as { error: { code: string }; extra_fields: Fields };
  assert.deepEqual([failed.status, error.code], [502, "upstream_credentials_exhausted"]);
  assert.deepEqual(fields["key_statuses"], [{ provider: "one", status_code: 401, error: "upstream_credential" }]);
  assert.deepEqual((fields["raw_response"] as Fields)["error"], { message: "bad key", secretish: "x" });
  one.answer = (_request, reply) =>
    void reply
      .writeHead(200, {
        "content-type": "application/json",
        "x-served-by": "edge-7 to upstream-secret",
        "set-cookie": "a=b",
      })
      .end('{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}');
  const { headers } = await call(lab, lab.createKey(), { headers: {} });
  assert.deepEqual([headers["x-served-by"], headers["set-cookie"]], ["edge-7 to [our credential]", undefined]);
  const plain = await call(all, all.createKey(), { headers: {} });
  assert.equal(plain.headers["x-served-by"], undefined);
});

test("a body that is longer than what is kept of it is cut, and then it is text", async () => {
  const content = "x".repeat(1_200_000);
  const { text } = await call(all, all.createKey(), { body: { messages: [{ role: "user", content }] } });
  const sent = fieldsOf(text)["raw_request"];
  assert.equal(typeof sent, "string");
  assert.equal((sent as string).length, 1024 * 1024);
});

test("a credential that stands across the cut is masked whole", async () => {
  const before = JSON.stringify({ model: "m", messages: [{ role: "user", content: "" }] }).indexOf('""') + 1;
  const content = `${"x".repeat(1024 * 1024 - before - 8)}upstream-secret and more`;
  const { text } = await call(all, all.createKey(), { body: { messages: [{ role: "user", content }] } });
  const sent = fieldsOf(text)["raw_request"] as string;
  assert.doesNotMatch(sent.slice(-100), /upstr/);
  assert.match(sent.slice(-100), /x{20}[^x]/, "the cut is where the credential was");
});
