/** A thousand at once, through real sockets and all workers: exactly as many pass as may. */
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import type { LedgerCheckAnswer } from "../../daemon/admin/contract/audit.ts";
import type { KeyAnswer, KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import { ask, open } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const callers = 1_000;

let daemon: Daemon;
const agent = new http.Agent({ keepAlive: true, maxSockets: 200 });
before(async () => {
  daemon = await startDaemon({
    config: {
      server: { workers: 3 },
      ledger: { ...patientLedger, hold_input: "bytes" },
      // A price by request is known before it is sent: what is held is what it costs.
      prices: { "echo-paid/*": { input: 0, output: 0, request: 0.01 } },
    },
  });
});
after(async () => {
  agent.destroy();
  await daemon?.stop();
});

async function passed(key: string, model: string): Promise<Map<number, number>> {
  const answers = await Promise.all(
    Array.from({ length: callers }, () => ask(daemon.url, { dialect: "chat", model, key, maxTokens: 5, agent })),
  );
  const counts = new Map<number, number>();
  for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1);
  return counts;
}

test("A15 admit() lets exactly 10 of 1,000 requests at once through a limit of 10", async () => {
  const key = await daemon.createKey({ name: "ten-requests", rpm: 10 });
  assert.deepEqual([...(await passed(key, "echo"))].sort(), [
    [200, 10],
    [429, 990],
  ]);
});

test("A1 admit() lets exactly 10 of 1,000 requests at once through a budget for 10", async () => {
  const key = await daemon.createKey({ name: "ten-paid", budget: "0.1/1d" });
  assert.deepEqual([...(await passed(key, "echo-paid"))].sort(), [
    [200, 10],
    [402, 990],
  ]);
  const check = await daemon.settled();
  assert.equal(check.overrun_nano, 0);
});

test("A15 a restart refills no limit, whether the daemon was stopped or killed", async () => {
  const limits = [
    { metric: "requests", limit: 3, window_ms: 86_400_000 },
    { metric: "spend", limit: 50_000_000, window_ms: 86_400_000 },
  ];
  const { secret: key } = await daemon.admin<KeySecretAnswer>("POST", "/api/keys", { name: "three-a-day", limits });
  const call = async () => (await ask(daemon.url, { dialect: "chat", model: "echo-paid", key, maxTokens: 5 })).status;
  assert.deepEqual([await call(), await call()], [200, 200]);
  await daemon.settled();
  await daemon.kill("SIGKILL");
  await daemon.restart();
  assert.deepEqual([await call(), await call()], [200, 429]);
  await daemon.settled();
  await daemon.restart();
  assert.equal(await call(), 429);
  const { key: view } = await daemon.admin<KeyAnswer>("GET", "/api/keys/three-a-day");
  assert.deepEqual(
    view.limits.map(({ used }) => used),
    [3, 30_000_000],
  );
});

test("A15 a kill forgets no place in a limit that a call under way had, budget or none", async () => {
  const limits = [
    { metric: "requests", limit: 3, window_ms: 86_400_000 },
    { metric: "tokens", limit: 1_000, window_ms: 86_400_000 },
  ];
  const { secret: key } = await daemon.admin<KeySecretAnswer>("POST", "/api/keys", { name: "no-budget", limits });
  const used = async () => {
    const { key: view } = await daemon.admin<KeyAnswer>("GET", "/api/keys/no-budget");
    return view.limits.map((limit) => limit.used);
  };
  const prompt = "#echo words=100 gap=1s";
  const question = { dialect: "chat", model: "echo", key, stream: true, prompt, maxTokens: 200 } as const;
  const streams = await Promise.all([open(daemon.url, question), open(daemon.url, question)]);
  await Promise.all(streams.map((stream) => stream.until("data")));
  await until("both to be on disk", async () => {
    const check = await daemon.admin<LedgerCheckAnswer>("GET", "/api/ledger/check");
    return check.holds_open === 2;
  });
  const before = await used();
  assert.equal(before[0], 2);
  assert.ok(before[1]! > 400);
  await daemon.kill("SIGKILL");
  await Promise.all(streams.map((stream) => stream.answer().catch(() => undefined)));
  await daemon.restart();
  assert.deepEqual(await used(), before);
  const again = { dialect: "chat", model: "echo", key, maxTokens: 5 } as const;
  assert.equal((await ask(daemon.url, again)).status, 200);
  assert.equal((await ask(daemon.url, again)).status, 429);
  await daemon.settled();
});
