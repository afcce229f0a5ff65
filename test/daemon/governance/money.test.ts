import assert from "node:assert/strict";
import { test } from "node:test";
import { dollars, formatDollars } from "../../../daemon/governance/money.ts";

const cases: readonly [nano: number, text: string][] = [
  [0, "0.00"],
  [1, "0.000000001"],
  [12_000, "0.000012"],
  [10_000_000, "0.01"],
  [100_000_000, "0.10"],
  [1_000_000_000, "1.00"],
  [1_200_000_000, "1.20"],
  [1_250_000_000, "1.25"],
  [1_250_000_001, "1.250000001"],
  [1_255_000_000, "1.255"],
  [999_999_999, "0.999999999"],
  [9_000_000_000_000_000, "9000000.00"],
  [9_007_199_254_740_991, "9007199.254740991"],
];

test("dollars() and formatDollars() are exact, with two decimals or as many as it takes", () => {
  for (const [nano, text] of cases) {
    assert.equal(dollars(nano), text);
    assert.equal(formatDollars(nano), `$${text}`);
    if (nano === 0) continue;
    assert.equal(dollars(-nano), `-${text}`);
    assert.equal(formatDollars(-nano), `-$${text}`);
  }
});
