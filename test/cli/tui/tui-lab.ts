/** The screen over a daemon of values: what is typed, and what one would then see. Hides Ink's loading and timers. */
import { pinned } from "../../../cli/text.ts";
import { type ColorDepth, createPalette, type Theme } from "../../../cli/tui/draw/palette.ts";
import { createPainter } from "../../../cli/tui/painter.ts";
import { type Geometry, press } from "../../../cli/tui/press.ts";
import { createSession, type Session } from "../../../cli/tui/session.ts";
import type { Source } from "../../../cli/tui/source.ts";
import { createInputParser } from "../../../cli/tui/terminal/keys.ts";
import { createScreen } from "../../../cli/tui/terminal/screen.ts";
import { until } from "../../support/until.ts";
import { createVirtualScreen, type VirtualScreen } from "../../support/virtual-screen.ts";

export type TuiLab = {
  readonly session: Session;
  readonly screen: VirtualScreen;
  /** As bytes from a terminal, each key by itself. */
  type(...keys: readonly string[]): void;
  /** Draws, and says what one sees. */
  see(): string[];
  /** Draws until it is seen. */
  seeing(what: RegExp): Promise<string[]>;
  readonly copied: string[];
  readonly saved: Map<string, string>;
  readonly quits: () => number;
  geometry(): Geometry;
  resize(width: number, height: number): void;
  /** Bytes written so far. */
  readonly written: () => number;
  close(): void;
};

export type TuiLabOptions = {
  readonly source: Source;
  readonly view?: string;
  readonly subject?: string | undefined;
  readonly width?: number;
  readonly height?: number;
  readonly color?: ColorDepth;
  readonly theme?: Theme;
  readonly readOnly?: boolean;
  readonly now?: () => number;
};

export const keyBytes = {
  enter: "\r",
  escape: "\u001b",
  tab: "\t",
  up: "\u001b[A",
  down: "\u001b[B",
  backspace: "\u007f",
};

export async function openTui({
  source,
  view = "traffic",
  subject,
  width = 120,
  height = 36,
  color = "none",
  theme = "dark",
  readOnly = false,
  now = Date.now,
}: TuiLabOptions): Promise<TuiLab> {
  let size = { width, height };
  let quits = 0;
  let written = 0;
  const copied: string[] = [];
  const saved = new Map<string, string>();
  const screen = createVirtualScreen(width, height);
  const painted = createScreen(
    {
      write: (text) => {
        written += text.length;
        screen.write(text);
      },
      backlog: 0,
    },
    { mouse: true, multiplexer: undefined },
  );
  const session = createSession({
    source,
    clock: { now },
    readOnly,
    remote: undefined,
    start: { view, subject },
    onChange: () => undefined,
    onQuit: () => {
      quits += 1;
    },
    copy: (text) => void copied.push(text),
    save: async (name, text) => {
      saved.set(name, text);
      return name;
    },
  });
  const painter = createPainter({
    session,
    palette: createPalette(color, theme),
    size: () => size,
    paint: (lines) => painted.paint(lines, pinned),
  });
  const parser = createInputParser();
  painted.enter();
  session.start();
  await painter.ready;
  const see = () => {
    painter.draw();
    return screen.text();
  };
  return {
    session,
    screen,
    copied,
    saved,
    see,
    quits: () => quits,
    written: () => written,
    geometry: () => painter.geometry(),
    type(...keys) {
      for (const each of keys) {
        for (const input of [...parser.push(each), ...parser.flush()]) press(session, input, painter.geometry());
        painter.draw();
      }
    },
    seeing: (what) =>
      until(`${what} on the screen`, () => {
        const lines = see();
        return what.test(lines.join("\n")) && lines;
      }),
    resize(newWidth, newHeight) {
      size = { width: newWidth, height: newHeight };
      screen.resize(newWidth, newHeight);
      painted.forget();
    },
    close() {
      session.stop();
      painter.close();
      painted.leave();
    },
  };
}
