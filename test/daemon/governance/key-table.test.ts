import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { KeyDefinition } from "../../../daemon/governance/definitions.ts";
import { createKeyReader } from "../../../daemon/governance/key-table.ts";
import { createKeyWriter } from "../../../daemon/governance/key-writer.ts";
import { hashKey } from "../../../daemon/governance/keys-format.ts";
import { noon, smallTables } from "./scenario.ts";

function key(id: number, parts: Partial<KeyDefinition> = {}): KeyDefinition {
  const fixed = { publicId: `key_${id}`, name: `k${id}`, prefix: "sk-bf-aaa…", createdAtMs: noon, disabled: false };
  return { id, ...fixed, policy: { models: ["*"] }, scopes: [id], ...parts };
}

function table() {
  const tables = smallTables();
  return { tables, keys: createKeyWriter(tables), reader: createKeyReader(tables) };
}

test("find() gives the row of a secret, and what belongs to its key", () => {
  const { keys, reader } = table();
  keys.put(key(7, { scopes: [7, 3, 11], policy: { models: ["openai/*", "ü"] } }), [{ keyId: 7, hash: hashKey("a") }]);
  keys.put(key(8, { scopes: [] }), [{ keyId: 8, hash: hashKey("b") }]);
  const row = reader.find(hashKey("a"));
  assert.deepEqual(
    [reader.state(row, noon), reader.keyId(row), reader.scopes(row), reader.policy(row)],
    ["ok", 7, [7, 3, 11], { models: ["openai/*", "ü"] }],
  );
  assert.equal(reader.scopes(row), reader.scopes(row));
  assert.deepEqual(reader.scopes(reader.find(hashKey("b"))), []);
  assert.equal(reader.find(hashKey("c")), -1);
  assert.equal(reader.find(new Uint8Array(31)), -1);
});

test("publicId() is the key's as long as it is there, and nothing where it is of another making", () => {
  const { keys, reader } = table();
  const rowOf = (secret: string): number => reader.find(hashKey(secret));
  keys.put(key(1, { publicId: "key_aZ09bY18cX27" }), [{ keyId: 1, hash: hashKey("a") }]);
  keys.put(key(2), [{ keyId: 2, hash: hashKey("b") }]);
  const row = rowOf("a");
  assert.deepEqual([reader.publicId(row), reader.publicId(rowOf("b"))], ["key_aZ09bY18cX27", ""]);
  keys.remove(1);
  keys.put(key(3, { publicId: "key_000000000001" }), [{ keyId: 3, hash: hashKey("c") }]);
  assert.deepEqual([reader.publicId(row), reader.publicId(rowOf("c"))], ["", "key_000000000001"]);
});

test("state() tells revoked, disabled and expired, each from the next load on", () => {
  const { keys, reader } = table();
  keys.put(key(1, { expiresAtMs: noon + 100 }), [{ keyId: 1, hash: hashKey("a") }]);
  const row = reader.find(hashKey("a"));
  assert.deepEqual([reader.state(row, noon + 99), reader.state(row, noon + 100)], ["ok", "expired"]);
  keys.update(key(1, { disabled: true }));
  assert.equal(reader.state(row, noon + 100), "disabled");
  keys.update(key(1));
  assert.equal(reader.state(row, noon + 100), "ok");
  const version = reader.version(row);
  assert.equal(keys.revoke(1), true);
  assert.equal(reader.state(row, noon), "revoked");
  assert.notEqual(reader.version(row), version);
  assert.equal(keys.revoke(99), false);
});

test("A17 put() rotates: both secrets open the key until the old one's grace ends", () => {
  const { keys, reader } = table();
  keys.put(key(1), [{ keyId: 1, hash: hashKey("old") }]);
  const old = reader.find(hashKey("old"));
  keys.put(key(1), [
    { keyId: 1, hash: hashKey("old"), expiresAtMs: noon + 50 },
    { keyId: 1, hash: hashKey("new") },
  ]);
  assert.equal(reader.find(hashKey("old")), old);
  const fresh = reader.find(hashKey("new"));
  assert.deepEqual(
    [reader.state(old, noon + 49), reader.state(old, noon + 50), reader.state(fresh, noon + 50)],
    ["ok", "expired", "ok"],
  );
  keys.put(key(1), [{ keyId: 1, hash: hashKey("new") }]);
  assert.equal(reader.find(hashKey("old")), -1);
  assert.equal(reader.state(old, noon), "revoked");
  assert.equal(reader.state(fresh, noon), "ok");
});

