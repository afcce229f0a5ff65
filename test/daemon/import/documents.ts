/** Configs of other gateways with something of everything, small enough to be spoiled at each of their places. */
const bifrost = {
  providers: {
    openai: {
      keys: [
        { name: "main", value: "env.OPENAI_API_KEY", models: ["gpt-4o"], weight: 0.7, blacklisted_models: ["o1"] },
        { id: "k2", name: "spare", value: { env_var: "env.SPARE", from_env: true }, models: ["*"], enabled: true },
      ],
      network_config: {
        default_request_timeout_in_seconds: 30,
        max_retries: 2,
        base_url: "https://models.example/v1",
        extra_headers: { "x-team": "red" },
      },
      concurrency_and_buffer_size: { concurrency: 100, buffer_size: 200 },
      proxy_config: { type: "http", url: "http://proxy.example:3128" },
    },
    azure: {
      keys: [
        {
          ...{ name: "a", value: "env.AZURE", models: ["*"], aliases: { fast: "dep-1" } },
          azure_key_config: {
            endpoint: "https://r.openai.azure.com",
            api_version: "2024-10-21",
            deployments: { m: "d" },
          },
        },
      ],
    },
    bedrock: {
      keys: [
        {
          ...{ name: "b", models: ["*"] },
          bedrock_key_config: { access_key: "env.AK", secret_key: "env.SK", region: "eu-central-1" },
        },
      ],
    },
    own: {
      keys: [{ name: "k", value: "env.OWN", models: ["*"] }],
      network_config: { base_url: "https://own.example/v1" },
      custom_provider_config: { base_provider_type: "openai" },
    },
  },
  client: { max_request_body_size_mb: 10, log_retention_days: 30, required_headers: ["x-tenant"] },
  governance: {
    budgets: [{ id: "b1", max_limit: 100, reset_duration: "1M", current_usage: 3 }],
    rate_limits: [
      {
        ...{ id: "r1", token_max_limit: 1000, token_reset_duration: "1m" },
        ...{ request_max_limit: 10, request_reset_duration: "1h" },
      },
    ],
    customers: [{ id: "c1", name: "acme", budget_id: "b1", calendar_aligned: true }],
    teams: [{ id: "t1", name: "research", customer_id: "c1", rate_limit_id: "r1" }],
    virtual_keys: [
      {
        ...{
          id: "v1",
          name: "ci",
          value: "sk-bf-0123456789abcdef",
          team_id: "t1",
          is_active: true,
          rate_limit_id: "r1",
        },
        expires_at: "2027-01-01T00:00:00Z",
        provider_configs: [
          {
            ...{ provider: "openai", weight: 1, allowed_models: ["gpt-4o"], blacklisted_models: ["o1"] },
            ...{ key_ids: ["main"], budgets: [{ max_limit: 1, reset_duration: "1d" }] },
          },
        ],
      },
    ],
    providers: [{ name: "openai", budget_id: "b1", rate_limit_id: "r1" }],
    model_configs: [
      { model_name: "gpt-4o", provider: "openai", scope: "virtual_key", scope_id: "v1", budget_ids: ["b1"] },
    ],
    routing_rules: [
      {
        ...{
          name: "long",
          enabled: true,
          cel_expression: 'model == "gpt-4o"',
          scope: "team",
          scope_id: "t1",
          priority: 1,
        },
        targets: [{ provider: "openai", model: "gpt-4o", weight: 1 }],
        fallbacks: ["own/x"],
      },
    ],
    pricing_overrides: [
      {
        ...{ id: "p1", name: "cheap", scope_kind: "provider", provider_id: "openai", match_type: "exact" },
        ...{ pattern: "gpt-4o", request_types: ["chat_completion"] },
        pricing_patch: '{"input_cost_per_token":0.000001,"output_cost_per_token":0.000002}',
      },
    ],
  },
};

