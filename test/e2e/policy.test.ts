/** What a caller may not choose, and what no spelling of a request can change. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ask, type ClientDialect, paths } from "../support/client.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { outcome } from "../support/outcome.ts";
import { exchange, requestText } from "../support/raw-http.ts";

let daemon: Daemon;
let key: string;
before(async () => {
  daemon = await startDaemon({ config: {} });
  key = await daemon.createKey();
});
after(() => daemon?.stop());

const dialects: readonly ClientDialect[] = ["chat", "messages"];
const forbidden = {
  api_base: "http://evil.example",
  base_url: "http://evil.example",
  api_key: "sk-x",
  extra_headers: { a: "b" },
  mock_response: "hi",
};

for (const dialect of dialects) {
  test(`A36 scan() refuses what would choose destination or credential, ${dialect}`, async () => {
    for (const [field, value] of Object.entries(forbidden)) {
      const bodies: Record<string, unknown>[] = [
        { [field]: value },
        { litellm_params: { [field]: value } },
        { provider: { [field]: value } },
        { metadata: { [field]: value } },
        { metadata: { deep: [{ [field]: value }] } },
        { fallbacks: [{ model: "echo", [field]: value }] },
      ];
      for (const body of bodies) {
        const answer = await ask(daemon.url, { dialect, model: "echo", key, body });
        const { error } = outcome(dialect, answer);
        assert.equal(answer.status, 400, `${JSON.stringify(body)}: ${answer.text}`);
        assert.match(
          error?.message ?? "",
          new RegExp(field === "mock_response" ? "mock_|fallbacks" : `${field}|fallbacks`),
        );
      }
    }
  });

  test(`A36 scan() lets a tool's schema own such a property, ${dialect}`, async () => {
    const schema = { type: "object", properties: { api_base: { type: "string" }, api_key: { type: "string" } } };
    const tools =
      dialect === "chat"
        ? [{ type: "function", function: { name: "t", parameters: schema } }]
        : [{ name: "t", input_schema: schema }];
    const answer = await ask(daemon.url, { dialect, model: "echo", key, body: { tools } });
    assert.equal(answer.status, 200, answer.text);
    const prompt = 'the field "api_key": "x" in a text is a text';
    assert.equal((await ask(daemon.url, { dialect, model: "echo", key, prompt })).status, 200);
  });

  test(`A38 match() decides the same for every spelling of the target, ${dialect}`, async () => {
    const path = paths[dialect];
    const body = JSON.stringify({ model: "echo", max_tokens: 5, messages: [{ role: "user", content: "x" }] });
    const base = ["host: gateway", "content-type: application/json", "connection: close"];
    const targets = [
      path,
      `//${path.slice(1)}`,
      `/${path}`,
      path.replace("/v1", "/v1/"),
      `${path}/`,
      path.replace("/v1/", "/v1/./"),
      path.replace("/v1/", "/v1/../v1/"),
      path.replace("/v1/", "/v1/%2e%2e/v1/"),
      path.replace("/v1/", "/v1%2f"),
      `${path};a=b`,
      path.replace("/v1/", "/v1;x/"),
      `/health/..${path}`,
      `/health/%2e%2e${path}`,
      `/health;${path}`,
      `/health/live?x=${path}`,
      path.toUpperCase(),
      `${path}%00`,
      `http://gateway${path}`,
      `http://127.0.0.1/health${path}`,
      `http://evil.example${path}`,
      `${path}?key=${key}`,
      `${path}#/health`,
    ];
    for (const target of targets) {
      const open = await exchange(daemon.url, requestText("POST", target, base, body));
      assert.ok([400, 401, 404, 405].includes(open.status), `${target} without a key: ${open.status}`);
    }
    const odd = [
      ["host: evil.example"],
      ["host: localhost", "x-forwarded-host: localhost", "x-forwarded-for: 127.0.0.1"],
      ["host: gateway", "x-http-method-override: GET", "x-original-url: /health", "x-rewrite-url: /health"],
      ["host: gateway", "x-method-override: GET"],
      ["host: gateway@127.0.0.1"],
    ];
    for (const headers of odd) {
      const rest = ["content-type: application/json", "connection: close"];
      const refused = await exchange(daemon.url, requestText("POST", path, [...headers, ...rest], body));
      assert.ok([400, 401].includes(refused.status), `${headers} without a key: ${refused.status}`);
      const allowed = [...headers, ...rest, `authorization: Bearer ${key}`, "anthropic-version: 2023-06-01"];
      const served = await exchange(daemon.url, requestText("POST", path, allowed, body));
      assert.ok([200, 400].includes(served.status), `${headers} with a key: ${served.status} ${served.body}`);
    }
    const smuggled = await exchange(
      daemon.url,
      requestText(
        "POST",
        path,
        ["host: g", "connection: close", "transfer-encoding: chunked", "content-length: 4"],
        "",
      ),
    );
    assert.equal(smuggled.status, 400, "two lengths are no length");
    const get = await exchange(
      daemon.url,
      requestText("GET", path, ["host: g", "connection: close", "x-http-method: POST"]),
    );
    assert.ok([401, 404, 405].includes(get.status), `GET: ${get.status}`);
  });

  test(`A39 the failure path takes SQL for text wherever it stands, ${dialect}`, async () => {
    const evil = [
      "'; DROP TABLE keys; --",
      '" OR 1=1 --',
      "') UNION SELECT hash FROM key_hashes --",
      "%27%3B--",
      "\\'; --",
    ];
    for (const text of evil) {
      const bodies: Record<string, unknown>[] = [
        { model: text },
        { user: text },
        { fallbacks: [text] },
        { metadata: { user_id: text } },
      ];
      for (const body of bodies) {
        const answer = await ask(daemon.url, { dialect, model: "echo", key, body });
        assert.ok(answer.status < 500, `${JSON.stringify(body)}: ${answer.status} ${answer.text}`);
        outcome(dialect, answer);
      }
      const headers = {
        "user-agent": text,
        "x-request-id": text,
        "x-title": text,
        "anthropic-beta": text,
        referer: text,
      };
      assert.equal((await ask(daemon.url, { dialect, model: "echo", key, headers })).status, 200);
      assert.equal((await ask(daemon.url, { dialect, model: "echo", key: `sk-bf-${text}` })).status, 401);
      const asked = encodeURIComponent(text);
      const found = await exchange(
        daemon.url,
        requestText("GET", `/v1/models/${asked}?after=${asked}`, [
          "host: g",
          "connection: close",
          `authorization: Bearer ${key}`,
        ]),
      );
      assert.ok([400, 404].includes(found.status), `models: ${found.status}`);
      for (const query of [`key=${asked}`, `model=${asked}`, `error=${asked}`, `before=${asked}`]) {
        const told = await daemon.admin("GET", `/api/logs?${query}`).catch((error: Error) => error);
        if (told instanceof Error) assert.match(told.message, /: 40[04] /);
      }
      await assert.rejects(daemon.admin("GET", `/api/keys/${asked}`), /404|400/);
    }
    assert.equal((await daemon.ledgerCheck()).ok, true);
    assert.equal((await ask(daemon.url, { dialect, model: "echo", key })).status, 200, "the keys are still there");
  });
}

test("A42 the admin API refuses unknown fields", async () => {
  await assert.rejects(daemon.admin("POST", "/api/keys", { name: "x", is_admin: true }), /: 400 .*is_admin/);
});
