import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { cost, costBound, tokensMax } from "../../../providers/catalog/cost.ts";
import { echoPaidPrice, freePrice, type Price, picoPerTokenMax } from "../../../providers/catalog/price.ts";
import type { Usage } from "../../../providers/exchange.ts";

/** Sonnet-like: $3 in, $15 out, $0.30 read, $3.75 and $6 written; above 200,000 tokens $6, $22.50, $0.60, $7.50, $12. */
const tiered: Price = {
  ...{ input: 3_000_000, output: 15_000_000, cacheRead: 300_000, cacheWrite5m: 3_750_000, cacheWrite1h: 6_000_000 },
  serverTool: 10_000_000_000,
  tiers: [
    {
      above: 200_000,
      ...{
        input: 6_000_000,
        output: 22_500_000,
        cacheRead: 600_000,
        cacheWrite5m: 7_500_000,
        cacheWrite1h: 12_000_000,
      },
      serverTool: 10_000_000_000,
    },
  ],
};
const audio: Price = { input: 600_000, output: 2_400_000, audioInput: 10_000_000, audioOutput: 20_000_000, tiers: [] };

/** Worked out by hand, in nano-dollars. */
const golden: readonly (readonly [what: string, price: Price, usage: Usage, expected: unknown])[] = [
  ["a plain call", echoPaidPrice, { input: 1000, output: 100 }, { nano: 1_500_000 }],
  ["a cached read", echoPaidPrice, { input: 1000, output: 0, cacheRead: 900 }, { nano: 100_000 + 90_000 }],
  [
    "both writes",
    echoPaidPrice,
    { input: 30, output: 0, cacheWrite5m: 10, cacheWrite1h: 20 },
    { nano: 12_500 + 40_000 },
  ],
  ["reasoning as output", echoPaidPrice, { input: 0, output: 10, reasoning: 9 }, { nano: 50_000 }],
  [
    "reasoning at its own rate",
    { ...echoPaidPrice, reasoning: 3_000_000 },
    { input: 0, output: 10, reasoning: 9 },
    { nano: 5_000 + 27_000 },
  ],
  [
    "audio",
    audio,
    { input: 100, output: 50, audioInput: 60, audioOutput: 40 },
    { nano: 24_000 + 600_000 + 24_000 + 800_000 },
  ],
  [
    "audio without a rate as text",
    echoPaidPrice,
    { input: 10, output: 10, audioInput: 4, audioOutput: 4 },
    { nano: 60_000 },
  ],
  ["the last prompt below the tier", tiered, { input: 200_000, output: 1 }, { nano: 600_015_000 }],
  ["the first prompt in the tier", tiered, { input: 200_001, output: 1 }, { nano: 1_200_006_000 + 22_500 }],
  [
    "the tier for cached parts",
    tiered,
    { input: 300_000, output: 0, cacheRead: 299_000 },
    { nano: 6_000_000 + 179_400_000 },
  ],
  ["a request fee", { ...echoPaidPrice, request: 5_000_000_000 }, { input: 1, output: 1 }, { nano: 5_006_000 }],
  ["a fee alone", { request: 5_000_000_000, tiers: [] }, { input: 0, output: 0 }, { nano: 5_000_000 }],
  [
    "searches of files",
    { ...tiered, fileSearch: 2_500_000_000 },
    { input: 0, output: 0, fileSearches: 3 },
    { nano: 7_500_000 },
  ],
  ["server tools", tiered, { input: 0, output: 0, serverToolRequests: 3 }, { nano: 30_000_000 }],
  [
    "server tools without a price",
    echoPaidPrice,
    { input: 1, output: 0, serverToolRequests: 3 },
    { nano: 1_000, partial: true },
  ],
  ["free", freePrice, { input: 1000, output: 1000 }, { nano: 0 }],
  ["no output price, no output", { input: 20_000, tiers: [] }, { input: 5 }, { nano: 100 }],
  ["no output price, but output", { input: 20_000, tiers: [] }, { input: 5, output: 1 }, { unpriced: true }],
  ["no price at all", { tiers: [] }, { input: 5, output: 1 }, { unpriced: true }],
  [
    "no cached rate: the rate of the prompt",
    { input: 1_000_000, output: 0, tiers: [] },
    { input: 10, output: 0, cacheRead: 5, cacheWrite1h: 5 },
    { nano: 10_000 },
  ],
  ["input unknown", echoPaidPrice, { output: 10 }, { nano: 50_000, partial: true }],
  ["input unknown, its cached part known", echoPaidPrice, { output: 0, cacheRead: 10 }, { nano: 1_000, partial: true }],
  ["output unknown", echoPaidPrice, { input: 10 }, { nano: 10_000, partial: true }],
  ["nothing known", echoPaidPrice, {}, { nano: 0, partial: true }],
  ["a negative count", echoPaidPrice, { input: -5, output: 1 }, { nano: 5_000, partial: true }],
  ["a broken count", echoPaidPrice, { input: Number.NaN, output: 1.5 }, { nano: 0, partial: true }],
  ["an absurd count", echoPaidPrice, { input: tokensMax + 1, output: 1 }, { nano: 5_000, partial: true }],
  ["parts beyond the whole", echoPaidPrice, { input: 10, output: 0, cacheRead: 20 }, { nano: 2_000, partial: true }],
  ["half a nano, even below", { input: 500, output: 0, tiers: [] }, { input: 1, output: 0 }, { nano: 0 }],
  ["half a nano, odd below", { input: 500, output: 0, tiers: [] }, { input: 3, output: 0 }, { nano: 2 }],
  ["more than half a nano", { input: 501, output: 0, tiers: [] }, { input: 1, output: 0 }, { nano: 1 }],
  ["rounded once, not a part", { input: 400, output: 400, tiers: [] }, { input: 1, output: 1 }, { nano: 1 }],
  [
    "thirds of a dollar",
    { input: 83_333, output: 0, tiers: [] },
    { input: 3_000_000, output: 0 },
    { nano: 249_999_000 },
  ],
  [
    "the bounds",
    { input: picoPerTokenMax, output: picoPerTokenMax - 1, tiers: [] },
    { input: tokensMax, output: tokensMax },
    { nano: 999_999_999_500_000 },
  ],
];

