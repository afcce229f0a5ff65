/** What is answered about requests: rows of the log, one of them explained, sums, and the live feed. */
import { z } from "zod";
import type { FeedMessage } from "../contract/feed.ts";
import type {
  DashboardAnswer,
  Dimension,
  DroppedAnswer,
  Facet,
  FacetsAnswer,
  HistogramAnswer,
  HistogramSeries,
  Ranking,
  RankingsAnswer,
  SessionAnswer,
  StatsAnswer,
  Sums,
} from "../contract/log-statistics.ts";
import type {
  AttemptView,
  ChargeCorrection,
  ExplainAnswer,
  LogAnswer,
  LogContent,
  LogDeleteAnswer,
  LogRow,
  LogsAnswer,
  OpenRequest,
  OpenRequestsAnswer,
} from "../contract/logs.ts";
import type { DecisionView } from "../contract/routing.ts";
import { call, flag, named, number, text, texts, unknownOr, whole } from "./named.ts";

const level = z.enum(["off", "metadata", "full"]);
const words = z.record(z.string(), z.string());

export const logRow = named<LogRow>("LogRow", {
  id: text,
  at: whole,
  key: unknownOr(text),
  key_name: unknownOr(text),
  team: unknownOr(text),
  customer: unknownOr(text),
  user: unknownOr(text),
  session: unknownOr(text),
  tags: words,
  route: unknownOr(text),
  dialect: unknownOr(text),
  provider: unknownOr(text),
  model: unknownOr(text),
  target: unknownOr(text),
  credential: unknownOr(text),
  stream: flag,
  status: whole,
  error: unknownOr(text),
  latency_ms: unknownOr(number),
  ttft_ms: unknownOr(number),
  upstream_ms: unknownOr(number),
  tokens_in: unknownOr(whole),
  tokens_out: unknownOr(whole),
  tokens_cache_read: unknownOr(whole),
  tokens_cache_write: unknownOr(whole),
  tokens_reasoning: unknownOr(whole),
  cost_nano: unknownOr(whole),
  flags: z.array(z.enum(["estimated", "unpriced", "recovered", "unheld", "truncated", "fallback"])),
  bytes_in: unknownOr(whole),
  bytes_out: unknownOr(whole),
  trace: unknownOr(text),
  content: level,
  held_nano: unknownOr(whole),
  stop: unknownOr(text),
  native_stop: unknownOr(text),
  upstream_id: unknownOr(text),
  tools: texts,
  untold: texts,
  dropped_params: texts,
  rules: texts,
  engine: unknownOr(z.enum(["rule", "strategy"])),
  parent: unknownOr(text),
  corrected_nano: unknownOr(whole).optional(),
});
export const logsAnswer = named<LogsAnswer>("LogPage", {
  rows: z.array(logRow),
  older: unknownOr(text),
  tail: text,
  looked_until_ms: unknownOr(whole),
});
const content = named<LogContent>("LogContent", {
  level,
  request: unknownOr(text),
  response: unknownOr(text),
  headers: unknownOr(z.strictObject({ request: words, response: words })),
  metadata: unknownOr(z.record(z.string(), z.unknown())),
  truncated: flag,
  object: unknownOr(text),
  problem: unknownOr(text),
});
export const logAnswer = named<LogAnswer>("LogEntry", { request: logRow, content: unknownOr(content) });
export const logDeleted = named<LogDeleteAnswer>("LogDeleted", { deleted: whole });

const openRequest = named<OpenRequest>("OpenRequest", {
  id: text,
  at: whole,
  key: unknownOr(text),
  key_name: unknownOr(text),
  target: unknownOr(text),
  held_nano: whole,
  held_tokens: whole,
});
export const openRequests = named<OpenRequestsAnswer>("OpenRequests", {
  requests: z.array(openRequest),
  total: whole,
  held_nano: whole,
});

