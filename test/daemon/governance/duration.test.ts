import assert from "node:assert/strict";
import { test } from "node:test";
import { formatWindow, parseBudget, parseDollars, parseDuration } from "../../../daemon/governance/duration.ts";

test("parseDuration() reads every unit and nothing else", () => {
  const day = 86_400_000;
  const read = ["250ms", "30s", "5m", "1h", "1d", "1w", "1M", "1Q", "1Y"].map(parseDuration);
  assert.deepEqual(read, [250, 30_000, 300_000, 3_600_000, day, 7 * day, 30 * day, 90 * day, 365 * day]);
  for (const text of ["", "1", "d", "0d", "-1d", "1.5h", "1D", "1 d", "101Y", "1d1h"]) {
    assert.throws(() => parseDuration(text), RangeError, text);
  }
});

test("parseBudget() reads rolling, calendar and prepaid budgets", () => {
  assert.deepEqual(parseBudget("10/1d"), { limitNano: 10e9, window: { kind: "rolling", lengthMs: 86_400_000 } });
  assert.deepEqual(parseBudget("$0.50/2M", "Europe/Berlin"), {
    limitNano: 500_000_000,
    window: { kind: "calendar", unit: "month", count: 2, zone: "Europe/Berlin" },
  });
  assert.deepEqual(parseBudget("0"), { limitNano: 0, window: { kind: "forever" } });
  for (const text of ["/1d", "10/", "10/1x", "-1/1d", "1e3/1d", "9000001", "1.0000000001"]) {
    assert.throws(() => parseBudget(text), RangeError, text);
  }
  assert.throws(() => parseBudget("1/30s", "UTC"), /calendar/);
});

test("parseDollars() takes no part in binary fractions", () => {
  assert.deepEqual(["0.1", "0.000000001", "1.005", "9000000"].map(parseDollars), [100_000_000, 1, 1_005_000_000, 9e15]);
});

test("formatWindow() writes what parseBudget() reads", () => {
  assert.equal(formatWindow({ kind: "rolling", lengthMs: 90 * 60_000 }), "90m");
  assert.equal(formatWindow({ kind: "rolling", lengthMs: 604_800_000 }), "1w");
  assert.equal(formatWindow({ kind: "rolling", lengthMs: 1_001 }), "1001ms");
  assert.equal(formatWindow({ kind: "calendar", unit: "month", count: 1, zone: "UTC" }), "1M UTC");
  assert.equal(formatWindow({ kind: "forever" }), "forever");
});
