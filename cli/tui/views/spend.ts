/** Where the money goes. Hides the roll-ups behind it (`cli/spend.ts`). */
import type { KeyListAnswer, KeyView } from "../../../daemon/admin/contract/keys.ts";
import { renderBudget } from "../../render.ts";
import { emptyAt, limitOf, readSpend, type Spend, type SpendDimension, type SpendReport } from "../../spend.ts";
import { bar, columnChart, sparkline } from "../draw/bars.ts";
import { away, count, money, percent } from "../draw/format.ts";
import { beside, blank, fitLine, type Line, line, type Span, span } from "../draw/line.ts";
import { properties } from "../draw/table.ts";
import { type Column, defineView } from "../view.ts";

type Row = Spend & { readonly share: number; readonly key: KeyView | undefined };
type Data = { readonly report: SpendReport; readonly rows: readonly Row[] };

const dimensions: readonly SpendDimension[] = ["key", "team", "model", "provider", "customer", "tag"];
const keysMax = 1_000;
const chartLines = 5;
const chartHeightMin = 24;
const barWidth = 24;
const barNarrow = 18;
const chartWidthMin = 110;
const monthDays = 30;
const hoursADay = 24;

const columns: readonly Column<Row>[] = [
  {
    title: "NAME",
    width: 16,
    grow: 2,
    cell: ({ name, value }) => [
      span(name === "" ? "(none)" : name, "strong"),
      span(name === value ? "" : `  ${value}`, "dim"),
    ],
    value: ({ name }) => name,
  },
  {
    title: "TODAY",
    width: 9,
    align: "right",
    cell: ({ today }) => [span(money(today), today === 0 ? "dim" : "money")],
    value: ({ today }) => today / 1e9,
  },
  {
    title: "7 DAYS",
    width: 9,
    align: "right",
    cell: ({ week }) => [span(money(week), week === 0 ? "dim" : "money")],
    value: ({ week }) => week / 1e9,
  },
  {
    title: "30 DAYS",
    width: 9,
    align: "right",
    cell: ({ month }) => [span(money(month), month === 0 ? "dim" : "money")],
    value: ({ month }) => month / 1e9,
  },
  {
    title: "SHARE",
    width: 12,
    grow: 1,
    drop: 3,
    cell: ({ share }, width) => [...bar(share, width - 5, "series1"), span(percent(share).padStart(5))],
    value: ({ share }) => share,
  },
  { title: "A DAY", width: 30, drop: 5, cell: ({ days }, width) => [sparkline(days, width, "series2")] },
  {
    title: "AN HOUR",
    width: 9,
    align: "right",
    cell: ({ burn }) => [span(money(burn), burn === 0 ? "dim" : "plain")],
    value: ({ burn }) => burn / 1e9,
  },
  { title: "BUDGET", width: 16, drop: 4, cell: (row, _, now) => outlook(row, now) },
  {
    title: "REQS",
    width: 7,
    align: "right",
    drop: 2,
    cell: ({ requests }) => [span(count(requests))],
    value: ({ requests }) => requests,
  },
  {
    title: "TOKENS",
    width: 7,
    align: "right",
    drop: 6,
    cell: ({ tokens }) => [span(count(tokens), "dim")],
    value: ({ tokens }) => tokens,
  },
  {
    title: "ERRORS",
    width: 6,
    align: "right",
    drop: 7,
    cell: ({ requests, errors }) => [
      span(requests === 0 ? "–" : percent(errors / requests), errors === 0 ? "dim" : "warn"),
    ],
    value: ({ errors }) => errors,
  },
];

export const spend = defineView<Data, Row>({
  name: "spend",
  aliases: ["usage", "cost", "s"],
  title: "Spend by",
  summary: "where the money goes, and how fast",
  inBar: true,
  everyMs: 5_000,
  tabs: dimensions,
  async load(source, { tab }, _, now) {
    const by = dimensions[tab] ?? "key";
    const [report, keys] = await Promise.all([
      readSpend(source.get, by, now),
      by === "key" ? source.get<KeyListAnswer>("/api/keys", { limit: keysMax }) : undefined,
    ]);
    const whole = report.rows.reduce((sum, { month }) => sum + month, 0);
    const rows = report.rows.map((row) => ({
      ...row,
      share: whole === 0 ? 0 : row.month / whole,
      key: keys?.keys.find(({ id }) => id === row.value),
    }));
    return { report, rows };
  },
  head: ({ report }, { width, height }) => head(report, width, height),
  table: {
    columns,
    rows: ({ rows }) => rows,
    id: ({ value }) => value,
    sort: { column: "30 DAYS", descending: true },
    details: (row, width, now) => details(row, width, now),
    empty: ({ report }) =>
      report.total.requests === 0
        ? [
            line("  ", span("Nothing was asked for in thirty days.", "strong")),
            line("  ", span("Or watch it alive: bifrost demo", "dim")),
          ]
        : [line("  ", span(`No request of thirty days has a ${report.by}.`, "dim"))],
  },
  note: ({ report }) => (report.partial ? "part of the log: sums are too low" : "days are UTC"),
  copy: (_, row) => row?.value ?? "",
  actions: [],
});