test("remove() makes every name of the key worthless, also when its rows are reused", () => {
  const { keys, reader } = table();
  keys.put(key(1), [{ keyId: 1, hash: hashKey("a") }]);
  const row = reader.find(hashKey("a"));
  assert.equal(reader.keyId(row), 1);
  keys.remove(1);
  keys.put(key(2, { scopes: [5] }), [{ keyId: 2, hash: hashKey("b") }]);
  assert.deepEqual([reader.state(row, noon), reader.keyId(row), reader.scopes(row)], ["revoked", 0, [0]]);
  assert.deepEqual(reader.policy(row), { models: [] });
  assert.equal(reader.find(hashKey("a")), -1);
  assert.notEqual(reader.find(hashKey("b")), row);
  assert.equal(reader.keyId(reader.find(hashKey("b"))), 2);
});

test("put() refuses a secret of another key and what is out of range, and changes nothing", () => {
  const { keys, reader } = table();
  keys.put(key(1), [{ keyId: 1, hash: hashKey("a") }]);
  assert.throws(() => keys.put(key(2), [{ keyId: 2, hash: hashKey("a") }]), RangeError);
  assert.throws(() => keys.put(key(1, { scopes: [1, 1] }), []), RangeError);
  assert.throws(() => keys.put(key(0), []), RangeError);
  assert.throws(() => keys.put(key(3, { policy: { models: ["x".repeat(70_000)] } }), []), RangeError);
  assert.throws(() => keys.put(key(3), [{ keyId: 3, hash: new Uint8Array(3) }]), RangeError);
  assert.deepEqual([keys.hasKey(2), keys.hasKey(3)], [false, false]);
  assert.equal(reader.state(reader.find(hashKey("a")), noon), "ok");
});

test("put() refuses the first key too many, and takes it when another has gone", () => {
  const { keys, reader } = table();
  for (let id = 1; id <= 1_000; id++) keys.put(key(id), [{ keyId: id, hash: hashKey(`${id}`) }]);
  assert.throws(() => keys.put(key(1_001), []), /no room for more keys/);
  keys.remove(500);
  keys.put(key(1_001), [{ keyId: 1_001, hash: hashKey("1001") }]);
  for (let id = 2; id <= 1_000; id += 2) keys.remove(id);
  for (let id = 1; id <= 1_000; id++) assert.equal(reader.find(hashKey(`${id}`)) >= 0, id % 2 === 1);
});

test("update() gives back what an old policy and scope list took", () => {
  const { keys, reader } = table();
  keys.put(key(1), [{ keyId: 1, hash: hashKey("a") }]);
  const row = reader.find(hashKey("a"));
  for (let round = 0; round < 1_200; round++) {
    const models = [`${round}`.padEnd(60_000, "x")];
    keys.update(key(1, { policy: { models }, scopes: [round + 1, round + 2] }));
    if (round % 100 === 0)
      assert.deepEqual([reader.policy(row), reader.scopes(row)], [{ models }, [round + 1, round + 2]]);
  }
});

test("the key table agrees with a plain map after any changes", () => {
  const change = fc.record({
    id: fc.integer({ min: 1, max: 12 }),
    secrets: fc.uniqueArray(fc.nat(3), { maxLength: 3 }),
    kind: fc.constantFrom("put", "put", "update", "revoke", "remove"),
    policy: fc.nat(3),
    scopes: fc.uniqueArray(fc.integer({ min: 1, max: 20 }), { maxLength: 4 }),
  });
  const { keys, reader, tables } = table();
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      for (let id = 1; id <= 12; id++) keys.remove(id);
      const model = new Map<number, { key: KeyDefinition; secrets: readonly number[] }>();
      for (const { id, secrets, kind, policy, scopes } of changes) {
        const definition = key(id, { scopes, policy: { models: [`m${policy}`] } });
        const known = model.get(id);
        if (kind === "put") {
          keys.put(
            definition,
            secrets.map((secret) => ({ keyId: id, hash: hashKey(`${id}/${secret}`) })),
          );
          model.set(id, { key: definition, secrets });
        } else if (kind === "remove") {
          assert.equal(keys.remove(id), model.delete(id));
        } else if (kind === "update") {
          assert.equal(keys.update(definition), known !== undefined);
          if (known !== undefined) model.set(id, { ...known, key: definition });
        } else {
          assert.equal(keys.revoke(id), known !== undefined);
          if (known !== undefined) model.set(id, { ...known, key: { ...known.key, revokedAtMs: 1 } });
        }
      }
      for (let id = 1; id <= 12; id++) {
        for (let secret = 0; secret <= 3; secret++) {
          const row = reader.find(hashKey(`${id}/${secret}`));
          const expected = model.get(id);
          if (!expected?.secrets.includes(secret)) {
            assert.equal(row, -1);
            continue;
          }
          const { revokedAtMs, scopes, policy } = expected.key;
          assert.deepEqual(
            [reader.state(row, noon), reader.keyId(row), reader.scopes(row), reader.policy(row)],
            [revokedAtMs === undefined ? "ok" : "revoked", id, scopes, policy],
          );
        }
      }
      // A writer made anew finds the same free rows: nothing leaks over a restart.
      createKeyWriter(tables);
    }),
    { numRuns: 150 },
  );
});
