import assert from "node:assert/strict";
import test from "node:test";
import { calcPrice } from "@pydantic/genai-prices";
import { openCatalog } from "../../../providers/catalog/catalog.ts";
import { cost } from "../../../providers/catalog/cost.ts";
import data from "../../../providers/catalog/data.json" with { type: "json" };
import { echoPaidPrice, freePrice, picoPerRequestMax, picoPerTokenMax } from "../../../providers/catalog/price.ts";

const catalog = openCatalog([]);
const at = Date.parse("2026-11-23T12:00:00Z");

test("price() knows models by name, by date and by prefix, whatever their case", () => {
  const expected = {
    input: 2_500_000,
    output: 10_000_000,
    cacheRead: 1_250_000,
    serverTool: 10_000_000_000,
    fileSearch: 2_500_000_000,
    container: 30_000_000_000,
    tiers: [],
    serviceShares: { flex: 0.5, batch: 0.5 },
  };
  for (const name of ["gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-20240806", "GPT-4o"]) {
    assert.deepEqual(catalog.price("openai", name), expected, name);
  }
  assert.equal(catalog.price("anthropic", "claude-sonnet-4-5-20250929")?.cacheWrite1h, 6_000_000);
});

test("price() has OpenAI's search of every request as a fee of the request, for the models that search by themselves", () => {
  const fees = (model: string) => {
    const { request, serverTool } = catalog.price("openai", model) ?? {};
    return [request, serverTool];
  };
  assert.deepEqual(fees("gpt-4o-search-preview"), [25_000_000_000, 0]);
  assert.deepEqual(fees("gpt-4o-mini-search-preview-2025-03-11"), [25_000_000_000, 0]);
  assert.deepEqual(fees("gpt-4o-mini"), [undefined, 10_000_000_000]);
});

test("cost() of Perplexity goes by the size of the context that is told; one untold costs the most, as an estimate", () => {
  const nano = (model: string, searchContext?: string, own = catalog) =>
    cost(own.price("perplexity", model), { input: 0, output: 0, searchContext, serverToolRequests: 1 });
  assert.deepEqual(nano("sonar", "low"), { nano: 5_000_000 });
  assert.deepEqual(nano("sonar-pro", "medium"), { nano: 10_000_000 });
  assert.deepEqual(nano("sonar-pro", "high"), { nano: 14_000_000 });
  assert.deepEqual(nano("sonar-pro"), { nano: 14_000_000, partial: true });
  assert.deepEqual(nano("sonar-pro", "constructor"), { nano: 14_000_000, partial: true });
  assert.deepEqual(nano("sonar-deep-research"), { nano: 5_000_000 });
  const own = openCatalog([{ match: "perplexity/*", request: 0.001 }]);
  assert.deepEqual(nano("sonar", "low", own), { nano: 1_000_000 });
});

test("price() carries all rates in every tier", () => {
  assert.deepEqual(catalog.price("anthropic", "claude-sonnet-4-5")?.tiers, [
    {
      ...{ above: 200_000, input: 6_000_000, output: 22_500_000, cacheRead: 600_000, cacheWrite5m: 7_500_000 },
      ...{ cacheWrite1h: 12_000_000, serverTool: 10_000_000_000 },
    },
  ]);
});

test("price() guesses nothing from a part of a provider's name", () => {
  for (const provider of ["openai-proxy", "my-anthropic", "custom", "constructor", "__proto__", ""]) {
    assert.equal(catalog.price(provider, "gpt-4o"), undefined, provider);
  }
  assert.equal(catalog.price("openai", "gpt-4o-nobody-made-this"), undefined);
  assert.equal(catalog.price("openai", "x".repeat(100_000)), undefined);
});

test("price() finds a renamed provider by its host, and a synonym by its row", () => {
  assert.deepEqual(
    openCatalog([], { "openai-eu": "openai" }).price("openai-eu", "gpt-4o"),
    catalog.price("openai", "gpt-4o"),
  );
  assert.equal(openCatalog([], { openai: "custom" }).price("openai", "gpt-4o"), undefined);
  assert.deepEqual(catalog.price("xai", "grok-4"), catalog.price("x-ai", "grok-4"));
  assert.ok(catalog.price("xai", "grok-4"));
});

