/** One screen out of regions and a dialog over them. Hides cutting lines that hold escape sequences. */
import { sliceColumns, widthOf } from "../text.ts";
import type { Rectangle } from "./app.ts";
import { type Line, sliceLine } from "./draw/line.ts";
import type { Palette } from "./draw/palette.ts";

export type Row = { readonly line: Line; readonly selected: boolean };

export function compose(
  rows: readonly Row[],
  palette: Palette,
  dialog: { readonly place: Rectangle; readonly ink: readonly string[] } | undefined,
): string[] {
  return rows.map(({ line, selected }, y) => {
    if (dialog === undefined || y < dialog.place.y || y >= dialog.place.y + dialog.place.height)
      return palette.render(line, selected);
    const { x, width } = dialog.place;
    const left = palette.render(dimmed(sliceLine(line, 0, x)));
    const right = palette.render(dimmed(sliceLine(line, x + width, Number.MAX_SAFE_INTEGER)));
    return `${left}${sliceStyled(dialog.ink[y] ?? "", x, x + width)}${right}`;
  });
}

/** What stands beside a question steps back. */
function dimmed(line: Line): Line {
  return line.map(([text]) => [text, "dim"]);
}

/** Columns of a line that holds SGR sequences, exactly so many; the styles that reach into it are kept. */
export function sliceStyled(text: string, from: number, to: number): string {
  let column = 0;
  let before = "";
  let kept = "";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
  for (const [part] of text.matchAll(/\u001b\[[0-9;]*m|[^\u001b]+/gu)) {
    if (part.startsWith("\u001b")) {
      if (column < from) before += part;
      else if (column < to) kept += part;
      continue;
    }
    const wide = widthOf(part);
    kept += sliceColumns(part, Math.max(0, from - column), Math.max(0, to - column));
    column += wide;
    if (column >= to) break;
  }
  return `${before}${kept}${" ".repeat(Math.max(0, to - Math.max(column, from)))}\u001b[0m`;
}
