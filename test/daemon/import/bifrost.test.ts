import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { loadConfig } from "../../../daemon/config/load.ts";
import { importBifrost } from "../../../daemon/import/bifrost.ts";
import type { Imported } from "../../../daemon/import/foreign.ts";

const config = {
  providers: {
    openai: {
      keys: [
        { name: "main", value: "env.OPENAI_API_KEY", models: ["gpt-4o", "gpt-4o-mini"], weight: 0.7 },
        { name: "spare", value: "sk-live-4711-secret", models: ["gpt-4o"], weight: 0.3 },
        { name: "off", value: "env.OFF", models: ["*"], enabled: false },
        { name: "none", value: "env.NONE", models: [] },
      ],
      network_config: { default_request_timeout_in_seconds: 30, extra_headers: { "x-team": "red" } },
      concurrency_and_buffer_size: { concurrency: 100, buffer_size: 200 },
    },
    vllm: { keys: [{ name: "own", value: "", models: ["*"], vllm_key_config: { url: "http://10.0.0.7:8000/v1" } }] },
    inhouse: {
      keys: [
        { name: "k", value: { env_var: "env.INHOUSE_KEY", from_env: true }, models: ["*"], aliases: { fast: "m-1" } },
      ],
      network_config: { base_url: "https://models.corp.example/v1" },
      custom_provider_config: { base_provider_type: "anthropic" },
    },
  },
  client: { max_request_body_size_mb: 10, required_headers: ["x-tenant"], enforce_auth_on_inference: true },
  governance: {
    budgets: [
      { id: "b1", max_limit: 100, reset_duration: "1M", current_usage: 3 },
      { id: "b2", max_limit: 0.5, reset_duration: "1d" },
    ],
    rate_limits: [
      {
        id: "r1",
        token_max_limit: 1000,
        token_reset_duration: "1m",
        request_max_limit: 10,
        request_reset_duration: "1h",
      },
    ],
    customers: [{ id: "c1", name: "acme", budget_id: "b1", calendar_aligned: true }],
    teams: [{ id: "t1", name: "research", customer_id: "c1" }],
    virtual_keys: [
      {
        id: "v1",
        name: "ci",
        value: "sk-bf-0123456789abcdef",
        team_id: "t1",
        is_active: true,
        rate_limit_id: "r1",
        provider_configs: [
          {
            provider: "openai",
            weight: 1,
            allowed_models: ["gpt-4o"],
            key_ids: ["main"],
            budgets: [{ max_limit: 1, reset_duration: "1d" }],
          },
          { provider: "vllm", allowed_models: ["*"], blacklisted_models: ["regex:.*big.*", "regex:(?!small).*"] },
        ],
      },
      { id: "v2", name: "nothing", value: "env.NOTHING_KEY", is_active: false, customer_id: "c1" },
    ],
    model_configs: [
      { model_name: "gpt-4o", provider: "openai", scope: "virtual_key", scope_id: "v1", budget_ids: ["b2"] },
    ],
    routing_rules: [
      {
        name: "long",
        cel_expression: 'model == "gpt-4o"',
        targets: [{ provider: "openai", model: "gpt-4o-mini", weight: 1 }],
        scope: "team",
        scope_id: "t1",
      },
      { name: "odd", cel_expression: 'complexity_tier == "high"', targets: [{ provider: "openai", model: "gpt-4o" }] },
    ],
  },
  mcp: { client_configs: [{ name: "x" }] },
  plugins: [{ name: "semantic_cache", enabled: true }],
};

