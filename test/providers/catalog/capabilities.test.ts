/** What models can do, by their names wherever they are hosted, by their prices, and by the config. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { capabilitiesOf } from "../../../providers/catalog/capabilities.ts";
import { openCatalog } from "../../../providers/catalog/catalog.ts";

test("capabilitiesOf() knows a family under any host's name for it, and guesses nothing of others", () => {
  const catalog = openCatalog([]);
  const can = (provider: string, model: string) => catalog.capabilities(provider, model)?.join(" ");
  const claude = "caching documents reasoning structured_output tools vision";
  assert.equal(can("anthropic", "claude-sonnet-4-5"), claude);
  assert.equal(can("bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"), claude);
  assert.equal(can("openrouter", "anthropic/claude-opus-4-5"), claude);
  assert.equal(can("openai", "o3-mini-2025-01-31"), "caching reasoning structured_output tools");
  assert.match(can("gemini", "gemini-2.5-flash") ?? "", /^audio caching documents reasoning/);
  assert.equal(capabilitiesOf("nobody-knows-7b", undefined, undefined), undefined);
  assert.equal(capabilitiesOf("text-embedding-3-small", undefined, undefined), undefined);
});

test("capabilitiesOf() takes a price of its own for a sign, and the config's word before all", () => {
  const price = { tiers: [], input: 1, cacheRead: 1, audioInput: 2 };
  assert.deepEqual(capabilitiesOf("unheard-of", price, undefined), ["audio", "caching"]);
  assert.deepEqual(capabilitiesOf("unheard-of", price, { match: "x/*", audio: false, tools: true }), [
    "caching",
    "tools",
  ]);
  assert.deepEqual(capabilitiesOf("unheard-of", undefined, { match: "x/*", tools: false }), []);
});

test("openCatalog() takes context and output from the config, by the first match", () => {
  const catalog = openCatalog([], {}, [
    { match: "openai/gpt-4o", context: 1_000 },
    { match: "openai/*", context: 2_000, outputMax: 100 },
  ]);
  assert.deepEqual([catalog.contextWindow("openai", "gpt-4o"), catalog.outputMax("openai", "gpt-4o")], [1_000, 16_384]);
  assert.deepEqual([catalog.contextWindow("openai", "mine"), catalog.outputMax("openai", "mine")], [2_000, 100]);
});
