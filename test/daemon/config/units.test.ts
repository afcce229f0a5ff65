import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBudget, parseDuration, parseSize } from "../../../daemon/config/units.ts";

test("parseDuration() reads every unit and demands one", () => {
  const texts = [
    "1ms",
    "250ms",
    "30s",
    "1.5s",
    "5m",
    "2h",
    "1d",
    "2w",
    "0s",
    "30",
    "",
    "s",
    "-1s",
    "1 s",
    "1e3s",
    "1s1s",
  ];
  assert.deepEqual(texts.map(parseDuration), [
    1,
    250,
    30_000,
    1_500,
    300_000,
    7_200_000,
    86_400_000,
    1_209_600_000,
    0,
    ...Array.from({ length: 7 }, () => undefined),
  ]);
});

test("parseSize() counts by 1024 and demands a unit", () => {
  const texts = ["1B", "512KB", "512kB", "32MB", "32 MiB", "1.5GB", "32", "MB", "32M", "-1MB"];
  assert.deepEqual(texts.map(parseSize), [
    1,
    524_288,
    524_288,
    33_554_432,
    33_554_432,
    1_610_612_736,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test("parseBudget() loses no cent", () => {
  assert.deepEqual(parseBudget("10/1d"), { limitNano: 10_000_000_000, windowMs: 86_400_000 });
  assert.deepEqual(parseBudget("$0.1/1h"), { limitNano: 100_000_000, windowMs: 3_600_000 });
  assert.deepEqual(parseBudget("9.000000001/30d"), { limitNano: 9_000_000_001, windowMs: 2_592_000_000 });
  for (const text of ["10", "10/", "10/d", "10/0s", "-1/1d", "10/1d/1d", "1.0000000001/1d"]) {
    assert.equal(parseBudget(text), undefined, text);
  }
});
