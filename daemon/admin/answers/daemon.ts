/** What is answered about the daemon itself: its state, providers, config, routing, alerts, and the proofs of its books. */
import { z } from "zod";
import type { AlertChannelView, AlertRuleView, AlertsAnswer, AlertTestAnswer } from "../contract/alerts.ts";
import type {
  AuditListAnswer,
  AuditRecordView,
  AuditVerifyAnswer,
  CheckedFile,
  LedgerCheckAnswer,
  LedgerProblem,
  StoreCheckAnswer,
} from "../contract/audit.ts";
import type {
  ConfigDiffAnswer,
  ConfigHistoryAnswer,
  ConfigProblem,
  ConfigValidateAnswer,
  ConfigVersion,
} from "../contract/config.ts";
import type {
  ProvidersAnswer,
  ProviderView,
  ReloadAnswer,
  StatusAnswer,
  StopAnswer,
  WorkerView,
} from "../contract/daemon.ts";
import type { EgressAnswer, EgressView } from "../contract/egress.ts";
import type { HostsAnswer, HostView } from "../contract/hosts.ts";
import type { ModelsAnswer, ModelView } from "../contract/models.ts";
import type { RepriceAnswer, RepricedModel } from "../contract/reprice.ts";
import type {
  PriceRuleAnswer,
  PriceRulesAnswer,
  PriceRuleView,
  ProbeView,
  ProviderHealth,
  RouteTestAnswer,
  RouteTestTarget,
  RuleAnswer,
  RulesAnswer,
  RuleView,
  TargetHealth,
} from "../contract/routing.ts";
import { call, flag, named, number, text, texts, unknownOr, whole } from "./named.ts";

const breaker = z.enum(["closed", "open", "probing"]);

const worker = named<WorkerView>("Worker", { id: whole, requests_in_flight: whole, requests_total: whole });
export const statusAnswer = named<StatusAnswer>("Status", {
  version: text,
  pid: whole,
  state: z.enum(["starting", "serving", "draining"]),
  url: text,
  home: text,
  started_at_ms: whole,
  config: z.strictObject({
    path: unknownOr(text),
    generation: whole,
    hash: text,
    loaded_at_ms: whole,
    error: unknownOr(text),
  }),
  workers: z.array(worker),
  providers: texts,
  keys: whole,
  memory_rss_bytes: unknownOr(whole),
  ledger: z.strictObject({ commit_lag_ms: unknownOr(number), holds_open: unknownOr(whole) }),
  warnings: texts,
});
export const reloadAnswer = named<ReloadAnswer>("Reloaded", {
  generation: whole,
  hash: text,
  changed: flag,
  warnings: texts,
});
export const stopAnswer = named<StopAnswer>("Stopping", {
  pid: whole,
  requests_in_flight: whole,
  deadline_at_ms: whole,
});

