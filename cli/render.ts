/** What a person sees: tables, money, times. Hides column widths, and that a name from a request may hold anything. */
import type { BudgetView, LimitView, WireWindow } from "../daemon/admin/contract/scopes.ts";
import type { Terminal } from "./terminal.ts";
import { cut, pad, pinned, plain, widthOf } from "./text.ts";

export type Column<Row> = {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly align?: "right";
  /** May be cut with "…" where the terminal is narrow, to this many columns at least. */
  readonly shrinkTo?: number;
  /** Left out, last first, where the line is too wide with everything cut. Where that does not help, nothing is, and a row is a block of lines. */
  readonly mayDrop?: boolean;
};

const gap = "  ";
const secondMs = 1_000;
const dayMs = 86_400_000;

type Screen = Pick<Terminal, "columns" | "hasColor">;

export function renderTable<Row>(rows: readonly Row[], wanted: readonly Column<Row>[], terminal: Screen): string {
  return growingTable(wanted, terminal)(rows);
}

/**
 * A table that goes on: its head stands once, and a column never becomes narrower than it was, so that what comes later
 * stands under what came before.
 */
export function growingTable<Row>(wanted: readonly Column<Row>[], terminal: Screen): (rows: readonly Row[]) => string {
  const widest = wanted.map(({ title }) => widthOf(title));
  let isHeaded = false;
  return (rows) => {
    const cells = rows.map((row) => wanted.map((column) => plain(column.cell(row))));
    for (const row of cells)
      for (const [index, text] of row.entries()) widest[index] = Math.max(widest[index]!, widthOf(text));
    const kept = keep(widest, wanted, terminal.columns);
    const widths = fit(
      kept.map((index) => widest[index]!),
      kept.map((index) => wanted[index]!),
      terminal.columns,
    );
    const whole = widths.reduce((sum, each) => sum + each, 0) + gap.length * (widths.length - 1);
    if (terminal.columns !== undefined && whole > terminal.columns)
      return cells.map((texts) => block(wanted, texts)).join("");
    const line = (texts: readonly string[]) =>
      kept
        .map((column, index) => pad(cut(texts[column]!, widths[index]!), widths[index]!, wanted[column]!.align))
        .join(gap)
        .trimEnd();
    const head = isHeaded ? [] : [line(wanted.map(({ title }) => title))];
    isHeaded = true;
    return [
      ...head.map((text) => (terminal.hasColor ? bold(text) : text)),
      ...cells.map((texts) => placed(line(texts), terminal)),
    ]
      .map((text) => `${text}\n`)
      .join("");
  };
}

/** One below the other, of a row for which the terminal is too narrow: a line that is wrapped has no columns. */
function block(columns: readonly { readonly title: string }[], texts: readonly string[]): string {
  const width = Math.max(...columns.map(({ title }) => widthOf(title)));
  return `${columns.map(({ title }, index) => `${pad(title, width)}${gap}${texts[index]}\n`).join("")}\n`;
}

/** Terminals disagree about the width of what is joined: on one that obeys, the cursor is placed. */
function placed(line: string, { columns, hasColor }: Screen): string {
  return hasColor && columns !== undefined ? pinned(line) : line;
}

/** Two columns, names on the left: for one thing with many properties. */
export function renderProperties(properties: readonly (readonly [string, string])[]): string {
  const width = Math.max(...properties.map(([name]) => name.length));
  return properties.map(([name, value]) => `${name.padEnd(width)}${gap}${plain(value)}\n`).join("");
}

export function renderJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Cents at least, and as many places as it takes to see what a small sum is. Exact: read from the integer's digits. */
export function renderMoney(nano: number | null): string {
  if (nano === null) return "–";
  const sign = nano < 0 ? "-" : "";
  const digits = Math.abs(nano).toString().padStart(10, "0");
  const whole = digits.slice(0, -9);
  const places = digits.slice(-9).replace(/0+$/, "").padEnd(2, "0");
  return `${sign}$${whole}.${places}`;
}

/** The two largest units: `1h 30m`, `250ms`. */
export function renderDuration(ms: number): string {
  if (ms < secondMs) return `${Math.round(ms)}ms`;
  if (ms < 60 * secondMs) return `${Number((ms / secondMs).toFixed(ms < 10 * secondMs ? 2 : 1))}s`;
  const units: readonly (readonly [string, number])[] = [
    ["d", dayMs],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", secondMs],
  ];
  const first = units.findIndex(([, length]) => ms >= length);
  const [name, length] = units[first]!;
  const next = units[first + 1];
  const rest = next === undefined ? 0 : Math.floor((ms % length) / next[1]);
  return `${Math.floor(ms / length)}${name}${next === undefined || rest === 0 ? "" : ` ${rest}${next[0]}`}`;
}

/** Local time, to the second. */
export function renderTime(ms: number | null): string {
  if (ms === null) return "–";
  const at = new Date(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export function renderCount(count: number | null): string {
  return count === null ? "–" : String(count);
}

/** `$10.00/1d`, `$10.00 a calendar day`, `$10.00 in all`. */
export function renderBudget({ limit_nano, window }: Pick<BudgetView, "limit_nano" | "window">): string {
  const money = renderMoney(limit_nano);
  if (window.kind === "forever") return `${money} in all`;
  if (window.kind === "rolling") return `${money}/${renderDuration(window.length_ms)}`;
  return `${money} a calendar ${renderCalendar(window)}`;
}

/** `60 requests/1m` */
export function renderLimit({ metric, limit, window_ms }: Pick<LimitView, "metric" | "limit" | "window_ms">): string {
  if (metric === "spend") return `${renderMoney(limit)} spent/${renderDuration(window_ms)}`;
  return `${limit} ${metric}/${renderDuration(window_ms)}`;
}

export function bold(text: string): string {
  return `\u001b[1m${text}\u001b[22m`;
}

function renderCalendar({ unit, count, zone }: Extract<WireWindow, { kind: "calendar" }>): string {
  return `${count === 1 ? unit : `${count} ${unit}s`} (${zone})`;
}

/** Which are left when columns go until the others, cut as far as they may be, fit. */
function keep(
  widest: readonly number[],
  columns: readonly { readonly shrinkTo?: number; readonly mayDrop?: boolean }[],
  width: number | undefined,
): readonly number[] {
  const kept = columns.map((_, index) => index);
  if (width === undefined) return kept;
  const least = columns.map(({ shrinkTo }, index) => Math.min(widest[index]!, shrinkTo ?? widest[index]!));
  const needed = () => kept.reduce((sum, index) => sum + least[index]!, 0) + gap.length * (kept.length - 1);
  while (needed() > width) {
    const last = kept.findLast((index) => columns[index]!.mayDrop === true);
    if (last === undefined) break;
    kept.splice(kept.indexOf(last), 1);
  }
  return kept;
}

/** Takes from the widest column that may shrink, one at a time, until the line fits or nothing gives. */
function fit(
  wanted: readonly number[],
  columns: readonly { readonly shrinkTo?: number }[],
  width: number | undefined,
): readonly number[] {
  if (width === undefined) return wanted;
  const widths = [...wanted];
  let excess = widths.reduce((sum, each) => sum + each, 0) + gap.length * (widths.length - 1) - width;
  while (excess > 0) {
    const room = widths.map((each, index) => each - (columns[index]!.shrinkTo ?? each));
    const most = Math.max(...room);
    if (most <= 0) break;
    widths[room.indexOf(most)]! -= 1;
    excess -= 1;
  }
  return widths;
}
