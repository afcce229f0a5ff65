import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { loadConfig } from "../../../daemon/config/load.ts";
import { importLitellm } from "../../../daemon/import/litellm.ts";

const read = (text: string, environment: Record<string, string> = {}) => importLitellm(text, environment);

test("importLitellm() makes providers, groups, aliases, prices, timers and limits of a model list", async () => {
  const { config, variables } = read(`
model_list:
  - model_name: gpt
    litellm_params: { model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY, rpm: 100, timeout: 30 }
  - model_name: gpt
    litellm_params:
      model: azure/my-gpt
      api_base: https://res.openai.azure.com/
      api_version: "2024-10-21"
      api_key: os.environ/AZURE_KEY
      rpm: 900
    model_info: { base_model: azure/gpt-4o }
  - model_name: own
    litellm_params:
      model: hosted_vllm/llama
      api_base: http://10.0.0.7:8000/v1
      max_parallel_requests: 4
      max_budget: 5
      budget_duration: 30d
      input_cost_per_token: 0.0000004
  - model_name: "claude-*"
    litellm_params: { model: "anthropic/claude-*", api_key: os.environ/CLAUDE_KEY }
router_settings: { model_group_alias: { gpt-4: gpt }, fallbacks: [{ gpt: [own] }], num_retries: 2, timeout: 90 }
`);
  assert.deepEqual(parse(config), {
    timeouts: { total: "90s" },
    providers: {
      openai: { api_key: "env.OPENAI_API_KEY", models: ["gpt-4o"], any_model: false },
      azure: {
        base_url: "https://res.openai.azure.com",
        api_key: "env.AZURE_KEY",
        azure: { api_version: "2024-10-21" },
        models: ["gpt-4o"],
        any_model: false,
        deployments: { "gpt-4o": "my-gpt" },
      },
      vllm: { base_url: "http://10.0.0.7:8000/v1", models: ["llama"], any_model: false },
      anthropic: { api_key: "env.CLAUDE_KEY" },
    },
    aliases: { own: "vllm/llama", "claude-*": "anthropic/claude-*", "gpt-4": "gpt" },
    groups: {
      gpt: {
        targets: [
          { target: "openai/gpt-4o", weight: 100 },
          { target: "azure/gpt-4o", weight: 900 },
        ],
      },
    },
    fallbacks: { gpt: ["own"] },
    routing: { retries: { max: 2 } },
    model_timeouts: { "openai/gpt-4o": { total: "30s" } },
    prices: { "vllm/llama": { input: 0.4 } },
    governance: {
      model_limits: [
        { model: "llama", provider: "vllm", concurrency: 4, budgets: [{ budget: "5/1M", calendar: true }] },
      ],
    },
  });
  assert.deepEqual(
    variables.map(({ name, written }) => [name, written]),
    [
      ["OPENAI_API_KEY", false],
      ["AZURE_KEY", false],
      ["CLAUDE_KEY", false],
    ],
  );
  const environment = Object.fromEntries(variables.map(({ name }) => [name, "secret-of-the-test"]));
  const loaded = await loadConfig({ text: config, path: "/etc/config.yaml", environment, number: 1 });
  assert.deepEqual(loaded.ok ? [] : loaded.problems, []);
});

test("importLitellm() copies no secret that is written out, and names the variable to set", () => {
  const { config, report, variables } = read(`
model_list:
  - model_name: one
    litellm_params: { model: openai/gpt-4o, api_key: sk-live-0123456789abcdef }
  - model_name: two
    litellm_params:
      model: openai/gpt-4o
      api_base: https://models.corp.example/v1
      api_key: sk-live-fedcba9876543210
      extra_headers: { X-Auth-Token: token-live-4711, x-team: red }
  - model_name: three
    litellm_params: { model: openai/gpt-4o-mini, api_key: os.environ/OPENAI_API_KEY }
general_settings: { master_key: sk-live-master-0815 }
environment_variables: { SMTP_PASSWORD: live-mail-password }
`);
  assert.doesNotMatch(config + JSON.stringify({ report, variables }), /live/);
  assert.deepEqual(
    variables.filter(({ written }) => written).map(({ name }) => name),
    ["OPENAI_API_KEY_2", "MODELS_CORP_EXAMPLE_API_KEY", "MODELS_CORP_EXAMPLE_X_AUTH_TOKEN"],
  );
  assert.deepEqual(parse(config).providers["models.corp.example"].headers, {
    "X-Auth-Token": "env.MODELS_CORP_EXAMPLE_X_AUTH_TOKEN",
    "x-team": "red",
  });
});

