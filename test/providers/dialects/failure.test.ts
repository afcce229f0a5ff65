import assert from "node:assert/strict";
import { test } from "node:test";
import { upstreamWordsMax } from "../../../providers/dialects/failure.ts";
import { dialects } from "../../../providers/dialects/index.ts";
import { GatewayError } from "../../../providers/gateway-error.ts";

const { "openai-chat": openaiChat, anthropic } = dialects;

test("decodeFailure() gives each status of an upstream its code", () => {
  const table: Readonly<Record<number, readonly [code: string, status: number]>> = {
    400: ["upstream_rejected", 400],
    401: ["upstream_credential", 502],
    402: ["upstream_credential", 502],
    403: ["upstream_credential", 502],
    404: ["upstream_rejected", 404],
    408: ["upstream_timeout", 504],
    413: ["upstream_rejected", 413],
    422: ["upstream_rejected", 422],
    429: ["rate_limit_exceeded", 429],
    500: ["upstream_error", 502],
    502: ["upstream_error", 502],
    503: ["upstream_overloaded", 503],
    504: ["upstream_error", 502],
    529: ["upstream_overloaded", 503],
  };
  for (const [status, expected] of Object.entries(table)) {
    for (const dialect of Object.values(dialects)) {
      const error = dialect.decodeFailure(Number(status), {
        error: { message: "words", type: "invalid_request_error" },
      });
      assert.deepEqual([[error.code, error.status], error.message], [expected, "words"], status);
      assert.deepEqual([error.details.source, error.details.upstreamStatus], ["provider", Number(status)]);
    }
  }
});

test("decodeFailure() knows the errors that have a code of their own", () => {
  const cases: readonly [string, number, object][] = [
    ["context_length_exceeded", 400, { error: { message: "m", code: "context_length_exceeded" } }],
    [
      "context_length_exceeded",
      400,
      { type: "error", error: { type: "invalid_request_error", message: "prompt is too long: 9 tokens > 8 maximum" } },
    ],
    ["context_length_exceeded", 413, { error: { message: "This model's maximum context length is 8192 tokens" } }],
    ["content_policy_violation", 400, { error: { message: "m", code: "content_filter" } }],
    [
      "content_policy_violation",
      400,
      { error: { message: "Output blocked by content filtering policy", type: "invalid_request_error" } },
    ],
    [
      "upstream_credential",
      400,
      { type: "error", error: { type: "invalid_request_error", message: "Your credit balance is too low" } },
    ],
    ["upstream_overloaded", 200, { type: "error", error: { type: "overloaded_error", message: "m" } }],
    ["rate_limit_exceeded", 200, { error: { message: "m", code: "429" } }],
    ["upstream_credential", 200, { error: { message: "m", type: "authentication_error" } }],
    ["upstream_rejected", 200, { error: { message: "m", type: "invalid_request_error" } }],
    ["upstream_error", 200, { error: { message: "m", type: "constructor" } }],
  ];
  for (const [code, status, body] of cases)
    assert.equal(openaiChat.decodeFailure(status, body).code, code, JSON.stringify(body));
});

test("decodeFailure() keeps the upstream's words, wherever they stand", () => {
  const cases: readonly [unknown, string][] = [
    [{ error: { message: "one", param: "model" } }, "one"],
    [{ error: "two" }, "two"],
    [[{ error: { message: "three" } }], "three"],
    [{ object: "error", message: "four" }, "four"],
    [{ detail: "five" }, "five"],
    [{ detail: [{ loc: ["body"], msg: "six" }] }, '[{"loc":["body"],"msg":"six"}]'],
    ["  seven\n", "seven"],
    [undefined, "the provider answered 400"],
    [{ error: { message: 8 } }, "8"],
  ];
  for (const [body, message] of cases) assert.equal(openaiChat.decodeFailure(400, body).message, message);
  assert.equal(openaiChat.decodeFailure(400, "x".repeat(upstreamWordsMax * 2)).message.length, upstreamWordsMax);
  assert.equal(openaiChat.decodeFailure(400, cases[0]![0]).details.param, "model");
});

const refusal = new GatewayError("rate_limit_exceeded", "too many", {
  source: "gateway",
  scope: "key",
  limit: "60/1m",
  spent: "60",
  held: "0",
  resetsAt: "2026-01-01T00:00:00Z",
  retryAfterMs: 1500,
});
const extras = {
  source: "gateway",
  scope: "key",
  limit: "60/1m",
  spent: "60",
  held: "0",
  resets_at: "2026-01-01T00:00:00Z",
  retry_after_ms: 1500,
};

test("renderFailure() of openai-chat", () => {
  assert.deepEqual(openaiChat.renderFailure(refusal, "req_1"), {
    error: {
      message: "too many",
      type: "rate_limit_exceeded",
      param: null,
      code: "rate_limit_exceeded",
      ...extras,
      request_id: "req_1",
    },
  });
});

test("renderFailure() of anthropic", () => {
  assert.deepEqual(anthropic.renderFailure(refusal, "req_1"), {
    type: "error",
    error: { type: "rate_limit_error", message: "too many", code: "rate_limit_exceeded", ...extras },
    request_id: "req_1",
  });
});

test("renderFailure() of anthropic has Anthropic's own type for every status", () => {
  const type = (code: ConstructorParameters<typeof GatewayError>[0]) =>
    (anthropic.renderFailure(new GatewayError(code, "m"), "r")["error"] as { type: string }).type;
  const expected = {
    invalid_request: "invalid_request_error",
    invalid_api_key: "authentication_error",
    budget_exceeded: "billing_error",
    model_not_allowed: "permission_error",
    model_not_found: "not_found_error",
    request_timeout: "timeout_error",
    payload_too_large: "request_too_large",
    rate_limit_exceeded: "rate_limit_error",
    internal_error: "api_error",
    upstream_error: "api_error",
    upstream_timeout: "timeout_error",
    upstream_overloaded: "overloaded_error",
  } as const;
  for (const [code, name] of Object.entries(expected)) assert.equal(type(code as keyof typeof expected), name);
});
