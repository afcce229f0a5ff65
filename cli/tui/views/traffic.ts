/** Requests as they end, newest first. Hides sampling: `tail.ts` says what was left out. */
import type { LogRow } from "../../../daemon/admin/contract/logs.ts";
import { logFields, logQuery } from "../../log-fields.ts";
import { columnChart, sparkline } from "../draw/bars.ts";
import { clock, count, duration, money, percent, quantile, rate, statusSpan } from "../draw/format.ts";
import { type Line, line, type Span, type Style, span, widthOfLine } from "../draw/line.ts";
import { properties } from "../draw/table.ts";
import { createTail, type Tail, type TailView } from "../tail.ts";
import { type Column, defineView } from "../view.ts";
import {
  type Corrections,
  charged,
  correctionNote,
  corrections,
  noCorrections,
  withCorrections,
} from "./traffic-corrected.ts";
import { type InFlight, inFlight, openDetails, type Row, stillOpen } from "./traffic-open.ts";

type Data = {
  readonly tail: Tail;
  /** What the tail was asked for. */
  readonly query: string;
  /** As the tail has them; in `view` those of batches are as they were corrected. */
  readonly read: TailView["rows"];
  readonly view: TailView;
  readonly seconds: readonly Second[];
  readonly open: InFlight;
  readonly corrections: Corrections;
};

/** What ended in one second, of the rows that are kept. */
type Second = { readonly at: number; readonly requests: number; readonly errors: number };

const secondMs = 1_000;
const secondsShown = 60;
const chartHeightMin = 34;
const chartLines = 4;
const pulseWidth = 30;
const pulseWidthMin = 8;

const columns: readonly Column<Row>[] = [
  {
    title: "TIME",
    width: 8,
    cell: (row, _, now) => [span(clock(row.at, now).slice(-8), "dim")],
    value: (row) => row.at,
  },
  {
    title: "ST",
    field: "status",
    width: 3,
    cell: (row) => [row.isOpen ? ["···", "info"] : statusSpan(row.status)],
    value: (row) => (row.isOpen ? null : row.status),
  },
  {
    title: "KEY",
    width: 11,
    grow: 1,
    drop: 3,
    cell: (row) => [span(row.key_name ?? row.key ?? "–", row.key === null ? "dim" : "plain")],
    value: (row) => row.key_name ?? row.key,
  },
  {
    title: "MODEL",
    width: 19,
    grow: 1,
    cell: (row) => [span(row.target ?? row.model ?? "–", row.target === null ? "dim" : "info")],
    value: (row) => row.target ?? row.model,
  },
  {
    title: "IN",
    width: 6,
    align: "right",
    drop: 4,
    cell: (row) => [span(count(row.tokens_in), "plain")],
    value: (row) => row.tokens_in,
  },
  {
    title: "OUT",
    width: 6,
    align: "right",
    drop: 4,
    cell: (row) => [span(count(row.tokens_out), "plain")],
    value: (row) => row.tokens_out,
  },
  {
    title: "COST",
    width: 9,
    align: "right",
    cell: (row) => [cost(row)],
    value: (row) => {
      const nano = charged(row);
      return nano === null ? null : nano / 1e9;
    },
  },
  {
    title: "HELD",
    width: 9,
    align: "right",
    drop: 6.5,
    cell: (row) => [span(money(row.held_nano), row.isOpen && row.held_nano ? "warn" : "dim")],
    value: (row) => (row.held_nano === null ? null : row.held_nano / 1e9),
  },
  {
    title: "TTFT",
    width: 6,
    align: "right",
    drop: 6,
    cell: (row) => [span(duration(row.ttft_ms), "dim")],
    value: (row) => row.ttft_ms,
  },
  {
    title: "TOOK",
    field: "latency",
    width: 6,
    align: "right",
    cell: (row, _, now) => [row.isOpen ? [duration(now - row.at), "info"] : span(duration(row.latency_ms), slow(row))],
    value: (row) => row.latency_ms,
  },
  { title: "", width: 10, drop: 7, cell: (row, width) => [gauge(row.latency_ms, width)] },
  {
    title: "NOTES",
    width: 19,
    grow: 1,
    drop: 5,
    cell: (row) => notes(row),
    value: (row) => [row.error ?? "", ...row.flags].join(" "),
  },
  { title: "ID", width: 20, drop: 8, cell: (row) => [span(row.id, "dim")], value: (row) => row.id },
];

