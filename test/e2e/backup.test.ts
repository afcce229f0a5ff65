/** A backup of a home in use, and a daemon over what was restored from it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { KeyListAnswer } from "../../daemon/admin/contract/keys.ts";
import { ask } from "../support/client.ts";
import { patientLedger, runCommand, startDaemon, temporaryHome } from "../support/daemon.ts";

test("backup of a running daemon is restored with its keys, spend and audit, and the key works", async () => {
  const config = { ledger: patientLedger };
  const daemon = await startDaemon({ config });
  const secret = await daemon.createKey({ name: "kept", budget: "5/1d" });
  const question = { dialect: "chat", model: "echo-paid", key: secret, maxTokens: 20 } as const;
  assert.equal((await ask(daemon.url, question)).status, 200);
  await daemon.settled();
  const file = join(temporaryHome(), "b");
  const env = { BIFROST_BACKUP_PASSPHRASE: "a passphrase" };
  const made = await runCommand(["backup", "--out", file, "--encrypt", "--traffic", "--home", daemon.home], env);
  assert.equal(made.code, 0, made.stderr);
  assert.equal((await runCommand(["backup", "--verify", file], env)).code, 0);
  assert.equal((await runCommand(["backup", "--verify", file], { BIFROST_BACKUP_PASSPHRASE: "another" })).code, 6);
  const inUse = await runCommand(["restore", file, "--replace", "--yes", "--home", daemon.home], env);
  assert.match(inUse.stderr, /a daemon uses/);
  const before = await daemon.json<KeyListAnswer["keys"]>("keys", "list");
  await daemon.stop();

  const home = join(temporaryHome(), "h");
  const restored = await runCommand(["restore", file, "--home", home], env);
  assert.equal(restored.code, 0, restored.stderr);
  const again = await startDaemon({ home, config });
  const after = await again.json<KeyListAnswer["keys"]>("keys", "list");
  const facts = (keys: KeyListAnswer["keys"]) =>
    keys.map(({ id, name, budgets }) => [id, name, budgets.map((budget) => budget.spent_nano)]);
  assert.deepEqual(facts(after), facts(before));
  assert.equal((await ask(again.url, question)).status, 200);
  assert.equal((await again.cli("audit", "verify")).code, 0);
  await again.stop();
});
