/** `bifrost usage`: what was asked for and paid, by one dimension, with bars of text. Read from roll-ups, so a quarter costs what a day does. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type {
  HistogramAnswer,
  Ranking,
  RankingsAnswer,
  StatsAnswer,
} from "../../daemon/admin/contract/log-statistics.ts";
import type { Context } from "../command.ts";
import { checkRange, parseDuration, parseSince } from "../parse.ts";
import { type Column, renderJson, renderMoney, renderTable } from "../render.ts";
import { textBar } from "../render-bar.ts";
import { renderCompact } from "../render-compact.ts";
import { withClient } from "../session.ts";
import { spendDimensions } from "../spend.ts";
import { pad } from "../text.ts";
import { usageCsv } from "../usage-csv.ts";

type Options = {
  readonly by: (typeof dimensions)[number];
  readonly period: number | "today";
  readonly since?: (nowMs: number) => number;
  readonly until?: (nowMs: number) => number;
  readonly order: "cost" | "requests" | "errors" | "tokens" | "latency";
  readonly limit?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
};

const dimensions = [...spendDimensions, "user", "target", "credential", "route", "status", "error"] as const;
const dayMs = 86_400_000;
const hourMs = 3_600_000;
const barColumns = 24;
const rowsDefault = "20";
/** An export has all there is. */
const rowsMax = "1000";

export function build(command: Command, context: Context): void {
  command
    .addOption(new Option("--by <dimension>", "By what").choices(dimensions).default("key"))
    .option("--period <period>", "today, or a duration such as 24h, 7d, 30d", parsePeriod, 7 * dayMs)
    .option("--since <when>", "In place of a period: 15m ago or later, or a date", parseSince)
    .option("--until <when>", "15m ago or earlier, or a date", parseSince)
    .addOption(
      new Option("--order <order>", "Largest first by")
        .choices(["cost", "requests", "errors", "tokens", "latency"])
        .default("cost"),
    )
    .option("--limit <count>", `Rows at most; default: ${rowsDefault}, with --json and --csv ${rowsMax}`)
    .option("--json", "Print JSON")
    .addOption(new Option("--csv", "Print CSV, one line a value").conflicts("json"))
    .action(async (options: Options) => {
      const now = Date.now();
      const query = { since_ms: sinceOf(options, now), until_ms: options.until?.(now) ?? now + 1 };
      checkRange(query.since_ms, query.until_ms);
      const [rankings, stats, histogram] = await withClient(command, context, (client) =>
        Promise.all([
          client.call<RankingsAnswer>("GET", "/api/logs/rankings", {
            query: { ...query, by: options.by, order: options.order, limit: limitOf(options) },
          }),
          client.call<StatsAnswer>("GET", "/api/logs/stats", { query }),
          client.call<HistogramAnswer>("GET", "/api/logs/histogram", { query: { ...query, grain: grainOf(query) } }),
        ]),
      );
      const { terminal } = context;
      const isPart = rankings.values > rankings.rankings.length;
      if (options.csv) {
        if (isPart) terminal.err(`The first ${rankings.rankings.length} of ${rankings.values}.\n`);
        return terminal.out(usageCsv(options.by, rankings.rankings));
      }
      if (options.json)
        return terminal.out(
          renderJson({
            ...rankings,
            total: stats.sums,
            partial: stats.partial || rankings.partial,
            histogram: histogram.series[0]?.buckets ?? [],
            grain: histogram.grain,
          }),
        );
      terminal.err(
        `From ${new Date(query.since_ms).toISOString().slice(0, 16)} to ${new Date(query.until_ms).toISOString().slice(0, 16)} UTC: ${said(stats, rankings)}\n\n`,
      );
      if (rankings.rankings.length === 0) return terminal.err(`No request of this time has a ${options.by}.\n`);
      const most = Math.max(...rankings.rankings.map(({ sums }) => sums.cost_nano));
      terminal.out(renderTable(rankings.rankings, columnsFor(options.by, most), terminal));
      if (isPart) terminal.err(`… of ${rankings.values}; --limit shows more.\n`);
      terminal.out(`\n${renderChart(histogram)}`);
    });
}

function limitOf({ limit, json, csv }: Options): string {
  return limit ?? (json || csv ? rowsMax : rowsDefault);
}

function sinceOf({ since, period }: Options, now: number): number {
  if (since !== undefined) return since(now);
  return period === "today" ? Math.floor(now / dayMs) * dayMs : now - period;
}

function grainOf({
  since_ms: since,
  until_ms: until,
}: {
  readonly since_ms: number;
  readonly until_ms: number;
}): "minute" | "hour" | "day" {
  const length = until - since;
  if (length > 3 * dayMs) return "day";
  return length > 3 * hourMs ? "hour" : "minute";
}

function said({ sums, partial }: StatsAnswer, rankings: RankingsAnswer): string {
  const parts = [
    `${sums.requests} requests`,
    `${renderMoney(sums.cost_nano)}`,
    `${sums.tokens_in} tokens in, ${sums.tokens_out} out`,
  ];
  if (sums.errors > 0) parts.push(`${sums.errors} errors`);
  if (sums.unpriced > 0) parts.push(`${sums.unpriced} unpriced`);
  return `${parts.join(", ")}${partial || rankings.partial ? " (of the newest rows only)" : ""}`;
}

function columnsFor(by: string, most: number): readonly Column<Ranking>[] {
  return [
    {
      title: by.toUpperCase(),
      cell: ({ name, value }) => (name === null || name === value ? value || "(none)" : `${name} (${value})`),
      shrinkTo: 12,
    },
    { title: "REQUESTS", cell: ({ sums }) => String(sums.requests), align: "right" },
    { title: "ERRORS", cell: ({ sums }) => String(sums.errors), align: "right", mayDrop: true },
    { title: "TOKENS IN", cell: ({ sums }) => renderCompact(sums.tokens_in), align: "right", mayDrop: true },
    { title: "TOKENS OUT", cell: ({ sums }) => renderCompact(sums.tokens_out), align: "right", mayDrop: true },
    {
      title: "COST",
      cell: ({ sums }) => `${renderMoney(sums.cost_nano)}${sums.unpriced > 0 ? "+" : ""}`,
      align: "right",
    },
    { title: "", cell: ({ sums }) => textBar(most === 0 ? 0 : sums.cost_nano / most, barColumns), mayDrop: true },
  ];
}

/** A line a day, hour or minute that had requests. */
function renderChart({ series, grain }: HistogramAnswer): string {
  const buckets = series[0]?.buckets ?? [];
  const most = Math.max(1, ...buckets.map(({ sums }) => sums.cost_nano));
  const length = grain === "day" ? 10 : 16;
  const costs = buckets.map(({ sums }) => renderMoney(sums.cost_nano));
  const width = Math.max(0, ...costs.map((cost) => cost.length));
  return buckets
    .map(({ at_ms: at, sums }, index) => {
      const when = new Date(at).toISOString().slice(0, length).replace("T", " ");
      return `${when}  ${pad(textBar(sums.cost_nano / most, barColumns), barColumns)}  ${costs[index]!.padStart(width)}  ${sums.requests} requests\n`;
    })
    .join("");
}

function parsePeriod(text: string): number | "today" {
  if (text === "today") return "today";
  if (/^\d+(ms|s|m|h|d|w)$/.test(text) && parseDuration(text) > 0) return parseDuration(text);
  throw new InvalidArgumentError("Expected today, or a duration such as 24h, 7d, 30d.");
}
