/** Providers as configured, and how they do. Hides that what they did is read from roll-ups. */
import type { ProvidersAnswer, ProviderView } from "../../../daemon/admin/contract/daemon.ts";
import type { Ranking, RankingsAnswer } from "../../../daemon/admin/contract/log-statistics.ts";
import type { LogRow, LogsAnswer } from "../../../daemon/admin/contract/logs.ts";
import { bar } from "../draw/bars.ts";
import { clock, count, duration, money, percent } from "../draw/format.ts";
import { type Line, line, type Style, span } from "../draw/line.ts";
import { properties } from "../draw/table.ts";
import { type Column, defineView } from "../view.ts";

type Row = {
  readonly provider: ProviderView;
  readonly requests: number;
  readonly share: number;
  readonly errors: number;
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  readonly cost: number;
  readonly last: LogRow | undefined;
};
type Data = { readonly rows: readonly Row[] };

/** What shares and times are of. */
const windowMs = 15 * 60_000;
const providersMax = 1_000;
const errorRows = 100;

const columns: readonly Column<Row>[] = [
  {
    title: "PROVIDER",
    width: 12,
    grow: 1,
    cell: ({ provider }) => [span(provider.name, "strong")],
    value: ({ provider }) => provider.name,
  },
  { title: "HEALTH", width: 9, cell: (row) => [health(row)], value: (row) => health(row)[0] },
  {
    title: "SHARE",
    width: 14,
    grow: 1,
    cell: (row, width) => [...bar(row.share, width - 5, "series1"), span(percent(row.share).padStart(5))],
    value: ({ share }) => share,
  },
  {
    title: "REQS",
    width: 6,
    align: "right",
    cell: ({ requests }) => [span(count(requests))],
    value: ({ requests }) => requests,
  },
  {
    title: "ERRORS",
    width: 7,
    align: "right",
    cell: (row) => [
      span(row.requests === 0 ? "–" : percent(row.errors / row.requests), row.errors > 0 ? "bad" : "dim"),
    ],
    value: (row) => (row.requests === 0 ? null : row.errors / row.requests),
  },
  { title: "P50", width: 7, align: "right", cell: ({ p50 }) => [span(duration(p50))], value: ({ p50 }) => p50 },
  { title: "P99", width: 7, align: "right", cell: ({ p99 }) => [span(duration(p99))], value: ({ p99 }) => p99 },
  {
    title: "SPEND",
    width: 9,
    align: "right",
    drop: 2,
    cell: ({ cost }) => [span(money(cost), cost === 0 ? "dim" : "money")],
    value: ({ cost }) => cost / 1e9,
  },
  {
    title: "DIALECT",
    width: 16,
    drop: 3,
    cell: ({ provider }) => [span(provider.dialect, "dim")],
    value: ({ provider }) => provider.dialect,
  },
  {
    title: "ADDRESS",
    width: 20,
    grow: 2,
    drop: 4,
    cell: ({ provider }) => [span(provider.base_url, "dim")],
    value: ({ provider }) => provider.base_url,
  },
];

export const providers = defineView<Data, Row>({
  name: "providers",
  aliases: ["p", "health"],
  title: "Providers",
  summary: "who answers, how fast, and how often not",
  inBar: true,
  everyMs: 2_000,
  async load(source, _place, _before, now) {
    const since = now - windowMs;
    const [{ providers: found }, { rankings }, { rows }] = await Promise.all([
      source.get<ProvidersAnswer>("/api/providers"),
      source.get<RankingsAnswer>("/api/logs/rankings", {
        by: "provider",
        order: "requests",
        since_ms: since,
        until_ms: now + 1,
        limit: providersMax,
      }),
      source.get<LogsAnswer>("/api/logs", { error: "any", since_ms: since, limit: errorRows }),
    ]);
    return { rows: found.map((provider) => summarize(provider, rankings, rows)) };
  },
  table: {
    columns,
    rows: (data) => data.rows,
    id: ({ provider }) => provider.name,
    details: (row) => details(row),
    empty: () => [
      line("  ", span("No providers.", "strong")),
      line("  ", span("Set OPENAI_API_KEY or another provider's variable, or write a config: docs/config.md", "dim")),
    ],
  },
  note: () => "of the last 15 minutes",
  actions: [],
});

function summarize(provider: ProviderView, rankings: readonly Ranking[], errors: readonly LogRow[]): Row {
  const sums = rankings.find(({ value }) => value === provider.name)?.sums;
  const all = rankings.reduce((sum, each) => sum + (each.value === "" ? 0 : each.sums.requests), 0);
  return {
    provider,
    requests: sums?.requests ?? 0,
    share: all === 0 ? 0 : (sums?.requests ?? 0) / all,
    errors: sums?.errors ?? 0,
    p50: sums?.latency_p50_ms ?? undefined,
    p99: sums?.latency_p99_ms ?? undefined,
    cost: sums?.cost_nano ?? 0,
    last: errors.find((row) => row.provider === provider.name),
  };
}

function health({ requests, errors }: Row): ReturnType<typeof span> {
  if (requests === 0) return ["◌ idle", "dim"];
  const share = errors / requests;
  const [text, style]: [string, Style] =
    share >= 0.5 ? ["✗ failing", "bad"] : share >= 0.05 ? ["▲ shaky", "warn"] : ["● good", "good"];
  return [text, style];
}

function details({ provider, last }: Row): readonly Line[] {
  const models = provider.any_model ? "any model" : provider.models.join(", ") || "none";
  return properties([
    [
      "provider",
      [
        span(provider.name, "strong"),
        span(`  ${provider.host}, ${provider.dialect}${provider.free ? ", free" : ""}`, "dim"),
      ],
    ],
    ["address", [span(provider.base_url), span(provider.proxy === null ? "" : `  through ${provider.proxy}`, "dim")]],
    ["credentials", [span(provider.credentials.join(", ") || "none"), span(`   models: ${models}`, "dim")]],
    [
      "last error",
      last === undefined
        ? [span("none among these", "dim")]
        : [span(`${clock(last.at, last.at)}  ${last.status} ${last.error ?? ""}`, "bad"), span(`  ${last.id}`, "dim")],
    ],
  ]);
}
