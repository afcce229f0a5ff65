/** `bifrost top`: who asks most just now. Redraws in place on a terminal, prints once in a pipe; the screen's short sister. */
import { setTimeout as pause } from "node:timers/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { StatusAnswer } from "../../daemon/admin/contract/daemon.ts";
import type { Ranking, RankingsAnswer, StatsAnswer } from "../../daemon/admin/contract/log-statistics.ts";
import type { Client } from "../client.ts";
import type { Context } from "../command.ts";
import { parseDuration } from "../parse.ts";
import { type Column, renderDuration, renderJson, renderMoney, renderTable } from "../render.ts";
import { renderCompact } from "../render-compact.ts";
import { withDaemon } from "../session.ts";
import { spendDimensions } from "../spend.ts";
import { cut } from "../text.ts";

type Options = {
  readonly by: string;
  readonly window: number;
  readonly order: string;
  readonly once?: boolean;
  readonly json?: boolean;
};
type Seen = { readonly status: StatusAnswer; readonly stats: StatsAnswer; readonly rankings: RankingsAnswer };

const everyMs = 2_000;
const rowsMax = 20;
const minuteMs = 60_000;
const clearBelow = "\u001b[J";
const clearAll = "\u001b[2J\u001b[H";
const noWrap = "\u001b[?7l";
const wrap = "\u001b[?7h";
/** Over the table's rows, and where the cursor stands below them. */
const linesAround = 5;

export function build(command: Command, context: Context): void {
  command
    .addOption(
      new Option("--by <dimension>", "By what")
        .choices([...spendDimensions, "user", "target", "status", "error"])
        .default("model"),
    )
    .option("--window <duration>", "Of the last minutes (default: 5m)", parseWindow, 5 * minuteMs)
    .addOption(
      new Option("--order <order>", "Largest first by")
        .choices(["requests", "cost", "errors", "tokens", "latency"])
        .default("requests"),
    )
    .option("--once", "Print once, also on a terminal")
    .option("--json", "Print one JSON value and end")
    .action((options: Options) =>
      withDaemon(command, context, async (client) => {
        const { terminal } = context;
        if (options.json) return terminal.out(renderJson((await look(client, options)).rankings));
        if (options.once || !terminal.outIsTerminal)
          return terminal.out(render(await look(client, options), options, context));
        await watch(client, options, context);
      }),
    );
}

async function look(client: Client, { by, window, order }: Options): Promise<Seen> {
  const now = Date.now();
  const query = { since_ms: now - window, until_ms: now + 1 };
  const [status, stats, rankings] = await Promise.all([
    client.call<StatusAnswer>("GET", "/api/status"),
    client.call<StatsAnswer>("GET", "/api/logs/stats", { query }),
    client.call<RankingsAnswer>("GET", "/api/logs/rankings", { query: { ...query, by, order, limit: rowsMax } }),
  ]);
  return { status, stats, rankings };
}

/** Until Ctrl-C, which is how one leaves. */
async function watch(client: Client, options: Options, context: Context): Promise<void> {
  const { terminal } = context;
  const leaving = new AbortController();
  const leave = () => leaving.abort();
  process.once("SIGINT", leave).once("SIGTERM", leave);
  let before: { readonly lines: number; readonly size: string } | undefined;
  try {
    while (!leaving.signal.aborted) {
      const seen = await look(client, options);
      const size = `${terminal.columns}×${terminal.rows}`;
      const text = render(seen, options, context, Math.max(1, (terminal.rows ?? 0) - linesAround));
      // What stood there has been wrapped anew by a terminal of another size: where it begins nobody knows.
      const back = before === undefined ? "" : before.size === size ? `\u001b[${before.lines}A\r` : clearAll;
      // A line is one row of the terminal, else the next frame would begin too low.
      terminal.out(`${back}${clearBelow}${noWrap}${text}${wrap}`);
      before = { lines: text.split("\n").length - 1, size };
      await pause(everyMs, undefined, { signal: leaving.signal }).catch(() => undefined);
    }
  } finally {
    process.off("SIGINT", leave).off("SIGTERM", leave);
  }
}

function render({ status, stats, rankings }: Seen, options: Options, { terminal }: Context, rowsMax?: number): string {
  const inFlight = status.workers.reduce((sum, worker) => sum + worker.requests_in_flight, 0);
  const seconds = options.window / 1_000;
  // Of all, while one request may stand under several tags, and another under none.
  const total = stats.sums.requests;
  const head = [
    `bifrost ${status.version} at ${status.url}, ${status.state}`,
    `${inFlight} in flight, ${rateOf(total, seconds)} req/s in the last ${renderDuration(options.window)}`,
    "",
  ]
    .map((text) => `${terminal.columns === undefined ? text : cut(text, terminal.columns)}\n`)
    .join("");
  if (rankings.rankings.length === 0)
    return `${head}${total === 0 ? "No requests in that time." : `None of ${total} requests has a ${options.by}.`}\n`;
  return head + renderTable(rankings.rankings.slice(0, rowsMax), columnsFor(options.by, seconds), terminal);
}

function columnsFor(by: string, seconds: number): readonly Column<Ranking>[] {
  return [
    { title: by.toUpperCase(), cell: ({ name, value }) => (name ?? value) || "(none)", shrinkTo: 12 },
    { title: "REQ/S", cell: ({ sums }) => rateOf(sums.requests, seconds), align: "right" },
    { title: "REQUESTS", cell: ({ sums }) => renderCompact(sums.requests), align: "right", mayDrop: true },
    {
      title: "ERRORS",
      cell: ({ sums }) => `${Math.round((100 * sums.errors) / Math.max(1, sums.requests))}%`,
      align: "right",
    },
    { title: "P50", cell: ({ sums }) => took(sums.latency_p50_ms), align: "right", mayDrop: true },
    { title: "P99", cell: ({ sums }) => took(sums.latency_p99_ms), align: "right", mayDrop: true },
    { title: "FIRST TOKEN", cell: ({ sums }) => took(sums.ttft_p50_ms), align: "right", mayDrop: true },
    {
      title: "TOKENS/S",
      cell: ({ sums }) => renderCompact(Math.round((sums.tokens_in + sums.tokens_out) / seconds)),
      align: "right",
      mayDrop: true,
    },
    {
      title: "COST/MIN",
      cell: ({ sums }) => renderMoney(Math.round((sums.cost_nano * 60) / seconds / 1_000) * 1_000),
      align: "right",
    },
  ];
}

function rateOf(requests: number, seconds: number): string {
  const rate = requests / seconds;
  if (rate > 0 && rate < 0.005) return "<0.01";
  return rate >= 100 ? String(Math.round(rate)) : String(Number(rate.toFixed(2)));
}

function took(ms: number | null): string {
  return ms === null ? "–" : renderDuration(Math.round(ms));
}

/** Sums are kept by the minute; less than a second says nothing. */
function parseWindow(text: string): number {
  const length = parseDuration(text);
  if (length >= windowMinMs) return length;
  throw new InvalidArgumentError("Expected a second at least, such as 5m or 1h.");
}
const windowMinMs = 1_000;
