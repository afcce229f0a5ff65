/** A price that changes under a running daemon: what was settled stays as it was, in the log, the books and the balance. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeyAnswer } from "../../daemon/admin/contract/keys.ts";
import type { LogAnswer } from "../../daemon/admin/contract/logs.ts";
import { ask } from "../support/client.ts";
import { patientLedger, startDaemon } from "../support/daemon.ts";

test("A8 settle() prices new rows anew and leaves those that are settled", async (t) => {
  const configOf = (request: number) => ({
    ledger: patientLedger,
    prices: { "echo-paid/*": { input: 0, output: 0, request } },
  });
  const daemon = await startDaemon({ config: configOf(0.01) });
  t.after(() => daemon.stop());
  const key = await daemon.createKey({ name: "k", budget: "10" });
  const call = () => ask(daemon.url, { dialect: "chat", model: "echo-paid", key, maxTokens: 5 });
  const row = async (id: string) => (await daemon.admin<LogAnswer>("GET", `/api/logs/${id}`)).request.cost_nano;
  const spent = async () => (await daemon.admin<KeyAnswer>("GET", "/api/keys/k")).key.budgets[0]?.spent_nano;

  assert.equal((await call()).status, 200);
  const first = (await daemon.rows("echo-paid"))[0]!;
  await daemon.settled();
  assert.deepEqual([first.cost_nano, await spent()], [10_000_000, 10_000_000]);

  daemon.writeConfig(configOf(0.03));
  await daemon.admin("POST", "/api/reload");
  assert.deepEqual([await row(first.id), await spent()], [10_000_000, 10_000_000]);
  assert.equal((await call()).status, 200);
  const second = (await daemon.rows("echo-paid", 2))[0]!;
  await daemon.settled();
  assert.deepEqual([second.cost_nano, await row(first.id), await spent()], [30_000_000, 10_000_000, 40_000_000]);

  await daemon.restart();
  assert.deepEqual([await row(first.id), await row(second.id), await spent()], [10_000_000, 30_000_000, 40_000_000]);
  await daemon.settled();
});
