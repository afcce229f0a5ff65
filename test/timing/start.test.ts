/** A start is quick however many keys there are. From source the type stripping is on top, so two starts are compared. */
import assert from "node:assert/strict";
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import Database from "better-sqlite3";
import { ask } from "../support/client.ts";
import { patientLedger, startDaemon, temporaryHome } from "../support/daemon.ts";

const keys = 100_000;
/** What 10⁵ keys may add to a start. */
const addedMsMax = 150;

test("A62 serve() starts as quickly with 10⁵ keys as with one, and knows them all", async () => {
  const home = temporaryHome();
  const daemon = await startDaemon({ home, config: { ledger: patientLedger } });
  const key = await daemon.createKey({ name: "template", budget: "5/1d" });
  const fewMs = await quickest(daemon, 3);
  await daemon.kill("SIGTERM");
  multiplyKeys(home);
  await daemon.restart(); // reads every row
  await daemon.createKey({ name: "one more" });
  const manyMs = await quickest(daemon, 3); // the first of these stops leaves a snapshot
  assert.ok(
    manyMs - fewMs <= addedMsMax,
    `${Math.round(fewMs)} ms with one key, ${Math.round(manyMs)} ms with ${keys}`,
  );
  const { keys: known } = await daemon.admin<{ keys: number }>("GET", "/api/status");
  assert.ok(known >= keys, `${known} keys`);
  const dialect = "chat";
  assert.equal((await ask(daemon.url, { dialect, model: "echo-paid", key, maxTokens: 5 })).status, 200);
  assert.equal((await ask(daemon.url, { dialect, model: "echo", key: `${key}x` })).status, 401);
  await daemon.kill("SIGKILL");
  await daemon.restart(); // a crash costs no more
  assert.equal((await ask(daemon.url, { dialect, model: "echo-paid", key, maxTokens: 5 })).status, 200);
  await daemon.settled();
  await daemon.stop();
  rmSync(home, { recursive: true });
});

test("A62 serve() over an older snapshot leaves a new one, though no key has changed since", async () => {
  const home = temporaryHome();
  const daemon = await startDaemon({ home, config: {} });
  await daemon.createKey({ name: "template", budget: "5/1d" });
  await daemon.kill("SIGTERM");
  const small = statSync(join(home, "state.snapshot")).size;
  multiplyKeys(home);
  await daemon.restart();
  await daemon.kill("SIGTERM");
  const large = statSync(join(home, "state.snapshot")).size;
  assert.ok(large > small + keys, `${small} bytes before, ${large} after`);
  await daemon.stop();
  rmSync(home, { recursive: true });
});

async function quickest(
  daemon: { restart: () => Promise<void>; readonly readyMs: number },
  tries: number,
): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < tries; round += 1) {
    await daemon.restart();
    best = Math.min(best, daemon.readyMs);
  }
  return best;
}

/** Copies the newest key, its scope, budget and limit, as if each had been created by hand. */
function multiplyKeys(home: string): void {
  const database = new Database(join(home, "state.db"));
  const { id, scope } = database
    .prepare(
      "SELECT id, CAST(json_extract('[' || trim(scopes, '[]') || ']', '$[0]') AS INTEGER) AS scope FROM keys ORDER BY id DESC",
    )
    .get() as { id: number; scope: number };
  const numbers = `WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ${keys})`;
  database.transaction(() => {
    database.exec("UPDATE meta SET value = value + 1 WHERE name = 'change'");
    const { change } = database.prepare("SELECT value AS change FROM meta WHERE name = 'change'").get() as {
      change: number;
    };
    database.exec(`${numbers} INSERT INTO scopes (id, kind, name, concurrency_max, deleted_at, change) SELECT id + x, kind, name || x, concurrency_max, deleted_at, ${change}
      FROM scopes, n WHERE id = ${scope}`);
    database.exec(`${numbers} INSERT INTO keys (id, public_id, name, prefix, created_at, expires_at, revoked_at, deleted_at, disabled, policy, scopes, change, scope_id)
      SELECT id + x, public_id || x, name || x, prefix, created_at, expires_at,
      revoked_at, deleted_at, disabled, policy, replace(scopes, '${scope}', CAST(${scope} + x AS TEXT)), ${change}, ${scope} + x FROM keys, n WHERE id = ${id}`);
    database.exec(`${numbers} INSERT INTO key_hashes SELECT randomblob(32), ${id} + x, NULL FROM n`);
    database.exec(`${numbers} INSERT INTO budgets (scope_id, slot, limit_nano, window, anchor_at, since_seq)
      SELECT scope_id + x, slot, limit_nano, window, anchor_at, since_seq
      FROM budgets, n WHERE scope_id = ${scope}`);
    database.exec(`${numbers} INSERT INTO limits (scope_id, slot, metric, amount, window_ms)
      SELECT scope_id + x, slot, metric, amount, window_ms
      FROM limits, n WHERE scope_id = ${scope}`);
  })();
  database.close();
}