test("price() of a model behind Hugging Face's router is that of whoever the name says serves it", () => {
  const price = (model: string) => openCatalog([], { hf: "huggingface" }).price("hf", model)?.input;
  assert.equal(price("meta-llama/Llama-3.1-8B-Instruct:cerebras"), 100_000);
  for (const open of ["", ":", ":fastest", ":constructor", ":nobody", ":cerebras:nobody"])
    assert.equal(price(`meta-llama/Llama-3.1-8B-Instruct${open}`), undefined, open);
});

test("price() of echo is zero, of echo-paid that of the book", () => {
  assert.equal(catalog.price("echo", "anything"), freePrice);
  assert.equal(catalog.price("echo-paid", "anything"), echoPaidPrice);
  assert.deepEqual(cost(catalog.price("echo-paid", "echo-paid"), { input: 1_000_000, output: 1_000_000 }), {
    nano: 6_000_000_000,
  });
});

test("A8 price() follows a change from its day on, and tells the day", () => {
  const before = catalog.price("openai", "o3", Date.parse("2025-06-09T23:59:59Z"));
  const after = catalog.price("openai", "o3", Date.parse("2025-06-10T00:00:00Z"));
  assert.deepEqual([before?.input, before?.effectiveFrom], [10_000_000, undefined]);
  assert.deepEqual([after?.input, after?.effectiveFrom], [2_000_000, Date.parse("2025-06-10T00:00:00Z")]);
});

test("price() follows the hour where a provider does", () => {
  const day = catalog.price("deepseek", "deepseek-v4-pro", Date.parse("2026-11-23T02:00:00Z"));
  const night = catalog.price("deepseek", "deepseek-v4-pro", Date.parse("2026-11-23T05:00:00Z"));
  assert.ok(day?.output !== undefined && night?.output !== undefined && day.output > night.output);
});

test("A4 cost() follows the hour to the nano-dollar, its first millisecond included and its last not", () => {
  const at = (time: string) => {
    const price = catalog.price("deepseek", "deepseek-v4-pro", Date.parse(`2026-11-23T${time}Z`));
    return cost(price, { input: 1_000, cacheRead: 400, output: 100 });
  };
  const [dear, usual] = [600 * 1_320 + 400 * 44 + 100 * 3_960, 600 * 660 + 400 * 22 + 100 * 1_980];
  assert.deepEqual(
    ["00:59:59.999", "01:00:00.000", "03:59:59.999", "04:00:00.000"].map(at),
    [usual, dear, dear, usual].map((nano) => ({ nano })),
  );
});

test("price() takes the first override that fits, over the catalog's rates and tiers", () => {
  const own = openCatalog([
    { match: "openai/gpt-4o", input: 1.25, request: 0.001 },
    { match: "openai/*", input: 9, output: 9 },
    { match: "local/*", input: 0.15, output: 0.6, cacheRead: 0.000001 },
    { match: "anthropic/claude-sonnet-4-5", output: 1 },
  ]);
  assert.deepEqual(own.price("openai", "gpt-4o"), {
    ...{ input: 1_250_000, output: 10_000_000, cacheRead: 1_250_000 },
    ...{ serverTool: 10_000_000_000, fileSearch: 2_500_000_000, container: 30_000_000_000 },
    ...{ request: 1_000_000_000, tiers: [], serviceShares: { flex: 0.5, batch: 0.5 } },
  });
  assert.equal(own.price("openai", "never-heard-of")?.input, 9_000_000);
  assert.deepEqual(own.price("local", "llama"), { input: 150_000, output: 600_000, cacheRead: 1, tiers: [] });
  assert.equal(own.price("anthropic", "claude-sonnet-4-5")?.tiers[0]?.output, 1_000_000);
  assert.equal(own.price("anthropic", "claude-sonnet-4-5")?.tiers[0]?.input, 6_000_000);
});

test("openCatalog() refuses a price that is negative or beyond the bounds", () => {
  for (const input of [-1, 1001, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => openCatalog([{ match: "a/b", input }]), RangeError);
  }
});

