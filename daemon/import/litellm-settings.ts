/** `router_settings`, `litellm_settings` and `general_settings`: a table of what becomes of each. */

import type { Accounts } from "./accounts.ts";
import {
  type Draft,
  type Entry,
  entriesOf,
  isOn,
  lookUp,
  numberOf,
  recordOf,
  secondsOf,
  textOf,
  textsOf,
  wholeOf,
} from "./draft.ts";
import { renamed } from "./litellm-account.ts";
import { budgetOf } from "./litellm-budget.ts";
import { routingKeys } from "./litellm-routing.ts";
import type { Report } from "./report.ts";

type Target = {
  readonly draft: Draft;
  readonly report: Report;
  readonly accounts: Accounts;
  /** Keys are taken over too. */
  readonly withKeys: boolean;
  /** All of the section. */
  readonly section: Readonly<Record<string, unknown>>;
};
type Rule = (entry: Entry, target: Target) => void;
type Rules = Readonly<Record<string, Rule>>;

/** The same here; `convert` gives nothing where the value cannot be read. */
function keep(to: readonly string[], convert: (value: unknown) => unknown, about?: string): Rule {
  return ({ value, path }, { draft, report }) => {
    if (value === null || value === undefined) return;
    const converted = convert(value);
    if (converted === undefined) return report.dropped(path, "has no value that can be kept");
    if (draft.has(to)) return report.dropped(path, `${to.join(".")} is said twice: the first counts`);
    draft.set(to, converted);
    if (about === undefined) report.kept(path, to.join("."));
    else report.approximated(path, `${to.join(".")}: ${about}`);
  };
}

const drop =
  (why: string): Rule =>
  ({ value, path }, { report }) => {
    if (isOn(value)) report.dropped(path, why);
  };

const unprotected =
  (why: string): Rule =>
  ({ value, path }, { report }) => {
    if (isOn(value)) report.unprotected(path, why);
  };

/** It is so here without being said. */
const already =
  (why: string): Rule =>
  ({ value, path }, { report }) => {
    if (isOn(value)) report.kept(path, why);
  };

/** It bound every call there; here it is said of a key. */
const ofEachKey =
  (field: string): Rule =>
  ({ value, path }, { report, withKeys }) => {
    if (!isOn(value)) return;
    if (withKeys) report.approximated(path, `${field} of each key that is taken over: say so of keys made later`);
    else report.unprotected(path, `is said of each key here: ${field}, or bifrost keys create --${field}`);
  };

const elsewhere: Rule = () => undefined;
const each = (names: readonly string[], rule: Rule): Rules => Object.fromEntries(names.map((name) => [name, rule]));

const strategies: Readonly<Record<string, string>> = {
  "simple-shuffle": "weighted",
  "least-busy": "least_busy",
  "latency-based-routing": "lowest_latency",
  "cost-based-routing": "lowest_cost",
  "usage-based-routing": "headroom",
  "usage-based-routing-v2": "headroom",
};
const megabytes = (value: unknown) => (numberOf(value) ? `${Math.ceil(numberOf(value)! * 1024)}KB` : undefined);
const days = (value: unknown) => (/^\d{1,6}(s|m|h|d|w)$/.test(String(value)) ? String(value) : secondsOf(value));
const retries = keep(["routing", "retries", "max"], (value) => {
  const count = wholeOf(value);
  return count === undefined ? undefined : Math.min(count, 10);
});
const total = keep(["timeouts", "total"], secondsOf);
const firstByte = keep(["timeouts", "first_byte_stream"], secondsOf);
const noCache = drop("answers are not cached in this build");
const guard = unprotected("guardrails are not part of this build");
const noRedis = already("one daemon counts exactly, without Redis");

const wholeBudget: Rule = ({ value, path }, { draft, report, section }) => {
  const budget = budgetOf(value, section["budget_duration"]);
  if (budget === undefined) return isOn(value) ? report.unprotected(path, "is no amount that can be kept") : undefined;
  draft.push(["governance", "model_limits"], { budgets: [budget] });
  report.kept(path, "a budget over all calls; what was spent so far is not carried over");
};

const providerBudgets: Rule = ({ value, path }, { draft, report, accounts }) => {
  for (const { key, value: settings, path: at } of entriesOf(value, path)) {
    const {
      budget_limit: limit,
      max_budget: most,
      time_period: period,
      budget_duration: duration,
    } = recordOf(settings);
    const budget = budgetOf(limit ?? most, period ?? duration);
    const providers = accounts.of(lookUp(renamed, key) ?? key);
    if (budget === undefined) report.unprotected(at, "is no amount and period that can be kept");
    else if (providers.length === 0) report.dropped(at, "no model is called there");
    for (const provider of budget === undefined ? [] : providers)
      draft.set(["governance", "provider_limits", provider, "budgets"], [budget]);
    if (budget !== undefined && providers.length === 1)
      report.kept(at, "a budget of the provider; what was spent so far is not carried over");
    if (budget !== undefined && providers.length > 1)
      report.unprotected(at, `a budget of each of ${providers.join(", ")}, which together may spend more`);
  }
};

