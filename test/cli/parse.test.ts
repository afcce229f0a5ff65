import assert from "node:assert/strict";
import { test } from "node:test";
import {
  collectBudget,
  parseBudget,
  parseCount,
  parseDuration,
  parseExpiry,
  parseNames,
  parsePort,
  parseSince,
  toBudgetRequest,
} from "../../cli/parse.ts";

const dayMs = 86_400_000;
const refusal = { code: "commander.invalidArgument" };

test("parseBudget() reads dollars to the nano-dollar, and a window", () => {
  const nano = (text: string) => parseBudget(text).limitNano;
  assert.deepEqual(parseBudget("10/1d"), {
    text: "10/1d",
    limitNano: 10_000_000_000,
    window: { amount: 1, unit: "d" },
  });
  assert.deepEqual(parseBudget("10"), { text: "10", limitNano: 10_000_000_000 });
  assert.deepEqual(parseBudget("5/mo").window, { amount: 1, unit: "mo" });
  assert.deepEqual(
    ["$0.1/1h", "0/1d", "0.000000001/1d", "8999999.999999999/1d"].map(nano),
    [100_000_000, 0, 1, 8_999_999_999_999_999],
  );
});

for (const text of [
  "",
  "ten",
  "-1/1d",
  "1/0d",
  "1/1x",
  "9000000/1d",
  "1.0000000001/1d",
  "1,5/1d",
  "1/1d/1d",
  "1e3/1d",
]) {
  test(`parseBudget() refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseBudget(text), refusal);
  });
}

test("collectBudget() gathers repeated options, also after --no-budget", () => {
  const both = collectBudget("2/1h", collectBudget("1/1d", undefined));
  assert.deepEqual(
    both.map(({ text }) => text),
    ["1/1d", "2/1h"],
  );
  assert.equal(collectBudget("1", false).length, 1);
});

test("toBudgetRequest() makes windows rolling, calendar or endless", () => {
  assert.deepEqual(toBudgetRequest(parseBudget("1/2d"), undefined).window, { kind: "rolling", length_ms: 2 * dayMs });
  assert.deepEqual(toBudgetRequest(parseBudget("1/1mo"), "UTC").window, {
    kind: "calendar",
    unit: "month",
    count: 1,
    zone: "UTC",
  });
  assert.deepEqual(toBudgetRequest(parseBudget("1"), "UTC").window, { kind: "forever" });
  assert.throws(() => toBudgetRequest(parseBudget("1/1mo"), undefined), {
    ...refusal,
    message: /use 30d, or --calendar/,
  });
  assert.throws(() => toBudgetRequest(parseBudget("1/30s"), "UTC"), refusal);
});

test("parseDuration() reads units and refuses what has none", () => {
  assert.deepEqual(["250ms", "1.5s", "30m", "1h", "30d", "2w"].map(parseDuration), [
    250,
    1_500,
    1_800_000,
    3_600_000,
    30 * dayMs,
    14 * dayMs,
  ]);
  for (const text of ["30", "1y", "h", "-1h", " 1h"]) assert.throws(() => parseDuration(text), refusal);
});

test("parseExpiry() reads a time from now, a date, or never", () => {
  assert.deepEqual(parseExpiry("30d"), { expires_in_ms: 30 * dayMs });
  assert.deepEqual(parseExpiry("2027-01-31T12:00:00Z"), { expires_at_ms: Date.UTC(2027, 0, 31, 12) });
  assert.deepEqual(
    parseExpiry("2027-01-31"),
    { expires_at_ms: new Date(2027, 0, 31).getTime() },
    "a day begins where one lives",
  );
  assert.deepEqual(parseExpiry("never"), { expires_at_ms: null });
  for (const text of ["0s", "2027-13-01", "tomorrow"]) assert.throws(() => parseExpiry(text), refusal);
});

test("parseSince() counts back from now, or names a date", () => {
  assert.equal(parseSince("15m")(1_000_000), 100_000);
  assert.equal(parseSince("2026-11-23T00:00Z")(5), Date.UTC(2026, 10, 23));
});

test("parseCount() and parsePort() know nought, and refuse what is no number", () => {
  assert.deepEqual([parseCount("0"), parsePort("0"), parsePort("65535")], [0, 0, 65_535]);
  for (const text of ["", "1.5", "-1", "1e3"]) assert.throws(() => parseCount(text), refusal);
  for (const text of ["65536", "http"]) assert.throws(() => parsePort(text), refusal);
});

test("parseNames() splits, trims, and takes an empty text for none", () => {
  assert.deepEqual([parseNames("a, b/c ,"), parseNames("")], [["a", "b/c"], []]);
});

test("parseNames() parts names at commas, but not within an expression's brackets", () => {
  assert.deepEqual(parseNames("a, b/c*,,d"), ["a", "b/c*", "d"]);
  assert.deepEqual(parseNames("a,regex:gpt-[0-9,]{1,2}(x|y,z),b"), ["a", "regex:gpt-[0-9,]{1,2}(x|y,z)", "b"]);
});
