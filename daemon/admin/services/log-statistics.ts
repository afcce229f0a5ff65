/** Sums over the log as the admin API tells them. Hides which bucket length fits, and whose names belong to which ids. */
import { bucketCount, quantileOf } from "../../store/histogram.ts";
import type { RequestRow } from "../../store/request-log.ts";
import { type DimensionName, dimensions, listed, sumColumn } from "../../store/rollup-groups.ts";
import { type GrainName, grainMs } from "../../store/rollup-writer.ts";
import { emptySums, type Order, type RawSums } from "../../store/rollups.ts";
import type { Reach } from "../admin-services.ts";
import type {
  DashboardQuery,
  Dimension,
  FacetsQuery,
  Grain,
  HistogramAnswer,
  HistogramQuery,
  Ranking,
  RankingsQuery,
  StatsAnswer,
  StatsQuery,
  Sums,
} from "../contract/log-statistics.ts";
import type { LogFilterQuery, LogRow } from "../contract/logs.ts";
import type { LogServices } from "../log-services.ts";
import { assertSeesLog, type Names, readCursor, readFilter, viewCursor } from "./log-view.ts";
import type { StoreAccess } from "./store-access.ts";

type Statistics = Pick<LogServices, "stats" | "histogram" | "rankings" | "facets" | "dashboard" | "session">;

const sinceDefaultMs = 86_400_000;
const topDefault = 10;
const rankingsDefault = 20;
const facetsMax = 1_000;
const bucketsWanted = 200;
/** A question for more buckets than this is answered in the next coarser grain. */
const bucketsMax = 3_000;
const sessionRowsMax = 1_000;
const recentErrors = 10;
const coarser: Readonly<Record<Grain, Grain>> = { minute: "hour", hour: "day", day: "day" };

export type StatisticsOptions = {
  readonly access: StoreAccess;
  readonly names: Names;
  readonly view: (row: RequestRow) => LogRow;
  /** Absent: all rows. */
  readonly reach?: Reach | undefined;
  readonly now?: () => number;
};

export function createStatistics({ access, names, view, reach, now = Date.now }: StatisticsOptions): Statistics {
  function nameOf(dimension: Dimension | undefined, value: string): { value: string; name: string | null } {
    if (dimension === "team" || dimension === "customer" || dimension === "user")
      return { value, name: names.owner(value) ?? null };
    if (dimension !== "key") return { value, name: null };
    const key = names.key(Number(value));
    return { value: key?.publicId ?? value, name: key?.name ?? null };
  }

  function range(query: { readonly since_ms?: number | undefined; readonly until_ms?: number | undefined }) {
    const untilMs = query.until_ms ?? now() + 1;
    return { sinceMs: Math.min(query.since_ms ?? untilMs - sinceDefaultMs, untilMs), untilMs };
  }

  function filterOf(query: LogFilterQuery) {
    return { ...readFilter(query, names, reach), sinceMs: undefined, untilMs: undefined };
  }

  async function sums(filter: ReturnType<typeof filterOf>, sinceMs: number, untilMs: number, older?: string) {
    const before = older === undefined ? undefined : readCursor(older);
    const question = { filter, sinceMs, untilMs, before, top: 1, order: "requests" as Order };
    const { series, ...rest } = await access.query({ kind: "log_sums", question });
    return { sums: viewSums(series[0]?.total ?? emptySums()), ...rest };
  }

  async function stats(query: StatsQuery): Promise<StatsAnswer> {
    const { sinceMs, untilMs } = range(query);
    const filter = filterOf(query);
    const found = await sums(filter, sinceMs, untilMs, query.before);
    const before = query.compare ? await sums(filter, 2 * sinceMs - untilMs, sinceMs) : undefined;
    return {
      ...{ since_ms: sinceMs, until_ms: untilMs, sums: found.sums, previous: before?.sums ?? null },
      partial: found.partial || before?.partial === true,
      older: viewCursor(found.before),
    };
  }

  async function histogram(query: HistogramQuery): Promise<HistogramAnswer> {
    const { sinceMs, untilMs } = range(query);
    const grain = grainFor(query.grain, untilMs - sinceMs);
    const question = {
      ...{ filter: filterOf(query), sinceMs, untilMs, grain, by: query.by as DimensionName | undefined },
      ...{ top: query.top ?? topDefault, order: query.order ?? "requests" },
      before: query.before === undefined ? undefined : readCursor(query.before),
    };
    const { series, partial, before } = await access.query({ kind: "log_sums", question });
    return {
      ...{ since_ms: sinceMs, until_ms: untilMs, grain, partial, older: viewCursor(before) },
      series: series.map(({ value, total, buckets }) => ({
        ...(value === null ? { value, name: null } : nameOf(query.by, value)),
        total: viewSums(total),
        buckets: buckets.map(({ at, sums: each }) => ({ at_ms: at, sums: viewSums(each) })),
      })),
    };
  }

  async function rank(asked: LogFilterQuery, by: Dimension, order: Order, top: number) {
    const { sinceMs, untilMs } = range(asked);
    const question = { filter: filterOf(asked), sinceMs, untilMs, by, top, order };
    const { series, values, partial } = await access.query({ kind: "log_sums", question });
    const rankings = series.map(({ value, total }): Ranking => ({ ...nameOf(by, value ?? ""), sums: viewSums(total) }));
    return { values, rankings, partial };
  }

  async function facets(query: FacetsQuery) {
    const wanted = [...dimensions, ...listed].filter(
      (name): name is Dimension => name !== "total" && (query.dimension ?? name) === name,
    );
    const found = await Promise.all(
      wanted.map(async (dimension) => {
        const limit = query.limit ?? facetsMax;
        const rows = await access.query({ kind: "facets", dimension, match: query.match, limit });
        const values = rows.map(({ value, lastAt }) => ({ ...nameOf(dimension, value), last_at_ms: lastAt }));
        return [dimension, values] as const;
      }),
    );
    return { facets: Object.fromEntries(found) };
  }

  return {
    stats,
    histogram,
    facets,
    async rankings(query: RankingsQuery) {
      const { sinceMs, untilMs } = range(query);
      const { by = "model", order = "cost", limit = rankingsDefault, ...filter } = query;
      const ranked = await rank({ ...filter, since_ms: sinceMs, until_ms: untilMs }, by, order, limit);
      return { since_ms: sinceMs, until_ms: untilMs, by, ...ranked };
    },
    async dashboard(query: DashboardQuery) {
      const { sinceMs, untilMs } = range(query);
      const period = { ...query, since_ms: sinceMs, until_ms: untilMs };
      const top = async (by: Dimension) => (await rank(period, by, "cost", topDefault)).rankings;
      const [key, model, provider, team] = await Promise.all([top("key"), top("model"), top("provider"), top("team")]);
      const errors = await access.query({
        ...{
          kind: "log_page",
          filter: {
            ...filterOf(query),
            error: query.error === undefined ? "*" : filterOf(query).error,
            sinceMs,
            untilMs,
          },
          limit: recentErrors,
        },
      });
      return {
        stats: await stats({ ...period, compare: true }),
        histogram: await histogram(period),
        top: { key, model, provider, team },
        recent_errors: errors.rows.map(view),
      };
    },
    async session(session: string) {
      assertSeesLog(reach);
      const found = await access.query({ kind: "session", session, limit: sessionRowsMax });
      const reachable = reach === undefined ? found : found.filter((row) => row[reach.kind] === reach.publicId);
      const rows = reachable.map(view);
      return {
        session,
        sums: viewSums(sumRows(rows)),
        first_at_ms: rows[0]?.at ?? null,
        last_at_ms: rows.at(-1)?.at ?? null,
        rows,
      };
    },
  };
}

