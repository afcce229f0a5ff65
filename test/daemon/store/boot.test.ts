import assert from "node:assert/strict";
import { appendFileSync, copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  type BootState,
  openState,
  openStateWriter,
  prepareTraffic,
  stateFile,
  trafficFile,
} from "../../../daemon/store/boot.ts";
import { columnsOf } from "../../../daemon/store/columns.ts";
import { holdWidth, settlementFlag, settlementWidth } from "../../../daemon/store/rows.ts";
import { snapshotPath } from "../../../daemon/store/snapshot-file.ts";
import type { StateWriter } from "../../../daemon/store/state-writer.ts";
import { createKey, daily, hold, settlement, startMs, temporaryHome } from "./fixtures.ts";
import { readRecords } from "./records.ts";

const now = () => startMs;

function commit(writer: StateWriter, number: number, rows: unknown[][], holds: unknown[][] = []): void {
  writer.commit([
    {
      type: "batch",
      sender: 1001,
      number,
      rows: columnsOf(settlementWidth, rows.flat() as string[]),
      holds: columnsOf(holdWidth, holds.flat() as string[]),
    },
  ]);
}

test("openState() makes an empty home: no keys, boot 1, an empty chain", (t) => {
  const { chainHead, ...state } = openState(temporaryHome(t), { now });
  const nothing = {
    change: 0,
    keys: [],
    hashes: [],
    scopes: [],
    deletedKeys: [],
    deletedScopes: [],
    ruled: [],
    balances: [],
    counts: [],
    own: [],
  };
  assert.deepEqual(state, { ...nothing, bootCount: 1, recovered: 0 });
  assert.equal(chainHead.seq, 0);
});

test("A3 openState() settles a hold that a crash left open, once, as estimated at its input cost", (t) => {
  const home = temporaryHome(t);
  const writer = openStateWriter(home, { now });
  writer.execute(createKey(1), "cli");
  commit(
    writer,
    1,
    [settlement("settled", startMs, 20)],
    [hold("settled"), hold("open", startMs - 9, 41), hold("open:2", startMs, 1)],
  );
  writer.database.close(); // what a kill leaves
  const first = openState(home, { now: () => startMs + 1_000 });
  const second = openState(home, { now: () => startMs + 2_000 });
  assert.deepEqual([first.recovered, second.recovered, second.bootCount], [2, 0, 2]);
  assert.deepEqual(second.balances, [{ scopeId: 1, slot: 0, windowStartMs: startMs, spentNano: 20 + 41 + 1 }]);
  const flags = settlementFlag.estimated | settlementFlag.recovered;
  assert.deepEqual(readRecords(home).slice(2), [
    ["open", startMs + 1_000, 1, "1", 41, 10, flags, `{"recovered":true,"held_at":${startMs - 9},"model":"echo/one"}`],
    ["open:2", startMs + 1_000, 1, "1", 1, 10, flags, `{"recovered":true,"held_at":${startMs},"model":"echo/one"}`],
  ]);
});

test("openState() gives every definition back as it was made", (t) => {
  const home = temporaryHome(t);
  const writer = openStateWriter(home, { now });
  const monthly = {
    limitNano: 5,
    window: { kind: "calendar", unit: "month", count: 1, zone: "Europe/Berlin" },
  } as const;
  const made = writer.execute(
    {
      ...(createKey(1, [daily, monthly]) as object),
      expiresAtMs: startMs + 5,
      limits: [
        { metric: "requests", limit: 60, windowMs: 60_000 },
        { metric: "tokens", limit: 9, windowMs: 60_000 },
      ],
      concurrencyMax: 4,
    } as never,
    "cli",
  );
  const kept = writer.execute(createKey(2), "cli");
  writer.execute(createKey(3), "cli");
  writer.execute({ kind: "delete_key", keyId: 3 }, "cli");
  writer.close();
  const state = openState(home, { now });
  assert.deepEqual(state.keys, [made.key, kept.key]);
  assert.deepEqual(state.scopes, [...made.scopes, ...kept.scopes]);
  assert.deepEqual(new Set(state.hashes.map((hash) => hash.keyId)), new Set([1, 2]));
  assert.deepEqual([state.deletedKeys, state.deletedScopes], [[3], [3]]);
});

function withSnapshot(home: string): { writer: StateWriter; tables: Uint8Array } {
  const writer = openStateWriter(home, { now });
  for (const number of [1, 2, 3]) writer.execute(createKey(number), "cli");
  commit(writer, 1, [
    settlement("a", startMs, 10, "1"),
    settlement("b", startMs, 20, "2"),
    settlement("c", startMs, 30, "3"),
  ]);
  const tables = Uint8Array.from({ length: 1_000 }, (_, at) => at % 251);
  writer.checkpoint();
  writer.execute({ kind: "snapshot", change: 3, tables }, "main");
  return { writer, tables };
}

function spent(state: BootState): unknown[] {
  return state.balances.map((balance) => [balance.scopeId, balance.spentNano]).sort();
}

test("openState() with a snapshot reads only what changed after it, and every balance", (t) => {
  const home = temporaryHome(t);
  const { writer, tables } = withSnapshot(home);
  const fourth = writer.execute(createKey(4), "cli");
  const second = writer.execute(
    { kind: "update_key", keyId: 2, budgets: [{ limitNano: 1, window: { kind: "forever" } }] },
    "cli",
  );
  writer.execute({ kind: "delete_key", keyId: 3 }, "cli");
  commit(writer, 2, [settlement("d", startMs, 5, "1"), settlement("e", startMs, 6, "4")]);
  writer.close();
  const state = openState(home, { now });
  assert.deepEqual(state.tables, Buffer.from(tables));
  assert.deepEqual(state.keys, [second.key, fourth.key]);
  assert.deepEqual([state.deletedKeys, state.scopes.map((scope) => scope.id)], [[3], [2, 4]]);
  assert.deepEqual(spent(state), [
    [1, 15],
    [2, 0],
    [4, 6],
  ]);
  const all = openState(home, { now, useSnapshot: false });
  assert.deepEqual([all.tables, all.keys.length], [undefined, 3]);
});

