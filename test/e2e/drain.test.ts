/** A daemon told to stop: nobody is cut, nothing is lost. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import type { AuditVerifyAnswer } from "../../daemon/admin/contract/audit.ts";
import { ask, open } from "../support/client.ts";
import { patientLedger, runCommand, startDaemon, temporaryHome } from "../support/daemon.ts";
import { outcome } from "../support/outcome.ts";
import { until } from "../support/until.ts";

const streams = 100;

test("R10 drain() cuts none of 100 live streams, refuses new ones, and leaves all rows on disk (A58)", async () => {
  const home = temporaryHome();
  const daemon = await startDaemon({ home, config: { ledger: patientLedger } });
  const key = await daemon.createKey({ budget: "1000/1d" });
  const prompt = "#echo words=40 gap=40ms";
  const live = await Promise.all(
    Array.from({ length: streams }, (_, index) =>
      open(daemon.url, {
        dialect: index % 2 ? "chat" : "messages",
        model: "echo-paid",
        key,
        stream: true,
        prompt,
        maxTokens: 400,
      }),
    ),
  );
  await Promise.all(live.map((stream) => stream.until("bridge")));
  const { url } = daemon;
  const ended = daemon.kill("SIGTERM");
  await until("readiness to be false", async () => {
    const ready = await fetch(`${url}/health/ready`).then(
      ({ status }) => status,
      () => 0,
    );
    return ready === 503 || ready === 0;
  });
  const refused = await ask(url, { dialect: "chat", model: "echo", key }).then(
    ({ status }) => status,
    () => 0,
  );
  assert.ok(refused === 503 || refused === 0, `a new request: ${refused}`);
  const answers = await Promise.all(live.map((stream) => stream.answer()));
  for (const [index, answer] of answers.entries()) {
    const seen = outcome(index % 2 ? "chat" : "messages", answer);
    assert.deepEqual(
      [seen.ended, seen.terminal, seen.error, seen.text.split(" ").length],
      ["complete", true, undefined, 40],
    );
  }
  assert.deepEqual(await ended, { code: 0, signal: null });
  await daemon.stop();

  const down = async (...args: string[]) => {
    const result = await runCommand([...args, "--json", "--home", home]);
    assert.equal(result.code, 0, `${args.join(" ")}: ${result.stderr}`);
    return result.stdout;
  };
  const rows = (await down("logs", "--limit", "1000")).trim().split("\n");
  assert.ok(rows.filter((row) => row.includes('"status":200')).length >= streams, `${rows.length} rows`);
  const audit = JSON.parse(await down("audit", "verify")) as AuditVerifyAnswer;
  assert.ok(audit.ok && audit.records >= streams, JSON.stringify(audit));
  const ledger = JSON.parse(await down("ledger", "check")) as { ok: boolean; holds_open: number; settlements: number };
  assert.ok(ledger.ok && ledger.settlements >= streams && ledger.holds_open === 0, JSON.stringify(ledger));
  rmSync(home, { recursive: true });
});

test("A58 drain() cuts what is left at its deadline, tells it in band, and still exits 0", async () => {
  const daemon = await startDaemon({ config: { server: { drain: "300ms" } } });
  const key = await daemon.createKey();
  const streams = await Promise.all(
    (["chat", "messages"] as const).map(async (dialect) => {
      const prompt = "#echo words=1000 gap=50ms";
      const stream = await open(daemon.url, { dialect, model: "echo", key, stream: true, prompt, maxTokens: 9999 });
      await stream.until("bridge");
      return { dialect, stream };
    }),
  );
  const started = performance.now();
  assert.deepEqual(await daemon.kill("SIGTERM"), { code: 0, signal: null });
  assert.ok(performance.now() - started < 5000);
  for (const { dialect, stream } of streams) {
    const seen = outcome(dialect, await stream.answer());
    assert.equal(seen.finish, undefined);
    assert.ok(seen.error !== undefined || seen.ended === "cut", "never as if it were whole");
  }
  await daemon.stop();
});
