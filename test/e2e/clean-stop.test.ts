/** A daemon that was asked to stop leaves its files whole: no log of writes beside any of them. */
import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { test } from "node:test";
import { ask } from "../support/client.ts";
import { runCommand, startDaemon, temporaryHome } from "../support/daemon.ts";
import { until } from "../support/until.ts";

test("a clean stop leaves no -wal and no -shm, whoever has read the files before", async (t) => {
  const home = temporaryHome();
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const daemon = await startDaemon({ home });
  const key = await daemon.createKey();
  assert.equal((await ask(daemon.url, { dialect: "chat", model: "echo", key })).status, 200);
  const kept = await fetch(`${daemon.url}/v1/responses`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "echo", input: "Hi", store: true }),
  });
  assert.equal(kept.status, 200, await kept.text());
  await until("the kept response", () => readdirSync(home).includes("responses.db"));
  // The reader thread, the main thread's own connection, and that of the log's writer.
  for (const command of [["logs"], ["audit", "verify"], ["keys", "list"], ["usage"]]) {
    const ran = await runCommand([...command, "--json", "--home", home]);
    assert.equal(ran.code, 0, `${command.join(" ")}: ${ran.stderr}`);
  }
  assert.ok(readdirSync(home).includes("state.db-wal"));
  assert.deepEqual(await daemon.kill("SIGTERM"), { code: 0, signal: null });
  assert.deepEqual(
    readdirSync(home).filter((name) => /-(wal|shm|journal)$/.test(name)),
    [],
  );
  await daemon.stop();
});
