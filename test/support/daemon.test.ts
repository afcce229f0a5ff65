import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import type { StatusAnswer } from "../../daemon/admin/contract/daemon.ts";
import { ask } from "./client.ts";
import { faultIn, startDaemon } from "./daemon.ts";

test("faultIn() finds what a daemon must never print", () => {
  const faults = [
    '{"level":"error","code":"internal_error","id":"1"}',
    "[UnhandledPromiseRejection] x",
    "node:events:1\n      throw er; // Uncaught 'error' event",
    "TypeError: x is not a function\n    at serve (file:///daemon/pipeline/pipeline.ts:12:3)",
    '{"stack":"TypeError: x\\n    at serve (file:///daemon/pipeline/pipeline.ts:12:3)"}',
  ];
  for (const fault of faults) assert.ok(faultIn(fault), fault);
  for (const line of ["", '{"level":"info","msg":"listening"}', "upstream_error at provider"])
    assert.equal(faultIn(line), undefined);
});

test("startDaemon() serves, keeps its home and port over a restart, and leaves nothing behind", async () => {
  const daemon = await startDaemon({ env: { OPENAI_API_KEY: "x" } });
  const { url, pid } = daemon;
  const key = await daemon.createKey({ name: "kept", budget: "1/1d", rpm: 100, models: ["echo"] });
  const question = { dialect: "chat", model: "echo", key } as const;
  assert.equal((await ask(url, question)).status, 200);
  const [row] = await daemon.rows("echo");
  assert.deepEqual([row?.status, row?.key_name, row?.model], [200, "kept", "echo"]);
  assert.deepEqual(
    (await daemon.logs()).map(({ id }) => id),
    [row?.id],
  );
  assert.equal((await daemon.ledgerCheck()).ok, true);
  assert.ok(daemon.rssBytes() > 10 * 2 ** 20);

  await daemon.restart();
  assert.equal(daemon.url, url);
  assert.notEqual(daemon.pid, pid);
  assert.equal((await ask(url, question)).status, 200);
  assert.equal((await daemon.admin<StatusAnswer>("GET", "/api/status")).pid, daemon.pid);

  assert.deepEqual(await daemon.kill("SIGKILL"), { code: null, signal: "SIGKILL" });
  await daemon.restart();
  await daemon.settled();
  await daemon.stop();
  assert.ok(!existsSync(daemon.home));
  await assert.rejects(ask(url, question), { code: "ECONNREFUSED" });
});

test("startDaemon() tells what serve printed when it does not start", async () => {
  await assert.rejects(startDaemon({ config: "server: {prot: 1}" }), /serve ended with [1-9][\s\S]*prot/);
});
