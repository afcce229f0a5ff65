/**
 * A terminal as a grid of cells: takes what a program writes and says what one would see. Hides the few sequences that
 * the screen uses; any other is an error, so that nothing is drawn with what no terminal was tested for.
 */
import { widthOf } from "../../cli/text.ts";

const esc = "\u001b";
/** A control sequence, a title or the clipboard, and what tmux passes on. */
const sequence = new RegExp(
  `^${esc}(?:\\[([?0-9;]*)([A-Za-z])|\\]([^\\u0007]*)\\u0007|P((?:[^${esc}]|${esc}${esc})*)${esc}\\\\)`,
);

const graphemes = new Intl.Segmenter();

type Cell = { readonly text: string; readonly style: string };

export type VirtualScreen = {
  write(text: string): void;
  /** What one would see, without trailing spaces. */
  text(): string[];
  /** What stands in each cell; nothing in the second of a wide character. */
  cells(row: number, from: number, to: number): string[];
  /** Per line with styles: `3  1-8 1;7  10-16 2`, columns from 1. */
  styles(): string[];
  resize(width: number, height: number): void;
  readonly modes: Set<string>;
  /** Sequences that are no drawing: titles, the clipboard. */
  readonly said: readonly string[];
};

/** `count`: for a terminal that sees widths otherwise. It lets one write beyond its edge, as without wrapping they do. */
export function createVirtualScreen(
  width: number,
  height: number,
  count: (cluster: string) => number = widthOf,
): VirtualScreen {
  let cells = grid(width, height);
  let [wide, high] = [width, height];
  let [column, row] = [0, 0];
  let style = "";
  const modes = new Set<string>();
  const said: string[] = [];

  function put(cluster: string): void {
    let columns = count(cluster);
    if (columns === 0) return;
    if (column + columns > wide) {
      if (count === widthOf) throw new Error(`"${cluster}" would be written beyond column ${wide} of row ${row + 1}`);
      columns = wide - column;
    }
    cells[row]![column] = { text: cluster, style };
    for (let extra = 1; extra < columns; extra += 1) cells[row]![column + extra] = { text: "", style };
    column = count === widthOf ? column + columns : Math.min(column + columns, wide - 1);
  }

  function control(parameters: string, final: string): void {
    switch (final) {
      case "H": {
        const [y = 1, x = 1] = parameters.split(";").map((each) => Number(each) || 1);
        if (y > high || x > wide) throw new Error(`the cursor would leave the screen: ${y};${x} of ${high};${wide}`);
        [row, column] = [y - 1, x - 1];
        return;
      }
      case "G":
        column = Math.min(Number(parameters) || 1, wide) - 1;
        return;
      case "J":
        cells = grid(wide, high);
        return;
      case "m":
        style = parameters === "0" || parameters === "" ? "" : parameters;
        return;
      case "h":
        modes.add(parameters);
        return;
      case "l":
        modes.delete(parameters);
        return;
      case "t":
        return;
      default:
        throw new Error(`no sequence of ours: CSI ${parameters}${final}`);
    }
  }

  return {
    modes,
    said,
    write(text) {
      for (let at = 0; at < text.length; ) {
        if (text[at] === esc) {
          const found = sequence.exec(text.slice(at));
          if (found === null) throw new Error(`no sequence: ${JSON.stringify(text.slice(at, at + 20))}`);
          if (found[2] !== undefined) control(found[1] ?? "", found[2]);
          else said.push(found[3] ?? found[4] ?? "");
          at += found[0].length;
          continue;
        }
        const end = text.indexOf(esc, at);
        const run = text.slice(at, end === -1 ? undefined : end);
        for (const { segment } of graphemes.segment(run)) put(segment);
        at += run.length;
      }
    },
    text: () =>
      cells.map((line) =>
        line
          .map((cell) => cell.text)
          .join("")
          .trimEnd(),
      ),
    cells: (line, from, to) => (cells[line] ?? []).slice(from, to).map((cell) => cell.text),
    styles: () => cells.flatMap((line, index) => runs(line, index)),
    resize(newWidth, newHeight) {
      [wide, high] = [newWidth, newHeight];
      cells = grid(newWidth, newHeight);
    },
  };
}

function grid(width: number, height: number): Cell[][] {
  return Array.from({ length: height }, () => Array.from({ length: width }, () => ({ text: " ", style: "" })));
}

function runs(line: readonly Cell[], index: number): string[] {
  const found: { from: number; to: number; style: string }[] = [];
  for (const [column, { style }] of line.entries()) {
    const last = found.at(-1);
    if (last?.style === style && last.to === column) last.to = column + 1;
    else if (style !== "") found.push({ from: column, to: column + 1, style });
  }
  if (found.length === 0) return [];
  return [
    `${String(index + 1).padStart(2)}  ${found.map(({ from, to, style }) => `${from + 1}-${to} ${style}`).join("  ")}`,
  ];
}
