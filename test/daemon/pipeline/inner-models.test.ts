/** Models that are called beside a request's own, wherever vendors have their names. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { innerModels } from "../../../daemon/pipeline/inner-models.ts";

const named = (body: unknown) => innerModels(Buffer.from(typeof body === "string" ? body : JSON.stringify(body)));

test("innerModels() finds those of tools, plugins and presets", () => {
  const advisor = { type: "advisor_20260301", name: "advisor", model: "opus" };
  for (const [body, expected] of [
    [{ tools: [{ type: "image_generation", model: "gpt-image-1" }] }, ["gpt-image-1"]],
    [{ tools: [advisor, { type: "web_search_20250305" }] }, ["opus"]],
    [{ padding: "x".repeat(10), tools: [{ type: "custom", description: "y".repeat(100_000) }, advisor] }, ["opus"]],
    ['{"tools":[{"type":"advisor_20260301","mod\\u0065l":"opus"}]}', ["opus"]],
    [{ additionalModelRequestFields: { tools: [advisor] } }, ["opus"]],
    [{ requests: [{ params: { tools: [advisor] } }] }, ["opus"]],
    [{ tools: [{ type: "openrouter:advisor", parameters: { model: "a", analysis_models: ["b"] } }] }, ["a", "b"]],
    [{ plugins: [{ id: "fusion", models: ["a", "b"], judge: { model: "c" } }] }, ["a", "b", "c"]],
    [{ plugins: [{ id: "auto-router", allowed_models: ["anthropic/*"] }] }, []],
    [{ generationConfig: { routingConfig: { manualMode: { modelName: "a" } } } }, ["a"]],
    [{ generation_config: { routing_config: { manual_mode: { model_name: "a" } } } }, ["a"]],
    [{ preset: "mine" }, ["@preset/mine"]],
    [{ compound_custom: { models: { answering_model: "a", reasoning_model: "b" } } }, ["a", "b"]],
    [{ tools: [{ type: "function", function: { parameters: { properties: { model: { type: "string" } } } } }] }, []],
    [{ messages: [{ content: [{ type: "tool_use", input: { model: "x" } }] }] }, []],
  ] as const)
    assert.deepEqual(named(body), expected, JSON.stringify(body).slice(0, 200));
});

test("innerModels() reads no tools that are given twice", () => {
  assert.throws(() => named('{"tools":[{"model":"a"}],"tools":[]}'), { code: "invalid_request" });
});
