/** `bifrost logs`: pages back, or follows. */
import { setTimeout as pause } from "node:timers/promises";
import { type Command, Option } from "commander";
import type { LogRow, LogsAnswer, OpenRequest, OpenRequestsAnswer } from "../../daemon/admin/contract/logs.ts";
import type { Client } from "../client.ts";
import type { Context } from "../command.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { parseFilter } from "../filter.ts";
import { exportLog } from "../log-export.ts";
import { logFields, logQuery } from "../log-fields.ts";
import { addLogFilters, type LogFilterOptions, type LogFilterQuery, logFilterQuery } from "../log-options.ts";
import { parseCount } from "../parse.ts";
import {
  type Column,
  growingTable,
  renderCount,
  renderDuration,
  renderMoney,
  renderTable,
  renderTime,
} from "../render.ts";
import { withClient, withDaemon } from "../session.ts";

type Options = LogFilterOptions & {
  readonly follow?: boolean;
  readonly open?: boolean;
  readonly export?: "jsonl" | "csv";
  readonly json?: boolean;
  readonly limit?: number;
  readonly sort?: "time" | "latency" | "tokens" | "cost";
  readonly asc?: boolean;
};
type Query = LogFilterQuery;

const rowsDefault = 50;
const rowsBeforeFollowing = 10;
const pageRows = 1_000;
const pollMs = 400;

const columns: readonly Column<LogRow>[] = [
  { title: "TIME", cell: (row) => renderTime(row.at) },
  { title: "ID", cell: (row) => row.id, shrinkTo: 12 },
  {
    title: "STATUS",
    cell: (row) => (row.error === null ? String(row.status) : `${row.status} ${row.error}`),
    shrinkTo: 6,
  },
  { title: "KEY", cell: (row) => row.key_name ?? row.key ?? "–", shrinkTo: 4, mayDrop: true },
  { title: "MODEL", cell: (row) => row.target ?? row.model ?? "–", shrinkTo: 8 },
  { title: "IN", cell: (row) => renderCount(row.tokens_in), align: "right", mayDrop: true },
  { title: "OUT", cell: (row) => renderCount(row.tokens_out), align: "right", mayDrop: true },
  { title: "COST", cell: cost, align: "right" },
  {
    title: "TIME TAKEN",
    cell: (row) => (row.latency_ms === null ? "–" : renderDuration(row.latency_ms)),
    align: "right",
    mayDrop: true,
  },
];

export function build(command: Command, context: Context): void {
  command
    .argument("[filter...]", "words that must all hold: gpt-4o, !echo, status:5xx, latency:>2s, key:ci")
    .option("-f, --follow", "Go on printing as requests end")
    .option("--open", "Those in flight, longest first, with what each holds")
    .addOption(
      new Option("--export <format>", "Every one that matches, as lines to standard output").choices(["jsonl", "csv"]),
    )
    .addOption(new Option("--sort <order>", "The first by this").choices(["time", "latency", "tokens", "cost"]))
    .option("--asc", "With --sort: the least first")
    .option("--limit <count>", `Rows at most (default: ${rowsDefault})`, parseCount);
  addLogFilters(command)
    .option("--json", "Print one JSON text a line")
    .action(async (words: readonly string[], options: Options) => {
      if (options.open) return withDaemon(command, context, (client) => listOpen(client, options, words, context));
      const filter = readFilter(words);
      checkOrder(options, filter);
      if (options.export !== undefined) return exportLog(command, context, options, queryOf(options, filter), filter);
      if (options.follow) return withDaemon(command, context, (client) => follow(client, options, filter, context));
      return withClient(command, context, (client) => list(client, options, filter, context));
    });
}

