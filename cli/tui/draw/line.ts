/** A line of the screen as styled spans. Hides escape sequences: they are made last, once, from a palette. */
import { cut, plain, sliceColumns, widthOf } from "../../text.ts";

/**
 * What a piece of text means; the palette says how that looks. `bad`, `warn` and `good` are for states alone, `accent`
 * for what can be acted on, `series1` … `series4` for the parts of a bar.
 */
export type Style =
  | "plain"
  | "dim"
  | "strong"
  | "accent"
  | "good"
  | "warn"
  | "bad"
  | "info"
  | "money"
  | "series1"
  | "series2"
  | "series3"
  | "series4"
  | "goodBadge"
  | "warnBadge"
  | "badBadge"
  | "accentBadge"
  | "bar";

export type Span = readonly [text: string, style: Style];
export type Line = readonly Span[];

/** Text from outside: control characters are shown, not obeyed. */
export function span(text: string, style: Style = "plain"): Span {
  return [plain(text), style];
}

export function line(...parts: readonly (Span | string)[]): Line {
  return parts.map((part) => (typeof part === "string" ? span(part) : part));
}

export const blank: Line = [];

export function widthOfLine(spans: Line): number {
  return spans.reduce((sum, [text]) => sum + widthOf(text), 0);
}

/** Exactly so wide: cut with "…", or filled up. */
export function fitLine(spans: Line, width: number): Line {
  const fitted: Span[] = [];
  let left = width;
  for (const [index, [text, style]] of spans.entries()) {
    const wide = widthOf(text);
    if (wide > left || (wide === left && spans.slice(index + 1).some(([next]) => next !== ""))) {
      fitted.push([cutMore(text, left), style]);
      left = 0;
      break;
    }
    fitted.push([text, style]);
    left -= wide;
  }
  if (left > 0) fitted.push([" ".repeat(left), "plain"]);
  return fitted;
}

/** Cut although it might just fit, because something follows. */
function cutMore(text: string, width: number): string {
  const short = cut(text, width);
  if (width < 1 || short.endsWith("…")) return short;
  return `${sliceColumns(text, 0, width - 1)}…`;
}

export function sliceLine(spans: Line, from: number, to: number): Line {
  const kept: Span[] = [];
  let column = 0;
  for (const [text, style] of spans) {
    const wide = widthOf(text);
    if (column < to && column + wide > from) kept.push([sliceColumns(text, from - column, to - column), style]);
    column += wide;
  }
  return kept;
}

/** Left and right at the two ends of one line; the left gives way. */
export function spread(left: Line, right: Line, width: number): Line {
  const wide = widthOfLine(right);
  if (wide >= width) return fitLine(left, width);
  return [...fitLine(left, width - wide), ...right];
}

/** Blocks next to each other, each as wide as said. */
export function beside(blocks: readonly { readonly lines: readonly Line[]; readonly width: number }[]): Line[] {
  const height = Math.max(0, ...blocks.map(({ lines }) => lines.length));
  return Array.from({ length: height }, (_, row) =>
    blocks.flatMap(({ lines, width }) => fitLine(lines[row] ?? blank, width)),
  );
}

/** For screen readers, copies and exports. */
export function textOf(spans: Line): string {
  return spans.map(([text]) => text).join("");
}
