import assert from "node:assert/strict";
import { test } from "node:test";
import { mayCall, modelEntry } from "../../../daemon/governance/access.ts";
import { loadPatterns, patternFault } from "../../../daemon/governance/model-patterns.ts";

test("mayCall() reads exact names, bare names and one star at the end", () => {
  const cases: readonly (readonly [readonly string[], string, string, boolean])[] = [
    [["*"], "openai", "gpt-4o", true],
    [[], "openai", "gpt-4o", false],
    [["openai/gpt-4o"], "openai", "gpt-4o", true],
    [["openai/gpt-4o"], "openai", "gpt-4o-mini", false],
    [["openai/gpt-4o"], "azure", "gpt-4o", false],
    [["gpt-4o"], "azure", "gpt-4o", true],
    [["gpt-4o"], "azure", "gpt-4", false],
    [["openai/*"], "openai", "o3", true],
    [["openai/*"], "openai-eu", "o3", false],
    [["openai/gpt-*"], "openai", "gpt-4o", true],
    [["openai/gpt-*"], "openai", "o3", false],
    [["claude-*"], "anthropic", "claude-opus-4", true],
    [["claude-*"], "anthropic", "not-claude-opus", false],
    // A reseller's model is not the maker's.
    [["openai/gpt-4o"], "openrouter", "openai/gpt-4o", false],
    [["openrouter/openai/gpt-4o"], "openrouter", "openai/gpt-4o", true],
    [["openrouter/openai/*"], "openrouter", "openai/gpt-4o", true],
    [["open*i/gpt"], "openai", "gpt", false],
    [["", "x"], "openai", "", true],
    [["a", "b", "gpt-4o"], "openai", "gpt-4o", true],
  ];
  for (const [models, provider, model, expected] of cases) {
    assert.equal(mayCall({ models }, provider, model), expected, `${models} ${provider} ${model}`);
  }
});

test("mayCall() grants all of a provider's models to whom none of them is kept from", () => {
  const cases: readonly (readonly [models: readonly string[], blocked: readonly string[], boolean])[] = [
    [["*"], [], true],
    [["openai/*", "o3"], [], true],
    [["openai/gpt-*", "o*"], [], false],
    [["*"], ["azure/gpt-4o"], true],
    [["*"], ["openai/gpt-4o"], false],
    [["*"], ["gpt-4o"], false],
    [["*"], ["regex:gpt-.*"], false],
    [["regex:.*"], [], false],
  ];
  for (const [models, blocked, expected] of cases) {
    assert.equal(mayCall({ models, blocked }, "openai", "*"), expected, `${models} but ${blocked}`);
    const providers = [{ provider: "openai", models, blocked }];
    assert.equal(
      mayCall({ models: ["*"], providers }, "openai", "*"),
      expected,
      `by provider: ${models} but ${blocked}`,
    );
  }
});

test("an entry that could match nothing is refused wherever it comes from", () => {
  for (const entry of ["gpt-4o", "openai/*", "*", "openrouter/openai/gpt-4o", "regex:gpt-4.+"])
    assert.match(entry, modelEntry.pattern);
  for (const entry of ["regex:", "open*i/gpt", "gpt 4o", "*-mini"]) assert.doesNotMatch(entry, modelEntry.pattern);
});

test("mayCall() will not decide about an expression that it cannot read", () => {
  assert.throws(() => mayCall({ models: ["*"], blocked: ["regex:gpt.*"] }, "openai", "gpt-4o"), /before its engine/);
});

test("mayCall() reads expressions over whole names, whatever their case", async () => {
  await loadPatterns();
  const cases: readonly (readonly [entry: string, provider: string, model: string, boolean])[] = [
    ["regex:gpt-4.*", "openai", "gpt-4o", true],
    ["regex:gpt-4.*", "azure", "GPT-4o", true],
    ["regex:gpt-4", "openai", "gpt-4o", false],
    ["regex:gpt-4.*", "openai", "not-gpt-4", false],
    ["regex:gpt-4|o3", "openai", "o3", true],
    ["regex:gpt-4|o3", "openai", "o3-mini", false],
    // A slash speaks of the provider, in a class it does not.
    ["regex:openai/gpt-.*", "openai", "gpt-4o", true],
    ["regex:openai/gpt-.*", "azure", "gpt-4o", false],
    ["regex:openai/gpt-.*", "openrouter", "openai/gpt-4o", false],
    ["regex:(openai|azure)/.*-mini", "azure", "o3-mini", true],
    ["regex:gpt-[^/]+", "openai", "gpt-4o", true],
    ["regex:[^/]+/gpt-4o", "azure", "gpt-4o", true],
  ];
  for (const [entry, provider, model, expected] of cases) {
    assert.equal(mayCall({ models: [entry] }, provider, model), expected, `${entry} ${provider} ${model}`);
    assert.equal(mayCall({ models: ["*"], blocked: [entry] }, provider, model), !expected, `not ${entry} ${model}`);
  }
  assert.equal(mayCall({ models: ["o1", "regex:gpt-4.*", "claude-*"] }, "anthropic", "claude-opus-4"), true);
});

test("an expression cannot make a request wait", async () => {
  await loadPatterns();
  assert.equal(patternFault("regex:(a+)+b"), undefined);
  assert.equal(mayCall({ models: ["regex:(a+)+b"] }, "openai", "a".repeat(500)), false);
  assert.match(patternFault("regex:((a{100}){100}){100}") ?? "", /invalid repeat count/);
  assert.match(patternFault(`regex:${Array(12).fill("(?:a?){1000}").join("|")}`) ?? "", /repeats too often/);
  assert.equal(patternFault(`regex:${"(gpt-[45]|o3)".repeat(19)}`), undefined);
  assert.equal(patternFault("regex:[a-z0-9.-]{1,64}:\\pL+"), undefined);
});
