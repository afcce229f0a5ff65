import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Window } from "../../../daemon/governance/definitions.ts";
import { checkWindow, windowAt } from "../../../daemon/governance/windows.ts";

type Unit = Extract<Window, { kind: "calendar" }>["unit"];

function calendar(unit: Unit, zone: string, count = 1): Window {
  return { kind: "calendar", unit, count, zone };
}

function fiscal(unit: Unit, zone: string, startMonth: number, count = 1): Window {
  return { kind: "calendar", unit, count, zone, startMonth };
}

function bounds(window: Window, at: string, anchorMs = 0): readonly string[] {
  const { startMs, nextMs } = windowAt(window, anchorMs, Date.parse(at));
  return [startMs, nextMs].map((instant) => new Date(instant).toISOString().replace(":00.000Z", "Z"));
}

test("A9 windowAt() knows days of 23 and 25 hours, months of 28 to 31 days, and midnights that do not exist", () => {
  const cases: readonly (readonly [Window, string, string, string])[] = [
    [calendar("day", "UTC"), "2026-11-23T00:00Z", "2026-11-23T00:00Z", "2026-11-24T00:00Z"],
    [calendar("day", "Europe/Berlin"), "2026-03-29T12:00Z", "2026-03-28T23:00Z", "2026-03-29T22:00Z"],
    [calendar("day", "Europe/Berlin"), "2026-10-25T12:00Z", "2026-10-24T22:00Z", "2026-10-25T23:00Z"],
    [calendar("day", "Asia/Kolkata"), "2026-11-23T18:29:59Z", "2026-11-22T18:30Z", "2026-11-23T18:30Z"],
    // Cuba's goes from 01:00 back to 00:00: the day begins at the first of two midnights.
    [calendar("day", "America/Havana"), "2026-11-01T04:30Z", "2026-11-01T04:00Z", "2026-11-02T05:00Z"],
    // Lebanon's clock goes from 24:00 to 01:00: the day begins at the jump.
    [calendar("day", "Asia/Beirut"), "2026-03-29T12:00Z", "2026-03-28T22:00Z", "2026-03-29T21:00Z"],
    [calendar("month", "UTC"), "2026-02-14T00:00Z", "2026-02-01T00:00Z", "2026-03-01T00:00Z"],
    [calendar("month", "UTC"), "2028-02-29T23:59Z", "2028-02-01T00:00Z", "2028-03-01T00:00Z"],
    [calendar("month", "UTC"), "2026-04-30T23:59Z", "2026-04-01T00:00Z", "2026-05-01T00:00Z"],
    [calendar("month", "America/New_York"), "2026-01-01T04:59Z", "2025-12-01T05:00Z", "2026-01-01T05:00Z"],
    [calendar("month", "America/New_York"), "2026-03-31T12:00Z", "2026-03-01T05:00Z", "2026-04-01T04:00Z"],
    [calendar("quarter", "UTC"), "2026-05-05T00:00Z", "2026-04-01T00:00Z", "2026-07-01T00:00Z"],
    [fiscal("quarter", "UTC", 2), "2026-01-31T23:59Z", "2025-11-01T00:00Z", "2026-02-01T00:00Z"],
    [fiscal("quarter", "Asia/Tokyo", 6), "2028-02-29T12:00Z", "2027-11-30T15:00Z", "2028-02-29T15:00Z"],
    [fiscal("year", "Europe/London", 4), "2026-03-31T22:59Z", "2025-03-31T23:00Z", "2026-03-31T23:00Z"],
    [fiscal("year", "UTC", 12), "2026-12-01T00:00Z", "2026-12-01T00:00Z", "2027-12-01T00:00Z"],
    [calendar("year", "Pacific/Auckland"), "2026-06-01T00:00Z", "2025-12-31T11:00Z", "2026-12-31T11:00Z"],
    // 2026-11-23 is a Monday.
    [calendar("week", "UTC"), "2026-11-29T23:59Z", "2026-11-23T00:00Z", "2026-11-30T00:00Z"],
    [calendar("week", "UTC"), "2026-11-30T00:00Z", "2026-11-30T00:00Z", "2026-12-07T00:00Z"],
    [calendar("hour", "Asia/Kolkata"), "2026-11-23T12:10Z", "2026-11-23T11:30Z", "2026-11-23T12:30Z"],
    [calendar("hour", "Europe/Berlin", 6), "2026-11-23T12:10Z", "2026-11-23T11:00Z", "2026-11-23T17:00Z"],
    [calendar("minute", "UTC", 15), "2026-11-23T12:29Z", "2026-11-23T12:15Z", "2026-11-23T12:30Z"],
    [{ kind: "rolling", lengthMs: 3_600_000 }, "2026-11-23T12:29Z", "2026-11-23T12:00Z", "2026-11-23T13:00Z"],
  ];
  for (const [window, at, start, next] of cases) assert.deepEqual([at, ...bounds(window, at)], [at, start, next]);
});

test("windowAt() begins the first window at the anchor", () => {
  const anchor = Date.parse("2026-11-23T09:00Z");
  assert.deepEqual(bounds(calendar("day", "UTC"), "2026-11-23T12:00Z", anchor), [
    "2026-11-23T09:00Z",
    "2026-11-24T00:00Z",
  ]);
  assert.deepEqual(bounds(calendar("day", "UTC"), "2026-11-24T12:00Z", anchor), [
    "2026-11-24T00:00Z",
    "2026-11-25T00:00Z",
  ]);
  assert.deepEqual(bounds({ kind: "rolling", lengthMs: 86_400_000 }, "2026-11-24T10:00Z", anchor), [
    "2026-11-24T09:00Z",
    "2026-11-25T09:00Z",
  ]);
  assert.deepEqual(windowAt({ kind: "forever" }, anchor, anchor + 5), {
    startMs: anchor,
    nextMs: Number.POSITIVE_INFINITY,
  });
});

test("windowAt() divides all time without gap or overlap", () => {
  const zones = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "America/Havana",
    "Asia/Beirut",
    "Australia/Lord_Howe",
  ];
  const units: readonly Unit[] = ["minute", "hour", "day", "week", "month", "quarter", "year"];
  const from = Date.UTC(2024, 0, 1);
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.constantFrom(...units),
      fc.integer({ min: 1, max: 24 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: from, max: from + 4 * 366 * 86_400_000 }),
      (zone, unit, count, startMonth, now) => {
        const isFiscal = unit === "quarter" || unit === "year";
        const window = isFiscal ? fiscal(unit, zone, startMonth, count) : calendar(unit, zone, count);
        const { startMs, nextMs } = windowAt(window, 0, now);
        assert.ok(startMs <= now && now < nextMs);
        assert.deepEqual(windowAt(window, 0, startMs), { startMs, nextMs });
        assert.deepEqual(windowAt(window, 0, nextMs - 1), { startMs, nextMs });
        assert.equal(windowAt(window, 0, nextMs).startMs, nextMs);
      },
    ),
    { numRuns: 1_500 },
  );
});

test("checkWindow() refuses what cannot be computed", () => {
  assert.throws(() => checkWindow(calendar("day", "Mars/Olympus")), RangeError);
  assert.throws(() => checkWindow(calendar("hour", "UTC", 25)), RangeError);
  assert.throws(() => checkWindow(calendar("day", "UTC", 0)), RangeError);
  assert.throws(() => checkWindow({ kind: "rolling", lengthMs: 0.5 }), RangeError);
  checkWindow(calendar("hour", "Europe/Berlin", 24));
  checkWindow({ kind: "forever" });
});
