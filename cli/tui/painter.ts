/**
 * Draws the session's state. Hides Ink: that it is loaded while the first frame already stands, and that it renders
 * into a value of ours instead of onto the terminal.
 */
import { EventEmitter } from "node:events";
import type { Nodes, Rectangle, RegionName } from "./app.ts";
import { compose, type Row } from "./compose.ts";
import { blank, fitLine, span } from "./draw/line.ts";
import type { Palette } from "./draw/palette.ts";
import { columnAt, layout } from "./draw/table.ts";
import { body, footer, header, title, viewBar } from "./frame.ts";
import type { Geometry } from "./press.ts";
import type { Session } from "./session.ts";
import { currentPane } from "./state.ts";

export type Size = { readonly width: number; readonly height: number };
export type Painter = {
  draw(): void;
  geometry(): Geometry;
  /** When dialogs can be drawn too. */
  readonly ready: Promise<void>;
  close(): void;
};

type Ink = {
  /** Lays out anew and says where things are. */
  layOut(size: Size): {
    readonly place: (name: RegionName | "dialog") => Rectangle | undefined;
    readonly output: string;
  };
  close(): void;
};

const sizeMin: Size = { width: 40, height: 8 };

export function createPainter({
  session,
  palette,
  size,
  paint,
}: {
  readonly session: Session;
  readonly palette: Palette;
  readonly size: () => Size;
  readonly paint: (lines: readonly string[]) => void;
}): Painter {
  let ink: Ink | undefined;
  let geometry: Geometry = nowhere;
  let closed = false;
  const ready = loadInk(session, palette).then((loaded) => {
    if (closed) loaded.close();
    else ink = loaded;
  });
  return {
    ready,
    geometry: () => geometry,
    close() {
      closed = true;
      ink?.close();
    },
    draw() {
      const whole = size();
      if (whole.width < sizeMin.width || whole.height < sizeMin.height) return paint(tooSmall(whole));
      const laidOut = ink?.layOut(whole);
      const place = laidOut?.place ?? ((name: RegionName | "dialog") => placeBeforeInk(name, whole));
      const rows: Row[] = Array.from({ length: whole.height }, () => ({
        line: fitLine(blank, whole.width),
        selected: false,
      }));
      const { state } = session;
      const put = (name: RegionName, line: Row["line"]) => {
        const at = place(name);
        if (at !== undefined && at.y < rows.length) rows[at.y] = { line: fitLine(line, whole.width), selected: false };
      };
      const bar = viewBar(state, whole.width);
      const bodyAt = place("body") ?? { x: 0, y: 3, width: whole.width, height: whole.height - 4 };
      const drawn = body(state, whole.width, bodyAt.height);
      for (const [index, line] of drawn.lines.entries())
        rows[bodyAt.y + index] = { line, selected: index === drawn.selected };
      put("header", header(state, whole.width));
      put("bar", bar.line);
      put("title", title(state, whole.width));
      put("footer", footer(state, whole.width));
      geometry = {
        barRow: place("bar")?.y ?? 1,
        bar: bar.items,
        bodyRow: bodyAt.y,
        headAt: drawn.headAt,
        firstRow: drawn.firstRow,
        rowsShown: drawn.rowsShown,
        columnTitleAt: (column) => {
          const found = columnAt(layout(currentPane(state).view.table?.columns ?? [], whole.width), column);
          return found?.value === undefined ? undefined : found.title;
        },
      };
      const dialogAt = state.dialog === undefined ? undefined : laidOut?.place("dialog");
      const dialog = dialogAt === undefined ? undefined : { place: dialogAt, ink: laidOut?.output.split("\n") ?? [] };
      paint(compose(rows, palette, dialog));
    },
  };
}

/** The same places as Ink's, for the frames before it is there. */
export function placeBeforeInk(name: RegionName | "dialog", { width, height }: Size): Rectangle | undefined {
  const top = { header: 0, bar: 1, title: 2, body: 3, footer: height - 1, dialog: undefined }[name];
  return top === undefined ? undefined : { x: 0, y: top, width, height: name === "body" ? height - 4 : 1 };
}

async function loadInk(session: Session, palette: Palette): Promise<Ink> {
  // React's development build checks every call and is three times slower; nobody debugs it in here.
  process.env["NODE_ENV"] ??= "production";
  const [{ render }, { createElement: h }, { App, placeOf }] = await Promise.all([
    import("ink"),
    import("react"),
    import("./app.ts"),
  ]);
  let output = "";
  const sheet = Object.assign(new EventEmitter(), {
    columns: 80,
    rows: 24,
    isTTY: true,
    writable: true,
    write: (text: string) => {
      output = text;
      return true;
    },
  });
  const nodes: Nodes = new Map();
  const tree = ({ width, height }: Size) => h(App, { state: session.state, width, height, palette, nodes });
  let app: ReturnType<typeof render> | undefined;
  return {
    layOut(size) {
      sheet.columns = size.width;
      sheet.rows = size.height;
      // `debug`: each frame is written whole, and nothing else is: no cursor, no erasing.
      if (app === undefined)
        app = render(tree(size), {
          stdout: sheet as unknown as NodeJS.WriteStream,
          debug: true,
          patchConsole: false,
          exitOnCtrlC: false,
          interactive: true,
          isScreenReaderEnabled: false,
        });
      else app.rerender(tree(size));
      return { place: (name) => placeOf(nodes, name), output };
    },
    close: () => app?.unmount(),
  };
}

function tooSmall({ width, height }: Size): string[] {
  const text = `bifrost needs ${sizeMin.width}×${sizeMin.height}; this is ${width}×${height}`;
  return Array.from({ length: height }, (_, row) => fitLine(row === 0 ? [span(text)] : blank, width)[0]?.[0] ?? "");
}

const nowhere: Geometry = {
  barRow: -1,
  bar: [],
  bodyRow: 0,
  headAt: undefined,
  firstRow: 0,
  rowsShown: 1,
  columnTitleAt: () => undefined,
};
