/** `GET /v1/generation`: a request of one's own, told from the log in OpenRouter's words, and nobody else's. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { after, before, describe, test } from "node:test";
import { ask } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";
import { chat } from "./cost-answers.ts";

let daemon: Daemon;
let upstream: Server;
let key: string;
let other: string;
const usage = {
  ...{ prompt_tokens: 30, completion_tokens: 7, total_tokens: 37 },
  prompt_tokens_details: { cached_tokens: 10 },
  completion_tokens_details: { reasoning_tokens: 2 },
};
const [whole, streamed] = chat({ usage });
const upstreamId = /"id":"([^"]+)"/.exec(whole)![1];

before(async () => {
  upstream = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      body += part;
    });
    request.on("end", () => {
      const isStream = /"stream":\s*true/.test(body);
      response.writeHead(200, { "content-type": isStream ? "text/event-stream" : "application/json" });
      if (body.includes("never ends")) response.write(streamed.slice(0, streamed.indexOf("\n\n") + 2));
      else response.end(isStream ? streamed : whole);
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  daemon = await startDaemon({ env: { KEY: "upstream-secret" }, config: config({}) });
  key = await daemon.createKey({ name: "own" });
  other = await daemon.createKey({ name: "other" });
});
after(async () => {
  await daemon?.stop();
  upstream?.close();
});

function config(more: object): object {
  const { port } = upstream.address() as { port: number };
  return {
    ledger: patientLedger,
    providers: { up: { base_url: `http://127.0.0.1:${port}/v1`, models: ["m"], api_key: "env.KEY" } },
    prices: { "up/*": { input: 0.1, output: 0.4 } },
    ...more,
  };
}

async function configure(more: object): Promise<void> {
  daemon.writeConfig(config(more));
  await daemon.restart();
}

type Told = { readonly data: Readonly<Record<string, unknown>> };

async function tell(query: string, secret: string | undefined, path = "/v1/generation", method = "GET") {
  const headers: Record<string, string> = secret === undefined ? {} : { authorization: `Bearer ${secret}` };
  const response = await fetch(`${daemon.url}${path}${query}`, { method, headers });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, told: () => (JSON.parse(text) as Told).data };
}

/** Asks a model with the price in the answer, and gives the id and that price. */
async function made(stream: boolean): Promise<{ readonly id: string; readonly cost: number }> {
  const body = { usage: { include: true } };
  const answer = await ask(daemon.url, { dialect: "chat", model: "up/m", key, stream, body });
  assert.equal(answer.status, 200, answer.text);
  const id = answer.headers["x-generation-id"];
  assert.ok(typeof id === "string" && id.startsWith("req_"), String(id));
  return { id, cost: Number(/"cost":([\d.e-]+)/.exec(answer.text)?.[1]) };
}

describe("describeOwnRequest()", { concurrency: false }, () => {
  for (const stream of [false, true]) {
    for (const path of ["/v1/generation", "/api/v1/generation"]) {
      test(`tells at ${path} what a ${stream ? "streamed" : "whole"} answer cost, right after it`, async () => {
        const { id, cost } = await made(stream);
        const answer = await tell(`?id=${id}`, key, path);
        assert.equal(answer.status, 200, answer.text);
        assert.equal(answer.headers.get("cache-control"), "no-store");
        const { created_at, latency, generation_time, ...rest } = answer.told();
        assert.ok(cost > 0);
        assert.ok(Math.abs(Date.parse(String(created_at)) - Date.now()) < 60_000, String(created_at));
        assert.ok(Number(latency) >= Number(generation_time) && Number(generation_time) > 0, answer.text);
        const known = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null));
        assert.deepEqual(known, {
          id,
          model: "up/m",
          provider_name: "up",
          streamed: stream,
          cancelled: false,
          upstream_id: upstreamId,
          finish_reason: "stop",
          native_finish_reason: "stop",
          tokens_prompt: 30,
          tokens_completion: 7,
          native_tokens_prompt: 30,
          native_tokens_completion: 7,
          native_tokens_reasoning: 2,
          native_tokens_cached: 10,
          total_cost: cost,
          usage: cost,
        });
        for (const name of ["router", "is_byok", "cache_discount"]) assert.equal(rest[name], null, name);
      });
    }
  }

  test("tells of a stream that its client left, and that its price is an estimate", async () => {
    const gone = new AbortController();
    const response = await fetch(`${daemon.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "up/m", stream: true, messages: [{ role: "user", content: "never ends" }] }),
      signal: gone.signal,
    });
    const id = response.headers.get("x-request-id");
    assert.equal((await tell(`?id=${id}`, key)).status, 404, "it is under way");
    gone.abort();
    const answer = await until("the row", async () => {
      const { status, told } = await tell(`?id=${id}`, key);
      return status === 200 ? told() : undefined;
    });
    assert.deepEqual([answer["cancelled"], answer["cost_estimated"], answer["streamed"]], [true, true, true]);
    assert.ok(Number(answer["total_cost"]) > 0);
  });

  test("tells another key as little of it as of one that nobody made", async () => {
    const { id } = await made(false);
    assert.equal((await tell(`?id=${id}`, key)).status, 200);
    const hidden = await tell(`?id=${id}`, other);
    const missing = await tell("?id=req_0", other);
    assert.deepEqual([hidden.status, missing.status], [404, 404]);
    const words = ({ text }: { text: string }) => text.replace(/req_\w+/g, "…");
    assert.equal(words(hidden), words(missing));
    assert.match(hidden.text, /was made with this API key/);
  });

  test("asks for a key first, and then for an id", async () => {
    assert.equal((await tell("?id=req_0", undefined)).status, 401);
    assert.equal((await tell("", undefined)).status, 401);
    assert.equal((await tell("?id=req_0", "sk-bf-nobody")).status, 401);
    for (const query of ["", "?id=", "?id=%20", "?generation=req_0"]) {
      const { status, text } = await tell(query, key);
      assert.equal(status, 400, query);
      assert.match(text, /x-request-id/);
    }
    assert.equal((await tell(`?id=${"9".repeat(2_000)}`, key)).status, 404);
    const { status, headers } = await tell("?id=req_0", key, "/v1/generation", "POST");
    assert.deepEqual([status, headers.get("allow")], [405, "GET"]);
  });

  test("still knows it by a key that was rotated, and not by one that was revoked", async () => {
    const { id } = await made(false);
    const { secret } = await daemon.admin<{ secret: string }>("POST", "/api/keys/own/rotate", { grace_ms: 0 });
    key = secret;
    assert.equal((await tell(`?id=${id}`, secret)).status, 200);
    await daemon.admin("DELETE", "/api/keys/other");
    assert.equal((await tell(`?id=${id}`, other)).status, 401);
  });

  test("tells, where no key is asked for, of what was made without one", async () => {
    const keyed = await made(false);
    await configure({ auth: { inference: "open" } });
    const { id } = await made(false);
    assert.deepEqual(
      await Promise.all([id, keyed.id].map(async (one) => (await tell(`?id=${one}`, undefined)).status)),
      [200, 404],
    );
  });

  test("says so where no log is kept", async () => {
    const { id } = await made(false);
    await configure({ record: { requests: false } });
    const { status, text } = await tell(`?id=${id}`, key);
    assert.equal(status, 404);
    assert.match(text, /no request log is kept/);
  });
});
