/**
 * Every route of the router's own table against every policy: who may, what limits hold, what is paid, what is recorded,
 * and in whose words a refusal comes.
 */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { after, before, describe, test } from "node:test";
import type { LogAnswer, LogRow } from "../../daemon/admin/contract/logs.ts";
import { type Answer, send } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";
import { type RouteCase, routeCase, routeNames, samples } from "./route-cases.ts";

let daemon: Daemon;
let upstream: Server;
/** What the upstream says next, whole or as a stream, whatever it is asked. */
let next: { readonly type: string; readonly text: string } = { type: "application/json", text: "{}" };
let received: string[] = [];

before(async () => {
  upstream = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      received.push(`${request.method} ${request.url} ${Buffer.concat(parts).toString("latin1")}`);
      response.writeHead(200, { "content-type": next.type });
      response.end(next.text);
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const { port } = upstream.address() as { port: number };
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      providers: {
        up: { base_url: `http://127.0.0.1:${port}/v1`, models: ["m", "n"], api_key: "env.KEY" },
        an: { base_url: `http://127.0.0.1:${port}/v1`, dialect: "anthropic", models: ["m"], api_key: "env.KEY" },
        ge: { base_url: `http://127.0.0.1:${port}/v1beta`, dialect: "gemini", models: ["m"], api_key: "env.KEY" },
        co: { base_url: `http://127.0.0.1:${port}/v2`, dialect: "cohere", models: ["m"], api_key: "env.KEY" },
        mi: { base_url: `http://127.0.0.1:${port}/v1`, host: "mistral", models: ["m"], api_key: "env.KEY" },
        gv: { base_url: `http://127.0.0.1:${port}/v1beta`, dialect: "gemini", models: ["m"], api_key: "env.KEY" },
        vi: { base_url: `http://127.0.0.1:${port}/v1`, models: ["m"], api_key: "env.KEY" },
        // With the paths that only one of OpenAI's own has.
        re: { base_url: `http://127.0.0.1:${port}/v1`, host: "openai", models: ["m"], api_key: "env.KEY" },
      },
      prices: {
        "vi/*": { video_second: 0.1 },
        "gv/*": { video_second: 0.1 },
        ...Object.fromEntries(
          ["up", "re", "an", "ge", "co", "mi"].map((name) => [`${name}/*`, { input: 1, output: 2 }]),
        ),
      },
    },
  });
});
after(async () => {
  await daemon?.stop();
  upstream?.close();
});

/** Which of them serves this route. */
const providers: Readonly<Record<string, string>> = {
  videos: "vi",
  "gemini.predict": "ge",
  "gemini.predict_long": "gv",
  "responses.compact": "re",
  ocr: "mi",
  "fim.completions": "mi",
  "cohere.tokenize": "co",
  "cohere.detokenize": "co",
  "gemini.batch_generate": "ge",
  "gemini.batch_embed": "ge",
};
const modelOf = (name: string) => `${providers[name] ?? "up"}/m`;