/** What becomes of the budget if it goes on like this. */
function outlook({ key, burn }: Row, now: number): Line {
  const budgets = key?.budgets ?? [];
  if (key === undefined) return [span("", "dim")];
  if (budgets.length === 0) return [span("none", "dim")];
  const ends = budgets.flatMap((budget) => emptyAt(budget, burn, now) ?? []);
  if (ends.length === 0) return [span("lasts", "good")];
  const first = Math.min(...ends);
  return first <= now
    ? [span("empty", "bad")]
    : [span(`empty ${away(first, now)}`, first - now < 3_600_000 ? "bad" : "warn")];
}

/** Its days, and each budget with what is left, when it ends at this rate, and when it begins again. */
function details(row: Row, width: number, now: number): readonly Line[] {
  const name: Line = [
    span(`${row.name === "" ? "(none)" : row.name}  `, "strong"),
    span(`${money(row.burn)} an hour, ${money(row.burn * hoursADay)} a day like this`, "dim"),
  ];
  const days: Line = [sparkline(row.days, monthDays, "series2"), span("  30 days", "dim")];
  const budgets = (row.key?.budgets ?? []).slice(0, budgetsShown).map((budget): readonly [string, Line] => {
    const { spent_nano: spent, held_nano: held } = budget;
    const limit = limitOf(budget);
    const left = spent === null ? undefined : Math.max(0, limit - spent - (held ?? 0));
    const ends = emptyAt(budget, row.burn, now);
    const end: Span =
      left === 0 ? ["empty", "bad"] : ends === undefined ? ["lasts", "good"] : [`empty ${away(ends, now)}`, "warn"];
    const again =
      budget.resets_at_ms === null ? "never begins again" : `begins again ${away(budget.resets_at_ms, now)}`;
    return [
      renderBudget(budget),
      [
        ...bar(spent === null || limit === 0 ? 1 : spent / limit, Math.min(20, width - 64), "money"),
        span(`  left ${money(left)}  `),
        end,
        span(`, ${again}`, "dim"),
      ],
    ];
  });
  return properties([["spends", name], ["", days], ...budgets]);
}
const budgetsShown = 2;

function head(report: SpendReport, width: number, height: number): readonly Line[] {
  const { total } = report;
  const most = Math.max(total.today, total.week / 7, total.month / monthDays, 1);
  const period = (label: string, nano: number, perDay: number): Line => [
    span(` ${label.padEnd(8)}`, "dim"),
    ...bar(perDay / most, width < chartWidthMin ? barNarrow : barWidth, "money"),
    span(` ${money(nano).padStart(9)}`, "money"),
    span(label === "today" ? "" : `  ${money(perDay)} a day`, "dim"),
  ];
  const rate: Line = [
    span(" rate    ", "dim"),
    span(`${money(total.burn)} an hour`, "strong"),
    span(`, ${money(total.burn * hoursADay * monthDays)} in 30 days like this`, "dim"),
    ...(total.unpriced === 0 ? [] : [span(`   ${count(total.unpriced)} unpriced`, "warn")]),
  ];
  const left: Line[] = [
    period("today", total.today, total.today),
    period("7 days", total.week, total.week / 7),
    period("30 days", total.month, total.month / monthDays),
    rate,
  ];
  if (width < chartWidthMin) {
    // Without room for a chart each period has its picture at the end of its line.
    const pictures = [report.hours, total.days.slice(-7), total.days];
    return [...left.map((each, index) => withPicture(each, pictures[index], width)), blank];
  }
  const leftWidth = Math.max(66, Math.floor(width / 2));
  const lines = height >= chartHeightMin ? chartLines : 4;
  const wide = (values: readonly number[], times: number) =>
    values.flatMap((value) => new Array<number>(times).fill(value));
  const times = Math.max(1, Math.floor((width - leftWidth - 12) / hoursADay));
  const right: Line[] = columnChart(wide(report.hours, times), hoursADay * times, lines, "series1").map(
    (each, row): Line => [
      span(
        (row === 0 ? "24 hours  " : row === 1 ? money(Math.max(...report.hours)) : "").padStart(10).padEnd(11),
        "dim",
      ),
      ...each,
    ],
  );
  return [
    ...beside([
      { lines: left, width: leftWidth },
      { lines: right, width: width - leftWidth },
    ]),
    blank,
  ];
}

const pictureAt = 56;

function withPicture(text: Line, values: readonly number[] | undefined, width: number): Line {
  const room = width - pictureAt - 1;
  if (values === undefined || room < hoursADay - 1) return text;
  return [...fitLine(text, pictureAt), sparkline(values, Math.min(room, values.length), "series2")];
}
