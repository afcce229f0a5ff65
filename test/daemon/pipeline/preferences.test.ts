import assert from "node:assert/strict";
import { test } from "node:test";
import { scanRequest } from "../../../daemon/http/scan.ts";
import { readPreferences } from "../../../daemon/pipeline/preferences.ts";

const read = (body: object, headers: readonly string[] = []) => {
  const bytes = Buffer.from(JSON.stringify({ model: "m", ...body }));
  return readPreferences(bytes, scanRequest(bytes).noted, headers);
};

test("readPreferences() says nothing of a request that says nothing", () => {
  const headers = ["Host", "h", "X-Stainless-Lang", "js", "x-api-key", "k", "Session-Thing", "x", "X-Request-Id", "1"];
  assert.equal(read({ messages: [], fallbacks: ["a"] }, headers), undefined);
  assert.equal(read({ provider: null, models: null }), undefined);
});

test("readPreferences() reads OpenRouter's fields", () => {
  assert.deepEqual(
    read({
      models: ["a/b", "c"],
      session_id: "s-1",
      prompt_cache_key: "p",
      usage: { include: true },
      provider: {
        order: ["openai"],
        only: ["openai", "azure"],
        ignore: ["x"],
        allow_fallbacks: false,
        require_parameters: true,
        data_collection: "deny",
        zdr: true,
        quantizations: ["fp8"],
        sort: { by: "throughput", partition: "none" },
        max_price: { prompt: 1, completion: "2.5", image: 0.1 },
        preferred_min_throughput: { p50: 40, p90: 20 },
        preferred_max_latency: 2,
        enforce_distillable_text: true,
      },
    }),
    {
      models: ["a/b", "c"],
      session: "s-1",
      cacheKey: "p",
      tellsCost: true,
      provider: {
        order: ["openai"],
        only: ["openai", "azure"],
        ignore: ["x"],
        allowFallbacks: false,
        requireParameters: true,
        dataCollection: "deny",
        zdr: true,
        quantizations: ["fp8"],
        sort: "throughput",
        maxPrice: { prompt: 1, completion: 2.5, image: 0.1 },
        preferredMinThroughput: 40,
        preferredMaxLatency: 2,
      },
    },
  );
  assert.deepEqual(read({ provider: "openai" }), { provider: { only: ["openai"] } });
});

test("readPreferences() reads the headers of other gateways and of coding agents", () => {
  assert.deepEqual(
    read({}, [
      ...["X-BF-Api-Key", "main", "x-bf-api-key-id", "second", "x-bf-session-id", "one", "X-Session-Id", "two"],
      ...["x-bf-session-ttl", "60", "x-bf-session-affinity", "off", "x-bifrost-priority", "5"],
      ...["x-litellm-num-retries", "2", "x-litellm-timeout", "30", "x-litellm-stream-timeout", "1.5"],
    ]),
    {
      credential: "second",
      session: "one",
      sessionTtlMs: 60_000,
      affinity: false,
      priority: 5,
      retries: 2,
      timers: { totalMs: 30_000, firstByteMs: 1_500 },
    },
  );
  for (const header of ["session_id", "x-claude-code-session-id", "x-opencode-session"])
    assert.deepEqual(read({}, [header, "s"]), { session: "s" });
});

test("readPreferences() refuses by name what it could not obey", () => {
  const refusals: readonly (readonly [body: object, headers: readonly string[], param: string])[] = [
    [{ models: "" }, [], "models[0]"],
    [{ models: [1] }, [], "models[0]"],
    [{ models: Array.from({ length: 33 }, () => "m") }, [], "models"],
    [{ provider: [] }, [], "provider"],
    [{ provider: { orders: ["x"] } }, [], "provider.orders"],
    [{ provider: { sort: "beauty" } }, [], "provider.sort"],
    [{ provider: { zdr: "yes" } }, [], "provider.zdr"],
    [{ provider: { max_price: { prompt: -1 } } }, [], "provider.max_price.prompt"],
    [{ provider: { max_price: { audio: 1 } } }, [], "provider.max_price.audio"],
    [{ session_id: 5 }, [], "session_id"],
    [{}, ["x-bf-session-ttl", "soon"], "x-bf-session-ttl"],
    [{}, ["x-bifrost-priority", "1.5"], "x-bifrost-priority"],
    [{}, ["x-litellm-timeout", "-3"], "x-litellm-timeout"],
  ];
  for (const [body, headers, param] of refusals) {
    assert.throws(() => read(body, headers), { code: "invalid_request", details: { source: "client", param } }, param);
  }
});