const callbacks: Rule = ({ value, path }, { draft, report }) => {
  for (const name of textsOf(value)) {
    if (name === "prometheus") {
      draft.set(["metrics", "litellm_names"], true);
      report.kept(path, "prometheus: /metrics of the admin API, under LiteLLM's names too");
    } else if (name === "otel") report.dropped(path, "otel: write the receiver as tracing.endpoint");
    else if (/guard|presidio|lakera|moderation|hide_secrets|detect_prompt/.test(name))
      report.unprotected(path, `${name}: guardrails are not part of this build`);
    else report.dropped(path, `${name}: spans go to any OpenTelemetry receiver (tracing.endpoint)`);
  }
};

const router: Rules = {
  ...each(routingKeys, elsewhere),
  routing_strategy: keep(["routing", "strategy"], (value) => lookUp(strategies, String(value))),
  num_retries: retries,
  timeout: total,
  stream_timeout: firstByte,
  retry_after: keep(
    ["routing", "retries", "backoff"],
    secondsOf,
    "the longest pause before the first retry, not the shortest",
  ),
  allowed_fails: keep(
    ["routing", "breaker", "failures"],
    (value) => Math.max(1, wholeOf(value) ?? 3),
    "faults in a row, not in a minute",
  ),
  cooldown_time: keep(["routing", "breaker", "open"], secondsOf, "doubled each time in a row"),
  disable_cooldowns: keep(["routing", "breaker", "enabled"], (value) => value !== true),
  provider_budget_config: providerBudgets,
  max_fallbacks: drop("a list of fallbacks is tried to its end, within routing.attempts_max"),
  enable_pre_call_checks: already("a target whose context is too small is left out"),
  optional_pre_call_checks: already("affinity and limits are decided by routing.affinity and governance"),
  enable_tag_filtering: unprotected("deployments are not chosen by tags: use routing.rules"),
  retry_policy: drop("what may be retried is decided by what went wrong"),
  allowed_fails_policy: drop("the breaker counts faults of the provider only"),
  model_group_retry_policy: drop("what may be retried is decided by what went wrong"),
  routing_strategy_args: drop("measures are learned by themselves"),
  default_max_parallel_requests: drop("write concurrency_max of the providers"),
  ...each(["redis_host", "redis_port", "redis_password", "redis_url", "redis_db", "redis_ssl"], noRedis),
  cache_responses: noCache,
  routing_groups: drop("write groups with a strategy of their own"),
};

const litellm: Rules = {
  ...each(routingKeys, elsewhere),
  callbacks,
  success_callback: callbacks,
  failure_callback: callbacks,
  service_callback: callbacks,
  num_retries: retries,
  request_timeout: total,
  drop_params: already("what a provider cannot express is dropped and named in x-bifrost-dropped-params"),
  json_logs: already("the log is JSON"),
  turn_off_message_logging: already("what is said is not kept unless record.content says so"),
  redact_messages_in_exceptions: already("no error holds what was said"),
  redact_user_api_key_info: already("no log or span holds a key"),
  max_budget: wholeBudget,
  budget_duration: elsewhere,
  store_audit_logs: already("every change is audited"),
  telemetry: already("nothing is ever told to us"),
  set_verbose: drop("log.level says it"),
  cache: noCache,
  cache_params: noCache,
  enable_redis_auth_cache: noRedis,
  default_key_generate_params: drop("keys are made with what is asked for"),
  upperbound_key_generate_params: unprotected("keys made later have no upper bound: give their team one"),
  key_generation_settings: unprotected("who may make keys is said by the permissions of admin tokens"),
  default_team_settings: drop("write governance.teams"),
  default_internal_user_params: drop("write governance.users"),
  max_end_user_budget_id: unprotected("write the budget as governance.end_users.each"),
  max_internal_user_budget: unprotected("write budgets of governance.users"),
  max_user_budget: unprotected("write budgets of governance.users"),
  max_end_user_budget: ({ value, path }, { draft, report }) => {
    const budget = budgetOf(value, undefined);
    if (budget === undefined)
      return isOn(value) ? report.unprotected(path, "is no amount that can be kept") : undefined;
    draft.set(["governance", "end_users", "each", "budgets"], [budget]);
    report.kept(path, "the budget of each end user");
  },
  tag_budget_config: unprotected("write the budgets as governance.tags"),
  require_managed_files: already("a file belongs to who put it there: auth.files"),
  max_ui_session_budget: already("there is no page that calls models"),
  internal_user_budget_duration: elsewhere,
  ...each(["budget_reset_time", "timezone"], drop("a budget of the calendar begins at midnight in its zone")),
  enable_json_schema_validation: drop("answers are relayed as they come"),
  user_url_allowed_hosts: drop("addresses inside the network are asked for where a provider has them"),
  user_url_validation: already("addresses that a request names are checked where they are dialled"),
  guardrails: guard,
  modify_params: drop("requests pass as clients send them"),
  return_response_headers: drop("x-bifrost- headers say what happened"),
};