const litellm = {
  model_list: [
    {
      model_name: "gpt",
      litellm_params: {
        ...{ model: "openai/gpt-4o", api_key: "os.environ/OPENAI_API_KEY", rpm: 100, tpm: 1000, timeout: 30 },
        ...{ weight: 2, max_parallel_requests: 4, max_budget: 5, budget_duration: "30d", tags: ["free"] },
      },
      model_info: { id: "m1", base_model: "openai/gpt-4o", access_groups: ["beta"], input_cost_per_token: 1e-6 },
    },
    {
      model_name: "own",
      litellm_params: {
        ...{ model: "hosted_vllm/llama", api_base: "http://10.0.0.7:8000/v1", extra_headers: { "x-a": "b" } },
        ...{ input_cost_per_token: 0.0000004, litellm_credential_name: "c" },
      },
    },
    {
      model_name: "az",
      litellm_params: {
        ...{ model: "azure/my", api_base: "https://r.openai.azure.com/", api_version: "2024-10-21", api_key: "k" },
      },
    },
  ],
  credential_list: [{ credential_name: "c", credential_values: { api_key: "os.environ/C" }, credential_info: {} }],
  router_settings: {
    ...{ routing_strategy: "simple-shuffle", num_retries: 2, timeout: 90, allowed_fails: 3, cooldown_time: 30 },
    model_group_alias: { "gpt-4": "gpt", hidden: { model: "gpt", hidden: true } },
    fallbacks: [{ gpt: ["own"] }],
    context_window_fallbacks: [{ gpt: ["az"] }],
    provider_budget_config: { openai: { budget_limit: 10, time_period: "1d" } },
    retry_policy: { TimeoutErrorRetries: 2 },
  },
  litellm_settings: {
    ...{ request_timeout: 60, drop_params: true, max_budget: 10, budget_duration: "1d", num_retries: 3 },
    ...{ cache: true, cache_params: { type: "local", ttl: 60 }, success_callback: ["langfuse"] },
    default_internal_user_params: { max_budget: 5, budget_duration: "1d", models: ["gpt"] },
    upperbound_key_generate_params: { max_budget: 10, duration: "30d" },
    max_end_user_budget: 1,
  },
  general_settings: {
    ...{ master_key: "os.environ/MASTER", database_url: "os.environ/DB", max_request_size_mb: 5 },
    ...{ enforced_params: ["user"], allowed_routes: ["/chat/completions"], allowed_ips: ["10.0.0.1"] },
    ...{ user_header_name: "x-user", max_parallel_requests: 10, global_max_parallel_requests: 100 },
  },
  environment_variables: { A: "b" },
};

const portkey = {
  ...{ strategy: { mode: "loadbalance", on_status_codes: [429] }, retry: { attempts: 3, on_status_codes: [500] } },
  ...{ cache: { mode: "simple", max_age: 60 }, request_timeout: 5_000 },
  targets: [
    { provider: "openai", api_key: "sk-live-1", weight: 0.7, override_params: { model: "gpt-4o", max_tokens: 5 } },
    {
      ...{
        provider: "azure-openai",
        azure_resource_name: "res",
        azure_deployment_id: "dep",
        api_version: "2024-10-21",
      },
      ...{ api_key: "env.B", weight: 1 },
    },
    {
      name: "spare",
      strategy: { mode: "fallback" },
      targets: [
        { virtual_key: "anthropic-prod", override_params: { model: "claude-sonnet-4-5" } },
        { provider: "openai", custom_host: "http://10.0.0.7/v1", api_key: "k", override_params: { model: "m" } },
      ],
    },
  ],
};
/** As text, since a value with `then` is no value to hand about. */
const conditional: unknown = JSON.parse(`{
  "strategy": {
    "mode": "conditional",
    "conditions": [
      { "query": { "metadata.plan": { "$eq": "paid" } }, "then": "a" },
      { "query": { "$or": [{ "metadata.a": { "$in": ["b"] } }, { "params.model": { "$regex": "^gpt" } }] }, "then": "b" }
    ],
    "default": "a"
  },
  "targets": [
    { "name": "a", "provider": "openai", "api_key": "k", "override_params": { "model": "gpt-4o" } },
    { "name": "b", "provider": "groq", "api_key": "k", "override_params": { "model": "llama" } }
  ]
}`);

export const documents = {
  bifrost: [bifrost],
  litellm: [litellm],
  portkey: [portkey, conditional, { config: { provider: "openai", api_key: "k", override_params: { model: "m" } } }],
} as const;