const openColumns: readonly Column<OpenRequest>[] = [
  { title: "SINCE", cell: (row) => renderTime(row.at) },
  { title: "ID", cell: (row) => row.id, shrinkTo: 12 },
  { title: "KEY", cell: (row) => row.key_name ?? row.key ?? "–", shrinkTo: 4 },
  { title: "MODEL", cell: (row) => row.target ?? "–", shrinkTo: 8 },
  { title: "HELD", cell: (row) => renderMoney(row.held_nano), align: "right" },
  { title: "TOKENS HELD", cell: (row) => renderCount(row.held_tokens), align: "right", mayDrop: true },
];

async function listOpen(client: Client, options: Options, words: readonly string[], context: Context): Promise<void> {
  const { terminal } = context;
  if (options.follow || options.export !== undefined || words.length > 0)
    throw new CliFailure(
      "--open takes no filter, does not follow and has nothing to export",
      exitCodes.usage,
      "Try: bifrost logs --open",
    );
  const query = { limit: Math.max(1, options.limit ?? rowsDefault) };
  const answer = await client.call<OpenRequestsAnswer>("GET", "/api/logs/open", { query });
  if (options.json) return terminal.outSlowly(answer.requests.map((row) => `${JSON.stringify(row)}\n`).join(""));
  if (answer.requests.length === 0) return terminal.err("Nothing is in flight that holds money or a place.\n");
  await terminal.outSlowly(renderTable(answer.requests, openColumns, terminal));
  terminal.err(`${answer.total} in flight hold ${renderMoney(answer.held_nano)}.\n`);
}

/** A list in another order than time has an end, and its first rows are the daemon's to find. */
function checkOrder({ sort = "time", asc, follow, export: format }: Options, { isOpen }: RowFilter): void {
  if (sort === "time") {
    if (asc) throw new CliFailure("--asc goes with --sort latency, tokens or cost", exitCodes.usage);
    return;
  }
  if (follow || format !== undefined)
    throw new CliFailure(
      "--sort does not go with --follow or --export, which are in the order of time",
      exitCodes.usage,
    );
  if (isOpen)
    throw new CliFailure(
      "--sort takes options and no words: words are matched here, the first rows are found by the daemon",
      exitCodes.usage,
      "Such as: bifrost logs --sort cost --key ci --status 5xx",
    );
}

export type RowFilter = {
  readonly matches: (row: LogRow) => boolean;
  /** What of it the daemon looks for. */
  readonly query: Query;
  /** Something is left to be looked for here. */
  readonly isOpen: boolean;
};

/** A word with a space in it was in quotes, and stays one. */
function readFilter(words: readonly string[]): RowFilter {
  const text = words.map((word) => (/\s/.test(word) && !word.includes('"') ? `"${word}"` : word)).join(" ");
  const { matches, problem } = parseFilter(text, logFields);
  if (problem !== undefined) throw new CliFailure(problem, exitCodes.usage);
  return { matches, query: logQuery(text), isOpen: words.length > 0 };
}

async function list(client: Client, options: Options, filter: RowFilter, context: Context): Promise<void> {
  const { terminal } = context;
  if (options.sort !== undefined && options.sort !== "time") return listSorted(client, options, filter, context);
  const query = queryOf(options, filter);
  let wanted = options.limit ?? rowsDefault;
  let before: string | undefined;
  const rows: LogRow[] = [];
  while (wanted > 0) {
    const limit = filter.isOpen ? pageRows : Math.min(wanted, pageRows);
    const page = await client.call<LogsAnswer>("GET", "/api/logs", { query: { ...query, limit, before } });
    const found = page.rows.filter(filter.matches).slice(0, wanted);
    wanted -= found.length;
    // JSON goes out page by page; a table must know its widths first.
    if (options.json) await terminal.outSlowly(found.map(jsonLine).join(""));
    else rows.push(...found);
    // A page may be empty and still go on: the daemon looks through so many rows at a time.
    if (page.older === null) break;
    before = page.older;
  }
  if (options.json) return;
  if (rows.length > 0) return terminal.outSlowly(renderTable(rows, columns, terminal));
  terminal.err("No requests match.\n");
}