export const traffic = defineView<Data, Row>({
  name: "traffic",
  aliases: ["logs", "requests", "t"],
  title: "Traffic",
  summary: "requests as they end",
  inBar: true,
  everyMs: 250,
  async load(source, { filter }, before, now) {
    const wanted = logQuery(filter);
    const query = JSON.stringify(wanted);
    const same = before?.query === query;
    if (!same) before?.tail.close();
    const tail = same ? before.tail : createTail(source, wanted);
    const [read, open] = await Promise.all([tail.read(), inFlight(source, before?.open, now)]);
    const told = await corrections(source, read.rows, before?.corrections ?? noCorrections, now);
    if (same && read.rows === before.read && told.costs === before.corrections.costs)
      return { ...before, view: { ...read, rows: before.view.rows }, open, corrections: told };
    const view = { ...read, rows: withCorrections(read.rows, told) };
    return { tail, query, read: read.rows, view, open, corrections: told, seconds: bySecond(view.rows) };
  },
  leave: ({ tail }) => tail.close(),
  head: ({ view, seconds }, { width, height, now }) => summary(view, seconds, width, height, now),
  table: {
    columns,
    rows: ({ view, open }) => (open.rows.length === 0 ? view.rows : [...stillOpen(open, view.rows), ...view.rows]),
    id: (row) => row.id,
    follows: true,
    fields: logFields,
    open: (row) => ({ view: "request", subject: row.id }),
    details: (row) => details(row),
    empty: () => [
      line("  ", span("No requests yet.", "strong")),
      line("  ", span("bifrost keys create --name me prints a key and a line to send one with.", "dim")),
      line("  ", span("Or watch it alive: bifrost demo", "dim")),
    ],
  },
  note: ({ view: { oneIn }, open }) =>
    [
      ...(open.heldNano === 0 ? [] : [`${money(open.heldNano)} held in flight`]),
      ...(oneIn === 1 ? [] : [`a sample: one in ${oneIn}`]),
    ].join(", "),
  actions: [],
});

function cost(row: Row): Span {
  if (row.isOpen) return row.held_nano ? [`≤${money(row.held_nano)}`, "warn"] : [money(row.held_nano), "dim"];
  if (typeof row.corrected_nano === "number") return [`→${money(row.corrected_nano)}`, "money"];
  if (row.cost_nano === null) return row.flags.includes("unpriced") ? ["unpriced", "warn"] : ["–", "dim"];
  return [
    `${row.flags.includes("estimated") || row.corrected_nano === null ? "~" : ""}${money(row.cost_nano)}`,
    row.cost_nano === 0 ? "dim" : "money",
  ];
}

const slowMs = 10_000;
const verySlowMs = 60_000;

function slow({ latency_ms: ms }: LogRow): Style {
  if (ms === null || ms < slowMs) return "plain";
  return ms < verySlowMs ? "warn" : "bad";
}

/** Of a second to a minute, by its logarithm: 10 ms is nothing, 100 s is all. */
function gauge(ms: number | null, width: number): Span {
  if (ms === null) return ["", "plain"];
  const share = Math.max(0, Math.min(1, Math.log10(Math.max(1, ms / 10)) / 4));
  return ["▪".repeat(Math.max(1, Math.round(share * width))), ms < slowMs ? "series2" : "warn"];
}

function notes(row: Row): Line {
  if (row.isOpen) return [["in flight", "info"]];
  const spans: Span[] = [];
  if (row.error !== null) spans.push(span(row.error, row.status >= 500 || row.status < 400 ? "bad" : "warn"));
  const flags = row.flags.filter((flag) => flag !== "unpriced" && flag !== "estimated");
  if (flags.length > 0) spans.push(span(`${spans.length > 0 ? " " : ""}${flags.join(" ")}`, "warn"));
  if (row.corrected_nano !== undefined) spans.push([spans.length > 0 ? " " : "", "plain"], correctionNote(row));
  if (row.stream) spans.push([`${spans.length > 0 ? " " : ""}stream`, "dim"]);
  return spans;
}

