/** What another service tier costs, exactly, by each way in which a provider counts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openCatalog } from "../../../providers/catalog/catalog.ts";
import { anyService, cost, costBound } from "../../../providers/catalog/cost.ts";
import type { Price } from "../../../providers/catalog/price.ts";
import type { Usage } from "../../../providers/exchange.ts";

const price: Price = {
  ...{ input: 1_000_001, output: 4_000_000, cacheRead: 100_000, cacheWrite5m: 1_250_000, cacheWrite1h: 2_000_000 },
  ...{ audioInput: 3_000_000, serverTool: 10_000_000_000, request: 7_000 },
  tiers: [{ above: 200_000, input: 2_000_000, output: 6_000_000, serverTool: 10_000_000_000 }],
  serviceShares: { flex: 0.5, priority: 2, free: 0 },
};

const usages: readonly [what: string, usage: Usage, usual: number, flex: number, priority: number][] = [
  ["plain", { input: 1000, output: 100 }, 1_400_008, 700_004, 2_800_016],
  ["read from a cache", { input: 1000, cacheRead: 900, output: 0 }, 190_007, 95_004, 380_014],
  [
    "written to both caches",
    { input: 300, cacheWrite5m: 100, cacheWrite1h: 100, output: 0 },
    425_007,
    212_504,
    850_014,
  ],
  ["audio", { input: 100, audioInput: 50, output: 10 }, 240_007, 120_004, 480_014],
  ["a server tool", { input: 0, output: 0, serverToolRequests: 3 }, 30_000_007, 30_000_004, 30_000_014],
  ["a long prompt", { input: 200_001, output: 10 }, 400_062_000, 200_031_000, 800_124_000],
];
for (const [what, usage, usual, flex, priority] of usages) {
  test(`A4 cost() of ${what} is exact in every service tier`, () => {
    const of = (serviceTier?: string) => cost(price, { ...usage, serviceTier });
    assert.deepEqual(of(), { nano: usual });
    assert.deepEqual(of("default"), { nano: usual });
    assert.deepEqual(of("flex"), { nano: flex });
    assert.deepEqual(of("PRIORITY"), { nano: priority });
    assert.deepEqual(of("scale"), { nano: usual, partial: true }, "nobody told its price: an estimate");
  });
}

test("A4 cost() takes half for what OpenAI, Anthropic and Google serve in batches", () => {
  const catalog = openCatalog([]);
  for (const [provider, model] of [
    ["openai", "gpt-4o"],
    ["anthropic", "claude-sonnet-4-5"],
    ["gemini", "gemini-2.5-flash"],
  ] as const) {
    const known = catalog.price(provider, model);
    const usage = { input: 2_000, output: 2_000 };
    const usual = cost(known, usage);
    const batch = cost(known, { ...usage, serviceTier: "batch" });
    assert.ok("nano" in usual && "nano" in batch, provider);
    assert.equal(batch.nano * 2, usual.nano, provider);
  }
});

test("A4 overridden() keeps what is known of tiers, and takes what is told", () => {
  const [match, serviceTiers] = ["openai/gpt-4o", { priority: 1.75 }] as const;
  const told = openCatalog([{ match, input: 2, output: 8, serviceTiers }]).price("openai", "gpt-4o");
  const of = (serviceTier: string) => cost(told, { input: 1000, output: 1000, serviceTier });
  assert.deepEqual(
    [of("default"), of("flex"), of("priority")],
    [{ nano: 10_000_000 }, { nano: 5_000_000 }, { nano: 17_500_000 }],
  );
});

test("costBound() holds a dearer tier that is asked for, and never less than the usual", () => {
  const of = (service?: string) => costBound(price, { input: 1000, output: 100, dearest: false, service });
  assert.deepEqual(
    [of(), of("flex"), of("unheard"), of("priority"), of(anyService)],
    [1_400_008, 1_400_008, 1_400_008, 2_800_016, 2_800_016],
  );
});
