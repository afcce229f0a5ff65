/**
 * Every metric there is: its name, what it counts, by which labels, and where the number comes from. docs/metrics.md and
 * the Grafana dashboard are held against this list. `set` says whose name it is: our own, Bifrost's (the Go gateway that
 * we replace), LiteLLM's.
 */
import { sumColumn } from "../store/rollup-groups.ts";
import type { HistogramName, Series } from "./metric-store.ts";

export type MetricSet = "own" | "bifrost" | "litellm";
type Common = {
  readonly name: string;
  readonly set: MetricSet;
  readonly help: string;
  /** Label → where its value comes from. */
  readonly labels: Readonly<Record<string, string>>;
  /** Series that it is about; absent: all. */
  readonly only?: (series: Series, label: (name: string) => string) => boolean;
};
export type CounterFamily = Common & { readonly type: "counter"; readonly value: (series: Series) => number };
export type HistogramFamily = Common & {
  readonly type: "histogram";
  readonly of: HistogramName;
  /** Seconds to the unit of the name. */
  readonly scale?: number;
};
export type SeriesFamily = CounterFamily | HistogramFamily;

const sum =
  (name: keyof typeof sumColumn, scale = 1) =>
  (series: Series): number =>
    (series.sums[sumColumn[name]] ?? 0) * scale;

const dollars = 1e-9;
const seen = (label: (name: string) => string): boolean => label("provider") !== "";
const succeeded = (label: (name: string) => string): boolean => label("error") === "" && Number(label("status")) < 400;

/** Labels of the Go gateway, as far as there is something to tell. */
const usual = {
  ...{ provider: "provider", model: "model", alias: "alias", method: "route" },
  ...{ virtual_key_id: "key_id", virtual_key_name: "key", selected_key_id: "credential" },
  ...{ selected_key_name: "credential", fallback_index: "fallback" },
  ...{ routing_engine_used: "engine", routing_rule_id: "rule", routing_rule_name: "rule" },
  ...{ team_id: "team", team_name: "team_name", customer_id: "customer", customer_name: "customer_name" },
};
const http = { path: "route", method: "method", status: "status" };
const owner = { hashed_api_key: "key_id", api_key_alias: "key", team: "team", team_alias: "team_name" };
const lite = {
  ...owner,
  ...{ model: "model", requested_model: "alias" },
};
const deployment = {
  litellm_model_name: "model",
  model_id: "target",
  api_provider: "provider",
  requested_model: "alias",
};
const spend = { provider: "provider", model: "model", key: "key", team: "team_name", customer: "customer_name" };
const answered = (_series: Series, label: (name: string) => string): boolean => seen(label);