async function ask(one: RouteCase, key: string | undefined, stream: boolean): Promise<Answer> {
  next =
    stream && one.stream !== undefined
      ? { type: "text/event-stream", text: one.stream }
      : { type: "application/json", text: one.answer };
  const opened = await send(daemon.url, {
    method: one.method,
    path: one.path,
    headers: { ...one.headers, ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
    body: one.body,
  });
  return opened.answer();
}

/** Each dialect's own way to say no, told by the fields that only it has. */
function words(answer: Answer): string {
  const body = JSON.parse(answer.text) as {
    type?: string;
    error?: { status?: string; code?: unknown };
    message?: string;
  };
  if (body.type === "error") return "anthropic";
  if (typeof body.error?.status === "string") return "gemini";
  if (body.error !== undefined) return "openai";
  return body.message === undefined ? "?" : "bedrock or cohere";
}

function spoken(name: string): string {
  if (name.startsWith("messages")) return "anthropic";
  if (name.startsWith("gemini")) return "gemini";
  return name.startsWith("bedrock") || name.startsWith("cohere") || name === "rerank" ? "bedrock or cohere" : "openai";
}

const oneAMinute = { metric: "requests", limit: 1, window_ms: 60_000 };
/** Less than any of the cases may cost. */
const nearlyNothing = { limit_nano: 1, window: { kind: "rolling", length_ms: 86_400_000 } };
let keys = 0;
async function createKey(options: object = {}): Promise<string> {
  const made = await daemon.admin<{ secret: string }>("POST", "/api/keys", { name: `matrix-${keys++}`, ...options });
  return made.secret;
}

/** Rows are written a moment after the answer. */
function rowOf({ headers }: Answer): Promise<LogRow> {
  const path = `/api/logs/${String(headers["x-request-id"])}`;
  return until("the request's row", () =>
    daemon.admin<LogAnswer>("GET", path).then(
      ({ request }) => request,
      () => undefined,
    ),
  );
}

const pricedByUsage = ({ answer }: RouteCase) => answer.includes('"usage"');
const outputOf = ({ answer }: RouteCase) => (/"(?:completion|output)_tokens":5/.test(answer) ? 5 : 0);

test("A66 every route of the table has a case, and every case a route", () => {
  assert.deepEqual(
    [...routeNames()].sort(),
    Object.keys(samples)
      .filter((name) => routeNames().has(name))
      .sort(),
  );
  const planned = new Set(["cohere.chat", "cohere.embed", "cohere.rerank", "rerank"]); // with the dialect, all or none
  const missing = Object.keys(samples).filter((name) => !routeNames().has(name));
  assert.ok(missing.length === 0 || missing.every((name) => planned.has(name)), missing.join());
});

test("A66 responses.stored is for the key that made the response, and nobody else", async () => {
  const one = routeCase("responses.stored", "up/m", false);
  assert.equal((await ask(one, undefined, false)).status, 401);
  assert.equal((await ask(one, await createKey(), false)).status, 404);
});

for (const name of routeNames()) {
  if (samples[name]?.isOwn) continue; // what it is asked about belongs to whoever made it: above
  const streams = samples[name]?.streams !== undefined;
  const alwaysStreams = /stream$/.test(name);
  for (const stream of alwaysStreams ? [true] : streams ? [false, true] : [false]) {
    describe(`${name}${stream ? ", streamed" : ""}`, () => {
      const one = () => routeCase(name, modelOf(name), stream);

      test(`A66 ${name} is served to a key that may, once recorded and once paid`, async () => {
        const key = await createKey();
        received = [];
        const answer = await ask(one(), key, stream);
        assert.equal(answer.status, 200, answer.text);
        assert.ok(received.length <= 1, received.join("\n"));
        const row = await rowOf(answer);
        assert.deepEqual([row.route, row.status], [name, 200]);
        const cost = row.cost_nano ?? null;
        if (one().isFree) assert.ok(cost === null || cost === 0, String(cost));
        else if (pricedByUsage(one())) assert.equal(cost, 10 * 1_000 + outputOf(one()) * 2_000);
        else assert.ok(cost !== null && cost > 0, "an answer that tells no usage is estimated, never free");
        assert.ok(!received.join().includes(key), "our key reached the provider");
      });

      test(`A66 ${name} is refused to no key, a wrong key and a key for other models, in the caller's words`, async () => {
        received = [];
        const none = await ask(one(), undefined, stream);
        assert.deepEqual([none.status, words(none)], [401, spoken(name)]);
        const wrong = await ask(one(), "sk-bf-wrong", stream);
        assert.equal(wrong.status, 401);
        const other = await ask(one(), await createKey({ models: ["up/n"] }), stream);
        assert.deepEqual([other.status, words(other)], [403, spoken(name)]);
        assert.deepEqual(received, [], "a refused call reached the provider");
      });

      test(`A14 ${name} counts against a limit of requests, and is refused beyond it`, async () => {
        const key = await createKey({ limits: [oneAMinute] });
        assert.equal((await ask(one(), key, stream)).status, 200);
        const second = await ask(one(), key, stream);
        // Counting costs nothing and is not limited where it is done here.
        if (name.endsWith("_tokens")) assert.ok([200, 429].includes(second.status));
        else assert.deepEqual([second.status, words(second)], [429, spoken(name)]);
        if (second.status === 429) assert.ok(Number(second.headers["retry-after-ms"]) > 0);
      });

      test(`A14 ${name} holds its worst case against a budget, and is refused beyond it`, async () => {
        received = [];
        const key = await createKey({ budgets: [nearlyNothing] });
        const answer = await ask(one(), key, stream);
        if (one().isFree) assert.equal(answer.status, 200, answer.text);
        else {
          assert.deepEqual([answer.status, words(answer)], [402, spoken(name)], answer.text);
          assert.deepEqual(received, []);
        }
      });

      test(`A36 ${name} refuses what would choose destination or credential`, async () => {
        const { body, headers } = one();
        if (body === undefined || !headers["content-type"]?.includes("json")) return;
        const key = await createKey();
        received = [];
        for (const [field, value] of [
          ["api_base", "http://evil.example"],
          ["api_key", "x"],
          ["extra_headers", {}],
          ["mock_response", "x"],
        ]) {
          const evil: string = JSON.stringify({ ...(JSON.parse(body) as object), [field as string]: value });
          assert.equal((await ask({ ...one(), body: evil }, key, stream)).status, 400, String(field));
        }
        assert.deepEqual(received, []);
      });
    });
  }
}

test("A66 the ledger balances after all of it", async () => {
  await daemon.settled();
});