function summary(
  view: TailView,
  seconds: readonly Second[],
  width: number,
  height: number,
  now: number,
): readonly Line[] {
  if (view.rows.length === 0) return [];
  const since = now - secondsShown * secondMs;
  const recent = view.rows.filter(({ at, latency_ms }) => at + (latency_ms ?? 0) >= since);
  const took = recent.flatMap(({ latency_ms: ms }) => (ms === null ? [] : [ms])).toSorted((a, b) => a - b);
  const first = recent.flatMap(({ ttft_ms: ms }) => (ms === null ? [] : [ms])).toSorted((a, b) => a - b);
  const errors = recent.filter(({ status }) => status >= 400).length;
  const spent = recent.reduce((sum, row) => sum + (charged(row) ?? 0), 0);
  const span60 = Math.max(1, Math.min(secondsShown, (now - (recent.at(-1)?.at ?? now)) / secondMs));
  const share = recent.length === 0 ? undefined : errors / recent.length;
  const figures: Line = [
    span(" last minute  ", "dim"),
    span(`${count(recent.length)}${view.oneIn > 1 ? "+" : ""} requests`, "strong"),
    span("  errors ", "dim"),
    span(percent(share ?? null), (share ?? 0) > 0.05 ? "bad" : (share ?? 0) > 0 ? "warn" : "good"),
    span("  p50 ", "dim"),
    span(duration(quantile(took, 0.5))),
    span("  p99 ", "dim"),
    span(duration(quantile(took, 0.99))),
    ...(width < 100 ? [] : [span("   first token ", "dim"), span(duration(quantile(first, 0.5)))]),
    span("  spend ", "dim"),
    span(`${money(spent)}/min`, "money"),
    ...(width < 120 ? [] : [span(`   ${rate(recent.length / span60)} req/s `, "dim")]),
  ];
  if (height < chartHeightMin) {
    // Its right end is what is newest: it gets what room there is, and is not cut.
    const room = Math.min(pulseWidth, width - widthOfLine(figures) - 1);
    const pulse = sparkline(inLastMinute(seconds, now, "requests"), room, "series1");
    return [width < 120 || room < pulseWidthMin ? figures : [...figures, pulse]];
  }
  const chartWidth = Math.min(secondsShown, Math.floor(width / 2) - 14);
  const requests = columnChart(inLastMinute(seconds, now, "requests"), chartWidth, chartLines, "series1");
  const failed = columnChart(inLastMinute(seconds, now, "errors"), chartWidth, chartLines, "bad");
  const chart = requests.map((each, row): Line => {
    const label = (text: string) => span(` ${row === 0 ? text : ""}`.padEnd(13), "dim");
    return [label("requests/s"), ...each, label("  errors/s"), ...(failed[row] ?? [])];
  });
  return [figures, ...chart];
}

function bySecond(rows: readonly LogRow[]): readonly Second[] {
  const seconds = new Map<number, { at: number; requests: number; errors: number }>();
  for (const { at, latency_ms: ms, status } of rows) {
    const second = Math.floor((at + (ms ?? 0)) / secondMs) * secondMs;
    const here = seconds.get(second) ?? { at: second, requests: 0, errors: 0 };
    here.requests += 1;
    if (status >= 400) here.errors += 1;
    seconds.set(second, here);
  }
  return [...seconds.values()];
}

function inLastMinute(seconds: readonly Second[], now: number, what: "requests" | "errors"): number[] {
  const last = Math.floor(now / secondMs) - 1;
  const values = new Array<number>(secondsShown).fill(0);
  for (const second of seconds) {
    const index = secondsShown - 1 - (last - second.at / secondMs);
    if (index >= 0 && index < secondsShown) values[index] = second[what];
  }
  return values;
}

function details(row: Row): readonly Line[] {
  if (row.isOpen) return openDetails(row);
  return properties([
    ["request", [span(row.id, "strong"), span(`   ${row.route ?? "–"}   asked for ${row.model ?? "–"}`, "dim")]],
    [
      "answered",
      [
        span(row.target ?? "by no provider", "info"),
        span(
          `   upstream ${duration(row.upstream_ms)}, first token ${duration(row.ttft_ms)}, all ${duration(row.latency_ms)}`,
          "dim",
        ),
      ],
    ],
    [
      "tokens",
      [
        span(`${count(row.tokens_in)} in, ${count(row.tokens_out)} out`),
        span(
          `   cache ${count(row.tokens_cache_read)} read, ${count(row.tokens_cache_write)} written   reasoning ${count(row.tokens_reasoning)}`,
          "dim",
        ),
        ...(row.corrected_nano === undefined
          ? []
          : [span(`   cost ${money(charged(row))} `, "money"), correctionNote(row)]),
      ],
    ],
  ]);
}