export const seriesFamilies: readonly SeriesFamily[] = [
  {
    ...{ name: "bifrost_requests_total", set: "own", type: "counter", help: "Requests that have ended." },
    labels: { route: "route", provider: "provider", model: "model", key: "key", status: "status", error: "error" },
    value: sum("requests"),
  },
  {
    ...{ name: "bifrost_request_duration_seconds", set: "own", type: "histogram", of: "latency" },
    help: "From the request's head to the last byte of its answer.",
    labels: { route: "route", provider: "provider", model: "model", stream: "stream" },
  },
  {
    ...{ name: "bifrost_time_to_first_token_seconds", set: "own", type: "histogram", of: "ttft" },
    help: "Streams: to the first byte of content.",
    labels: { provider: "provider", model: "model" },
    only: answered,
  },
  {
    ...{ name: "bifrost_upstream_duration_seconds", set: "own", type: "histogram", of: "upstream" },
    help: "Time spent waiting for and reading from providers, all attempts together.",
    labels: { provider: "provider", model: "model" },
    only: answered,
  },
  {
    ...{ name: "bifrost_overhead_seconds", set: "own", type: "histogram", of: "overhead" },
    help: "What the gateway added: total time less upstream time.",
    labels: { route: "route", stream: "stream" },
  },
  ...(["in", "out", "cache_read", "cache_write", "reasoning"] as const).map(
    (kind): CounterFamily => ({
      ...{ name: "bifrost_tokens_total", set: "own", type: "counter", help: "Tokens by kind, as providers told them." },
      labels: { provider: "provider", model: "model", key: "key", kind: `=${kind}` },
      value: sum(`tokens_${kind}`),
      only: answered,
    }),
  ),
  {
    ...{ name: "bifrost_spend_dollars_total", set: "own", type: "counter", help: "Cost of what was priced." },
    labels: spend,
    value: sum("cost_nano", dollars),
    only: answered,
  },
  {
    ...{ name: "bifrost_unpriced_requests_total", set: "own", type: "counter" },
    help: "Requests whose price is not known; they are in no sum of money.",
    labels: { provider: "provider", model: "model" },
    value: sum("unpriced"),
    only: answered,
  },
  {
    ...{ name: "http_requests_total", set: "bifrost", type: "counter", help: "HTTP requests." },
    labels: http,
    value: sum("requests"),
  },
  ...(
    [
      ["http_request_duration_seconds", "latency", "HTTP request duration."],
      ["http_request_size_bytes", "bytesIn", "HTTP request size."],
      ["http_response_size_bytes", "bytesOut", "HTTP response size."],
    ] as const
  ).map(
    ([name, of, help]): HistogramFamily => ({ ...{ name, of, help, set: "bifrost", type: "histogram" }, labels: http }),
  ),
  {
    ...{ name: "bifrost_upstream_requests_total", set: "bifrost", type: "counter" },
    help: "Requests sent to a provider.",
    labels: usual,
    value: sum("requests"),
    only: answered,
  },
  {
    ...{ name: "bifrost_success_requests_total", set: "bifrost", type: "counter", help: "Requests that succeeded." },
    labels: usual,
    value: sum("requests"),
    only: (_series, label) => seen(label) && succeeded(label),
  },
  {
    ...{ name: "bifrost_error_requests_total", set: "bifrost", type: "counter", help: "Requests that failed." },
    labels: { ...usual, status_code: "status", error_type: "error_type" },
    value: sum("requests"),
    only: (_series, label) => !succeeded(label),
  },
  ...(
    [
      ["bifrost_upstream_latency_seconds", "upstream", "Time spent with providers."],
      ["bifrost_stream_first_token_latency_seconds", "ttft", "Streams: to the first content."],
      ["bifrost_stream_inter_token_latency_seconds", "tokenGap", "Streams: mean time from one token to the next."],
      ["bifrost_request_retries", "retries", "Attempts after the first."],
    ] as const
  ).map(
    ([name, of, help]): HistogramFamily => ({
      ...{ name, of, help, set: "bifrost", type: "histogram", labels: usual, only: answered },
    }),
  ),
  {
    ...{ name: "bifrost_overhead_latency_microseconds", set: "bifrost", type: "histogram", of: "overhead", scale: 1e6 },
    help: "What the gateway added.",
    labels: usual,
    only: answered,
  },
  ...(
    [
      ["bifrost_input_tokens_total", "tokens_in", 1, "Input tokens."],
      ["bifrost_output_tokens_total", "tokens_out", 1, "Output tokens."],
      ["bifrost_cost_total", "cost_nano", dollars, "Cost in dollars."],
    ] as const
  ).map(
    ([name, of, scale, help]): CounterFamily => ({
      ...{ name, help, set: "bifrost", type: "counter", labels: usual, value: sum(of, scale), only: answered },
    }),
  ),
  ...(
    [
      ["litellm_proxy_total_requests_metric_total", "requests", 1, "All requests."],
      ["litellm_spend_metric_total", "cost_nano", dollars, "Spend in dollars."],
      ["litellm_input_tokens_metric_total", "tokens_in", 1, "Input tokens."],
      ["litellm_output_tokens_metric_total", "tokens_out", 1, "Output tokens."],
      ["litellm_input_cached_tokens_metric_total", "tokens_cache_read", 1, "Input tokens read from a cache."],
      ["litellm_input_cache_creation_tokens_metric_total", "tokens_cache_write", 1, "Input tokens written to a cache."],
      ["litellm_output_reasoning_tokens_metric_total", "tokens_reasoning", 1, "Reasoning tokens."],
    ] as const
  ).map(
    ([name, of, scale, help]): CounterFamily => ({
      ...{ name, help, set: "litellm", type: "counter", labels: lite, value: sum(of, scale) },
    }),
  ),
  {
    ...{ name: "litellm_total_tokens_metric_total", set: "litellm", type: "counter", help: "Input and output tokens." },
    labels: lite,
    value: (series) => sum("tokens_in")(series) + sum("tokens_out")(series),
  },
  {
    ...{
      name: "litellm_proxy_failed_requests_metric_total",
      set: "litellm",
      type: "counter",
      help: "Failed requests.",
    },
    labels: { ...lite, exception_status: "status", exception_class: "exception" },
    value: sum("requests"),
    only: (_series, label) => !succeeded(label),
  },
  ...(
    [
      ["litellm_deployment_total_requests_total", "Requests sent to a provider.", () => true],
      ["litellm_deployment_success_responses_total", "Answers that succeeded.", succeeded],
      ["litellm_deployment_failure_responses_total", "Answers that failed.", (label) => !succeeded(label)],
    ] as readonly (readonly [string, string, (label: (name: string) => string) => boolean])[]
  ).map(
    ([name, help, passes]): CounterFamily => ({
      ...{ name, help, set: "litellm", type: "counter", labels: deployment, value: sum("requests") },
      only: (_series, label) => seen(label) && passes(label),
    }),
  ),
  {
    ...{ name: "litellm_zero_cost_requests_total", set: "litellm", type: "counter" },
    help: "Requests whose price is not known.",
    labels: { ...deployment, reason: "=missing_pricing_key" },
    value: sum("unpriced"),
    only: (series, label) => seen(label) && sum("unpriced")(series) > 0,
  },
  ...(
    [
      ["litellm_deployment_successful_fallbacks_total", "Requests that a fallback served.", succeeded],
      [
        "litellm_deployment_failed_fallbacks_total",
        "Requests that a fallback failed too.",
        (label) => !succeeded(label),
      ],
    ] as readonly (readonly [string, string, (label: (name: string) => string) => boolean])[]
  ).map(
    ([name, help, passes]): CounterFamily => ({
      ...{ name, help, set: "litellm", type: "counter", value: sum("requests") },
      labels: { ...owner, requested_model: "alias", fallback_model: "model" },
      only: (_series, label) => seen(label) && label("fallback") !== "0" && passes(label),
    }),
  ),
  ...(
    [
      ["litellm_request_total_latency_metric", "latency", "Total latency in seconds."],
      ["litellm_llm_api_latency_metric", "upstream", "Provider latency in seconds."],
      ["litellm_llm_api_time_to_first_token_metric", "ttft", "Time to first token in seconds."],
      ["litellm_overhead_latency_metric", "overhead", "What the gateway added, in seconds."],
      ["litellm_deployment_latency_per_output_token", "tokenGap", "Seconds per output token."],
    ] as const
  ).map(
    ([name, of, help]): HistogramFamily => ({
      ...{ name, of, help, set: "litellm", type: "histogram", labels: lite, only: answered },
    }),
  ),
];

