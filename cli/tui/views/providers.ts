/** Providers: whether they answer, how fast, and what goes to them. Hides that health is the daemon's own and sums are roll-ups. */
import type { ProvidersAnswer, ProviderView } from "../../../daemon/admin/contract/daemon.ts";
import type { Ranking, RankingsAnswer } from "../../../daemon/admin/contract/log-statistics.ts";
import type { BreakerView, RouteTestAnswer, TargetHealth } from "../../../daemon/admin/contract/routing.ts";
import { bar } from "../draw/bars.ts";
import { count, duration, money, percent } from "../draw/format.ts";
import { type Line, line, type Style, span } from "../draw/line.ts";
import { properties } from "../draw/table.ts";
import { type ActionContext, type Column, defineView } from "../view.ts";

type Row = { readonly provider: ProviderView; readonly sums: Ranking["sums"] | undefined };
type Data = { readonly rows: readonly Row[] };

/** What requests, errors and spend are of; health is of the last half minute. */
const windowMs = 15 * 60_000;
const providersMax = 1_000;
const targetsShown = 5;
/** Of the recent ones: from here on it is said. */
const shakyShare = 0.05;
const failingShare = 0.5;

const breakers: Readonly<Record<BreakerView, Style>> = { closed: "dim", probing: "warn", open: "bad" };

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
    title: "BREAKER",
    width: 7,
    drop: 1,
    cell: ({ provider: { health: now } }) => [span(now?.breaker ?? "–", breakers[now?.breaker ?? "closed"])],
    value: ({ provider }) => provider.health?.breaker,
  },
  {
    title: "SHARE",
    width: 13,
    grow: 1,
    cell: ({ provider: { health: now } }, width) => [
      ...bar(now?.share ?? 0, width - 5, "series1"),
      span(percent(now?.share).padStart(5)),
    ],
    value: ({ provider }) => provider.health?.share,
  },
  {
    title: "IN FLIGHT",
    width: 9,
    align: "right",
    cell: ({ provider: { health: now } }) => [
      span(count(now?.in_flight), (now?.in_flight ?? 0) > 0 ? "info" : "dim"),
      span(now?.waiting ? `+${now.waiting}` : "", "warn"),
    ],
    value: ({ provider }) => provider.health?.in_flight,
  },
  {
    title: "P50",
    width: 7,
    align: "right",
    cell: ({ provider }) => [span(duration(provider.health?.p50_ms))],
    value: ({ provider }) => provider.health?.p50_ms,
  },
  {
    title: "P99",
    width: 7,
    align: "right",
    cell: ({ provider }) => [span(duration(provider.health?.p99_ms))],
    value: ({ provider }) => provider.health?.p99_ms,
  },
  {
    title: "REQS",
    width: 6,
    align: "right",
    drop: 3,
    cell: ({ sums }) => [span(count(sums?.requests ?? 0))],
    value: ({ sums }) => sums?.requests ?? 0,
  },
  {
    title: "ERRORS",
    width: 7,
    align: "right",
    drop: 2,
    cell: ({ sums }) => [span(errorShare(sums), (sums?.errors ?? 0) > 0 ? "bad" : "dim")],
    value: ({ sums }) => sums?.errors ?? 0,
  },
  {
    title: "SPEND",
    width: 9,
    align: "right",
    drop: 4,
    cell: ({ sums }) => [span(money(sums?.cost_nano ?? 0), (sums?.cost_nano ?? 0) === 0 ? "dim" : "money")],
    value: ({ sums }) => (sums?.cost_nano ?? 0) / 1e9,
  },
  {
    title: "DIALECT",
    width: 16,
    drop: 5,
    cell: ({ provider }) => [span(provider.dialect, "dim")],
    value: ({ provider }) => provider.dialect,
  },
  {
    title: "ADDRESS",
    width: 20,
    grow: 2,
    drop: 6,
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
    const [{ providers: found }, { rankings }] = await Promise.all([
      source.get<ProvidersAnswer>("/api/providers"),
      source.get<RankingsAnswer>("/api/logs/rankings", {
        by: "provider",
        order: "requests",
        since_ms: now - windowMs,
        until_ms: now + 1,
        limit: providersMax,
      }),
    ]);
    const sumsOf = (name: string) => rankings.find(({ value }) => value === name)?.sums;
    return { rows: found.map((provider) => ({ provider, sums: sumsOf(provider.name) })) };
  },
  table: {
    columns,
    rows: (data) => data.rows,
    id: ({ provider }) => provider.name,
    details: (row) => details(row),
    empty: () => [
      line("  ", span("No providers.", "strong")),
      line("  ", span("Set OPENAI_API_KEY or another's variable, or write a config: docs/config.md", "dim")),
    ],
  },
  note: () => "health of half a minute, sums of fifteen",
  copy: (_, row) => row?.provider.name ?? "",
  actions: [{ key: "t", label: "test a route", run: testRoute }],
});

