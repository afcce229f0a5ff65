/** Raw calls: whatever they are they go to their provider as they came, metered where they name a model. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { answers, call, errorOf, type Lab, startLab, startUpstream, type Upstream } from "./lab.ts";

let upstream: Upstream;
let lab: Lab;
let key: string;
before(async () => {
  upstream = await startUpstream();
  lab = await startLab({
    auth: { files: "shared" }, // what a body names is not asked for its owner, so it may be anything
    providers: {
      up: { base_url: `${upstream.origin}/v1`, models: ["m"], api_key: "env.SECRET" },
      other: { base_url: `${upstream.origin}/other`, models: ["m2"], api_key: "env.SECRET" },
      claude: { base_url: `${upstream.origin}/v1`, dialect: "anthropic", models: ["c"], api_key: "env.SECRET" },
    },
    prices: { "up/*": { input: 1, output: 2 } },
  });
});
beforeEach(() => {
  key = lab.createKey();
  upstream.seen.length = 0;
});
after(async () => {
  await lab?.stop();
  await upstream?.stop();
});

const post = (path: string, body: string, headers: Readonly<Record<string, string>> = {}) =>
  call(lab.url, { path, key, body, headers });
const lastRow = async () => (await lab.rows()).at(-1)!;

describe("passthrough", () => {
  test("passes any method, the path, the query and the bytes, with our credential", async () => {
    upstream.answer = (incoming, response, { body }) => {
      response.writeHead(201, { "content-type": "text/plain", etag: "x" });
      response.end(`${incoming.method} ${incoming.url} ${body}`);
    };
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
      const withBody = method !== "GET" && method !== "DELETE";
      const answer = await call(lab.url, {
        method,
        path: "/passthrough/up/v1/things/a%3Ab?x=1&key=sk-bf-secret&y",
        key,
        headers: { "content-type": "text/plain", "x-goog-api-key": "client", cookie: "c", "x-own": "kept" },
        ...(withBody ? { body: "\u0001raw" } : {}),
      });
      assert.equal(answer.status, 201, answer.text);
      assert.equal(answer.text, `${method} /v1/things/a%3Ab?x=1&y ${withBody ? "\u0001raw" : ""}`);
      assert.equal(answer.headers["etag"], "x");
      const { headers } = upstream.seen.at(-1)!;
      assert.deepEqual(
        [headers.authorization, headers["x-goog-api-key"], headers.cookie, headers["x-own"], headers.host],
        ["Bearer upstream-secret", undefined, undefined, "kept", new URL(upstream.origin).host],
      );
    }
    const row = await lastRow();
    assert.deepEqual([row.route, row.target, row.status], ["passthrough", "up/*", 201]);
  });

  test("meters a call that names its model, streamed or not, and passes failures as they are", async () => {
    upstream.answer = answers({ choices: [], usage: { prompt_tokens: 100, completion_tokens: 10 } });
    const path = "/passthrough/up/chat/completions";
    const bytes = '{ "model":"m" ,"messages":[]}';
    const answer = await post(path, bytes, { "content-type": "application/json" });
    assert.equal(answer.status, 200);
    assert.equal(upstream.seen.at(-1)?.body, bytes);
    assert.equal((await lastRow()).cost_nano, 100 * 1_000 + 10 * 2_000);
    upstream.answer = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end('data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":1}}\n\ndata: [DONE]\n\n');
    };
    const streamed = await post(path, '{"model":"m","stream":true,"messages":[]}', {
      "content-type": "application/json",
    });
    assert.match(streamed.text, /\[DONE\]/);
    assert.equal((await lastRow()).cost_nano, 7 * 1_000 + 2_000);
    upstream.answer = answers({ error: { message: "theirs" } }, 422);
    const failed = await post(path, '{"model":"m"}', { "content-type": "application/json" });
    assert.deepEqual([failed.status, JSON.parse(failed.text)], [422, { error: { message: "theirs" } }]);
    assert.equal((await lastRow()).cost_nano, 0);
    upstream.answer = answers({ error: { message: "bad key upstream-secret" } }, 401);
    const ours = await post(path, '{"model":"m"}', { "content-type": "application/json" });
    assert.deepEqual([ours.status, ours.text.includes("upstream-secret")], [502, false]);
  });

  test("A41 shows no credential of ours where the provider repeats what it was sent", async () => {
    upstream.answer = (incoming, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.write(`{"sent":"${incoming.headers.authorization!.slice(0, 12)}`);
      setImmediate(() => response.end(`${incoming.headers.authorization!.slice(12)}"}`));
    };
    const { text } = await call(lab.url, { method: "GET", path: "/passthrough/up/mirror", key });
    assert.deepEqual(JSON.parse(text), { sent: `Bearer ${"*".repeat("upstream-secret".length)}` });
  });

  test("refuses a restricted key whose body names no model, or another", async () => {
    upstream.answer = answers({ usage: { prompt_tokens: 1, completion_tokens: 1 } });
    const restricted = lab.createKey({ models: ["up/m"] });
    const ask = (path: string, body: unknown) =>
      call(lab.url, { path, key: restricted, body, headers: { "content-type": "application/json" } });
    assert.equal((await ask("/passthrough/up/chat/completions", { model: "m" })).status, 200);
    for (const [path, body] of [
      ["/passthrough/up/chat/completions", {}],
      ["/passthrough/up/chat/completions", { model: "gpt-5" }],
      ["/passthrough/other/chat/completions", { model: "m" }],
      ["/passthrough/up/models/gpt-5:generateContent", {}],
      ["/passthrough/up/deployments/gpt-5/chat/completions", {}],
    ] as const) {
      const answer = await ask(path, body);
      assert.deepEqual([answer.status, errorOf(answer).code], [403, "model_not_allowed"], path);
    }
    assert.equal((await ask("/passthrough/up/models/gpt-5:generateContent", { model: "m" })).status, 400);
    assert.equal((await ask("/passthrough/up/models/m:generateContent", { contents: [] })).status, 200);
    const raw = await call(lab.url, {
      path: "/passthrough/up/x",
      key: restricted,
      body: "m",
      headers: { "content-type": "a/b" },
    });
    assert.equal(raw.status, 403);
  });

  test("takes a model from where the provider does, in whichever spelling, or from nowhere", async () => {
    upstream.answer = answers({ usage: { prompt_tokens: 1, completion_tokens: 1 } });
    const restricted = lab.createKey({ models: ["up/m"] });
    const blocked = lab.createKey({ blocked: ["up/n"] });
    const ask = (path: string, own: string, more: object = {}) =>
      call(lab.url, {
        path: `/passthrough/up/${path}`,
        key: own,
        body: { model: "m", ...more },
        headers: { "content-type": "application/json" },
      });
    for (const path of [
      ...["models/n:generateContent", "%6dodels/n:generateContent", "models/n%3AgenerateContent", "models/n:predict/"],
      ...[
        "/models//n:generateContent",
        "models/n:generateContent;x",
        "models/m:x/models/n:predict",
        "mod%65l/n/invoke",
      ],
      ...["engines/n/completions", "%64eployments/n/chat/completions", "models/n:generateContent%3Fx"],
    ])
      assert.deepEqual([(await ask(path, restricted)).status, path], [400, path]);
    for (const path of [
      ...["predictions", "models/n/predictions", "text-to-speech/v", "async/chat/completions", "fine_tuning/jobs"],
      ...["endpoints/7/chat/completions", "threads/runs", "messages/batches", "tunedModels/n:generateContent"],
    ]) {
      for (const own of [restricted, blocked])
        assert.deepEqual(
          [errorOf(await ask(path, own, { request: { model: "n" } })).code, path],
          ["model_not_allowed", path],
        );
      assert.equal((await ask(path, key)).status, 200);
    }
    const painter = { tools: [{ type: "image_generation", model: "n" }] };
    for (const more of [{ models: ["n"] }, { fallbacks: ["n"] }, painter])
      assert.equal((await ask("chat/completions", restricted, more)).status, 403);
    const usual = await call(lab.url, {
      path: "/v1/chat/completions",
      key: blocked,
      body: { model: "up/m", messages: [], ...painter },
    });
    assert.deepEqual(
      [errorOf(usual).code, errorOf(usual).message],
      ["model_not_allowed", "this API key may not call up/n"],
    );
    assert.equal((await ask("v1/chat/completions/", restricted)).status, 200);
    assert.equal((await ask("chat/completions", blocked)).status, 200);
    // What calls no model is for who may call most of them.
    const listed = await call(lab.url, { method: "GET", path: "/passthrough/up/models", key: blocked });
    assert.equal(listed.status, 200);
  });

  test("A37 stays inside the provider's base URL, whatever the path is made of", async () => {
    upstream.answer = answers({});
    for (const path of [
      "../admin",
      "a/../../admin",
      "%2e%2e/admin",
      "a/%2E%2e%2fadmin",
      "a/..%5c..%5cadmin",
      "%252e%252e/admin",
      "%2e%2e/admin/%zz",
      "%zz/%252e%252e/%252e%252e/admin",
      "a/..;/admin",
      "a%00b",
      "a%0d%0aHost:x",
      ".",
      "%25252525252e%2e",
    ]) {
      const answer = await call(lab.url, { method: "GET", path: `/passthrough/up/${path}`, key });
      assert.ok(answer.status === 400 || answer.status === 404, `${path}: ${answer.status}`);
    }
    assert.equal(upstream.seen.length, 0);
    for (const path of ["@evil.example/", "/evil.example/x", "http://evil.example/", "x?url=http://evil.example"]) {
      const answer = await call(lab.url, { method: "GET", path: `/passthrough/up/${path}`, key });
      assert.ok(answer.status === 200 || answer.status === 404, `${path}: ${answer.status}`);
    }
    for (const { path, headers } of upstream.seen) {
      assert.match(path, /^\/v1\//);
      assert.equal(headers.host, new URL(upstream.origin).host);
    }
    assert.equal((await call(lab.url, { method: "GET", path: "/passthrough/nobody/x", key })).status, 404);
    assert.equal((await call(lab.url, { method: "GET", path: "/passthrough/up/x" })).status, 401);
  });
});