/** Gauges and counters of the daemon itself: `sample` names them in metrics.ts. */
export type DaemonFamily = {
  readonly name: string;
  readonly set: MetricSet;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly labels: readonly string[];
};

export const daemonFamilies = {
  inFlight: gauge("bifrost_requests_in_flight", "Requests under way.", ["worker"]),
  active: { ...gauge("bifrost_active_requests", "Requests under way.", []), set: "bifrost" },
  liteInFlight: { ...gauge("litellm_in_flight_requests", "Requests under way.", []), set: "litellm" },
  liteKeyLeft: {
    ...gauge("litellm_remaining_api_key_budget_metric", "Dollars left of a key's budget.", [
      "hashed_api_key",
      "api_key_alias",
    ]),
    set: "litellm",
  },
  liteKeyMax: {
    ...gauge("litellm_api_key_max_budget_metric", "Dollars of a key's budget.", ["hashed_api_key", "api_key_alias"]),
    set: "litellm",
  },
  liteKeyHours: {
    ...gauge("litellm_api_key_budget_remaining_hours_metric", "Hours until a key's budget begins anew.", [
      "hashed_api_key",
      "api_key_alias",
    ]),
    set: "litellm",
  },
  liteTeamLeft: {
    ...gauge("litellm_remaining_team_budget_metric", "Dollars left of a team's budget.", ["team", "team_alias"]),
    set: "litellm",
  },
  liteTeamMax: {
    ...gauge("litellm_team_max_budget_metric", "Dollars of a team's budget.", ["team", "team_alias"]),
    set: "litellm",
  },
  liteTeamHours: {
    ...gauge("litellm_team_budget_remaining_hours_metric", "Hours until a team's budget begins anew.", [
      "team",
      "team_alias",
    ]),
    set: "litellm",
  },
  liteUserLeft: {
    ...gauge("litellm_remaining_user_budget_metric", "Dollars left of a user's budget.", ["user"]),
    set: "litellm",
  },
  liteUserMax: { ...gauge("litellm_user_max_budget_metric", "Dollars of a user's budget.", ["user"]), set: "litellm" },
  liteUserHours: {
    ...gauge("litellm_user_budget_remaining_hours_metric", "Hours until a user's budget begins anew.", ["user"]),
    set: "litellm",
  },
  liteOrgLeft: {
    ...gauge("litellm_remaining_org_budget_metric", "Dollars left of a customer's budget.", ["org_id", "org_alias"]),
    set: "litellm",
  },
  liteOrgMax: {
    ...gauge("litellm_org_max_budget_metric", "Dollars of a customer's budget.", ["org_id", "org_alias"]),
    set: "litellm",
  },
  liteOrgHours: {
    ...gauge("litellm_org_budget_remaining_hours_metric", "Hours until a customer's budget begins anew.", [
      "org_id",
      "org_alias",
    ]),
    set: "litellm",
  },
  liteState: {
    ...gauge("litellm_deployment_state", "0 when it is used, 2 while it is left alone after its faults.", [
      ...["litellm_model_name", "model_id", "api_provider"],
    ]),
    set: "litellm",
  },
  liteCooled: {
    ...counter("litellm_deployment_cooled_down_total", "Times it was left alone after its faults.", [
      ...["litellm_model_name", "model_id", "api_provider"],
    ]),
    set: "litellm",
  },
  liteRequestsLeft: {
    ...gauge("litellm_remaining_requests_metric", "Requests that the provider said last are left.", [
      ...["litellm_model_name", "model_id", "api_provider"],
    ]),
    set: "litellm",
  },
  liteTokensLeft: {
    ...gauge("litellm_remaining_tokens_metric", "Tokens that the provider said last are left.", [
      ...["litellm_model_name", "model_id", "api_provider"],
    ]),
    set: "litellm",
  },
  remaining: gauge("bifrost_target_limit_remaining", "What the provider said last is left of a limit of its own.", [
    "target",
    "kind",
  ]),
  accepted: counter("bifrost_worker_requests_total", "Requests that a worker has taken up.", ["worker"]),
  dropped: counter("bifrost_dropped_total", "What was not kept because a queue was full, by kind.", ["kind"]),
  commitLag: gauge("bifrost_commit_lag_seconds", "Age of the oldest row of the last commit.", ["store"]),
  commits: counter("bifrost_commits_total", "Commits.", ["store"]),
  rows: counter("bifrost_rows_written_total", "Rows committed.", ["store"]),
  failures: counter("bifrost_commit_failures_total", "Commits that the disk refused; they are tried again.", ["store"]),
  healthy: gauge("bifrost_store_up", "1 while the database takes rows.", ["store"]),
  holds: gauge("bifrost_holds_open", "Requests that hold money or a place now.", []),
  credential: {
    ...gauge("bifrost_provider_key_up", "1 when the provider took the key the last time.", [
      ...["provider", "key_id", "key_name"],
    ]),
    set: "bifrost",
  },
  rotations: {
    ...counter("bifrost_key_rotation_events_total", "Times a provider's key was given up for another one.", [
      ...["provider", "requested_model", "key_id", "key_name", "fail_reason"],
    ]),
    set: "bifrost",
  },
  listeners: gauge("bifrost_feed_listeners", "Listeners of the live feed.", []),
  ruleMatches: counter("bifrost_route_rule_matches_total", "Requests for which a routing rule held.", ["rule"]),
  ruleErrors: counter("bifrost_route_rule_errors_total", "Times a routing rule failed and was passed over.", ["rule"]),
  breaker: gauge("bifrost_target_breaker_open", "1 while a target is left alone after its faults.", ["target"]),
  openings: counter("bifrost_target_breaker_openings_total", "Times that a target was left alone after its faults.", [
    "target",
  ]),
  shadow: counter("bifrost_shadow_refusals_total", "Requests that a shadow budget or limit would have refused.", [
    "kind",
    "name",
    "limit",
  ]),
  generation: gauge("bifrost_config_generation", "Number of the config in force.", []),
  alertsFiring: gauge("bifrost_alerts_firing", "Alerts that hold now.", ["severity"]),
  overflow: counter("bifrost_metric_overflow_total", "Requests counted under _OTHER: too many label sets.", []),
  info: gauge("bifrost_build_info", "1; its version is a label.", ["version"]),
  memory: gauge("process_resident_memory_bytes", "Resident memory.", []),
  cpu: counter("process_cpu_seconds_total", "CPU time, user and system.", []),
  started: gauge("process_start_time_seconds", "Start, seconds since 1970.", []),
  descriptors: gauge("process_open_fds", "Open descriptors.", []),
} as const satisfies Record<string, DaemonFamily>;

function gauge(name: string, help: string, labels: readonly string[]): DaemonFamily {
  return { name, help, labels, set: "own", type: "gauge" };
}

function counter(name: string, help: string, labels: readonly string[]): DaemonFamily {
  return { name, help, labels, set: "own", type: "counter" };
}