const target = named<TargetHealth>("TargetHealth", {
  target: text,
  breaker,
  waits_ms: unknownOr(number),
  in_flight: whole,
  requests: whole,
  failures: whole,
  recent_requests: whole,
  recent_failures: whole,
  p50_ms: unknownOr(number),
  p99_ms: unknownOr(number),
  streamed_p50_ms: unknownOr(number),
  streamed_p99_ms: unknownOr(number),
  whole_p50_ms: unknownOr(number),
  whole_p99_ms: unknownOr(number),
  refused_credentials: whole,
  last_failure: unknownOr(text),
  last_failure_ms_ago: unknownOr(number),
});
const probe = named<ProbeView>("Probe", {
  kind: z.enum(["models", "request"]),
  ok: unknownOr(flag),
  status: unknownOr(whole),
  error: unknownOr(text),
  latency_ms: unknownOr(number),
  ms_ago: unknownOr(number),
  sent: whole,
  failed: whole,
});
const health = named<ProviderHealth>("ProviderHealth", {
  breaker,
  in_flight: whole,
  requests: whole,
  failures: whole,
  p50_ms: unknownOr(number),
  p99_ms: unknownOr(number),
  share: number,
  waiting: whole,
  probe: probe.optional(),
  targets: z.array(target),
});
const provider = named<ProviderView>("Provider", {
  name: text,
  host: text,
  dialect: text,
  base_url: text,
  credentials: texts,
  models: texts,
  any_model: flag,
  free: flag,
  proxy: unknownOr(text),
  health: health.optional(),
});
export const providersAnswer = named<ProvidersAnswer>("Providers", { providers: z.array(provider) });
const host = named<HostView>("Host", {
  name: text,
  base_url: text,
  dialects: texts,
  operations: texts,
  auth: texts,
  environment: texts,
  free: flag,
  configured: texts,
});
export const hostsAnswer = named<HostsAnswer>("Hosts", { hosts: z.array(host) });
const model = named<ModelView>("Model", {
  id: text,
  provider: text,
  free: flag,
  input_nano_per_million: unknownOr(whole),
  output_nano_per_million: unknownOr(whole),
  context_tokens: unknownOr(whole),
  output_max_tokens: unknownOr(whole),
  prices: unknownOr(
    z.record(z.string(), z.union([number, z.array(z.record(z.string(), number)), z.record(z.string(), number)])),
  ),
  capabilities: unknownOr(texts),
  operations: texts,
});
export const modelsAnswer = named<ModelsAnswer>("Models", {
  models: z.array(model),
  aliases: z.record(z.string(), z.string()),
  catalog_date: text,
});
const address = named<EgressView>("EgressAddress", { host: text, port: whole, used_by: text, local: flag });
export const egressAnswer = named<EgressAnswer>("Egress", {
  egress: z.enum(["open", "closed"]),
  addresses: z.array(address),
});

const own = {
  id: unknownOr(text),
  source: z.enum(["file", "database"]),
  fault: unknownOr(text),
  description: unknownOr(text),
  etag: unknownOr(text),
};
const ownPage = { count: whole, total_count: whole, limit: whole, offset: whole, next: unknownOr(text) };
const rule = named<RuleView>("Rule", {
  ...own,
  name: text,
  enabled: flag,
  when: text,
  scope: text,
  priority: whole,
  targets: z.array(z.strictObject({ target: text, weight: number, retries: unknownOr(whole) })),
  strategy: unknownOr(text),
  fallbacks: unknownOr(texts),
  chain: flag,
  held: whole,
  errors: whole,
});
export const ruleAnswer = named<RuleAnswer>("RuleAnswer", { rule });
export const rulesAnswer = named<RulesAnswer>("Rules", { rules: z.array(rule), ...ownPage });
const override = named<PriceRuleView>("PriceOverride", {
  ...own,
  match: text,
  price: z.record(z.string(), z.unknown()),
});
export const priceAnswer = named<PriceRuleAnswer>("PriceOverrideAnswer", { override });
export const pricesAnswer = named<PriceRulesAnswer>("PriceOverrides", { overrides: z.array(override), ...ownPage });
const routeTarget = named<RouteTestTarget>("RouteTestTarget", {
  target: text,
  share: number,
  breaker,
  note: unknownOr(text),
});
export const routeTestAnswer = named<RouteTestAnswer>("RouteTest", {
  model: text,
  chosen: unknownOr(text),
  credential: unknownOr(text),
  error: unknownOr(z.strictObject({ code: text, message: text })),
  rules: texts,
  strategy: unknownOr(text),
  affinity: unknownOr(text),
  targets: z.array(routeTarget),
  left_out: z.array(z.strictObject({ target: text, note: text })),
  on_context_window: texts,
  on_content_policy: texts,
  hedge: unknownOr(z.strictObject({ target: unknownOr(text), after_ms: unknownOr(number), note: unknownOr(text) })),
});

