/** What clients of Bifrost's Go gateway find with `compat.bifrost`, and nobody without it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Answer, answers, type Lab, startLab, startUpstream, type Upstream } from "./lab.ts";

let upstream: Upstream;
let on: Lab;
let off: Lab;
before(async () => {
  upstream = await startUpstream();
  const config = {
    providers: {
      up: { base_url: `${upstream.origin}/v1`, models: ["m"], api_key: "env.SECRET" },
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

test("nothing of it is there without the switch", async () => {
  const refused = await off.call({ key: "sk-bf-nobody", body });
  assert.deepEqual([refused.status, Object.keys(JSON.parse(refused.text) as object)], [401, ["error"]]);
  const { text, headers } = await off.call({ key: off.createKey(), body });
  assert.equal("extra_fields" in (JSON.parse(text) as object), false);
  assert.equal(headers["x-bifrost-request-id"], undefined);
  assert.equal(headers["x-bifrost-routing-info-provider"], undefined);
});
