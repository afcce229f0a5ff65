/** Paths that clients of other gateways ask for: each is the same call under the same policy as the usual one. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { routeCase } from "./route-cases.ts";

let daemon: Daemon;
let key: string;
let other: string;
before(async () => {
  daemon = await startDaemon({
    config: {
      providers: {
        // Where raw calls for OpenAI go: nobody listens, so that what is let through is told from what is not.
        openai: { base_url: "http://127.0.0.1:9/v1", models: ["m"], free: true },
        ranker: { base_url: "http://127.0.0.1:9/v2", dialect: "cohere", models: ["r"], free: true },
      },
    },
  });
  key = await daemon.createKey({ budget: "3/1d" });
  other = await daemon.createKey({ models: ["nobody/x"] });
});
after(() => daemon?.stop());

async function ask(method: string, path: string, secret: string | undefined, body?: object) {
  const response = await fetch(daemon.url + path, {
    method,
    headers: {
      "content-type": "application/json",
      ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

const chat = { model: "echo/echo", max_tokens: 5, messages: [{ role: "user", content: "hi" }] };
const count = { model: "echo/echo", input: "hi" };
for (const [path, body] of [
  ["/chat/completions", chat],
  ["/responses", count],
  ["/engines/echo%2Fecho/chat/completions", { ...chat, model: undefined }],
  ["/openai/openai/v1/chat/completions", chat],
  ["/openai/openai/responses", count],
  ["/v1/count_tokens", count],
] as const) {
  test(`A66 POST ${path} is served to who may, and to nobody else`, async () => {
    const served = await ask("POST", path, key, body);
    assert.equal(served.status, 200, served.text);
    assert.equal((await ask("POST", path, undefined, body)).status, 401);
    assert.equal((await ask("POST", path, other, body)).status, 403);
  });
}

test("A66 /{vendor}_passthrough is the raw call to the provider of that name", async () => {
  const path = "/openai_passthrough/v1/chat/completions";
  const body = { ...chat, model: "m" };
  assert.equal((await ask("POST", path, undefined, body)).status, 401);
  assert.equal((await ask("POST", path, other, body)).status, 403);
  assert.match((await ask("POST", path, key, body)).text, /upstream_unreachable/);
  assert.equal((await ask("POST", "/anthropic_passthrough/v1/messages", key, body)).status, 404);
});

test("rankings of version 1 are rankings", async () => {
  const { body } = routeCase("cohere.rerank", "ranker/r", false);
  const asked = (secret?: string) => ask("POST", "/cohere/v1/rerank", secret, JSON.parse(body!) as object);
  assert.deepEqual([(await asked()).status, (await asked(other)).status, (await asked(key)).status], [401, 403, 502]);
});

test("A66 OpenRouter's questions are answered of what the key may use, and of nothing else", async () => {
  const data = async (path: string, secret = key) => {
    const { status, text } = await ask("GET", path, secret);
    assert.equal(status, 200, text);
    return (JSON.parse(text) as { data: unknown }).data;
  };
  const ids = (list: unknown) => (list as { id: string }[]).map(({ id }) => id);
  const all = ids(await data("/api/v1/models/user"));
  assert.ok(all.includes("openai/m") && all.includes("echo/echo"), all.join());
  assert.deepEqual(await data("/api/v1/models/count"), { count: all.length });
  assert.deepEqual(await data("/api/v1/models/count", other), { count: 0 });
  const providers = (await data("/api/v1/providers")) as { slug: string }[];
  assert.ok(providers.some(({ slug }) => slug === "openai"));
  assert.deepEqual(await data("/api/v1/providers", other), []);
  assert.equal(((await data("/api/v1/model/openai/m")) as { id: string }).id, "openai/m");
  const { endpoints } = (await data("/api/v1/models/openai/m/endpoints")) as {
    endpoints: { provider_name: string }[];
  };
  assert.deepEqual(
    endpoints.map(({ provider_name }) => provider_name),
    ["openai"],
  );
  assert.deepEqual(await data("/api/v1/credits"), { total_credits: 3, total_usage: 0 });
  for (const path of [
    "models/user",
    "models/count",
    "providers",
    "credits",
    "model/openai/m",
    "models/openai/m/endpoints",
  ])
    assert.equal((await ask("GET", `/api/v1/${path}`, undefined)).status, 401, path);
  assert.equal((await ask("GET", "/api/v1/model/openai/m", other)).status, 404);
  assert.equal((await ask("POST", "/api/v1/credits", key, {})).status, 405);
});

test("A66 the Python gateway's list of models has those that the key may call, and their prices", async () => {
  for (const path of ["/model/info", "/v1/model/info"]) {
    const { status, text } = await ask("GET", path, key);
    assert.equal(status, 200, text);
    const { data } = JSON.parse(text) as {
      data: { model_name: string; model_info: { input_cost_per_token: number | null } }[];
    };
    const costs = new Map(data.map(({ model_name, model_info }) => [model_name, model_info.input_cost_per_token]));
    assert.equal(costs.get("openai/m"), null);
    assert.equal(costs.get("echo-paid/echo-paid"), 0.000001);
    assert.deepEqual(JSON.parse((await ask("GET", path, other)).text), { data: [] });
    assert.equal((await ask("GET", path, undefined)).status, 401);
  }
});

test("the Python gateway's words for health", async () => {
  for (const [path, status] of [
    ["/health/liveliness", 200],
    ["/health/liveness", 200],
    ["/health/readiness", 200],
  ] as const)
    assert.equal((await ask("GET", path, undefined)).status, status, path);
});

test("A66 Azure's list of deployments has the models that the key may call", async () => {
  for (const path of ["/openai/deployments?api-version=2024-10-21", "/openai/openai/deployments"]) {
    const { status, text } = await ask("GET", path, key);
    assert.equal(status, 200, text);
    const { data } = JSON.parse(text) as { data: { id: string; model: string; object: string }[] };
    assert.deepEqual(
      data.filter(({ id }) => id === "openai/m").map(({ object, model }) => [object, model]),
      [["deployment", "openai/m"]],
    );
    assert.deepEqual((JSON.parse((await ask("GET", path, other)).text) as { data: unknown }).data, []);
    assert.equal((await ask("GET", path, undefined)).status, 401);
  }
  assert.equal((await ask("GET", "/openai/openai/models", key)).status, 200);
});

test("a path that means nothing here is refused with what to do instead, in the caller's words", async () => {
  const { status, text } = await ask("POST", "/v1/realtime/calls", key, {});
  assert.equal(status, 404);
  assert.match(
    (JSON.parse(text) as { error: { message: string } }).error.message,
    /open a WebSocket at \/v1\/realtime/,
  );
  const other = await ask("POST", "/anthropic/v1/complete", key, {});
  const told = (JSON.parse(other.text) as { error: { message: string; type: string } }).error;
  assert.match(told.message, /ask at \/v1\/messages/);
  assert.equal(told.type, "not_found_error");
});
