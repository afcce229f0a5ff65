/** One request from its first byte to its last: when, by whom, at what cost, and why so. Hides how its times add up. */
import type {
  AttemptView,
  ExplainAnswer,
  LogAnswer,
  LogContent,
  LogRow,
  OpenRequest,
  OpenRequestsAnswer,
} from "../../../daemon/admin/contract/logs.ts";
import type { DecisionView } from "../../../daemon/admin/contract/routing.ts";
import { CliFailure, exitCodes } from "../../failure.ts";
import { renderMoney, renderTime } from "../../render.ts";
import { plain, widthOf } from "../../text.ts";
import { count, duration, percent, statusStyle } from "../draw/format.ts";
import { blank, fitLine, type Line, line, type Span, span } from "../draw/line.ts";
import { properties, rule } from "../draw/table.ts";
import type { Source } from "../source.ts";
import { defineView } from "../view.ts";
import { moneyLines } from "./request-money.ts";
import { saidLines } from "./request-said.ts";
import { untold } from "./traffic-open.ts";

/** One that has ended, which does not change any more, or one in flight. */
type Ended = ExplainAnswer & { readonly content: LogContent | null };
type Data = Ended | { readonly open: OpenRequest };

const everyMs = 1_000;
const openMax = 1_000;
const barMin = 20;
const labelWidth = 30;
const resultWidth = 34;
/** What became of one that another attempt for the same request was faster than: no fault of its own. */
const outpaced = "outpaced";

export const request = defineView<Data>({
  name: "request",
  aliases: [],
  title: "Request",
  summary: "one request: its attempts, times and money",
  inBar: false,
  everyMs,
  async load(source, { subject = "" }, before) {
    // A batch is corrected when its end is told: hours later.
    const known = before !== undefined && "open" in before ? before.open : undefined;
    if (before !== undefined && !("open" in before) && before.request.corrected_nano !== null) return before;
    const path = `/api/logs/${encodeURIComponent(subject)}`;
    try {
      const [explained, { content }] = await Promise.all([
        source.get<ExplainAnswer>(`${path}/explain`),
        source.get<LogAnswer>(path),
      ]);
      return { ...explained, content };
    } catch (error) {
      const open = isNotFound(error) ? await findOpen(source, subject) : undefined;
      // Between its end and its row it is neither; what was known stands that long.
      const asKnown = open ?? known;
      if (asKnown === undefined) throw error;
      return { open: asKnown };
    }
  },
  page: (data, { width, now }) => ("open" in data ? openPage(data.open, now) : page(data, width)),
  copy: (data) => ("open" in data ? data.open.id : data.request.id),
  actions: [
    {
      key: "o",
      label: "copy all as JSON",
      run: ({ data, dialogs }) =>
        dialogs.show("As JSON", JSON.stringify(data, null, 2).split("\n").slice(0, 30), JSON.stringify(data, null, 2)),
    },
  ],
});

async function findOpen(source: Source, id: string): Promise<OpenRequest | undefined> {
  const { requests } = await source.get<OpenRequestsAnswer>("/api/logs/open", { limit: openMax });
  return requests.find((each) => each.id === id);
}

function isNotFound(error: unknown): boolean {
  return error instanceof CliFailure && error.exitCode === exitCodes.notFound;
}

function openPage(open: OpenRequest, now: number): readonly Line[] {
  return [
    [
      [" ", "plain"],
      [" in flight ", "accentBadge"],
      span(`  for ${duration(now - open.at)}; its times and attempts stand here when it has ended`, "dim"),
    ],
    blank,
    ...properties([
      ["at", [span(renderTime(open.at))]],
      ["key", [span(open.key === null ? "none" : `${open.key_name ?? "?"}  ${open.key}`)]],
      ["to", [span(open.target ?? untold(open.held_nano), open.target === null ? "dim" : "info")]],
      ["held", [span(renderMoney(open.held_nano), "money"), span("  at most what it may cost", "dim")]],
      ["tokens", [span(count(open.held_tokens)), span("  counted for it against its limits", "dim")]],
    ]),
  ];
}