test("importBifrost() makes providers, keys, owners, limits and rules", async () => {
  const imported = importBifrost(JSON.stringify(config, null, 2));
  assert.deepEqual(parse(imported.config), {
    server: { body_max: "10MB" },
    providers: {
      openai: {
        keys: [
          { name: "main", value: "env.OPENAI_API_KEY", weight: 0.7 },
          { name: "spare", value: "env.OPENAI_SPARE_KEY", weight: 0.3 },
        ],
        models: ["gpt-4o", "gpt-4o-mini"],
        any_model: false,
        timeouts: { first_byte: "30s" },
        headers: { "x-team": "red" },
        concurrency_max: 100,
      },
      vllm: { base_url: "http://10.0.0.7:8000/v1" },
      inhouse: {
        base_url: "https://models.corp.example/v1",
        dialect: "anthropic",
        keys: [{ name: "k", value: "env.INHOUSE_KEY" }],
        deployments: { fast: "m-1" },
      },
    },
    routing: {
      rules: [
        {
          name: "long",
          when: 'model == "gpt-4o"',
          scope: "team:research",
          targets: [{ target: "openai/gpt-4o-mini", weight: 1 }],
        },
      ],
    },
    governance: {
      customers: { acme: { budgets: [{ budget: "100/1M", calendar: true }] } },
      teams: { research: { customer: "acme" } },
      keys: {
        ci: {
          value: "env.BIFROST_KEY_CI",
          team: "research",
          providers: {
            openai: { weight: 1, models: ["gpt-4o"], keys: ["main"], budgets: ["1/1d"] },
            vllm: { blocked: ["regex:.*big.*"] },
          },
          limits: [
            { tokens: 1000, every: "60s" },
            { requests: 10, every: "3600s" },
          ],
        },
        nothing: { value: "env.NOTHING_KEY", customer: "acme", disabled: true, providers: {} },
      },
      model_limits: [{ model: "gpt-4o", provider: "openai", key: "ci", budgets: ["0.5/1d"] }],
      tags: { header: "x-tenant", required: true },
    },
  });
  assert.doesNotMatch(JSON.stringify(imported), /live|0123456789abcdef/);
  assert.deepEqual(
    imported.report.filter(({ security }) => security).map(({ setting }) => setting),
    [
      "providers.openai.keys[0].models",
      "providers.openai.keys[1].models",
      "governance.virtual_keys[0].provider_configs[1].blacklisted_models",
    ],
  );
  const dropped = imported.report.filter(({ outcome, security }) => outcome === "dropped" && !security);
  assert.deepEqual(
    dropped.map(({ setting }) => setting),
    ["governance.routing_rules[1]", "mcp", "plugins[0]"],
  );
  assert.deepEqual(await problemsOf(imported), []);
});

test("importBifrost() takes an empty list for everything in version 1", async () => {
  const provider = { keys: [{ name: "a", value: "env.OPENAI_API_KEY", models: [] }] };
  const one = importBifrost(JSON.stringify({ version: 1, providers: { openai: provider } }));
  assert.deepEqual(parse(one.config).providers.openai, { keys: [{ name: "a", value: "env.OPENAI_API_KEY" }] });
  const two = importBifrost(JSON.stringify({ providers: { openai: provider } }));
  assert.deepEqual(
    parse(two.config),
    { auth: { inference: "open" } },
    "no key may serve, so neither may the host's own",
  );
});

test("importBifrost() makes a config that loads of odd files too", async () => {
  const odd = [
    {
      providers: {
        "a b": {},
        echo: { keys: [] },
        openai: { keys: "x", network_config: { base_url: "https://x.example/v1/" } },
      },
    },
    {
      providers: {
        azure: {
          keys: [{ value: "k", azure_key_config: { endpoint: "env.AZURE_ENDPOINT", api_version: "2024-10-21" } }],
        },
      },
    },
    {
      governance: {
        virtual_keys: [{ name: "a" }, { name: "a", value: "sk-bf-1" }, 3],
        model_configs: [{}, {}],
        routing_rules: [{}],
      },
    },
    {
      governance: { budgets: [{ id: "b", max_limit: 1, reset_duration: "x" }], teams: [{ name: "t", budget_id: "b" }] },
    },
  ];
  for (const each of odd) {
    const imported = importBifrost(JSON.stringify(each));
    assert.deepEqual(await problemsOf(imported), [], imported.config);
  }
});

