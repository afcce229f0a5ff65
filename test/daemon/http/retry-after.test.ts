import assert from "node:assert/strict";
import { test } from "node:test";
import { retryAfterMs } from "../../../daemon/http/retry-after.ts";

const now = Date.UTC(2026, 10, 23, 12);
const cases: readonly [value: string, ms: number | undefined][] = [
  ["0", 0],
  ["7", 7_000],
  [" 7 ", 7_000],
  ["0.25", 250],
  ["1.0001", 1_001],
  ["250ms", 250],
  ["250.5ms", 251],
  ["Mon, 23 Nov 2026 12:00:30 GMT", 30_000],
  ["Mon, 23 Nov 2026 11:00:00 GMT", 0],
  ["999999999", 86_400_000],
  ["9".repeat(400), undefined],
  ["", undefined],
  ["soon", undefined],
  ["-5", undefined],
  ["1e3", undefined],
  ["0x10", undefined],
];

for (const [value, ms] of cases) {
  test(`retryAfterMs() reads ${JSON.stringify(value.slice(0, 40))} as ${ms}`, () => {
    assert.equal(retryAfterMs(value, now), ms);
  });
}