/** What the provider could not be asked, and what of its answer the client could not be told. */
function leftOut({
  dropped_params: dropped = [],
  untold: unsaid = [],
}: LogRow): (readonly [string, readonly Span[]])[] {
  return [
    ...(dropped.length === 0 ? [] : [["not asked", [span(dropped.join(", "), "warn")]] as const]),
    ...(unsaid.length === 0 ? [] : [["not told", [span(unsaid.join(", "), "warn")]] as const]),
  ];
}

function page(data: Ended, width: number): readonly Line[] {
  const { request: row, attempts } = data;
  return [
    verdict(row),
    blank,
    ...properties([
      ["at", [span(renderTime(row.at))]],
      ["key", [span(row.key === null ? "none" : `${row.key_name ?? "?"}  ${row.key}`)]],
      [
        "asked",
        [
          span(`${row.route ?? "–"}  ${row.dialect ?? ""}`),
          span(`  model ${row.model ?? "–"}${row.stream ? ", streamed" : ""}`, "info"),
        ],
      ],
      [
        "answered",
        [
          span(row.target ?? "by no provider", row.target === null ? "dim" : "info"),
          span(row.credential === null || row.credential === "none" ? "" : `  with ${row.credential}`, "dim"),
        ],
      ],
      ...leftOut(row),
      ["size", [span(`${count(row.bytes_in)} bytes in, ${count(row.bytes_out)} bytes out`)]],
    ]),
    blank,
    rule([["Time", "strong"]], [span(duration(row.latency_ms))], width),
    ...timeline(row, attempts, width),
    blank,
    rule([["Attempts", "strong"]], [span(String(attempts.length))], width),
    ...(attempts.length === 0
      ? [line("  ", span("No provider was tried: the request was refused before.", "dim"))]
      : attempts.flatMap((attempt, index) => reasons(attempt, index, width))),
    ...decided(data.decision),
    blank,
    rule([["Money and tokens", "strong"]], [], width),
    ...moneyLines(data, width),
    blank,
    rule([["What was said", "strong"]], [], width),
    ...saidLines(data.content, width),
  ];
}

/** What the attempts were chosen from, and why in this order. */
function decided(decision: DecisionView | null | undefined): readonly Line[] {
  if (decision === null || decision === undefined) return [];
  return properties([
    ["rules", [span(decision.rules.join(" → ") || "none held")]],
    [
      "strategy",
      [
        span(decision.strategy ?? "–"),
        span(decision.affinity === null ? "" : `  kept by ${decision.affinity.replace("_", " ")}`, "dim"),
      ],
    ],
    ...decision.considered.map(({ target, note, outcome = null }, index): readonly [string, Line] => [
      index === 0 ? "considered" : "",
      [span(target, "info"), ...[outcome, note].map((word) => span(word === null ? "" : `  ${word}`, "dim"))],
    ]),
  ]);
}

function verdict(row: LogRow): Line {
  const style = statusStyle(row.status);
  const badge = style === "good" ? "goodBadge" : style === "warn" ? "warnBadge" : "badBadge";
  const notes = row.flags.map((flag): Span => span(`  ${flag}`, "warn"));
  const words = row.error === null ? span(" answered", "dim") : span(` ${row.error}`, style);
  return [
    [" ", "plain"],
    [` ${row.status} `, badge],
    words,
    ...notes,
    ...(row.error === null ? [] : [span("   what it means: docs/errors.md", "dim")]),
  ];
}

/**
 * What came after what and what ran beside what, to scale; what is left of the whole is ours. Attempts whose beginning
 * is not known follow one another.
 */
function timeline(row: LogRow, attempts: readonly AttemptView[], width: number): readonly Line[] {
  const whole = row.latency_ms;
  if (whole === null) return [line("  ", span("not known", "dim"))];
  const room = Math.max(barMin, width - labelWidth - resultWidth - 2);
  const draw = (label: string, from: number, to: number, style: Span[1], result: string): Line =>
    stretch(label, from, to, whole, room, style, result);
  const tried = placed(whole, attempts);
  const ours = Math.max(0, whole - covered(tried));
  const lines: Line[] = [
    draw("bifrost", 0, ours, "series3", `${duration(ours)}  ${percent(whole === 0 ? 0 : ours / whole)}`),
  ];
  for (const [index, { attempt, number, from, took, waited }] of tried.entries()) {
    if (waited > 0)
      lines.push(draw("  in the queue", from - waited, from, "series4", `${duration(waited)} for a place`));
    if (took <= 0) continue;
    const name = `${number} ${attempt.target}`;
    const wait = index === tried.length - 1 && row.ttft_ms !== null ? Math.max(0, row.ttft_ms - from) : took;
    if (wait < took) {
      lines.push(draw(name, from, from + wait, "series1", `first token at ${duration(row.ttft_ms)}`));
      const result = `${duration(took - wait)}${speed(row, took - wait)}`;
      lines.push(draw("  streaming", from + wait, from + took, "series2", result));
      continue;
    }
    const good = attempt.outcome === "ok" || (attempt.status ?? 500) < 400;
    const style = good ? "series1" : attempt.outcome === outpaced ? "series4" : "bad";
    lines.push(draw(name, from, from + took, style, `${duration(took)}${good ? "" : `  ${attempt.outcome}`}`));
  }
  return lines;
}

