/** Thirty days of spend for the screen: made of sines, so that they go up and down and never change. */
import type {
  HistogramAnswer,
  HistogramQuery,
  HistogramSeries,
  RankingsAnswer,
  RankingsQuery,
  Sums,
} from "../../../daemon/admin/contract/log-statistics.ts";

const values: Readonly<Record<string, readonly (readonly [value: string, name: string, perHour: number])[]>> = {
  key: [
    ["key_000001", "web-shop", 1_300_000_000],
    ["key_000002", "support-bot", 790_000_000],
    ["key_000003", "batch-night", 210_000_000],
    ["key_000004", "日本チーム", 12_000_000],
  ],
  model: [
    ["gpt-4o-mini", "gpt-4o-mini", 900_000_000],
    ["claude-sonnet-4-5", "claude-sonnet-4-5", 1_400_000_000],
  ],
  team: [["team_1", "shop", 2_100_000_000]],
  provider: [
    ["openai", "openai", 1_500_000_000],
    ["anthropic", "anthropic", 800_000_000],
  ],
  customer: [],
  tag: [],
};
const lengths = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

export function cannedHistogram({ by, grain = "day", since_ms = 0, until_ms = 0 }: HistogramQuery): HistogramAnswer {
  const rows = by === undefined ? [[null, null, 2_312_000_000] as const] : (values[by] ?? []);
  return {
    since_ms,
    until_ms,
    grain,
    partial: false,
    older: null,
    series: rows.map(([value, name, perHour]) => seriesOf(value, name, perHour, since_ms, until_ms, lengths[grain])),
  };
}

function seriesOf(
  value: string | null,
  name: string | null,
  perHour: number,
  since: number,
  until: number,
  length: number,
): HistogramSeries {
  const buckets = [];
  for (let at = since; at < until; at += length) {
    const swing = 0.7 + 0.3 * Math.sin(at / length);
    buckets.push({ at_ms: at, sums: sums(Math.round((perHour * length * swing) / lengths.hour)) });
  }
  return { value, name, buckets, total: sums(buckets.reduce((sum, bucket) => sum + bucket.sums.cost_nano, 0)) };
}

function sums(cost: number): Sums {
  const requests = Math.round(cost / 9_000_000);
  return {
    requests,
    errors: Math.round(requests / 60),
    tokens_in: requests * 1_200,
    tokens_out: requests * 340,
    tokens_cache_read: 0,
    tokens_cache_write: 0,
    tokens_reasoning: 0,
    cost_nano: cost,
    unpriced: 0,
    latency_mean_ms: 812,
    latency_p50_ms: 640,
    latency_p95_ms: 3_900,
    latency_p99_ms: 9_100,
    ttft_mean_ms: 300,
    ttft_p50_ms: 210,
    ttft_p99_ms: 2_000,
    upstream_mean_ms: 800,
    overhead_mean_ms: 1,
    tokens_per_second: 71,
  };
}

export function cannedRankings({ by = "model", since_ms = 0, until_ms = 0 }: RankingsQuery): RankingsAnswer {
  const rankings = (values[by] ?? []).map(([value, name, perHour]) => ({ value, name, sums: sums(perHour) }));
  return { since_ms, until_ms, by, values: rankings.length, rankings, partial: false };
}