function grainFor(asked: Grain | undefined, lengthMs: number): GrainName {
  let grain: Grain = asked ?? (lengthMs / grainMs.minute <= bucketsWanted ? "minute" : "hour");
  if (asked === undefined && lengthMs / grainMs.hour > bucketsWanted) grain = "day";
  while (lengthMs / grainMs[grain] > bucketsMax && coarser[grain] !== grain) grain = coarser[grain];
  return grain;
}

function sumRows(rows: readonly LogRow[]): RawSums {
  const total = emptySums();
  const add = (name: keyof typeof sumColumn, value: number | null): void => {
    total.sums[sumColumn[name]]! += value ?? 0;
  };
  for (const row of rows) {
    add("requests", 1);
    if (row.status >= 400 || row.flags.includes("truncated")) add("errors", 1);
    for (const name of ["tokens_in", "tokens_out", "tokens_cache_read", "tokens_cache_write"] as const)
      add(name, row[name]);
    add("tokens_reasoning", row.tokens_reasoning);
    add("cost_nano", row.cost_nano);
    if (row.flags.includes("unpriced")) add("unpriced", 1);
    add("latency_ms", row.latency_ms);
    if (row.tokens_out) add("output_ms", row.latency_ms);
  }
  return total;
}

export function viewSums({ sums, latency, ttft }: RawSums): Sums {
  const of = (name: keyof typeof sumColumn): number => sums[sumColumn[name]] ?? 0;
  const mean = (total: number, count: number): number | null => (count === 0 ? null : round(total / count));
  const quantile = (counts: readonly number[], share: number): number | null => {
    const value = counts.length === bucketCount ? quantileOf(counts, share) : undefined;
    return value === undefined ? null : round(value);
  };
  return {
    requests: of("requests"),
    errors: of("errors"),
    tokens_in: of("tokens_in"),
    tokens_out: of("tokens_out"),
    tokens_cache_read: of("tokens_cache_read"),
    tokens_cache_write: of("tokens_cache_write"),
    tokens_reasoning: of("tokens_reasoning"),
    cost_nano: of("cost_nano"),
    unpriced: of("unpriced"),
    latency_mean_ms: mean(of("latency_ms"), of("requests")),
    latency_p50_ms: quantile(latency, 0.5),
    latency_p95_ms: quantile(latency, 0.95),
    latency_p99_ms: quantile(latency, 0.99),
    ttft_mean_ms: mean(of("ttft_ms"), of("ttft_count")),
    ttft_p50_ms: quantile(ttft, 0.5),
    ttft_p99_ms: quantile(ttft, 0.99),
    upstream_mean_ms: mean(of("upstream_ms"), of("upstream_count")),
    overhead_mean_ms: mean(of("overhead_ms"), of("upstream_count")),
    tokens_per_second: of("output_ms") === 0 ? null : round((of("tokens_out") * 1000) / of("output_ms")),
  };
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
