/** What clients of Bifrost's Go gateway find with `compat.bifrost`, and nobody without it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Answer, answers, completion, type Lab, startLab, startUpstream, streams, type Upstream } from "./lab.ts";

let upstream: Upstream;
let on: Lab;
let off: Lab;
before(async () => {
  upstream = await startUpstream();
  const config = {
    providers: {
      up: { base_url: `${upstream.origin}/v1`, models: ["m"], api_key: "env.SECRET" },
      openai: { base_url: `${upstream.origin}/v1`, api_key: "env.SECRET" },
      claude: { base_url: `${upstream.origin}/v1`, dialect: "anthropic", models: ["c"], api_key: "env.SECRET" },
    },
    prices: { "up/*": { input: 1, output: 5 } },
  };
  on = await startLab({ ...config, compat: { bifrost: true } });
  off = await startLab(config);
});
after(async () => {
  await on?.stop();
  await off?.stop();
  await upstream?.stop();
});

type Envelope = {
  readonly type?: string;
  readonly event_id: string;
  readonly is_bifrost_error: boolean;
  readonly status_code: number;
  readonly error: { readonly type: string; readonly code: string; readonly message: string };
  readonly extra_fields: Readonly<Record<string, unknown>>;
};
const told = ({ text }: Answer) => JSON.parse(text) as Envelope;
const body = { model: "up/m", messages: [{ role: "user", content: "Hi" }], max_tokens: 20 };
const limit = (metric: "requests" | "tokens") => ({ slot: 0, metric, limit: 1, windowMs: 60_000 }) as const;

test("each refusal has its status and top-level type", async () => {
  const limited = on.createKey({ limits: [limit("requests")] });
  await on.call({ key: limited, body });
  const cases = [
    [undefined, 401, "virtual_key_required"],
    ["sk-bf-nobody", 403, "access_not_found"],
    [on.createKey({ models: ["up/other"] }), 403, "model_blocked"],
    [on.createKey({ budgetNano: 1 }), 402, "budget_exceeded"],
    [limited, 429, "request_limited"],
    [on.createKey({ limits: [limit("tokens")] }), 429, "token_limited"],
  ] as const;
  for (const [key, status, type] of cases) {
    const answer = await on.call({ ...(key === undefined ? {} : { key }), body });
    const envelope = told(answer);
    assert.deepEqual(
      [answer.status, envelope.status_code, envelope.type, envelope.error.type, envelope.is_bifrost_error],
      [status, status, type, type, false],
      answer.text,
    );
    assert.equal(envelope.event_id, answer.headers["x-request-id"]);
  }
});

test("a provider's own failure has no type on top, and what nobody offers is an unsupported operation", async () => {
  const key = on.createKey();
  upstream.answer = answers({ error: { message: "no such thing", type: "invalid_request_error" } }, 400);
  const failed = await on.call({ key, body });
  assert.deepEqual([failed.status, told(failed).type, told(failed).is_bifrost_error], [400, undefined, false]);
  assert.equal((told(failed).extra_fields["routing_info"] as { provider: string }).provider, "up");
  upstream.answer = answers();
  const unsupported = await on.call({ key, path: "/v1/audio/speech", body: { model: "claude/c", input: "x" } });
  assert.equal(told(unsupported).error.code, "unsupported_operation");
  assert.equal(told(await on.call({ key, path: "/v1/nothing", body })).error.code, "route_not_found");
});

test("vendors' paths keep their shape, with its statuses", async () => {
  const answer = await on.call({ key: "sk-bf-nobody", path: "/anthropic/v1/messages", body });
  const { type, error } = JSON.parse(answer.text) as { type: string; error: { type: string } };
  assert.deepEqual([answer.status, type, error.type], [403, "error", "authentication_error"]);
  const messages = await on.call({ key: "sk-bf-nobody", path: "/v1/messages", body });
  assert.equal((JSON.parse(messages.text) as { type: string }).type, "error");
});

test("an answer has extra_fields and tells of its way in its head", async () => {
  const { text, headers } = await on.call({ key: on.createKey(), body });
  const { extra_fields: extra } = JSON.parse(text) as { extra_fields: Record<string, unknown> };
  assert.deepEqual([extra["provider"], extra["request_type"]], ["up", "chat"]);
  assert.deepEqual(
    [
      headers["x-bifrost-request-id"],
      headers["x-bifrost-routing-info-provider"],
      headers["x-bifrost-routing-info-model"],
      headers["x-bifrost-routing-info-is-fallback"],
    ],
    [headers["x-request-id"], "up", "m", "false"],
  );
});

type Fields = Readonly<Record<string, unknown>> & { readonly routing_info: Readonly<Record<string, unknown>> };
const asks = { "x-bifrost-extra-fields": "true" };
const fieldsIn = (text: string) => (JSON.parse(text) as { readonly extra_fields: Fields }).extra_fields;

test("serverSideFallback() names the model that a provider took of itself, and no version of the one asked", async () => {
  const known = { ...body, model: "openai/gpt-5" };
  const cases = [
    ["openai/gpt-5", "gpt-5-2025-08-07", undefined],
    ["openai/gpt-5", "gpt-5-mini", "gpt-5-mini"],
    ["openai/gpt-5", "of-nobody", undefined],
    ["openai/our-deployment", "gpt-5", undefined],
  ] as const;
  for (const [model, told, wanted] of cases) {
    upstream.answer = answers({ ...completion, model: told });
    const whole = await off.call({ key: off.createKey(), body: { ...known, model }, headers: asks });
    assert.equal(fieldsIn(whole.text).routing_info["server_side_fallback_model"], wanted, whole.text);
    const compat = await on.call({ key: on.createKey(), body: { ...known, model } });
    assert.equal(compat.headers["x-bifrost-routing-info-server-side-fallback-model"], wanted, model);
    assert.equal(whole.headers["x-bifrost-routing-info-server-side-fallback-model"], undefined);
    const event = (delta: object, finish: string | null) =>
      `data: ${JSON.stringify({ id: "c", model: told, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
    upstream.answer = streams(event({ content: "Hi" }, null), event({}, "stop"), "data: [DONE]\n\n");
    const { text } = await off.call({
      ...{ key: off.createKey(), headers: asks },
      body: { ...known, model, stream: true },
    });
    const last = text.split("\n").findLast((line) => line.startsWith("data: {"))!;
    assert.equal(fieldsIn(last.slice(6)).routing_info["server_side_fallback_model"], wanted, text);
  }
  upstream.answer = answers();
});

test("extra_fields say how it was decided, where there was more than one target", async () => {
  const key = off.createKey();
  upstream.answer = answers();
  const listed = await off.call({ key, headers: asks, body: { ...body, fallbacks: ["openai/spare"] } });
  assert.deepEqual(fieldsIn(listed.text)["routing_metadata"], {
    strategy: "ordered",
    considered: [{ target: "up/m" }, { target: "openai/spare" }],
  });
  const sorted = await off.call({ key, headers: asks, body: { ...body, provider: { sort: "price" } } });
  assert.deepEqual(fieldsIn(sorted.text)["routing_metadata"], {
    strategy: "sort by price",
    considered: [{ target: "up/m" }],
  });
  const plain = await off.call({ key, headers: asks, body });
  assert.equal("routing_metadata" in fieldsIn(plain.text), false, "of one target there is nothing to tell");
});

test("nothing of it is there without the switch", async () => {
  const refused = await off.call({ key: "sk-bf-nobody", body });
  assert.deepEqual([refused.status, Object.keys(JSON.parse(refused.text) as object)], [401, ["error"]]);
  const { text, headers } = await off.call({ key: off.createKey(), body });
  assert.equal("extra_fields" in (JSON.parse(text) as object), false);
  assert.equal(headers["x-bifrost-request-id"], undefined);
  assert.equal(headers["x-bifrost-routing-info-provider"], undefined);
});
