/** Kinds of fallbacks, and limits hop by hop, in a whole daemon: what went wrong decides who is asked next. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import type { RouteTestAnswer } from "../../daemon/admin/contract/routing.ts";
import { ask } from "../support/client.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";

/** Its model says how it fails; any other answers. */
const failures: Readonly<Record<string, readonly [status: number, code: string, message: string]>> = {
  long: [400, "context_length_exceeded", "maximum context length is 10 tokens"],
  refused: [400, "content_filter", "the content management policy does not allow it"],
  broken: [500, "server_error", "broken"],
  wrong: [400, "invalid_value", "temperature is wrong"],
};
const upstream = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { model } = JSON.parse(Buffer.concat(chunks).toString("utf8")) as { model: string };
    const [status, code, message] = failures[model] ?? [];
    const choices = [{ index: 0, message: { role: "assistant", content: "Hi." }, finish_reason: "stop" }];
    const usage = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 };
    const body = status === undefined ? { id: "c", model, choices, usage } : { error: { message, code } };
    response.writeHead(status ?? 200, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
});
const secret = "sk-of-our-own-0123456789";
let daemon: Daemon;
before(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const { port } = upstream.address() as AddressInfo;
  const to = { base_url: `http://127.0.0.1:${port}/v1`, dialect: "openai-chat", api_key: "env.UP" };
  const named = ["long", "refused", "broken", "wrong"];
  daemon = await startDaemon({
    env: { UP: "secret", OWN: secret },
    config: {
      providers: { one: to, two: to },
      groups: Object.fromEntries(named.map((name) => [`of-${name}`, { targets: [`one/${name}`] }])),
      fallbacks: {
        ...Object.fromEntries(
          named.map((name) => [
            `of-${name}`,
            { any: "two/any", context_window: "two/longer", content_policy: "two/milder" },
          ]),
        ),
        "*": "two/default",
      },
      governance: {
        keys: { own: { value: "env.OWN", providers: { one: { limits: [{ requests: 1, every: "1d" }] }, two: {} } } },
      },
    },
  });
});
after(async () => {
  await daemon?.stop();
  await new Promise((resolve) => upstream.close(resolve));
});

const asked = async (model: string, key: string) => {
  const answer = await ask(daemon.url, { dialect: "chat", model, key });
  const { headers } = answer;
  return { ...answer, target: `${headers["x-bifrost-provider"]}/${headers["x-bifrost-resolved-model"]}` };
};

test("next() goes where the config says for each kind of failure, and nowhere for what is wrong everywhere", async () => {
  const key = await daemon.createKey({ name: "ci", rpm: 10_000 });
  const cases = [
    ["of-long", "two/longer"],
    ["of-refused", "two/milder"],
    ["of-broken", "two/any"],
    ["one/broken", "two/default"],
  ] as const;
  for (const [model, target] of cases) {
    const answer = await asked(model, key);
    assert.deepEqual([model, answer.status, answer.target], [model, 200, target], answer.text);
  }
  assert.equal((await asked("of-wrong", key)).status, 400);
});

test("R3 each hop has its own limits: one whose provider is used up for the key is passed over, and the trail says so", async () => {
  const first = await asked("one/fine", secret);
  assert.deepEqual([first.status, first.target], [200, "one/fine"]);
  const second = await asked("one/fine", secret);
  assert.deepEqual([second.status, second.target], [200, "two/default"], second.text);
  const { attempts } = await daemon.explained(second.headers["x-request-id"]);
  assert.deepEqual(
    attempts.map(({ target, outcome, reason }) => [target, outcome, reason]),
    [
      ["one/fine", "rate_limit_exceeded", "requested"],
      ["two/default", "ok", "fallback"],
    ],
  );
});

test("R8 explain tells of every target what became of it, where the order left nothing to choose", async () => {
  const key = await daemon.createKey({ name: "explained", rpm: 10_000 });
  const considered = async (model: string) => {
    const { headers } = await asked(model, key);
    const { decision } = await daemon.explained(headers["x-request-id"]);
    return [decision?.strategy, ...(decision?.considered ?? []).map(({ target, outcome }) => `${target} ${outcome}`)];
  };
  assert.deepEqual(await considered("two/well"), [
    "ordered",
    "two/well answered",
    "two/default not asked: another answered",
  ]);
  assert.deepEqual(await considered("of-broken"), ["ordered", "one/broken upstream_error", "two/any answered"]);
  assert.deepEqual(await considered("of-long"), [
    "ordered",
    "one/long context_length_exceeded",
    "two/any not asked: another answered",
    "two/longer answered",
  ]);
  assert.deepEqual(await considered("of-wrong"), [
    "ordered",
    "one/wrong upstream_rejected",
    "two/any not asked: upstream_rejected ended the request",
  ]);
  // Before it is made, the same is said of it.
  for (const [model, strategy] of [
    ["of-broken", "ordered"],
    ["two/default", null],
  ] as const) {
    const told = await daemon.admin<RouteTestAnswer>("POST", "/api/route/test", { model });
    assert.equal(told.strategy, strategy, model);
  }
});