const general: Rules = {
  master_key: ({ path }, { report }) => {
    report.approximated(
      path,
      "not copied: the admin API takes tokens of `bifrost tokens create`; programs that call models with it need a key of their own",
    );
  },
  ...each(
    ["database_url", "database_connection_pool_limit", "database_connection_timeout"],
    already("state.db in the home; nothing to connect to"),
  ),
  ...each(
    ["store_model_in_db", "proxy_batch_write_at", "use_redis_transaction_buffer"],
    already("one file says what there is, and every request is written as it ends"),
  ),
  allowed_ips: unprotected("callers are not told apart by address: let a firewall do it, or server.host"),
  ...each(
    ["enable_jwt_auth", "litellm_jwtauth", "enable_oauth2_auth", "enable_oauth2_proxy_auth"],
    unprotected("callers have virtual keys; tokens of an identity provider are not read"),
  ),
  ...each(
    ["custom_auth", "custom_auth_run_common_checks", "custom_key_generate", "custom_key_update"],
    unprotected("Python of yours is not run here"),
  ),
  ...each(
    ["custom_sso", "custom_ui_sso_sign_in_handler", "ui_access_mode"],
    unprotected("there is no single sign-on: the admin API takes tokens"),
  ),
  ...each(
    ["public_routes", "admin_only_routes"],
    unprotected("which paths there are, and who may ask them, is not configured"),
  ),
  allowed_routes: ofEachKey("operations"),
  enforced_params: ofEachKey("required"),
  service_account_settings: unprotected("what a request must hold is said of each key: required"),
  reject_clientside_metadata_tags: unprotected("what a request must not hold is not configured"),
  ...each(
    ["role_permissions", "enforce_rbac"],
    unprotected("who may do what is said by the permissions of admin tokens, and of each key"),
  ),
  ...each(
    ["max_failed_login_attempts", "disable_env_credential_login"],
    already("nobody logs in with a password: the admin API takes tokens"),
  ),
  ...each(
    ["proxy_budget_rescheduler_min_time", "proxy_budget_rescheduler_max_time"],
    already("a budget begins anew in time, by itself"),
  ),
  enforce_user_param: keep(["governance", "end_users", "required"], (value) => value === true),
  user_header_name: keep(["governance", "end_users", "header"], (value) => textOf(value)?.toLowerCase()),
  user_header_mappings: unprotected("one header names the end user: governance.end_users.header"),
  max_request_size_mb: keep(["server", "body_max"], megabytes),
  max_file_size_mb: keep(["server", "upload_max"], megabytes),
  max_response_size_mb: drop("an answer is relayed as it comes, and never held as a whole"),
  ...each(["max_parallel_requests", "global_max_parallel_requests"], ({ value, path }, { draft, report }) => {
    const concurrency = wholeOf(value);
    if (concurrency === undefined) return;
    draft.push(["governance", "model_limits"], { concurrency });
    report.kept(path, "a limit over all calls");
  }),
  disable_spend_logs: keep(["record", "requests"], (value) => value !== true),
  store_prompts_in_spend_logs: keep(["record", "content"], (value) => (value === true ? "full" : "off")),
  maximum_spend_logs_retention_period: keep(["record", "retention"], days),
  fail_closed_budget_enforcement: already("what cannot be counted is not served"),
  enforce_fallback_model_access: already("a fallback that the key may not call is passed over"),
  allow_requests_on_db_unavailable: drop("a key is known in memory; what cannot be recorded is not served"),
  allow_client_side_credentials: drop("a client may not bring a provider's key"),
  forward_client_headers_to_llm_api: drop("a client's headers are not passed on, but those that the API has"),
  alerting: drop("write channels and rules under alerts"),
  ...each(
    ["alerting_threshold", "alert_types", "alert_to_webhook_url", "alerting_args", "spend_report_frequency"],
    drop("write channels and rules under alerts"),
  ),
  pass_through_endpoints: drop("every provider has pass-through paths; further targets are not configured"),
  ...each(
    ["background_health_checks", "health_check_interval", "health_check_details"],
    drop("health is learned from calls"),
  ),
  ...each(
    ["key_management_system", "key_management_settings"],
    drop("secrets are env.NAME or file.PATH: let the manager write one of them"),
  ),
  litellm_key_header_name: drop(
    "keys are read from authorization, x-api-key, api-key, x-goog-api-key and x-litellm-api-key",
  ),
  block_robots: drop("nothing here is to be indexed"),
};

/** In the order in which they are read: where two say the same, the router's word counts. */
export const sectionRules: Readonly<Record<string, Rules>> = {
  router_settings: router,
  litellm_settings: litellm,
  general_settings: general,
};
