/**
 * Sums over the request log, read from roll-ups by minute, hour and day: what dashboards, `usage` and `top` show.
 * Who (key, team, customer) and what (provider, target) may be asked for at once. A question that roll-ups cannot answer
 * (a range of costs, key and status) is counted from the rows within 300 ms, and says where to go on when it did not get
 * through all of them.
 */
import type { LogFilterQuery, LogRow } from "./logs.ts";

/** What sums are kept by. `model` is as asked, `target` what answered, `tag` `name=value`, `status` the class: `4xx`. */
export type Dimension =
  | "key"
  | "team"
  | "customer"
  | "user"
  | "model"
  | "provider"
  | "target"
  | "credential"
  | "route"
  | "tag"
  | "status"
  | "error"
  /** No sums are kept by these two: they are counted from the rows. */
  | "stop"
  | "tool";

export type Sums = {
  readonly requests: number;
  /** Status 400 and above, also when a stream broke after its 200. */
  readonly errors: number;
  readonly tokens_in: number;
  readonly tokens_out: number;
  readonly tokens_cache_read: number;
  readonly tokens_cache_write: number;
  readonly tokens_reasoning: number;
  readonly cost_nano: number;
  /** Requests whose price is not known: `cost_nano` is without them. */
  readonly unpriced: number;
  readonly latency_mean_ms: number | null;
  /** From a histogram: right to within a tenth of the value. */
  readonly latency_p50_ms: number | null;
  readonly latency_p95_ms: number | null;
  readonly latency_p99_ms: number | null;
  /** Streams only. */
  readonly ttft_mean_ms: number | null;
  readonly ttft_p50_ms: number | null;
  readonly ttft_p99_ms: number | null;
  readonly upstream_mean_ms: number | null;
  /** What the gateway added: total less upstream. */
  readonly overhead_mean_ms: number | null;
  /** Output tokens per second of requests that had any. */
  readonly tokens_per_second: number | null;
};

export type Grain = "minute" | "hour" | "day";

/** `since_ms` defaults to a day ago. Days are UTC. */
export type StatsQuery = LogFilterQuery & {
  /** Going on from an answer that was partial: its `older`. What comes is to be added to it. */
  readonly before?: string | undefined;
  /** Also the sums of the time of equal length just before. */
  readonly compare?: boolean | undefined;
};
export type StatsAnswer = {
  readonly since_ms: number;
  readonly until_ms: number;
  readonly sums: Sums;
  readonly previous: Sums | null;
  /** Not all rows were looked at: sums are of the newest only. */
  readonly partial: boolean;
  /** With `partial`: where to go on, as `before`. */
  readonly older: string | null;
};

export type HistogramQuery = LogFilterQuery & {
  /** As in the sums. */
  readonly before?: string | undefined;
  /** Default: what gives at most about 200 buckets. */
  readonly grain?: Grain | undefined;
  /** One line for each value of this dimension, the largest `top` by `order`. */
  readonly by?: Dimension | undefined;
  readonly top?: number | undefined;
  readonly order?: RankingOrder | undefined;
};
export type HistogramBucket = { readonly at_ms: number; readonly sums: Sums };
export type HistogramSeries = {
  /** null without `by`. */
  readonly value: string | null;
  readonly name: string | null;
  readonly total: Sums;
  /** Only buckets with requests. */
  readonly buckets: readonly HistogramBucket[];
};
export type HistogramAnswer = {
  readonly since_ms: number;
  readonly until_ms: number;
  readonly grain: Grain;
  readonly series: readonly HistogramSeries[];
  readonly partial: boolean;
  readonly older: string | null;
};

export type RankingOrder = "requests" | "errors" | "tokens" | "cost" | "latency";
/** With a filter that no sums are kept by, `partial` says that the newest rows alone were counted. */
export type RankingsQuery = LogFilterQuery & {
  /** Default `model`. */
  readonly by?: Dimension | undefined;
  /** Default `cost`. */
  readonly order?: RankingOrder | undefined;
  /** 1–1000, default 20. */
  readonly limit?: number | undefined;
};
export type Ranking = { readonly value: string; readonly name: string | null; readonly sums: Sums };
export type RankingsAnswer = {
  readonly since_ms: number;
  readonly until_ms: number;
  readonly by: Dimension;
  /** Values there are in all, of which the first `limit` are listed. */
  readonly values: number;
  readonly rankings: readonly Ranking[];
  /** As in other sums: of the newest rows only. */
  readonly partial: boolean;
};

/** What can be filtered by, without a look at the rows. Most recently seen first, at most 1,000 of each. */
export type FacetsQuery = {
  readonly dimension?: Dimension | undefined;
  /** Values that contain this. */
  readonly match?: string | undefined;
  readonly limit?: number | undefined;
};
export type Facet = { readonly value: string; readonly name: string | null; readonly last_at_ms: number };
export type FacetsAnswer = { readonly facets: Readonly<Partial<Record<Dimension, readonly Facet[]>>> };

/** Everything a first screen shows, in one answer. */
export type DashboardQuery = LogFilterQuery;
export type DashboardAnswer = {
  readonly stats: StatsAnswer;
  readonly histogram: HistogramAnswer;
  readonly top: Readonly<Record<"key" | "model" | "provider" | "team", readonly Ranking[]>>;
  readonly recent_errors: readonly LogRow[];
};

/** Rows that were not kept, and why; since the start of the daemon. */
export type DroppedAnswer = {
  /** The disk was too far behind. */
  readonly rows: number;
  readonly content: number;
  readonly traces: number;
  /** Left out of the live feed. */
  readonly feed: number;
  readonly alerts: number;
};

export type SessionAnswer = {
  readonly session: string;
  readonly sums: Sums;
  readonly first_at_ms: number | null;
  readonly last_at_ms: number | null;
  /** Oldest first, at most 1,000. */
  readonly rows: readonly LogRow[];
};
