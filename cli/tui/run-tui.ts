/**
 * `bifrost tui`, from the first escape sequence to the last. Hides the terminal: raw keys, the other screen, its size,
 * signals, and that it is left as it was however this ends.
 */
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pinned } from "../text.ts";
import { type ColorDepth, colorDepth, createPalette, type Theme, themeOf } from "./draw/palette.ts";
import { createPainter } from "./painter.ts";
import { type Geometry, press } from "./press.ts";
import { createSession, type SessionOptions } from "./session.ts";
import type { Source } from "./source.ts";
import { createSpeaker } from "./speak.ts";
import { screenOn } from "./terminal/first-frame.ts";
import { createInputParser, escapeWaitMs } from "./terminal/keys.ts";
import type { Screen } from "./terminal/screen.ts";

export type TuiStreams = {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  readonly environment: NodeJS.ProcessEnv;
  /** Opened already, with a first frame on it; not wanted where things are said in words. */
  readonly screen?: Screen | undefined;
};

export type TuiOptions = {
  readonly source: Source;
  readonly readOnly: boolean;
  readonly remote: string | undefined;
  readonly start: SessionOptions["start"];
  readonly theme?: Theme | undefined;
  readonly color?: ColorDepth | undefined;
  readonly mouse: boolean;
  /** Words, one line after the other, in place of a screen. */
  readonly screenReader?: boolean | undefined;
  /** Leaves by itself. */
  readonly endAfterMs?: number | undefined;
};

/** Between two frames: thirty a second at most, and ten where only numbers change. */
const frameMs = 33;
const liveFrameMs = 100;
const exitSignals = { SIGINT: 130, SIGQUIT: 131, SIGTERM: 143, SIGHUP: 129 } as const;

export async function runTui(streams: TuiStreams, options: TuiOptions): Promise<number> {
  const { input, output, environment } = streams;
  const screen = streams.screen ?? screenOn(output, { mouse: options.mouse, environment });
  const palette = createPalette(options.color ?? colorDepth(environment), options.theme ?? themeOf(environment));
  let finish: (code: number) => void = () => undefined;
  const ended = new Promise<number>((settle) => {
    finish = settle;
  });
  const session = createSession({
    source: options.source,
    clock: { now: () => Date.now() },
    readOnly: options.readOnly,
    remote: options.remote,
    start: options.start,
    onChange: () => frames.soon(),
    onQuit: () => finish(0),
    copy: (text) => screen.copy(text),
    save: async (name, text) => {
      const path = resolve(name);
      await writeFile(path, text, { flag: "wx", mode: 0o600 });
      return path;
    },
  });
  const say = (text: string) => void output.write(`${text.replaceAll("\n", "\r\n")}\r\n`);
  const speaker = options.screenReader ? createSpeaker(session.state, say) : undefined;
  const size = () => ({ width: output.columns || 80, height: output.rows || 24 });
  const painter = createPainter({ session, palette, size, paint: (lines) => screen.paint(lines, pinned) });
  const frames = pace(() => (speaker === undefined ? painter.draw() : speaker.hear()));
  const keyboard = listen(input, (each) => {
    if (each.type === "key" && each.name === "ctrl-l") screen.forget();
    if (each.type === "key" && each.name === "ctrl-z") return suspend();
    press(session, each, speaker === undefined ? painter.geometry() : unplaced);
    if (speaker === undefined) frames.now();
    // What an action asks stands a turn later.
    else setImmediate(() => speaker.answer());
  });

  const redraw = () => {
    screen.forget();
    frames.now();
  };
  function suspend(): void {
    keyboard.stop();
    screen.leave();
    process.kill(process.pid, "SIGSTOP");
  }
  /** After ctrl-z, and after a stop that nobody is asked about: the shell has had the terminal meanwhile. */
  function resume(): void {
    keyboard.stop();
    screen.leave();
    if (speaker === undefined) screen.enter();
    keyboard.start();
    redraw();
  }
  const restore = () => screen.leave();
  const crash = (error: unknown) => {
    restore();
    failure = error;
    finish(1);
  };
  let failure: unknown;
  const signals = Object.entries(exitSignals).map(([signal, code]) => [signal, () => finish(code)] as const);
  for (const [signal, handler] of signals) process.on(signal, handler);
  process.on("SIGTSTP", suspend);
  process.on("SIGCONT", resume);
  process.on("exit", restore);
  process.on("uncaughtException", crash);
  output.on("resize", redraw);
  // A terminal that is gone says so at the next write, also after this has ended; nobody can be told of it.
  output.on("error", () => finish(exitSignals.SIGHUP));
  input.on("error", () => finish(exitSignals.SIGHUP));
  const end = options.endAfterMs === undefined ? undefined : setTimeout(() => finish(0), options.endAfterMs);
  try {
    if (speaker === undefined) {
      screen.enter();
      screen.title("bifrost");
    } else say("bifrost, in words. ? tells the keys, q leaves.");
    keyboard.start();
    frames.first();
    session.start();
    void painter.ready.then(() => frames.now(), crash);
    const code = await ended;
    if (failure !== undefined) throw failure;
    return code;
  } finally {
    clearTimeout(end);
    session.stop();
    frames.stop();
    keyboard.stop();
    painter.close();
    restore();
    output.off("resize", redraw);
    process.off("exit", restore);
    process.off("uncaughtException", crash);
    for (const [signal, handler] of signals) process.off(signal, handler);
    process.off("SIGTSTP", suspend);
    process.off("SIGCONT", resume);
  }
}

/** Frames no faster than they are seen: at once after a key, in a while after data. */
export function pace(draw: () => void): { first(): void; soon(): void; now(): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  let due = 0;
  let last = 0;
  const run = () => {
    timer = undefined;
    last = performance.now();
    draw();
  };
  const within = (ms: number) => {
    const at = Math.max(performance.now(), last + ms);
    if (timer !== undefined && due <= at) return;
    if (timer !== undefined) clearTimeout(timer);
    due = at;
    timer = setTimeout(run, Math.max(0, at - performance.now()));
  };
  return {
    first: run,
    soon: () => within(liveFrameMs),
    now: () => within(frameMs),
    stop: () => clearTimeout(timer),
  };
}

function listen(
  input: NodeJS.ReadStream,
  take: (input: Parameters<typeof press>[1]) => void,
): { start(): void; stop(): void } {
  const parser = createInputParser();
  let timer: NodeJS.Timeout | undefined;
  const onData = (text: string) => {
    clearTimeout(timer);
    for (const each of parser.push(text)) take(each);
    if (parser.waiting)
      timer = setTimeout(() => {
        for (const each of parser.flush()) take(each);
      }, escapeWaitMs);
  };
  return {
    start() {
      input.setRawMode?.(true);
      input.setEncoding("utf8");
      input.on("data", onData);
      input.resume();
    },
    stop() {
      clearTimeout(timer);
      input.off("data", onData);
      input.setRawMode?.(false);
      input.pause();
    },
  };
}

/** Without a screen there is nothing to click on. */
const unplaced: Geometry = {
  barRow: -1,
  bar: [],
  bodyRow: 0,
  headAt: undefined,
  firstRow: 0,
  rowsShown: 10,
  columnTitleAt: () => undefined,
};
