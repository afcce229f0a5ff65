import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { loadConfig } from "../../../daemon/config/load.ts";
import type { Imported } from "../../../daemon/import/foreign.ts";
import { importPortkey } from "../../../daemon/import/portkey.ts";

test("importPortkey() makes a weighted group of a load balancer", async () => {
  const imported = importPortkey(
    JSON.stringify({
      strategy: { mode: "loadbalance" },
      retry: { attempts: 3 },
      cache: { mode: "simple" },
      targets: [
        { provider: "openai", api_key: "sk-live-1", weight: 0.7, override_params: { model: "gpt-4o" } },
        { virtual_key: "anthropic-prod", weight: 0.3, override_params: { model: "claude-sonnet-4-5" } },
      ],
    }),
  );
  assert.deepEqual(parse(imported.config), {
    providers: {
      openai: { api_key: "env.OPENAI_API_KEY", models: ["gpt-4o"], any_model: false },
      "anthropic-prod": {
        host: "anthropic",
        api_key: "env.ANTHROPIC_PROD_API_KEY",
        models: ["claude-sonnet-4-5"],
        any_model: false,
      },
    },
    groups: {
      portkey: {
        strategy: "weighted",
        targets: [
          { target: "openai/gpt-4o", weight: 0.7 },
          { target: "anthropic-prod/claude-sonnet-4-5", weight: 0.3 },
        ],
      },
    },
    routing: { retries: { max: 3 } },
  });
  assert.doesNotMatch(JSON.stringify(imported), /live/);
  assert.deepEqual(await problemsOf(imported), []);
});

test("importPortkey() keeps targets within targets, and what each inherits", async () => {
  const imported = importPortkey(
    JSON.stringify({
      strategy: { mode: "fallback", on_status_codes: [429] },
      override_params: { model: "gpt-4o" },
      targets: [
        { provider: "openai", api_key: "env.A" },
        {
          name: "spare",
          strategy: { mode: "loadbalance" },
          targets: [
            {
              provider: "azure-openai",
              azure_resource_name: "res",
              azure_deployment_id: "dep",
              api_key: "env.B",
              weight: 1,
            },
            { provider: "openrouter", api_key: "env.C", weight: 2 },
          ],
        },
      ],
    }),
  );
  const { providers, groups, fallbacks } = parse(imported.config);
  assert.deepEqual(groups, {
    "portkey-spare": {
      strategy: "weighted",
      targets: [
        { target: "azure/gpt-4o", weight: 1 },
        { target: "openrouter/gpt-4o", weight: 2 },
      ],
    },
    portkey: { strategy: "ordered", targets: ["openai/gpt-4o"] },
  });
  assert.deepEqual(fallbacks, { portkey: ["portkey-spare"] });
  assert.deepEqual(providers.azure, {
    azure: { resource: "res" },
    api_key: "env.B",
    models: ["gpt-4o"],
    any_model: false,
    deployments: { "gpt-4o": "dep" },
  });
  assert.deepEqual(await problemsOf(imported), []);
});

test("importPortkey() makes rules of conditions, and says which cannot be kept", async () => {
  const imported = importPortkey(
    JSON.stringify({
      strategy: {
        mode: "conditional",
        conditions: JSON.parse(`[
          { "query": { "params.user": { "$in": ["a", "b"] } }, "then": "big" },
          { "query": { "metadata.plan": { "$eq": "paid" } }, "then": "big" }
        ]`),
        default: "small",
      },
      targets: [
        { name: "big", provider: "openai", api_key: "env.A", override_params: { model: "gpt-4o" } },
        { name: "small", provider: "openai", api_key: "env.A", override_params: { model: "gpt-4o-mini" } },
      ],
      input_guardrails: ["pg-1"],
    }),
  );
  const { routing, aliases } = parse(imported.config);
  assert.deepEqual(routing.rules, [
    {
      name: "portkey 1",
      when: 'model == "portkey" && ("user" in params && (params["user"] in ["a","b"]))',
      targets: ["portkey-big"],
    },
  ]);
  assert.deepEqual(aliases, {
    "portkey-big": "openai/gpt-4o",
    "portkey-small": "openai/gpt-4o-mini",
    portkey: "portkey-small",
  });
  assert.deepEqual(
    imported.report.filter(({ outcome }) => outcome === "dropped").map(({ setting, security }) => [setting, security]),
    [
      ["strategy.conditions[1]", false],
      ["input_guardrails", true],
    ],
  );
  assert.deepEqual(await problemsOf(imported), []);
});

test("importPortkey() makes a config that loads of odd files too", async () => {
  const odd = [
    { targets: [3, {}, { virtual_key: "x-1" }, { provider: "openai", api_key: "k" }] },
    { provider: "openai", api_key: "k" },
    { strategy: { mode: "conditional" }, targets: [{ provider: "groq", api_key: "k" }] },
    {
      strategy: { mode: "loadbalance" },
      targets: [
        { provider: "groq", api_key: "k", weight: 0 },
        { provider: "groq", api_key: "k" },
      ],
    },
    { provider: "openai", custom_host: "nonsense", api_key: "k" },
    {
      strategy: { mode: "fallback" },
      targets: [{ targets: [{ provider: "groq", api_key: "k" }] }, { targets: [{ provider: "openai", api_key: "k" }] }],
    },
    { virtual_key: "openai-live", request_timeout: 5000, retry: { attempts: 99, on_status_codes: [500] } },
  ];
  for (const each of odd) {
    const imported = importPortkey(JSON.stringify(each));
    assert.deepEqual(await problemsOf(imported), [], `${JSON.stringify(each)}\n${imported.config}`);
  }
});

async function problemsOf({ config: text, variables }: Imported) {
  const environment = Object.fromEntries(variables.map(({ name }) => [name, `secret-of-the-test-${name}`]));
  const loaded = await loadConfig({ text, path: "/etc/config.yaml", environment, number: 1 });
  return loaded.ok ? [] : loaded.problems;
}

test("importPortkey() tells of what it does not know, and of parameters that were set for all targets", () => {
  const { report } = importPortkey(
    JSON.stringify({
      ...{ strategy: { mode: "fallback" }, override_params: { max_tokens: 9, model: "x" }, allowed_models: ["x"] },
      targets: [{ provider: "openai", api_key: "k", flavour: "mint", override_params: { model: "gpt-4o" } }],
    }),
  );
  const dropped = report.filter(({ outcome }) => outcome === "dropped");
  assert.deepEqual(dropped.map(({ setting, security }) => [setting, security]).toSorted(), [
    ["allowed_models", true],
    ["override_params", false],
    ["targets[0].flavour", false],
  ]);
});