/** Each page is sorted by itself, of the rows that there was time to look through. */
async function listSorted(client: Client, options: Options, filter: RowFilter, context: Context): Promise<void> {
  const { terminal } = context;
  const { sort, asc, limit = rowsDefault } = options;
  const of = ({ latency_ms, tokens_in, tokens_out, cost_nano }: LogRow): number =>
    (sort === "latency" ? latency_ms : sort === "cost" ? cost_nano : (tokens_in ?? 0) + (tokens_out ?? 0)) ?? 0;
  const query = { ...queryOf(options, filter), sort, order: asc ? "asc" : "desc", limit: Math.min(limit, pageRows) };
  if (limit > pageRows) throw new CliFailure(`with --sort at most ${pageRows} rows`, exitCodes.usage);
  let rows: readonly LogRow[] = [];
  for (let before: string | undefined; limit > 0; ) {
    const page = await client.call<LogsAnswer>("GET", "/api/logs", { query: { ...query, before } });
    rows = [...rows, ...page.rows].toSorted((a, b) => (asc ? of(a) - of(b) : of(b) - of(a))).slice(0, limit);
    if (page.older === null) break;
    before = page.older;
  }
  if (options.json) return terminal.outSlowly(rows.map(jsonLine).join(""));
  if (rows.length > 0) return terminal.outSlowly(renderTable(rows, columns, terminal));
  terminal.err("No requests match.\n");
}

/** Polls: a row costs one indexed read however many have passed. Ctrl-C is how one leaves, so it is a success. */
async function follow(client: Client, options: Options, filter: RowFilter, context: Context): Promise<void> {
  const { terminal } = context;
  const leaving = new AbortController();
  const leave = () => leaving.abort();
  process.once("SIGINT", leave).once("SIGTERM", leave);
  try {
    const query = queryOf(options, filter);
    const first = await client.call<LogsAnswer>("GET", "/api/logs", {
      query: { ...query, limit: Math.max(1, options.limit ?? rowsBeforeFollowing) },
    });
    const begin = options.limit === 0 ? [] : first.rows.filter(filter.matches).reverse();
    const print = options.json ? printJson(terminal) : printAligned(context);
    await print(begin);
    let after = first.tail;
    while (!leaving.signal.aborted) {
      const page = await client.call<LogsAnswer>("GET", "/api/logs", { query: { ...query, limit: pageRows, after } });
      await print(page.rows.filter(filter.matches));
      after = page.tail;
      if (page.rows.length < pageRows) await pause(pollMs, undefined, { signal: leaving.signal });
    }
  } catch (error) {
    if (leaving.signal.aborted) return;
    if (error instanceof CliFailure && error.exitCode === exitCodes.notRunning)
      throw new CliFailure("the daemon has stopped", exitCodes.notRunning);
    throw error;
  } finally {
    process.off("SIGINT", leave).off("SIGTERM", leave);
  }
}

function printJson(terminal: Context["terminal"]): (rows: readonly LogRow[]) => Promise<void> {
  return async (rows) => {
    if (rows.length > 0) await terminal.outSlowly(rows.map(jsonLine).join(""));
  };
}

function printAligned({ terminal }: Context): (rows: readonly LogRow[]) => Promise<void> {
  const render = growingTable(columns, terminal);
  return async (rows) => {
    if (rows.length > 0) await terminal.outSlowly(render(rows));
  };
}

function queryOf(options: Options, filter: RowFilter): Query {
  const said = logFilterQuery(options, Date.now());
  // What an option says comes before what could be read out of the words.
  const given = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) as Query;
  return { ...filter.query, ...given };
}

function cost(row: LogRow): string {
  if (row.cost_nano === null) return row.flags.includes("unpriced") ? "unpriced" : "–";
  if (typeof row.corrected_nano === "number") return `→${renderMoney(row.corrected_nano)}`;
  return `${row.flags.includes("estimated") || row.corrected_nano === null ? "~" : ""}${renderMoney(row.cost_nano)}`;
}

function jsonLine(row: LogRow): string {
  return `${JSON.stringify(row)}\n`;
}
