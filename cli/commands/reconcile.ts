/** `bifrost reconcile`: a provider's export of costs against the rows, by day and model. */
import { type Command, InvalidArgumentError } from "commander";
import type { RankingsAnswer } from "../../daemon/admin/contract/log-statistics.ts";
import type { Client } from "../client.ts";
import type { Context } from "../command.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { readText } from "../read-text.ts";
import { compare, type Line, type Ours } from "../reconcile/compare.ts";
import { type ColumnNames, readExport } from "../reconcile/read-export.ts";
import { type Column, renderJson, renderMoney, renderTable } from "../render.ts";
import { withClient } from "../session.ts";

type Options = {
  readonly provider: string;
  readonly period?: Period;
  readonly tolerance: number;
  readonly columns?: ColumnNames;
  readonly cents?: boolean;
  readonly map?: ReadonlyMap<string, string>;
  readonly json?: boolean;
};
/** Days, the second not included. */
type Period = { readonly since: string; readonly until: string };

const dayMs = 86_400_000;
const daysMax = 400;
const modelsMax = 1_000;

const columns: readonly Column<Line>[] = [
  { title: "DAY", cell: ({ day }) => day },
  { title: "MODEL", cell: ({ model }) => model || "(no model)", shrinkTo: 16 },
  { title: "THEIRS", cell: (line) => renderMoney(line.theirs_nano), align: "right" },
  { title: "OURS", cell: (line) => renderMoney(line.ours_nano), align: "right" },
  { title: "DIFFERENCE", cell: (line) => renderMoney(line.difference_nano), align: "right" },
  { title: "UNEXPLAINED", cell: (line) => renderMoney(line.unexplained_nano), align: "right" },
  { title: "UNPRICED", cell: ({ unpriced }) => String(unpriced), align: "right", mayDrop: true },
];

export function build(command: Command, context: Context): void {
  command
    .argument("<file>", "OpenAI's costs (JSON or CSV), Anthropic's cost report (JSON), or a CSV")
    .requiredOption("--provider <name>", "As the config names it")
    .option(
      "--period <period>",
      "A month (2026-11) or days (2026-11-01..2026-11-15); default: those of the file",
      parsePeriod,
    )
    .option("--tolerance <percent>", "A difference of so much is none", parsePercent, 0.01)
    .option("--columns <names>", "Of a CSV: day=Date,model=Model,cost=Amount", parseColumns)
    .option("--cents", "A CSV's amounts are cents")
    .option("--map <names>", 'Their name of a model for ours: "GPT 4o=gpt-4o", several by commas', parseMap)
    .option("--json", "Print JSON")
    .action(async (file: string, options: Options) => {
      const theirs = readExport(await readText(file, exitCodes.usage), options.columns ?? {}, options.cents === true);
      const period = options.period ?? periodOf(theirs.map(({ day }) => day));
      const days = daysOf(period);
      const ours = await withClient(command, context, (client) => readOurs(client, options.provider, days));
      const within = theirs.filter(({ day }) => day >= period.since && day < period.until);
      const found = compare(within, ours, options.tolerance, options.map ?? new Map());
      const { terminal } = context;
      if (options.json) terminal.out(renderJson({ provider: options.provider, ...period, ...found }));
      else {
        if (found.lines.length > 0) terminal.out(renderTable(found.lines, columns, terminal));
        terminal.err(
          `${options.provider}, ${period.since} to before ${period.until} (UTC): theirs ${renderMoney(found.theirs_nano)}, ours ${renderMoney(found.ours_nano)}, difference ${renderMoney(found.difference_nano)}, unexplained ${renderMoney(found.unexplained_nano)}.\n`,
        );
      }
      if (found.lines.some(({ unexplained_nano: nano }) => nano !== 0)) context.exitWith(exitCodes.checkFailed);
    });
}

/** From the sums by day: what they say of a target is what its rows cost, and what was adjusted. */
async function readOurs(client: Client, provider: string, days: readonly string[]): Promise<readonly Ours[]> {
  const ours: Ours[] = [];
  for (const day of days) {
    const since = Date.parse(`${day}T00:00:00Z`);
    const { rankings, values, partial } = await client.call<RankingsAnswer>("GET", "/api/logs/rankings", {
      query: { by: "target", order: "cost", limit: modelsMax, since_ms: since, until_ms: since + dayMs },
    });
    if (partial || values > rankings.length)
      throw new CliFailure(`${day} has more than ${modelsMax} models: they cannot be compared`);
    for (const { value, sums } of rankings) {
      if (!value.startsWith(`${provider}/`)) continue;
      const { cost_nano: nano, requests, unpriced } = sums;
      ours.push({ day, model: value.slice(provider.length + 1), nano, requests, unpriced });
    }
  }
  return ours;
}

function periodOf(days: readonly string[]): Period {
  if (days.length === 0) throw new CliFailure("the export has no costs", exitCodes.usage);
  const sorted = [...days].toSorted();
  return { since: sorted[0]!, until: nextDay(sorted.at(-1)!) };
}

function daysOf({ since, until }: Period): readonly string[] {
  const days: string[] = [];
  for (let day = since; day < until; day = nextDay(day)) {
    days.push(day);
    if (days.length > daysMax)
      throw new CliFailure(`more than ${daysMax} days; ask for a shorter time`, exitCodes.usage);
  }
  return days;
}

function nextDay(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + dayMs).toISOString().slice(0, 10);
}

function parsePeriod(text: string): Period {
  const [, month] = /^(\d{4}-(?:0[1-9]|1[0-2]))$/.exec(text) ?? [];
  if (month !== undefined) {
    const next = new Date(`${month}-01T00:00:00Z`);
    next.setUTCMonth(next.getUTCMonth() + 1);
    return { since: `${month}-01`, until: next.toISOString().slice(0, 10) };
  }
  const [, since, last] = /^(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)$/.exec(text) ?? [];
  const isDay = (day: string | undefined): day is string =>
    day !== undefined && Number.isFinite(Date.parse(`${day}T00:00:00Z`));
  if (isDay(since) && isDay(last) && since <= last) return { since, until: nextDay(last) };
  throw new InvalidArgumentError("Expected a month such as 2026-11, or days such as 2026-11-01..2026-11-15.");
}

function parsePercent(text: string): number {
  const [, number] = /^(\d+(?:\.\d+)?)%?$/.exec(text) ?? [];
  if (number !== undefined && Number(number) <= 100) return Number(number) / 100;
  throw new InvalidArgumentError("Expected a percentage such as 1% or 0.5.");
}

function parsePairs(text: string, expected: string): readonly (readonly [string, string])[] {
  return text.split(",").map((pair) => {
    const at = pair.indexOf("=");
    if (at < 1 || at === pair.length - 1) throw new InvalidArgumentError(`Expected ${expected}.`);
    return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
  });
}

function parseColumns(text: string): ColumnNames {
  const pairs = parsePairs(text, "day=<column>,model=<column>,cost=<column>");
  for (const [name] of pairs)
    if (!["day", "model", "cost"].includes(name))
      throw new InvalidArgumentError(`"${name}" is none of day, model, cost.`);
  return Object.fromEntries(pairs);
}

function parseMap(text: string): ReadonlyMap<string, string> {
  return new Map(parsePairs(text, "<their name>=<our model>"));
}
