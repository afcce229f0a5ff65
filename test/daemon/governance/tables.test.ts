import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createKeyWriter } from "../../../daemon/governance/key-writer.ts";
import { createLedger } from "../../../daemon/governance/ledger.ts";
import { createScopes } from "../../../daemon/governance/scopes.ts";
import { createTables, openTables } from "../../../daemon/governance/tables.ts";
import { dailyBudget, noon, perMinute, scope } from "./scenario.ts";

function anonymousMb(): number {
  return Number(/RssAnon:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1_024;
}

test("createTables() reserves room for a million keys and costs almost no memory", {
  skip: process.platform !== "linux",
}, () => {
  const before = anonymousMb();
  const tables = openTables(createTables({ workersMax: 2 }), 0);
  createKeyWriter(tables);
  const scopes = createScopes(tables);
  scopes.defineScope(scope(1, { budgets: [dailyBudget(10)], limits: [perMinute("requests", 16_384)] }), [], noon);
  createLedger(tables).admit([1], noon, 1, 1, 1, true, "r");
  assert.ok(tables.cells.byteLength > 300 * 1_048_576);
  assert.ok(anonymousMb() - before < 6, `${anonymousMb() - before} MB`);
});

test("openTables() refuses an owner that the tables were not made for", () => {
  const shared = createTables({ keysMax: 10, scopesMax: 10, holdsMax: 10, workersMax: 2 });
  assert.throws(() => openTables(shared, 3), RangeError);
  assert.throws(() => openTables(shared, -1), RangeError);
  assert.equal(openTables(structuredClone(shared), 2).owner, 2);
});
