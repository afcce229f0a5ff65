import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeUsage } from "../../../daemon/governance/usage.ts";

test("mergeUsage() lets the later word win field by field, and keeps what it does not have", () => {
  const first = { input: 9, cacheRead: 4, output: 1 };
  assert.deepEqual(mergeUsage(first, { output: 20, input: undefined, reasoning: 0 }), {
    input: 9,
    cacheRead: 4,
    output: 20,
    reasoning: 0,
  });
  assert.deepEqual(first, { input: 9, cacheRead: 4, output: 1 });
});

test("mergeUsage() keeps unknown unknown, and zero zero", () => {
  assert.equal(mergeUsage(undefined, undefined), undefined);
  assert.deepEqual(mergeUsage({ input: 3 }, undefined), { input: 3 });
  assert.deepEqual(mergeUsage(undefined, { output: 0 }), { output: 0 });
  assert.deepEqual(mergeUsage({ output: 7 }, { output: 0 }), { output: 0 });
});