test("price() forgets rather than grows when callers invent names", () => {
  const own = openCatalog([]);
  for (let index = 0; index < 5_000; index++) own.price("openai", `invented-${index}`);
  assert.equal(own.price("openai", "gpt-4o")?.input, 2_500_000);
});

test("contextWindow(), outputMax() and models() tell what is known, and nothing else", () => {
  assert.equal(catalog.contextWindow("openai", "gpt-4o"), 128_000);
  assert.equal(catalog.contextWindow("openai", "never-heard-of"), undefined);
  assert.equal(catalog.contextWindow("echo-paid", "echo-paid"), 200_000);
  assert.equal(catalog.outputMax("anthropic", "claude-opus-4-1-20250805"), 32_000);
  assert.equal(catalog.outputMax("openai", "gpt-5.6-sol"), undefined);
  assert.ok(catalog.models("openai").includes("gpt-4o"));
  assert.deepEqual(catalog.models("custom"), []);
  assert.match(catalog.date, /^\d{4}-\d\d-\d\d$/);
});

test("knows() finds a bare name's maker among providers, also by a dated name", () => {
  const makers = (model: string) =>
    ["openai", "anthropic", "ollama"].filter((provider) => catalog.knows(provider, model));
  assert.deepEqual(makers("claude-sonnet-4-5-20250929"), ["anthropic"]);
  assert.deepEqual(makers("gpt-4o-2024-08-06"), ["openai"]);
  assert.deepEqual(makers("text-embedding-3-small"), ["openai"]);
  assert.deepEqual(makers("llama3"), []);
});

test("the table stays within the bounds that keep sums exact", () => {
  const worst = new Map<string, number>();
  const lines = Object.values(data.providers).flatMap(({ models }) =>
    models.map((line) => JSON.parse(line) as unknown),
  );
  JSON.stringify(lines, (key, value) => {
    if (typeof value === "number") worst.set(key, Math.max(worst.get(key) ?? 0, value));
    return value as unknown;
  });
  for (const name of [
    "input",
    "output",
    "cacheRead",
    "cacheWrite5m",
    "cacheWrite1h",
    "audioInput",
    "audioOutput",
    "reasoning",
    ...["audioCacheRead", "imageInput", "imageOutput", "imageCacheRead"],
  ]) {
    assert.ok((worst.get(name) ?? 0) <= picoPerTokenMax, name);
  }
  for (const name of ["request", "serverTool", "audioHour"])
    assert.ok((worst.get(name) ?? 0) <= picoPerRequestMax, name);
});

test("cost() agrees with the library about every model of the table, plain and in the highest tier", () => {
  let compared = 0;
  for (const provider of Object.keys(data.providers)) {
    for (const model of catalog.models(provider)) {
      const price = catalog.price(provider, model, at);
      for (const input of [1_000, 900_000]) {
        const usage = { input_tokens: input, output_tokens: 100, cache_read_tokens: 300, cache_write_tokens: 200 };
        const expected = library(provider, model, usage);
        if (expected === undefined || price?.input === undefined || price.output === undefined) continue;
        // The fee of OpenAI's models that search is ours.
        const known = /-search-(?:preview|api)/.test(model) ? { ...price, request: undefined } : price;
        const ours = cost(known, { input, output: 100, cacheRead: 300, cacheWrite5m: 200 });
        assert.ok("nano" in ours, `${provider}/${model}`);
        // Theirs are floats, and six of our rates are rounded thirds: at most a pico-dollar a token apart, and the rounding.
        assert.ok(
          Math.abs(ours.nano - expected * 1e9) <= 1,
          `${provider}/${model}: ${ours.nano} against ${expected * 1e9}`,
        );
        compared += 1;
      }
    }
  }
  assert.ok(compared > 2_500, `${compared}`);
});

function library(provider: string, model: string, usage: Record<string, number>): number | undefined {
  try {
    return calcPrice(usage, model, { providerId: provider, timestamp: new Date(at) })?.total_price;
  } catch {
    return undefined; // it has no opinion about models whose price lacks a part
  }
}
