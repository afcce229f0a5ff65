/** Bars, stacked bars and sparklines of Unicode eighths. Hides rounding: what is not nothing always shows. */
import { textBar } from "../../render-bar.ts";
import type { Line, Span, Style } from "./line.ts";

const eighthsUp = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;
const empty = "·";

/** A part of `width` columns, the rest dotted. */
export function bar(share: number, width: number, style: Style): Line {
  if (width < 1) return [];
  const text = textBar(share, width);
  return [
    [text, style],
    [empty.repeat(Math.max(0, width - text.length)), "dim"],
  ];
}

/** Parts one after the other, out of `total`. Each part that is not zero has a column at least, if there is room. */
export function stackedBar(
  parts: readonly { readonly value: number; readonly style: Style; readonly glyph?: string }[],
  total: number,
  width: number,
): Line {
  const spans: Span[] = [];
  let left = width;
  for (const { value, style, glyph = "█" } of parts) {
    if (value <= 0 || left === 0 || total <= 0) continue;
    const columns = Math.min(left, Math.max(1, Math.round((value / total) * width)));
    spans.push([glyph.repeat(columns), style]);
    left -= columns;
  }
  if (left > 0) spans.push([empty.repeat(left), "dim"]);
  return spans;
}

/** The newest value on the right; `undefined` is no value, which is not zero. */
export function sparkline(values: readonly (number | undefined)[], width: number, style: Style): Span {
  return [sparkText(values, width), style];
}

export function sparkText(values: readonly (number | undefined)[], width: number): string {
  const shown = values.slice(-width);
  const most = Math.max(0, ...shown.filter((value) => value !== undefined));
  const text = shown
    .map((value) => {
      if (value === undefined) return " ";
      if (value <= 0 || most === 0) return eighthsUp[1];
      return eighthsUp[Math.max(1, Math.round((value / most) * 8))]!;
    })
    .join("");
  return text.padStart(width);
}

/** A chart of several lines, from the bottom up. */
export function columnChart(
  values: readonly (number | undefined)[],
  width: number,
  height: number,
  style: Style,
): Line[] {
  const shown = values.slice(-width);
  const most = Math.max(0, ...shown.filter((value) => value !== undefined));
  return Array.from({ length: height }, (_, row) => {
    const floor = (height - 1 - row) * 8;
    const text = shown
      .map((value) => {
        if (value === undefined) return " ";
        const eighths = value <= 0 || most === 0 ? 0 : Math.max(1, Math.round((value / most) * height * 8));
        const here = Math.max(0, Math.min(8, eighths - floor));
        return here === 0 && row === height - 1 ? "▁" : eighthsUp[here]!;
      })
      .join("");
    const shade: Style = style;
    return [[text.padStart(width), shade]] as Line;
  });
}
