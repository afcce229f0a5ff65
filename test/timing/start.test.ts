/** A start is quick however many keys there are. From source the type stripping is on top, so two starts are compared. */
import assert from "node:assert/strict";
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import Database from "better-sqlite3";
import type { OwnerListAnswer } from "../../daemon/admin/contract/owners.ts";
import { ask } from "../support/client.ts";
import { patientLedger, startDaemon, temporaryHome } from "../support/daemon.ts";

const keys = 100_000;
const teams = 10_000;
/** What 10⁵ keys and 10⁴ teams may add to a start. */
const addedMsMax = 150;
/** What a start from source takes where nobody else uses the machine: where it takes longer, all of it does. */
const usualMs = 350;

test("A62 serve() starts as quickly with 10⁵ keys of 10⁴ teams as with one, and knows them all", async (t) => {
  const home = temporaryHome();
  const daemon = await startDaemon({ home, config: { ledger: patientLedger } });
  await daemon.admin("POST", "/api/governance/teams", { name: "team", models: ["echo*"] });
  const key = await daemon.createKey({ name: "template", budget: "5/1d" });
  await daemon.admin("PATCH", "/api/keys/template", { team: "team" });
  const fewMs = await quickest(daemon, 3);
  await daemon.kill("SIGTERM");
  multiplyKeys(home);
  await daemon.restart(); // reads every row
  await daemon.createKey({ name: "one more" });
  const manyMs = await quickest(daemon, 3); // the first of these stops leaves a snapshot
  const said = `${Math.round(fewMs)} ms with one key, ${Math.round(manyMs)} ms with ${keys}`;
  t.diagnostic(said);
  assert.ok(manyMs - fewMs <= addedMsMax * Math.max(1, fewMs / usualMs), said);
  const page = await daemon.admin<OwnerListAnswer>("GET", "/api/governance/teams?limit=1");
  assert.equal(page.total_count, teams + 1);
  const { keys: known } = await daemon.admin<{ keys: number }>("GET", "/api/status");
  assert.ok(known >= keys, `${known} keys`);
  const dialect = "chat";
  assert.equal((await ask(daemon.url, { dialect, model: "echo-paid", key, maxTokens: 5 })).status, 200);
  assert.equal((await ask(daemon.url, { dialect, model: "echo", key: `${key}x` })).status, 401);
  await daemon.admin("PATCH", "/api/governance/teams/team", { models: [] });
  assert.equal((await ask(daemon.url, { dialect, model: "echo-paid", key })).status, 403, "its team may call none");
  await daemon.admin("PATCH", "/api/governance/teams/team", { models: ["echo*"] });
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
    database.exec(`${numbers} INSERT INTO scopes (id, kind, name, concurrency_max, deleted_at, change, parent_id) SELECT id + x, kind, name || x, concurrency_max, deleted_at, ${change},
      iif(parent_id IS NULL, NULL, ${scope + keys} + 1 + x % ${teams}) FROM scopes, n WHERE id = ${scope}`);
    database.exec(`${numbers} INSERT INTO scopes (id, kind, name, public_id, attributes, change)
      SELECT ${scope + keys} + x, kind, name || x, public_id || x, attributes, ${change} FROM scopes, n WHERE kind = 'team' AND x <= ${teams}`);
    database.exec(`${numbers} INSERT INTO keys (id, public_id, name, prefix, created_at, expires_at, revoked_at, deleted_at, disabled, policy, scopes, change, scope_id)
      SELECT id + x, public_id || x, name || x, prefix, created_at, expires_at,
      revoked_at, deleted_at, disabled, policy, (${scope} + x) || iif(instr(scopes, ',') > 0, ',' || (${scope + keys} + 1 + x % ${teams}), ''), ${change}, ${scope} + x FROM keys, n WHERE id = ${id}`);
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
