/** Batches whose requests stand in the call that makes them, Anthropic's and Gemini's: corrected by what their results used. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { KeyAnswer } from "../../daemon/admin/contract/keys.ts";
import { type Account, type Asked, startAccount } from "../support/account.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";

/** What the provider tells of a batch, and its results where they are fetched by themselves. */
let batch: Readonly<Record<string, unknown>> = {};
let results = "";
let account: Account;
let daemon: Daemon;
let keys = 0;

before(async () => {
  account = await startAccount(told, "application/x-jsonl");
  const at = (path: string, dialect: string) => ({
    base_url: `http://127.0.0.1:${account.port}${path}`,
    dialect,
    models: ["m"],
    api_key: "env.KEY",
  });
  const price = { input: 4, output: 8, cache_read: 1, cache_write_5m: 5, service_tiers: { batch: 0.5 } };
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      providers: { an: at("/v1", "anthropic"), ge: at("/v1beta", "gemini") },
      prices: { "an/m": price, "ge/m": price },
    },
  });
});
after(async () => {
  await daemon?.stop();
  account?.close();
});

function told({ method, url }: Asked): unknown {
  if (url.pathname.endsWith("/results")) return results;
  if (method === "GET") return batch;
  const number = ++keys;
  return url.pathname.startsWith("/v1beta")
    ? { name: `batches/b${number}`, metadata: { state: "BATCH_STATE_PENDING" } }
    : { id: `msgbatch_${number}`, type: "message_batch", processing_status: "in_progress" };
}

async function made(path: string, body: object) {
  const name = `key-${keys}`;
  const key = await daemon.createKey({ name, budget: "10/1d" });
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const answer = await fetch(daemon.url + path, { method: "POST", headers, body: JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.clone().text());
  const thing = (await answer.json()) as { readonly id?: string; readonly name?: string };
  await daemon.settled();
  const spent = async () => (await daemon.admin<KeyAnswer>("GET", `/api/keys/${name}`)).key.budgets[0]?.spent_nano;
  const get = async (of: string) => {
    const seen = await fetch(daemon.url + of, { headers });
    assert.equal(seen.status, 200, of);
    return seen.text();
  };
  return { id: thing.id ?? thing.name!, spent, get, estimate: await spent() };
}

const params = { model: "an/m", max_tokens: 100, messages: [{ role: "user", content: "Hi" }] };
const ofAnthropic = () =>
  made("/v1/messages/batches", { requests: ["a", "b"].map((id) => ({ custom_id: id, params })) });
const ended = (succeeded: number) => ({
  ...{ id: `msgbatch_${keys}`, type: "message_batch", processing_status: "ended" },
  request_counts: { processing: 0, succeeded, errored: 2 - succeeded, canceled: 0, expired: 0 },
});
const succeeded = (input: number, output: number) =>
  JSON.stringify({
    custom_id: "a",
    result: {
      type: "succeeded",
      message: {
        model: "m-20260101",
        usage: {
          ...{ input_tokens: input, output_tokens: output, cache_read_input_tokens: 600 },
          ...{ cache_creation_input_tokens: 200, cache_creation: { ephemeral_5m_input_tokens: 200 } },
        },
      },
    },
  });
const errored = JSON.stringify({ custom_id: "b", result: { type: "errored", error: { type: "invalid_request" } } });

test("A8 Anthropic's results are charged by what each used, once, and not when one is missing", async () => {
  const { id, spent, get, estimate } = await ofAnthropic();
  assert.ok((estimate ?? 0) > 0);
  batch = ended(1);
  await get(`/v1/messages/batches/${id}`);
  assert.equal(await spent(), estimate, "what was used stands in the results");
  const fetched = `/v1/messages/batches/${id}/results`;
  results = `${succeeded(400, 50)}\n`;
  assert.equal(await get(fetched), results);
  assert.equal(await spent(), estimate, "a result is missing");
  results = `${succeeded(400, 50)}\n${errored}\n`;
  for (const text of await Promise.all(Array.from({ length: 4 }, () => get(fetched)))) assert.equal(text, results);
  // Half of $4, $1, $5 and $8 a million.
  const cost = 400 * 2_000 + 600 * 500 + 200 * 2_500 + 50 * 4_000;
  assert.equal(await spent(), cost);
  await get(fetched);
  assert.equal(await spent(), cost);
  assert.equal((await daemon.settled()).ok, true);
});

test("A8 a batch of Anthropic's of which nothing succeeded is given back when its end is seen", async () => {
  const { id, spent, get } = await ofAnthropic();
  batch = ended(0);
  await get(`/v1/messages/batches/${id}`);
  assert.equal(await spent(), 0);
  assert.equal((await daemon.settled()).ok, true);
});

const generated = {
  response: {
    modelVersion: "m",
    usageMetadata: {
      promptTokenCount: 1_000,
      cachedContentTokenCount: 600,
      candidatesTokenCount: 40,
      totalTokenCount: 1_040,
    },
  },
};
const contents = [{ role: "user", parts: [{ text: "Hi" }] }];
const ofGemini = () =>
  made("/v1beta/models/ge/m:batchGenerateContent", {
    batch: {
      inputConfig: { requests: { requests: ["a", "b"].map((key) => ({ request: { contents }, metadata: { key } })) } },
    },
  });

test("A8 Gemini's responses within the batch are charged when its end is seen, once", async () => {
  const { id, spent, get, estimate } = await ofGemini();
  assert.ok((estimate ?? 0) > 0);
  const name = `batches/b${keys}`;
  const inlinedResponses = [generated, { error: { code: 3, message: "bad" } }];
  const running = { output: { inlinedResponses: { inlinedResponses: [generated] } }, state: "BATCH_STATE_RUNNING" };
  batch = { name, metadata: running };
  await get(`/v1beta/${id}`);
  assert.equal(await spent(), estimate, "it runs, and has one of two");
  const metadata = { state: "BATCH_STATE_SUCCEEDED" };
  batch = { name, done: true, metadata, response: { inlinedResponses: { inlinedResponses } } };
  await Promise.all(Array.from({ length: 4 }, () => get(`/v1beta/${id}`)));
  const cost = 400 * 2_000 + 600 * 500 + 40 * 4_000;
  assert.equal(await spent(), cost);
  await get(`/v1beta/${id}`);
  assert.equal(await spent(), cost);
  assert.equal((await daemon.settled()).ok, true);
});

test("A8 a batch of Gemini's that failed, or was cancelled, is given back", async () => {
  for (const [state, more] of [
    ["BATCH_STATE_FAILED", { error: { code: 13 } }],
    ["BATCH_STATE_CANCELLED", {}],
  ] as const) {
    const { id, spent, get } = await ofGemini();
    batch = { name: `batches/b${keys}`, done: true, metadata: { state }, ...more };
    await get(`/v1beta/${id}`);
    assert.equal(await spent(), 0, state);
  }
  assert.equal((await daemon.settled()).ok, true);
});