test("openState() does not believe a snapshot that was damaged, or that an older database does not know", (t) => {
  const home = temporaryHome(t);
  const { writer } = withSnapshot(home);
  writer.close();
  const good = readFileSync(snapshotPath(stateFile(home)));
  for (const at of [3, 10, 14, 40, good.length - 1]) {
    const bad = Buffer.from(good);
    bad[at] = (bad[at] as number) ^ 1;
    writeFileSync(snapshotPath(stateFile(home)), bad);
    assert.equal(openState(home, { now }).tables, undefined, `byte ${at}`);
  }
  writeFileSync(snapshotPath(stateFile(home)), good.subarray(0, 30));
  assert.equal(openState(home, { now }).tables, undefined);
  writeFileSync(snapshotPath(stateFile(home)), good);
  appendFileSync(snapshotPath(stateFile(home)), "x");
  assert.equal(openState(home, { now }).tables, undefined);

  writeFileSync(snapshotPath(stateFile(home)), good);
  copyFileSync(stateFile(home), join(home, "backup"));
  const later = openStateWriter(home, { now });
  later.execute({ kind: "snapshot", change: 3, tables: new Uint8Array(8) }, "main");
  later.close();
  copyFileSync(join(home, "backup"), stateFile(home));
  const state = openState(home, { now });
  assert.deepEqual([state.tables, state.keys.length], [undefined, 3]);
});

test("A62 openState() takes less than 300 ms for a hundred thousand keys of ten thousand teams, and their balances", (t) => {
  const home = temporaryHome(t);
  const writer = openStateWriter(home, { now });
  const { database } = writer;
  database.exec("BEGIN");
  const series = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)";
  database.exec(`
    INSERT INTO keys (id, public_id, name, prefix, created_at, policy, scopes, change) ${series} SELECT i, 'key_' || i, 'key ' || i, 'sk-bf-abc', ${startMs}, '{"models":["*"]}', i, i FROM n;
    INSERT INTO key_hashes ${series} SELECT randomblob(32), i, NULL FROM n;
    INSERT INTO scopes (id, kind, name, change) ${series} SELECT i, 'key', 'key ' || i, i FROM n;
    INSERT INTO scopes (id, kind, name, public_id, attributes, change)
      ${series} SELECT 1000000 + i, 'team', 'team ' || i, 'team_' || i, '{"models":["openai/*"]}', i FROM n WHERE i <= 10000;
    INSERT INTO budgets (scope_id, slot, limit_nano, window, anchor_at, since_seq)
      ${series} SELECT i, 0, 1000000, '{"kind":"rolling","lengthMs":86400000}', ${startMs}, 0 FROM n;
    INSERT INTO balances ${series} SELECT i, 0, ${startMs}, i, 0 FROM n;
    UPDATE meta SET value = 100000 WHERE name = 'change';
    COMMIT`);
  writer.execute({ kind: "snapshot", change: 100_000, tables: new Uint8Array(10_000_000) }, "main");
  writer.execute(createKey(200_000), "cli");
  writer.close();
  let tookMs = Number.POSITIVE_INFINITY;
  let state = openState(home, { now });
  for (let round = 0; round < 3; round += 1) {
    const began = performance.now();
    state = openState(home, { now });
    tookMs = Math.min(tookMs, performance.now() - began); // the best of three: others use this machine too
  }
  const found = [state.tables?.length, state.keys.length, state.balances.length, state.ruled.length];
  assert.deepEqual(found, [10_000_000, 1, 100_001, 10_000]);
  t.diagnostic(`${Math.round(tookMs)} ms`);
  assert.ok(tookMs < 300, `${tookMs} ms`);
});

test("prepareTraffic() sets a damaged traffic.db aside, and openState() refuses a damaged state.db untouched", (t) => {
  const home = temporaryHome(t);
  assert.equal(prepareTraffic(home), undefined);
  const damage = Buffer.alloc(8_192, "not a database ");
  for (const file of [trafficFile(home), stateFile(home)]) writeFileSync(file, damage);
  const aside = prepareTraffic(home);
  assert.deepEqual(readFileSync(aside as string), damage);
  assert.equal(prepareTraffic(home), undefined);
  assert.throws(() => openState(home, { now }), { code: "database_unavailable", message: /state\.db is damaged/ });
  assert.deepEqual(readFileSync(stateFile(home)), damage);
});

test("A55 openState() does not begin anew where state.db is gone or empty but its snapshot is not", (t) => {
  const home = temporaryHome(t);
  writeFileSync(snapshotPath(stateFile(home)), "of another day");
  const refusal = { code: "database_unavailable", message: /state\.db is missing or empty, .* remove state\.snapshot/ };
  assert.throws(() => openState(home, { now }), refusal);
  assert.equal(existsSync(stateFile(home)), false);
  writeFileSync(stateFile(home), "");
  assert.throws(() => openStateWriter(home, { now }), refusal);
  rmSync(snapshotPath(stateFile(home)));
  assert.equal(openState(home, { now }).bootCount, 1);
});