const channel = named<AlertChannelView>("AlertChannel", {
  name: text,
  kind: z.enum(["slack", "teams", "pagerduty", "email", "webhook"]),
  to: text,
  sent: whole,
  failed: whole,
  dropped: whole,
  last_error: unknownOr(text),
  last_sent_at_ms: unknownOr(whole),
});
const alertRule = named<AlertRuleView>("AlertRule", {
  name: text,
  on: z.enum(["traffic", "budget", "credential", "daemon"]),
  when: text,
  severity: z.enum(["info", "warning", "critical"]),
  channels: texts,
  cooldown_ms: whole,
  firing: z.array(
    z.strictObject({
      subject: text,
      name: unknownOr(text),
      since_ms: whole,
      last_sent_at_ms: unknownOr(whole),
      summary: text,
    }),
  ),
  evaluated_at_ms: unknownOr(whole),
  error: unknownOr(text),
});
export const alertsAnswer = named<AlertsAnswer>("Alerts", { rules: z.array(alertRule), channels: z.array(channel) });
export const alertTestAnswer = named<AlertTestAnswer>("AlertTest", {
  ok: flag,
  status: unknownOr(whole),
  error: unknownOr(text),
  latency_ms: number,
});

export const auditVerifyAnswer = named<AuditVerifyAnswer>("AuditVerified", {
  ok: flag,
  records: whole,
  first_at_ms: unknownOr(whole),
  last_at_ms: unknownOr(whole),
  head: unknownOr(text),
  problem: unknownOr(z.strictObject({ record: whole, message: text })),
});
const auditRecord = named<AuditRecordView>("AuditRecord", {
  record: whole,
  at_ms: whole,
  kind: z.enum(["change", "settlement"]),
  actor: unknownOr(text),
  action: text,
  target: unknownOr(text),
  outcome: text,
  cost_nano: unknownOr(whole),
  tokens: unknownOr(whole),
  hash: text,
});
export const auditList = named<AuditListAnswer>("AuditPage", {
  records: z.array(auditRecord),
  older: unknownOr(text),
});
/** As it is chained: docs/audit.md tells what it holds. */
export const chainedRecord = call<unknown>("ChainedRecord", z.looseObject({ seq: whole, at: whole }));
const ledgerProblem = named<LedgerProblem>("LedgerProblem", {
  scope: text,
  budget: unknownOr(whole),
  window_start_ms: unknownOr(whole),
  balance_nano: unknownOr(whole),
  rows_nano: unknownOr(whole),
  message: text,
});
export const ledgerAnswer = named<LedgerCheckAnswer>("LedgerChecked", {
  ok: flag,
  scopes: whole,
  settlements: whole,
  holds_open: whole,
  overrun_nano: whole,
  problems: z.array(ledgerProblem),
});
const checkedFile = named<CheckedFile>("CheckedFile", { file: text, tables: whole, faults: z.array(text) });
export const storeCheckAnswer = named<StoreCheckAnswer>("StoreChecked", { ok: flag, files: z.array(checkedFile) });
const repriced = named<RepricedModel>("RepricedModel", {
  model: text,
  requests: whole,
  before_nano: whole,
  after_nano: whole,
  difference_nano: whole,
});
export const repriceAnswer = named<RepriceAnswer>("Repriced", {
  dry_run: flag,
  prices: text,
  looked_at: whole,
  skipped: whole,
  adjusted: whole,
  difference_nano: whole,
  models: z.array(repriced),
});

const problem = named<ConfigProblem>("ConfigProblem", {
  line: unknownOr(whole),
  column: unknownOr(whole),
  field: unknownOr(text),
  message: text,
});
export const validateAnswer = named<ConfigValidateAnswer>("ConfigValidated", {
  ok: flag,
  path: unknownOr(text),
  problems: z.array(problem),
  warnings: texts,
});
export const diffAnswer = named<ConfigDiffAnswer>("ConfigDiff", { from: text, to: text, same: flag, diff: text });
const version = named<ConfigVersion>("ConfigVersion", {
  generation: whole,
  hash: text,
  at_ms: whole,
  origin: text,
  active: flag,
});
export const historyAnswer = named<ConfigHistoryAnswer>("ConfigHistory", { versions: z.array(version) });
/** JSON Schema, of the config file or of this API. */
export const document = call<unknown>("Document", z.record(z.string(), z.unknown()));