type Placed = {
  readonly attempt: AttemptView;
  readonly number: number;
  readonly from: number;
  readonly took: number;
  /** Before `from`. */
  readonly waited: number;
};

function placed(whole: number, attempts: readonly AttemptView[]): readonly Placed[] {
  const tried = attempts.flatMap((attempt, index) => {
    const [took, waited] = [attempt.latency_ms ?? 0, attempt.waited_ms ?? 0];
    return took <= 0 && waited <= 0 ? [] : [{ attempt, took, waited, number: index + 1 }];
  });
  let at = Math.max(0, whole - tried.reduce((sum, { took, waited }) => sum + took + waited, 0));
  return tried.map((each) => {
    const from = Math.max(each.waited, each.attempt.started_ms ?? at + each.waited);
    at = Math.max(at, from + each.took);
    return { ...each, from };
  });
}

/** Milliseconds in which at least one of them ran or waited. */
function covered(tried: readonly Placed[]): number {
  let sum = 0;
  let until = 0;
  for (const { from, took, waited } of tried.toSorted((a, b) => a.from - a.waited - (b.from - b.waited))) {
    sum += Math.max(0, from + took - Math.max(until, from - waited));
    until = Math.max(until, from + took);
  }
  return sum;
}

function speed({ tokens_out: tokens }: LogRow, ms: number): string {
  return tokens === null || ms <= 0 ? "" : `  ${count(Math.round((tokens * 1_000) / ms))} tokens/s`;
}

function stretch(
  label: string,
  from: number,
  to: number,
  whole: number,
  room: number,
  style: Span[1],
  result: string,
): Line {
  const scale = whole === 0 ? 0 : room / whole;
  const start = Math.min(room - 1, Math.floor(from * scale));
  const end = Math.max(start + 1, Math.min(room, Math.round(to * scale)));
  return [
    [" ", "plain"],
    ...fitLine([span(label)], labelWidth - 2),
    [" ", "plain"],
    ["·".repeat(start), "dim"],
    ["█".repeat(end - start), style],
    ["·".repeat(room - end), "dim"],
    span(`  ${result}`, style === "bad" ? "bad" : "plain"),
  ];
}

function reasons(attempt: AttemptView, index: number, width: number): readonly Line[] {
  const good = attempt.outcome === "ok" || (attempt.status !== null && attempt.status < 400);
  const head: Line = [
    span(` ${good ? "✓" : "✗"} ${index + 1} `, good ? "good" : "bad"),
    span(attempt.target, "info"),
    span(attempt.credential === null || attempt.credential === "none" ? "" : ` with ${attempt.credential}`, "dim"),
    span(`  ${attempt.outcome}`, good ? "good" : "bad"),
    span(attempt.status === null ? "" : `  ${attempt.status}`),
    span(`  ${duration(attempt.latency_ms)}`),
    span(attempt.held_nano === null ? "" : `  held ${renderMoney(attempt.held_nano)} →`, "dim"),
    span(`  ${renderMoney(attempt.cost_nano)}`, "money"),
  ];
  if (attempt.reason === null || attempt.reason === "") return [head];
  return [head, ...wrap(attempt.reason, width - 8).map((text): Line => [span(`     ${text}`, "dim")])];
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of plain(text).split(/\s+/)) {
    if (current !== "" && widthOf(current) + 1 + widthOf(word) > width) {
      lines.push(current);
      current = word;
    } else current = current === "" ? word : `${current} ${word}`;
  }
  return current === "" ? lines : [...lines, current];
}
