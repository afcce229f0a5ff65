/** Which timers rule a call: those of its model before its provider's, and what its request wishes within bounds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { wishedTimers } from "../../../daemon/routing/timers.ts";

const usual = {
  connectMs: 5_000,
  firstByteMs: 600_000,
  firstByteStreamMs: 120_000,
  idleMs: 120_000,
  clientStallMs: 60_000,
  totalMs: 1_000_000,
};

test("wishedTimers() lets a request set each of the four by itself, and nothing else", () => {
  const cases = [
    [{ connectMs: 70 }, { connectMs: 70 }],
    [{ firstByteMs: 80 }, { firstByteMs: 80, firstByteStreamMs: 80 }],
    [{ idleMs: 90 }, { idleMs: 90 }],
    [{ totalMs: 100 }, { totalMs: 100 }],
  ] as const;
  for (const [wishes, changed] of cases) assert.deepEqual(wishedTimers(usual, wishes), { ...usual, ...changed });
  assert.equal(wishedTimers(usual, undefined), usual, "nothing is made for a request that wishes nothing");
});

test("wishedTimers() grants no timer beyond the config's total, and none too short to answer in", () => {
  const forever = { connectMs: 1e9, firstByteMs: 1e9, idleMs: 1e9, totalMs: 1e9 };
  const total = usual.totalMs;
  assert.deepEqual(wishedTimers(usual, forever), {
    ...{ connectMs: total, firstByteMs: total, firstByteStreamMs: total, idleMs: total, totalMs: total },
    clientStallMs: usual.clientStallMs,
  });
  assert.equal(wishedTimers(usual, { idleMs: 0 }).idleMs, 10);
});