for (const [what, price, usage, expected] of golden) {
  test(`cost() knows ${what}`, () => assert.deepEqual(cost(price, usage), expected));
}

test("cost() calls an unknown model unpriced, not free", () => {
  assert.deepEqual(cost(undefined, { input: 1, output: 1 }), { unpriced: true });
});

const rate = fc.integer({ min: 0, max: picoPerTokenMax });
const count = fc.integer({ min: 0, max: tokensMax / 8 });
const anyPrice = fc
  .record({ input: rate, output: rate, cacheRead: rate, cacheWrite5m: rate, cacheWrite1h: rate, audioInput: rate })
  .map((rates): Price => ({ ...rates, tiers: [] }));
const anyParts = fc.record({ rest: count, cacheRead: count, cacheWrite5m: count, cacheWrite1h: count, output: count });

function usageOf(parts: {
  rest: number;
  cacheRead: number;
  cacheWrite5m: number;
  cacheWrite1h: number;
  output: number;
}): Usage {
  const { rest, ...named } = parts;
  return { ...named, input: rest + parts.cacheRead + parts.cacheWrite5m + parts.cacheWrite1h };
}

function nano(price: Price, usage: Usage): number {
  const result = cost(price, usage);
  assert.ok("nano" in result);
  return result.nano;
}

test("cost() equals the same sum in BigInt, for any price and usage within the bounds", () => {
  fc.assert(
    fc.property(anyPrice, anyParts, (price, parts) => {
      const exact =
        BigInt(parts.rest) * BigInt(price.input ?? 0) +
        BigInt(parts.output) * BigInt(price.output ?? 0) +
        BigInt(parts.cacheRead) * BigInt(price.cacheRead ?? 0) +
        BigInt(parts.cacheWrite5m) * BigInt(price.cacheWrite5m ?? 0) +
        BigInt(parts.cacheWrite1h) * BigInt(price.cacheWrite1h ?? 0);
      const below = exact % 1000n;
      const whole = exact / 1000n;
      const rounded = below > 500n || (below === 500n && whole % 2n === 1n) ? whole + 1n : whole;
      assert.equal(BigInt(nano(price, usageOf(parts))), rounded);
    }),
  );
});

test("cost() is never negative and never falls when a part grows", () => {
  fc.assert(
    fc.property(
      anyPrice,
      anyParts,
      fc.constantFrom("rest", "cacheRead", "cacheWrite5m", "output"),
      count,
      (price, parts, part, more) => {
        const before = nano(price, usageOf(parts));
        const after = nano(price, usageOf({ ...parts, [part]: parts[part] + more }));
        assert.ok(before >= 0 && after >= before && Number.isSafeInteger(after));
      },
    ),
  );
});

test("costBound() is at least the cost of any usage within its tokens", () => {
  const within = fc.record({ rest: count, cacheRead: count, cacheWrite5m: count, cacheWrite1h: count, output: count });
  const prices = fc
    .tuple(anyPrice, anyPrice, count)
    .map(([base, tier, above]): Price => ({ ...base, tiers: [{ ...tier, above }] }));
  fc.assert(
    fc.property(prices, within, count, (price, parts, more) => {
      const usage = usageOf(parts);
      const bound = costBound(price, { input: (usage.input ?? 0) + more, output: parts.output });
      assert.ok(bound !== undefined && bound >= nano(price, usage));
    }),
  );
});

test("costBound() takes the plain rate when the prompt has neither markers nor audio", () => {
  assert.equal(costBound(echoPaidPrice, { input: 1000, output: 100, dearest: false }), 1_500_000);
  assert.equal(costBound(echoPaidPrice, { input: 1000, output: 100 }), 2_500_000);
  assert.equal(costBound(undefined, { input: 1, output: 1 }), undefined);
  assert.equal(costBound({ tiers: [] }, { input: 1, output: 1 }), undefined);
});
