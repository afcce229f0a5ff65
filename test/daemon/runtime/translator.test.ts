import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Worker } from "node:worker_threads";
import { type Translated, type TranslateJob, translate } from "../../../daemon/pipeline/translate.ts";
import { startThread } from "../../../daemon/runtime/threads.ts";
import { createTranslator, type Translator, type TranslatorOptions } from "../../../daemon/runtime/translator.ts";
import type { GatewayError } from "../../../providers/gateway-error.ts";
import { until } from "../../support/until.ts";

const request: TranslateJob = {
  kind: "request",
  known: "claude",
  client: "openai-chat",
  upstream: "anthropic",
  model: "claude",
  injectCap: undefined,
  encoding: {},
  asked: { model: "m", stream: false },
};
const answer: TranslateJob = {
  kind: "answer",
  client: "openai-chat",
  upstream: "anthropic",
  context: { id: "req_1", model: "asked", created: 1 },
};

function requestBody(prompt: string, more: object = {}): Buffer {
  return Buffer.from(JSON.stringify({ model: "a", messages: [{ role: "user", content: prompt }], ...more }));
}

/** A translator over the real thread, and every helper that it started. */
function lab(t: TestContext, options: Partial<TranslatorOptions> = {}): { translator: Translator; helpers: Worker[] } {
  const helpers: Worker[] = [];
  const start = (): Worker => {
    const worker = startThread("translator");
    helpers.push(worker);
    return worker;
  };
  t.after(() => Promise.all(helpers.map((helper) => helper.terminate())));
  return { translator: createTranslator({ start, ...options }), helpers };
}

function translated(translator: Translator, job: TranslateJob, body: Buffer): Promise<Translated> {
  return new Promise((resolve, reject) => {
    translator.translate(job, body, (error, value) => (value === undefined ? reject(error) : resolve(value)));
  });
}

test("translate() by the helper gives what it gives here, request and answer, long and short", async (t) => {
  const { translator, helpers } = lab(t);
  for (const prompt of ["short", "wörd ".repeat(600_000)]) {
    const body = requestBody(prompt, { seed: 4 });
    const result = await translated(translator, request, body);
    assert.deepEqual(result, translate(request, body));
    assert.ok(body.includes("messages"), "the caller keeps its bytes");
    const whole = Buffer.from(
      JSON.stringify({
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: "claude",
        content: [{ type: "text", text: prompt }],
        stop_reason: "end_turn",
        usage: { input_tokens: 9, output_tokens: 2 },
      }),
    );
    assert.deepEqual(await translated(translator, answer, whole), translate(answer, whole));
  }
  assert.equal(helpers.length, 1);
});

test("translate() tells the dialect's own refusal, with its field, and the next job is served", async (t) => {
  const { translator, helpers } = lab(t);
  const refused = (error: GatewayError) => error.code === "invalid_request" && error.details.param !== undefined;
  await assert.rejects(translated(translator, request, Buffer.from('{"model":"a","messages":7}')), refused);
  await assert.rejects(translated(translator, answer, Buffer.from("<html>")), { code: "upstream_protocol" });
  await assert.rejects(translated(translator, request, Buffer.from("{")), { code: "internal_error" });
  await translated(translator, request, requestBody("x"));
  assert.equal(helpers.length, 1);
});

test("translate() refuses with overloaded beyond its queue, and serves what it took", async (t) => {
  const { translator } = lab(t, { waitingMax: 2 });
  const large = requestBody("word ".repeat(400_000));
  const results = await Promise.allSettled(Array.from({ length: 6 }, () => translated(translator, request, large)));
  assert.deepEqual(
    results.map((result) => (result.status === "fulfilled" ? "done" : (result.reason as GatewayError).code)),
    ["done", "done", "overloaded", "overloaded", "overloaded", "overloaded"],
  );
});

test("translate() fails the job of a helper that dies, and starts another for the next", async (t) => {
  const { translator, helpers } = lab(t);
  const first = translated(translator, request, requestBody("word ".repeat(400_000)));
  const second = translated(translator, request, requestBody("y"));
  const failed = assert.rejects(first, { code: "internal_error" });
  await until("the helper's start", () => helpers.length === 1);
  await helpers[0]!.terminate();
  await failed;
  await second;
  assert.equal(helpers.length, 2);
});

test("translate() calls nobody back whose job was given up, whether it waits or runs", async (t) => {
  const { translator } = lab(t);
  const body = requestBody("word ".repeat(200_000));
  let called = 0;
  const giveUps = Array.from({ length: 3 }, () => translator.translate(request, body, () => (called += 1)));
  for (const giveUp of giveUps) giveUp();
  await translated(translator, request, requestBody("z"));
  assert.equal(called, 0);
});

test("translate() gives up a helper that takes too long, with overloaded", async (t) => {
  const { translator, helpers } = lab(t, { waitMsMax: 1 });
  await assert.rejects(translated(translator, request, requestBody("word ".repeat(1_000_000))), {
    code: "overloaded",
  });
  await until("the helper's end", () => helpers[0]!.threadId === -1);
});

test("translate() ends its helper when it has been idle, and starts it again", async (t) => {
  const { translator, helpers } = lab(t, { idleMsMax: 5 });
  await translated(translator, request, requestBody("a"));
  const held = setInterval(() => undefined, 1000); // an idle helper keeps nobody alive
  await until("the helper's end", () => helpers[0]!.threadId === -1);
  clearInterval(held);
  await translated(translator, request, requestBody("b"));
  assert.equal(helpers.length, 2);
});
