import assert from "node:assert/strict";
import { test } from "node:test";
import { mayCall, modelEntry } from "../../../daemon/governance/access.ts";

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

test("an entry that could match nothing is refused wherever it comes from", () => {
  for (const entry of ["gpt-4o", "openai/*", "*", "openrouter/openai/gpt-4o"]) assert.match(entry, modelEntry.pattern);
  for (const entry of ["regex:gpt-4.+", "open*i/gpt", "gpt 4o", "*-mini"])
    assert.doesNotMatch(entry, modelEntry.pattern);
});
