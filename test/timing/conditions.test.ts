/** What a condition costs beside the same work written in the language itself: CPU of this process, rounds in turns. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { median } from "../../bench/statistics.ts";
import type { Facts } from "../../daemon/routing/facts.ts";
import { compileCondition } from "../../daemon/routing/rule-engine.ts";

const facts = { model: "g" } as Facts;
const rules = 20;
const rounds = 15;
const decisions = 5_000;

type Test = (facts: Facts) => unknown;

function cpuOf(tests: readonly Test[]): number {
  const before = process.cpuUsage();
  for (let index = 0; index < decisions; index++) for (const holds of tests) holds(facts);
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

test("compileCondition() makes lists and joins them for little more than the language does", () => {
  const each = (make: (index: number) => Test) => Array.from({ length: rules }, (_, index) => make(index));
  const conditions = each((index) => compileCondition(`["a", model].map(m, m + "x").join("-") == "${index}"`).test);
  const plain = each((index) => {
    return ({ model }) => ["a", model].map((item) => `${item}x`).join("-") === String(index);
  });
  const ratios = Array.from({ length: rounds }, () => cpuOf(conditions) / cpuOf(plain));
  const ratio = median(ratios)!;
  assert.ok(ratio < 1.6, `${ratio.toFixed(2)} times as much`);
});