const attempt = named<AttemptView>("Attempt", {
  target: text,
  credential: unknownOr(text),
  outcome: text,
  reason: unknownOr(text),
  status: unknownOr(whole),
  latency_ms: unknownOr(number),
  cost_nano: unknownOr(whole),
  held_nano: unknownOr(whole),
  waited_ms: unknownOr(number),
  started_ms: unknownOr(number),
});
const decision = named<DecisionView>("Decision", {
  rules: texts,
  strategy: unknownOr(text),
  affinity: unknownOr(text),
  considered: z.array(z.strictObject({ target: text, note: unknownOr(text), outcome: unknownOr(text).optional() })),
});
const correction = named<ChargeCorrection>("ChargeCorrection", {
  of: z.enum(["batch", "film", "response"]),
  ...{ from_nano: whole, to_nano: whole, served: whole, results: whole, tokens_in: whole, tokens_out: whole },
});
export const explainAnswer = named<ExplainAnswer>("Explanation", {
  request: logRow,
  attempts: z.array(attempt),
  decision: decision.nullable().optional(),
  correction: correction.nullable().optional(),
});

const dimension: z.ZodType<Dimension> = z.enum([
  ...(["key", "team", "customer", "user", "model", "provider", "target", "credential", "route"] as const),
  ...(["tag", "status", "error", "stop", "tool"] as const),
]);
export const sums = named<Sums>("Sums", {
  requests: whole,
  errors: whole,
  tokens_in: whole,
  tokens_out: whole,
  tokens_cache_read: whole,
  tokens_cache_write: whole,
  tokens_reasoning: whole,
  cost_nano: whole,
  unpriced: whole,
  latency_mean_ms: unknownOr(number),
  latency_p50_ms: unknownOr(number),
  latency_p95_ms: unknownOr(number),
  latency_p99_ms: unknownOr(number),
  ttft_mean_ms: unknownOr(number),
  ttft_p50_ms: unknownOr(number),
  ttft_p99_ms: unknownOr(number),
  upstream_mean_ms: unknownOr(number),
  overhead_mean_ms: unknownOr(number),
  tokens_per_second: unknownOr(number),
});
const period = { since_ms: whole, until_ms: whole };
export const statsAnswer = named<StatsAnswer>("Stats", {
  ...period,
  sums,
  previous: unknownOr(sums),
  partial: flag,
  older: unknownOr(text),
});
const series = named<HistogramSeries>("Series", {
  value: unknownOr(text),
  name: unknownOr(text),
  total: sums,
  buckets: z.array(z.strictObject({ at_ms: whole, sums })),
});
export const histogramAnswer = named<HistogramAnswer>("Histogram", {
  ...period,
  grain: z.enum(["minute", "hour", "day"]),
  series: z.array(series),
  partial: flag,
  older: unknownOr(text),
});
const ranking = named<Ranking>("Ranking", { value: text, name: unknownOr(text), sums });
export const rankingsAnswer = named<RankingsAnswer>("Rankings", {
  ...period,
  by: dimension,
  values: whole,
  rankings: z.array(ranking),
  partial: flag,
});
const facet = named<Facet>("Facet", { value: text, name: unknownOr(text), last_at_ms: whole });
export const facetsAnswer = named<FacetsAnswer>("Facets", {
  facets: z.partialRecord(dimension as never, z.array(facet)) as never,
});
export const dashboardAnswer = named<DashboardAnswer>("Dashboard", {
  stats: statsAnswer,
  histogram: histogramAnswer,
  top: z.strictObject({
    key: z.array(ranking),
    model: z.array(ranking),
    provider: z.array(ranking),
    team: z.array(ranking),
  }),
  recent_errors: z.array(logRow),
});
export const droppedAnswer = named<DroppedAnswer>("Dropped", {
  rows: whole,
  content: whole,
  traces: whole,
  feed: whole,
  alerts: whole,
});
export const sessionAnswer = named<SessionAnswer>("Session", {
  session: text,
  sums,
  first_at_ms: unknownOr(whole),
  last_at_ms: unknownOr(whole),
  rows: z.array(logRow),
});

const pulse = { at_ms: whole, in_flight: whole, ended: whole, matched: whole, dropped: whole };
export const feedMessage = call<FeedMessage>(
  "FeedMessage",
  z.discriminatedUnion("type", [
    z.strictObject({ type: z.enum(["hello", "beat"]), ...pulse }),
    z.strictObject({ type: z.literal("rows"), rows: z.array(logRow) }),
    z.strictObject({ type: z.literal("bye") }),
  ]),
);
