import assert from "node:assert/strict";
import { test } from "node:test";
import { createKeyReader } from "../../../daemon/governance/key-table.ts";
import { createKeyWriter } from "../../../daemon/governance/key-writer.ts";
import { hashKey } from "../../../daemon/governance/keys-format.ts";
import { createLedger } from "../../../daemon/governance/ledger.ts";
import { createPeek } from "../../../daemon/governance/peek.ts";
import { createScopes } from "../../../daemon/governance/scopes.ts";
import { dumpTables, loadTables } from "../../../daemon/governance/snapshot.ts";
import { dailyBudget, noon, perMinute, scenario, scope, smallTables } from "./scenario.ts";

function filled() {
  const window = { kind: "calendar", unit: "month", count: 1, zone: "Asia/Kolkata" } as const;
  const world = scenario(
    scope(1),
    scope(3, {
      name: "ü",
      budgets: [dailyBudget(1_000), { slot: 2, limitNano: 50, window, anchorMs: 0 }],
      limits: [perMinute("requests", 2), perMinute("tokens", 100, 1)],
      concurrencyMax: 1,
    }),
    scope(40, { limits: [perMinute("requests", 100_000)] }),
  );
  world.scopes.removeScope(1);
  const keys = createKeyWriter(world.tables);
  const fixed = { publicId: "key", name: "n", prefix: "p", createdAtMs: noon, disabled: false };
  for (const id of [5, 6, 9]) {
    const definition = { ...fixed, id, expiresAtMs: noon + id, policy: { models: [`m${id % 2}`] }, scopes: [3, 40] };
    keys.put(definition, [{ keyId: id, hash: hashKey(`${id}`) }]);
  }
  keys.remove(6);
  world.ledger.admit([3], noon, 10, 60, 5, true, "live");
  world.ledger.charge([3], noon, 40, 7);
  return world;
}

test("loadTables() brings back keys and scopes, and nothing that is counted", () => {
  const tables = smallTables(256);
  assert.equal(loadTables(tables, dumpTables(filled().tables)), true);
  const reader = createKeyReader(tables);
  const row = reader.find(hashKey("9"));
  assert.deepEqual([reader.state(row, noon + 8), reader.state(row, noon + 9)], ["ok", "expired"]);
  assert.deepEqual([reader.keyId(row), reader.scopes(row), reader.policy(row)], [9, [3, 40], { models: ["m1"] }]);
  assert.equal(reader.find(hashKey("6")), -1);

  const scopes = createScopes(tables);
  const ledger = createLedger(tables);
  assert.deepEqual(
    [1, 3, 40].map((id) => scopes.hasScope(id)),
    [false, true, true],
  );
  scopes.setBalances([{ scopeId: 3, slot: 0, windowStartMs: noon, spentNano: 40 }], noon);
  const state = createPeek(tables)(3, noon)!;
  assert.deepEqual(
    [
      state.heldNano,
      state.inFlight,
      state.budgets.map(({ spentNano }) => spentNano),
      state.limits.map(({ used }) => used),
    ],
    [0, 0, [40, 0], [0, 0]],
  );
  assert.deepEqual([ledger.hasLimits([40]), ledger.hasBudgets([40]), ledger.hasBudgets([3])], [true, false, true]);
  const hold = ledger.admit([3, 40], noon, 50, 60, 0, true, "r");
  assert.ok(hold >= 0);
  assert.equal(ledger.admit([3], noon, 0, 0, 0, true, "r"), -1);
  assert.deepEqual([ledger.refusal.kind, ledger.refusal.label], ["concurrency", 'key "ü"']);
});

test("loadTables() leaves rows and blocks that later keys and scopes can use", () => {
  const tables = smallTables();
  loadTables(tables, dumpTables(filled().tables));
  const scopes = createScopes(tables);
  const keys = createKeyWriter(tables);
  const top = dumpTables(tables).length;
  scopes.defineScope(scope(2), [], noon);
  const fixed = { publicId: "key", name: "n", prefix: "p", createdAtMs: noon, disabled: false };
  keys.put({ ...fixed, id: 77, policy: { models: ["m1"] }, scopes: [2] }, [{ keyId: 77, hash: hashKey("77") }]);
  assert.equal(dumpTables(tables).length, top);
  assert.equal(createKeyReader(tables).keyId(createKeyReader(tables).find(hashKey("77"))), 77);
});

test("loadTables() refuses any flipped byte, a cut, another version and too many rows, and touches nothing", () => {
  const dump = dumpTables(filled().tables);
  const tables = smallTables();
  const empty = dumpTables(tables);
  for (let index = 0; index < dump.length; index += index < 64 ? 1 : 13) {
    const damaged = Buffer.from(dump);
    damaged[index]! ^= 0x10;
    assert.equal(loadTables(tables, damaged), false, `byte ${index}`);
  }
  for (const length of [0, 10, 64, dump.length - 8]) assert.equal(loadTables(tables, dump.subarray(0, length)), false);
  assert.equal(loadTables(tables, Buffer.concat([dump, Buffer.alloc(8)])), false);
  assert.deepEqual(dumpTables(tables), empty);
});
