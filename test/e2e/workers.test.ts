/** Two workers on one port: whatever is counted is counted once, and whatever changes changes for both. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { ReloadAnswer, StatusAnswer } from "../../daemon/admin/contract/daemon.ts";
import type { KeyAnswer, KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import { type Answer, ask, open } from "../support/client.ts";
import { type Daemon, patientLedger, runCommand, startDaemon, temporaryHome } from "../support/daemon.ts";
import { outcome } from "../support/outcome.ts";
import { until } from "../support/until.ts";

const parallel = 1000;
const config = {
  server: { workers: 2 },
  ledger: patientLedger,
  prices: { "echo-paid/*": { input: 0, output: 0, request: 0.05 } },
};

let daemon: Daemon;
before(async () => {
  daemon = await startDaemon({ config: config });
});
after(() => daemon?.stop());

/** Each on a connection of its own, so that the kernel gives them to both workers. */
async function statuses(count: number, key: string, model = "echo"): Promise<Record<number, number>> {
  const answers = await Promise.all(
    Array.from({ length: count }, () => ask(daemon.url, { dialect: "chat", model, key })),
  );
  const seen: Record<number, number> = {};
  for (const { status } of answers) seen[status] = (seen[status] ?? 0) + 1;
  return seen;
}

async function served(): Promise<number[]> {
  const { workers } = await daemon.admin<StatusAnswer>("GET", "/api/status");
  return workers.map((worker) => worker.requests_total);
}

describe("two workers", { concurrency: false }, () => {
  test("startWorkers() shares the port: both serve", async () => {
    const key = await daemon.createKey();
    assert.deepEqual(await statuses(100, key), { 200: 100 });
    const counts = await until("the counts", async () => {
      const now = await served();
      return now.reduce((sum, count) => sum + count, 0) >= 100 && now;
    });
    assert.equal(counts.length, 2);
    for (const count of counts) assert.ok(count >= 20, `${counts}`);
  });

  test(`admit() lets 10 of ${parallel} parallel requests through at 10 a minute, whichever worker they meet`, async () => {
    const key = await daemon.createKey({ rpm: 10 });
    assert.deepEqual(await statuses(parallel, key), { 200: 10, 429: parallel - 10 });
  });

  test(`A1 admit() lets 10 of ${parallel} parallel requests spend a budget for 10, whichever worker they meet`, async () => {
    const key = await daemon.createKey({ name: "for-ten", budget: "0.5/1d" });
    assert.deepEqual(await statuses(parallel, key, "echo-paid"), { 200: 10, 402: parallel - 10 });
    await daemon.settled();
    const shown = await daemon.admin<KeyAnswer>("GET", "/api/keys/for-ten");
    assert.equal(shown.key.budgets[0]?.spent_nano, 500_000_000);
  });

  test("R9 reload() has switched both when it answers", async () => {
    const key = await daemon.createKey();
    for (let round = 0; round < 5; round += 1) {
      daemon.writeConfig({ ...config, aliases: { [`only-${round}`]: "echo" } });
      await daemon.admin<ReloadAnswer>("POST", "/api/reload", {});
      assert.deepEqual(await statuses(40, key, `only-${round}`), { 200: 40 });
    }
  });

  test("A17 revoke() is seen by both", async () => {
    for (let round = 0; round < 5; round += 1) {
      const created = await daemon.admin<KeySecretAnswer>("POST", "/api/keys", { name: `revoked-${round}` });
      assert.deepEqual(await statuses(20, created.secret), { 200: 20 });
      await daemon.admin("DELETE", `/api/keys/${created.key.id}`);
      assert.deepEqual(await statuses(40, created.secret), { 401: 40 });
    }
  });

  test("guardPort() makes a second daemon on the port fail clearly, also after a restart", async () => {
    const other = temporaryHome();
    const port = new URL(daemon.url).port;
    writeFileSync(join(other, "config.yaml"), JSON.stringify({ server: { workers: 2 } }));
    const second = await runCommand(["serve", "--home", other, "--port", port], {}, other);
    assert.notEqual(second.code, 0);
    assert.match(second.stderr, new RegExp(`${port} is taken`));
    await daemon.restart(); // over the same port, now written out
    const third = await runCommand(["serve", "--home", other, "--port", port], {}, other);
    assert.match(third.stderr, new RegExp(`${port} is taken`));
    rmSync(other, { recursive: true });
  });

  test("drain() lets the streams of both end", async () => {
    const key = await daemon.createKey();
    const prompt = "#echo words=20 gap=20ms";
    const streams = await Promise.all(
      Array.from({ length: 12 }, () =>
        open(daemon.url, { dialect: "chat", model: "echo", key, stream: true, prompt, maxTokens: 500 }),
      ),
    );
    await Promise.all(streams.map((stream) => stream.until("content")));
    const exit = daemon.kill("SIGTERM");
    const answers: Answer[] = await Promise.all(streams.map((stream) => stream.answer()));
    for (const answer of answers) {
      const seen = outcome("chat", answer);
      assert.deepEqual([seen.ended, seen.terminal, seen.text.split(" ").length], ["complete", true, 20]);
    }
    assert.deepEqual(await exit, { code: 0, signal: null });
  });
});