function errorShare(sums: Ranking["sums"] | undefined): string {
  return sums === undefined || sums.requests === 0 ? "–" : percent(sums.errors / sums.requests);
}

function health({ provider: { health: now } }: Row): ReturnType<typeof span> {
  if (now === undefined || now.requests === 0) return ["◌ idle", "dim"];
  if (now.targets.length > 0 && now.targets.every((each) => each.breaker === "open")) return ["✗ open", "bad"];
  const sum = (what: "recent_requests" | "recent_failures") =>
    now.targets.reduce((total, each) => total + each[what], 0);
  const share = sum("recent_failures") / Math.max(1, sum("recent_requests"));
  if (share >= failingShare) return ["✗ failing", "bad"];
  return share >= shakyShare || now.breaker !== "closed" ? ["▲ shaky", "warn"] : ["● good", "good"];
}

function details({ provider }: Row): readonly Line[] {
  const models = provider.any_model ? "any model" : provider.models.join(", ") || "none";
  const targets = provider.health?.targets ?? [];
  return properties([
    [
      provider.name,
      [
        span(provider.base_url),
        span(`  ${provider.host}, ${provider.dialect}${provider.free ? ", free" : ""}`, "dim"),
        span(provider.proxy === null ? "" : `  through ${provider.proxy}`, "dim"),
        span(`  credentials: ${provider.credentials.join(", ") || "none"}  models: ${models}`, "dim"),
      ],
    ],
    ...targets.slice(0, targetsShown).map((target): readonly [string, Line] => [target.target, targetLine(target)]),
  ]);
}

function targetLine(target: TargetHealth): Line {
  const waits = target.waits_ms === null ? "" : `, asked again in ${duration(target.waits_ms)}`;
  return [
    span(`${target.breaker}${waits}`.padEnd(8), breakers[target.breaker]),
    span(`  ${count(target.requests)} requests`),
    span(`  ${count(target.failures)} failed`, target.failures > 0 ? "warn" : "dim"),
    span(`  p50 ${duration(target.p50_ms)}  p99 ${duration(target.p99_ms)}`, "dim"),
    span(target.refused_credentials === 0 ? "" : `  ${target.refused_credentials} credentials refused`, "bad"),
    span(
      target.last_failure === null ? "" : `  last: ${target.last_failure} ${duration(target.last_failure_ms_ago)} ago`,
      "dim",
    ),
  ];
}

/** Where a request would go now; nothing is sent. */
async function testRoute({ dialogs, source }: ActionContext<Data, Row>): Promise<void> {
  const model = await dialogs.ask("Where would a request go now, for which model", {
    hint: "as a client asks for it; nothing is sent",
  });
  if (model === undefined || model === "") return;
  const answer = await source.send<RouteTestAnswer>("POST", "/api/route/test", { model });
  const targets = answer.targets.map(({ target, share, breaker, note }, index) =>
    [`${index + 1} ${target}`, percent(share), breaker === "closed" ? "" : breaker, note ?? ""]
      .filter((part) => part !== "")
      .join("  "),
  );
  await dialogs.show(`${model} → ${answer.chosen ?? answer.error?.message ?? "nowhere"}`, [
    ...(answer.rules.length === 0 ? [] : [`rules: ${answer.rules.join(" → ")}`]),
    ...(answer.strategy === null ? [] : [`strategy: ${answer.strategy}`]),
    ...targets,
    ...answer.left_out.map(({ target, note }) => `not ${target}: ${note}`),
  ]);
}