test("importLitellm() tells of each setting with its line, and which of the dropped ones protected something", () => {
  const { report } = read(`model_list: []
guardrails: [{ guardrail_name: pii }]
general_settings:
  allowed_ips: [10.0.0.1]
  enable_jwt_auth: true
  enable_oauth2_auth: false
  max_request_size_mb: 2
  no_such_setting: 1
litellm_settings:
  cache: true
router_settings: { allowed_fails: 7 }
`);
  assert.deepEqual(
    report.map(({ outcome, line, setting, security }) => [outcome, line, setting, security]),
    [
      ["dropped", 2, "guardrails", true],
      ["dropped", 4, "general_settings.allowed_ips", true],
      ["dropped", 5, "general_settings.enable_jwt_auth", true],
      ["kept", 7, "general_settings.max_request_size_mb", false],
      ["dropped", 8, "general_settings.no_such_setting", false],
      ["dropped", 10, "litellm_settings.cache", false],
      ["approximated", 11, "router_settings.allowed_fails", false],
    ],
  );
});

test("importLitellm() sends no key to another address than the file's", () => {
  const unset = read(`model_list:
  - { model_name: a, litellm_params: { model: openai/m, api_base: os.environ/OWN_BASE, api_key: os.environ/OWN_KEY } }
`);
  assert.equal(parse(unset.config).providers["own-base.invalid"].base_url, "https://own-base.invalid");
  const set = read(
    `model_list:
  - { model_name: a, litellm_params: { model: openai/m, api_base: os.environ/OWN_BASE, api_key: os.environ/OWN_KEY } }
`,
    { OWN_BASE: "https://own.example/v1/" },
  );
  assert.equal(parse(set.config).providers["own.example"].base_url, "https://own.example/v1");
});

test("importLitellm() says where a text is no YAML", () => {
  assert.throws(() => read("model_list: [\n"), /^Error: line 2, column 1: /);
  assert.throws(() => read("providers: {}\n"), /^Error: this is not LiteLLM's config\.yaml/);
});

/** Whatever the file holds, what is made of it must load. */
test("importLitellm() makes a config that loads of odd files too", async () => {
  const odd = [
    "model_list: [7, {}, { model_name: a }, { model_name: b, litellm_params: { model: nowhere/b } }]",
    "model_list: [{ model_name: 'a b', litellm_params: { model: groq/x } }]",
    "model_list: [{ model_name: '*', litellm_params: { model: 'groq/*', api_key: k } }]",
    "model_list: [{ model_name: groq/x, litellm_params: { model: groq/x } }, { model_name: groq/x, litellm_params: { model: groq/x, rpm: 3 } }]",
    "model_list: [{ model_name: x, litellm_params: { model: echo/x, api_base: 'http://echo:1' } }]",
    "model_list: [{ model_name: x, litellm_params: { model: bedrock/us-east-1/m, aws_region_name: us-east-1 } }]",
    "model_list: [{ model_name: x, litellm_params: { model: groq/x, api_base: nonsense } }]",
    "router_settings: { fallbacks: [{ a: [a, b] }, 3], provider_budget_config: { openai: { budget_limit: 1, time_period: 1d } } }",
    "litellm_settings: { max_budget: 1e9, request_timeout: 0, num_retries: 99 }\ngeneral_settings: { user_header_name: X-User }",
    "model_list: [{ model_name: x, litellm_params: { model: groq/x, max_budget: 1, budget_duration: 1d } }, { model_name: y, litellm_params: { model: groq/x, tpm: 1, max_budget: 2, budget_duration: 1d } }]",
    "model_list: [{ model_name: __proto__, litellm_params: { model: groq/x } }]",
  ];
  for (const text of odd) {
    const { config, variables } = read(text);
    const environment = Object.fromEntries(variables.map(({ name }) => [name, "secret-of-the-test"]));
    const loaded = await loadConfig({ text: config, path: "/etc/config.yaml", environment, number: 1 });
    assert.deepEqual(loaded.ok ? [] : loaded.problems, [], `${text}\n${config}`);
  }
});