test("importBifrost() refuses another gateway's file, which would leave the door open", () => {
  assert.throws(() => importBifrost("model_list: []"), /^Error: this is not the config\.json of the Go gateway/);
});

async function problemsOf({ config: text, variables }: Imported) {
  const environment = Object.fromEntries(variables.map(({ name }) => [name, `secret-of-the-test-${name}`]));
  const loaded = await loadConfig({ text, path: "/etc/config.yaml", environment, number: 1 });
  return loaded.ok ? [] : loaded.problems;
}

test("importBifrost() leaves out what would be freer here than it was there, and says so", async () => {
  const imported = importBifrost(
    JSON.stringify({
      providers: {
        openai: {
          keys: [{ id: "k-1", name: "main", value: "env.OPENAI_API_KEY" }],
          network_config: { base_url: "https://llm.corp.example/", allowed_hosts: true },
          proxy_config: { type: "http", url: "http://user:hunter2@proxy.corp.example:3128" },
        },
        vertex: {
          keys: [
            { id: "us", name: "v-us", vertex_key_config: { project_id: "p", region: "us-east1" } },
            { id: "eu", name: "v-eu", vertex_key_config: { project_id: "p", region: "europe-west1" } },
          ],
        },
        azure: {
          keys: [
            {
              ...{ name: "az", value: "env.AZ" },
              azure_key_config: { endpoint: "https://x.openai.azure.com/", deployments: { "gpt-4.1": "prod-41" } },
            },
          ],
        },
      },
      client: { enforce_auth_on_inference: true },
      governance: {
        budgets: [{ id: "b", max_limit: 5, reset_duration: "1d" }],
        providers: [{ name: "openai", budget_id: "b" }],
        teams: [{ id: "orphan", name: "orphan", customer_id: "gone" }],
        virtual_keys: [
          {
            ...{ id: "1", name: "by-id", value: "env.ONE", access_profile_id: "x", disable_content_logging: true },
            provider_configs: [
              { provider: "openai", allowed_models: ["*"], key_ids: ["k-1", "k-2"] },
              { provider: "vertex", allowed_models: ["*"], key_ids: ["us"] },
            ],
          },
          { id: "2", name: "eu", value: "env.TWO", provider_configs: [{ provider: "vertex", key_ids: ["eu"] }] },
          { id: "3", name: "of-orphan", value: "env.THREE", team_id: "orphan", allow_all_providers: true },
          { id: "4", name: "unbounded", value: "env.FOUR", budget_id: "lost", allow_all_providers: true },
        ],
      },
    }),
  );
  const { providers, governance } = parse(imported.config) as {
    readonly providers: Record<string, Record<string, unknown>>;
    readonly governance: Record<string, Record<string, Record<string, unknown>>>;
  };
  assert.equal(providers["openai"]!["base_url"], "https://llm.corp.example/v1");
  assert.equal(providers["openai"]!["proxy"], "env.OPENAI_PROXY");
  assert.deepEqual(providers["azure"]!["deployments"], { "gpt-4.1": "prod-41" });
  assert.doesNotMatch(JSON.stringify(imported), /hunter2/);
  assert.deepEqual(governance["provider_limits"], { openai: { budgets: ["5/1d"] } });
  assert.deepEqual(governance["keys"]!["by-id"]!["providers"], { openai: { keys: ["main"] }, vertex: {} });
  assert.deepEqual(governance["keys"]!["eu"]!["providers"], { vertex: { keys: [] } }, "its account was left behind");
  assert.deepEqual(Object.keys(governance["keys"]!), ["by-id", "eu", "unbounded"]);
  assert.equal(governance["teams"], undefined);
  assert.deepEqual(
    imported.report.filter(({ security }) => security).map(({ setting }) => setting),
    [
      "providers.openai.network_config.allowed_hosts",
      "governance.teams[0].customer_id",
      "governance.virtual_keys[0].disable_content_logging",
      "governance.virtual_keys[2].team_id",
      "governance.virtual_keys[3]",
      "governance.virtual_keys[0].access_profile_id",
    ],
  );
});
