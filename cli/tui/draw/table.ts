/**
 * A table as lines. Hides how columns share a width: it depends on the width alone, never on the rows, so that nothing
 * moves sideways while they change.
 */
import { pad, widthOf } from "../../text.ts";
import type { Column, Sort } from "../view.ts";
import { fitLine, type Line, type Span, span } from "./line.ts";

const gap = 1;
const margin = 1;

export type Layout<Row> = readonly { readonly column: Column<Row>; readonly width: number; readonly start: number }[];

export function layout<Row>(columns: readonly Column<Row>[], width: number): Layout<Row> {
  const kept = [...columns];
  const needed = () => kept.reduce((sum, column) => sum + column.width + gap, 2 * margin - gap);
  while (needed() > width) {
    const most = Math.max(...kept.map(({ drop = 0 }) => drop));
    if (most === 0) break;
    kept.splice(
      kept.findLastIndex(({ drop }) => drop === most),
      1,
    );
  }
  let room = Math.max(0, width - needed());
  let shares = kept.reduce((sum, { grow = 0 }) => sum + grow, 0);
  let start = margin;
  return kept.map((column) => {
    const more = shares === 0 ? 0 : Math.round((room * (column.grow ?? 0)) / shares);
    room -= more;
    shares -= column.grow ?? 0;
    const placed = { column, width: column.width + more, start };
    start += placed.width + gap;
    return placed;
  });
}

export function headLine<Row>(columns: Layout<Row>, sort: Sort | undefined, width: number): Line {
  const spans: Span[] = [[" ".repeat(margin), "dim"]];
  for (const { column, width: wide } of columns) {
    const isSorted = sort?.column === column.title;
    const arrow = isSorted ? (sort.descending ? "↓" : "↑") : "";
    const title = column.title.slice(0, Math.max(0, wide - widthOf(arrow))) + arrow;
    spans.push([pad(title, wide, column.align), isSorted ? "accent" : "dim"], [" ".repeat(gap), "dim"]);
  }
  return fitLine(spans, width);
}

export function rowLine<Row>(columns: Layout<Row>, row: Row, width: number, now: number): Line {
  const spans: Span[] = [[" ".repeat(margin), "plain"]];
  for (const { column, width: wide } of columns) {
    const cell = column.cell(row, wide, now);
    if (column.align === "right") {
      const used = cell.reduce((sum, [text]) => sum + widthOf(text), 0);
      if (used < wide) spans.push([" ".repeat(wide - used), "plain"]);
      spans.push(...(used > wide ? fitLine(cell, wide) : cell));
    } else spans.push(...fitLine(cell, wide));
    spans.push([" ".repeat(gap), "plain"]);
  }
  return fitLine(spans, width);
}

/** The column under a click. */
export function columnAt<Row>(columns: Layout<Row>, at: number): Column<Row> | undefined {
  return columns.find(({ start, width }) => at >= start && at < start + width + gap)?.column;
}

/** `── title ─────────── note ──` */
export function rule(title: Line, note: Line, width: number): Line {
  const wide = (spans: Line) => spans.reduce((sum, [text]) => sum + widthOf(text), 0);
  const used = wide(title) + wide(note) + (note.length === 0 ? 6 : 8);
  const dashes = Math.max(0, width - used);
  const right: Line = note.length === 0 ? [] : [[" ", "dim"], ...note, [" ", "dim"]];
  return fitLine([["── ", "dim"], ...title, [` ${"─".repeat(dashes)}`, "dim"], ...right, ["──", "dim"]], width);
}

/** Name and value, names aligned. */
export function properties(pairs: readonly (readonly [name: string, value: Line])[]): Line[] {
  const width = Math.max(0, ...pairs.map(([name]) => widthOf(name)));
  return pairs.map(([name, value]) => [span(` ${pad(name, width)}  `, "dim"), ...value]);
}
