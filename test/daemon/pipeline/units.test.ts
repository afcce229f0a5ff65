/** What is billed by the piece is held for before it is asked, and refused where nothing tells how many there will be. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { answers, errorOf, type Lab, startLab, startUpstream, type Upstream } from "./lab.ts";

let upstream: Upstream;
let one: Lab;
before(async () => {
  upstream = await startUpstream();
  one = await startLab({
    providers: {
      up: { dialect: "openai-chat", api_key: "env.SECRET", base_url: `${upstream.origin}/v1` },
      mistral: { api_key: "env.SECRET", base_url: `${upstream.origin}/v1` },
      gemini: { api_key: "env.SECRET", base_url: `${upstream.origin}/v1beta` },
    },
    prices: {
      "up/painter": { image: 0.04 },
      "up/speaker": { characters: 15 },
      "mistral/reader": { page: 0.002 },
      "mistral/mistral-ocr-2512": { page: 0.0005 },
      "gemini/*": { image: 0.04 },
    },
  });
});
after(async () => {
  await one?.stop();
  await upstream?.stop();
});

const images = (n: number) => ({ path: "/v1/images/generations", body: { model: "up/painter", prompt: "a cat", n } });

test("A4 admit() holds for every picture that is asked for", async () => {
  const key = one.createKey({ budgetNano: 100_000_000 });
  upstream.answer = answers({ created: 1, data: [{ url: "a" }, { url: "b" }] });
  const three = await one.call({ key, ...images(3) });
  assert.equal(errorOf(three).type, "budget_exceeded");
  assert.equal((await one.call({ key, ...images(2) })).status, 200);
  assert.equal((await one.call({ key, ...images(1) })).status, 402, "$0.08 of $0.10 are spent");
  assert.deepEqual([...one.ledger.holdsOf()], []);
});

test("A4 settle() charges the pictures that a provider's filter left, in its words or the caller's, and nothing for none", async () => {
  const key = one.createKey({ budgetNano: 100_000_000 });
  const ask = () =>
    one.call({ key, path: "/v1/images/generations", body: { model: "gemini/imagen", prompt: "a cat", n: 2 } });
  for (const filtered of [{}, { predictions: [{ raiFilteredReason: "unsafe" }] }]) {
    upstream.answer = answers(filtered);
    assert.equal(errorOf(await ask()).code, "content_policy_violation");
  }
  upstream.answer = answers({ predictions: [{ bytesBase64Encoded: "QQ==" }, { raiFilteredReason: "unsafe" }] });
  const left = await ask();
  assert.deepEqual([left.status, left.headers["x-bifrost-cost-usd"]], [200, "0.04"]);
  assert.equal((await ask()).status, 402, "$0.04 of $0.10 are spent");
});

test("A4 admit() holds for every character that is to be spoken", async () => {
  const key = one.createKey({ budgetNano: 1_000_000 });
  upstream.answer = (_request, response) => response.writeHead(200, { "content-type": "audio/mpeg" }).end("sound");
  const speak = (input: string) =>
    one.call({ key, path: "/v1/audio/speech", body: { model: "up/speaker", voice: "alloy", input } });
  assert.equal((await speak("x".repeat(67))).status, 402, "67 × $0.000015 is more than $0.001");
  assert.equal((await speak("x".repeat(66))).status, 200);
  assert.equal((await speak("x")).status, 402);
});

test("A4 admit() holds for every page that may be read, and settle() charges those that were", async () => {
  const key = one.createKey({ budgetNano: 2_100_000_000 });
  upstream.answer = answers({ pages: [], model: "reader", usage_info: { pages_processed: 60, doc_size_bytes: 1 } });
  const read = (pages?: readonly number[]) =>
    one.call({ key, path: "/v1/ocr", body: { model: "mistral/reader", document: {}, ...(pages && { pages }) } });
  assert.equal((await read()).status, 200, "1,000 × $0.002 are $2 of $2.10");
  assert.equal((await read()).status, 402, "60 × $0.002 are spent, $1.98 are left");
  assert.equal((await read([])).status, 402, "none named is all");
  assert.equal((await read([0, 1])).status, 200);
});

test("A4 Mistral's own prices hold for a page, and more for one that is annotated, however long the request is", async () => {
  const used = { pages: [], model: "mistral-ocr-4-1", usage_info: { pages_processed: 60, doc_size_bytes: 1 } };
  upstream.answer = answers(used);
  const format = { type: "json_schema", json_schema: { name: "a", schema: {} } };
  const document = { type: "document_url", document_url: `data:application/pdf;base64,${"A".repeat(100_000)}` };
  for (const [more, dollars] of [
    [{}, 0.004],
    [{ document_annotation_format: null }, 0.004],
    [{ document_annotation_format: format }, 0.005],
    [{ bbox_annotation_format: format, document }, 0.005],
    [{ document }, 0.004],
  ] as const) {
    const most = 1_000 * dollars * 1e9;
    const body = { model: "mistral/mistral-ocr-latest", document: {}, ...more };
    const poor = one.createKey({ budgetNano: most - 1 });
    assert.equal((await one.call({ key: poor, path: "/v1/ocr", body })).status, 402, "a thousand pages are held for");
    const key = one.createKey({ budgetNano: most });
    assert.equal((await one.call({ key, path: "/v1/ocr", body })).status, 200);
    const pages = Array.from({ length: 941 }, (_, page) => page);
    const again = { ...body, document: {}, pages };
    assert.equal((await one.call({ key, path: "/v1/ocr", body: again })).status, 402, "60 of them were charged");
    assert.equal((await one.call({ key, path: "/v1/ocr", body: { ...again, pages: pages.slice(1) } })).status, 200);
  }
});

test("A4 a price for a page in the config holds for the annotated one as well", async () => {
  const body = { model: "mistral/mistral-ocr-2512", document: {}, document_annotation_format: { type: "text" } };
  upstream.answer = answers({ pages: [], usage_info: { pages_processed: 1 } });
  const key = one.createKey({ budgetNano: 500_000_000 });
  assert.equal((await one.call({ key, path: "/v1/ocr", body })).status, 200, "1,000 × $0.0005, not $0.003");
});

test("A7 admit() refuses a budgeted key where a price by the piece says nothing of what is asked", async () => {
  const key = one.createKey({ budgetNano: 1_000_000_000 });
  const answer = await one.call({ key, body: { model: "up/painter", messages: [], max_tokens: 5 } });
  assert.equal(errorOf(answer).code, "unpriced_model");
});
