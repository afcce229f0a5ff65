/** Tools that a provider runs while it answers a batch: held for when it is made, and charged by what its results tell. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI, { toFile } from "openai";
import type { KeyAnswer } from "../../daemon/admin/contract/keys.ts";
import { type Account, type Asked, startAccount } from "../support/account.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { type OpenaiAccount, openaiAccount } from "../support/openai-account.ts";

const searchNano = 10_000_000;
const fileNano = 2_500_000;
let account: OpenaiAccount;
let others: Account;
let batch: unknown;
let results = "";
let daemon: Daemon;
let keys = 0;

before(async () => {
  account = await openaiAccount();
  others = await startAccount(({ method, url }: Asked) => {
    if (url.pathname.endsWith("/results")) return results;
    if (method === "GET") return batch;
    return url.pathname.startsWith("/v1beta") ? { name: `batches/${++keys}` } : { id: `msgbatch_${++keys}` };
  }, "application/x-jsonl");
  const price = { input: 4, output: 8, server_tool: 0.01, file_search: 0.0025, service_tiers: { batch: 0.5 } };
  const at = (path: string, dialect: string, port = others.port) => ({
    ...{ base_url: `http://127.0.0.1:${port}${path}`, dialect, models: ["m"], api_key: "env.KEY" },
  });
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      providers: {
        up: at("/v1", "openai-chat", account.port),
        ...{ an: at("/v1", "anthropic"), ge: at("/v1beta", "gemini") },
      },
      prices: { "up/m": price, "an/m": price, "ge/m": price },
    },
  });
});
after(async () => {
  await daemon?.stop();
  account?.server.close();
  others?.close();
});

const sdk = (apiKey: string) => new OpenAI({ baseURL: `${daemon.url}/v1`, apiKey, maxRetries: 0 });
const endpoint = "/v1/responses" as const;
const line = (tool: object | undefined, more: object = {}) =>
  JSON.stringify({
    ...{ custom_id: "a", method: "POST", url: endpoint },
    body: { model: "m", input: "hi", max_output_tokens: 10, ...(tool === undefined ? {} : { tools: [tool] }), ...more },
  });
const usage = (input: number, output: number) => ({ input_tokens: input, output_tokens: output });

async function ofOpenai(lines: readonly string[], budget = "10/1d") {
  const name = `batch-tools-${++keys}`;
  const key = await daemon.createKey({ name, budget });
  const file = await sdk(key).files.create({
    purpose: "batch",
    file: await toFile(Buffer.from(lines.join("\n")), "a"),
  });
  const { data, response } = await sdk(key)
    .batches.create({ input_file_id: file.id, endpoint, completion_window: "24h" })
    .withResponse();
  const row = (await daemon.explained(response.headers.get("x-request-id")!)).request;
  const spent = async () => (await daemon.admin<KeyAnswer>("GET", `/api/keys/${name}`)).key.budgets[0]?.spent_nano;
  return { key, id: data.id, row, spent };
}

test("A8 a batch holds the calls that its requests' tools may make, and is charged for those it made", async () => {
  const plain = await ofOpenai([line(undefined), line(undefined)]);
  const searching = await ofOpenai([
    line({ type: "web_search" }, { max_tool_calls: 3 }),
    line({ type: "file_search", vector_store_ids: [] }),
  ]);
  // Three by its own word, four as usual: each at the dearest.
  const bytes = (lines: readonly string[]) => lines.reduce((sum, each) => sum + each.length, 0);
  assert.ok(bytes([line(undefined)]) > 0);
  assert.ok(searching.row.held_nano! - plain.row.held_nano! >= 7 * searchNano);
  assert.ok(searching.row.cost_nano! - plain.row.cost_nano! >= 7 * searchNano);
  const answered = (types: readonly string[], input: number, output: number) =>
    JSON.stringify({
      custom_id: "a",
      response: {
        status_code: 200,
        body: { model: "m", output: types.map((type) => ({ type })), usage: usage(input, output) },
      },
    });
  const file = "file-tools-out";
  const text = [
    answered(["web_search_call", "web_search_call", "message"], 100, 10),
    answered(["file_search_call"], 50, 5),
  ];
  account.files.set(file, Buffer.from(text.join("\n")));
  const bare = searching.id.replace("up~", "");
  const told = { status: "completed", output_file_id: file, usage: { ...usage(150, 15), total_tokens: 165 } };
  account.batches.set(bare, { ...account.batches.get(bare)!, ...told });
  const { output_file_id: output } = await sdk(searching.key).batches.retrieve(searching.id);
  assert.equal(await searching.spent(), searching.row.cost_nano, "a sum of tokens does not tell of tools");
  await (await sdk(searching.key).files.content(output!)).text();
  assert.equal(await searching.spent(), 150 * 2_000 + 15 * 4_000 + 2 * searchNano + fileNano);
  await daemon.settled();
});

test("A66 a batch whose tools a budget does not cover is refused, and so is one of a tool that nobody can price", async () => {
  const search = line({ type: "web_search" }, { max_tool_calls: 5 });
  await assert.rejects(ofOpenai([search, search], "0.09/1d"), { status: 402, code: "budget_exceeded" });
  await assert.rejects(ofOpenai([search, line({ type: "advisor_20260301" })]), (error: Error & { code?: string }) => {
    assert.match(error.message, /what advisor_20260301 costs is not told/);
    return error.code === "unpriced_model";
  });
  await daemon.settled();
});

async function ofOthers(path: string, body: object) {
  const name = `batch-tools-${++keys}`;
  const key = await daemon.createKey({ name, budget: "10/1d" });
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const answer = await fetch(daemon.url + path, { method: "POST", headers, body: JSON.stringify(body) });
  const thing = (await answer.json()) as { readonly id?: string; readonly name?: string };
  assert.equal(answer.status, 200, JSON.stringify(thing));
  const spent = async () => (await daemon.admin<KeyAnswer>("GET", `/api/keys/${name}`)).key.budgets[0]?.spent_nano;
  const get = async (of: string) =>
    assert.equal((await (await fetch(daemon.url + of, { headers })).text()).length > 0, true);
  return { id: (thing.id ?? thing.name)!, spent, get };
}

test("A8 Anthropic's searches in a batch's results are charged", async () => {
  const params = { model: "an/m", max_tokens: 10, messages: [{ role: "user", content: "hi" }] };
  const tools = [{ type: "web_search_20250305", name: "web_search", max_uses: 2 }];
  const { id, spent, get } = await ofOthers("/v1/messages/batches", {
    requests: [{ custom_id: "a", params: { ...params, tools } }],
  });
  assert.ok((await spent())! >= 2 * searchNano);
  const told = { ...usage(100, 10), server_tool_use: { web_search_requests: 1 } };
  results = `${JSON.stringify({ custom_id: "a", result: { type: "succeeded", message: { model: "m", usage: told } } })}\n`;
  await get(`/v1/messages/batches/${id}/results`);
  assert.equal(await spent(), 100 * 2_000 + 10 * 4_000 + searchNano);
  await daemon.settled();
});

test("A8 Gemini's queries in a batch's responses are charged", async () => {
  const request = { contents: [{ role: "user", parts: [{ text: "Hi" }] }], tools: [{ google_search: {} }] };
  const requests = { requests: [{ request, metadata: { key: "a" } }] };
  const path = "/v1beta/models/ge/m:batchGenerateContent";
  const { id, spent, get } = await ofOthers(path, { batch: { inputConfig: { requests } } });
  assert.ok((await spent())! >= 4 * searchNano);
  const candidates = [{ groundingMetadata: { webSearchQueries: ["one", "two", "three"] } }];
  const usageMetadata = { promptTokenCount: 100, candidatesTokenCount: 10, totalTokenCount: 110 };
  const inlinedResponses = [{ response: { candidates, modelVersion: "m", usageMetadata } }];
  batch = { name: `batches/${keys}`, done: true, response: { inlinedResponses: { inlinedResponses } } };
  await get(`/v1beta/${id}`);
  assert.equal(await spent(), 100 * 2_000 + 10 * 4_000 + 3 * searchNano);
  await daemon.settled();
});
