/** `GET /v1/activity`: what a key has used, told to its holder and to nobody else. */
import assert from "node:assert/strict";
import { after, before as setUp, test } from "node:test";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

let daemon: Daemon;
setUp(async () => {
  daemon = await startDaemon({ config: { ledger: patientLedger } });
});
after(() => daemon?.stop());

type Activity = { date: string; model: string; requests: number; usage: number; prompt_tokens: number };

test("A66 GET /v1/activity sums up what the key has used by day and model, and nothing of anybody else's", async () => {
  const [mine, idle] = [await daemon.createKey(), await daemon.createKey()];
  const get = async (path: string, secret?: string) => {
    const headers = secret === undefined ? {} : { authorization: `Bearer ${secret}` };
    const response = await fetch(daemon.url + path, { headers });
    return { status: response.status, body: (await response.json()) as { data: Activity[] } };
  };
  const before = new Date().toISOString().slice(0, 10);
  for (let count = 0; count < 3; count++) {
    const response = await fetch(`${daemon.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${mine}`, "content-type": "application/json" },
      body: JSON.stringify({
        model: "echo-paid/echo-paid",
        max_tokens: 9,
        messages: [{ role: "user", content: "hi" }],
      }),
    });
    assert.equal(response.status, 200, await response.text());
  }
  const summed = async () => {
    const { data } = (await get("/api/v1/activity", mine)).body;
    return data.reduce((sum, { requests }) => sum + requests, 0) === 3 ? data : undefined;
  };
  const data = (await until("the sums", summed))!;
  assert.ok(data.every(({ date, model }) => date >= before && model === "echo-paid/echo-paid"));
  assert.ok(data[0]!.prompt_tokens > 0);
  assert.ok(data[0]!.usage > 0);
  assert.equal((await get(`/v1/activity?date=${data[0]!.date}`, mine)).body.data.length, 1);
  assert.deepEqual((await get("/v1/activity?date=2020-01-01", mine)).body.data, []);
  assert.deepEqual((await get("/v1/activity", idle)).body.data, []);
  assert.equal((await get("/v1/activity")).status, 401);
  for (const date of ["yesterday", "2026-02-30"])
    assert.equal((await get(`/v1/activity?date=${date}`, mine)).status, 400);
});
