/**
 * The other screen with our name on it, before views and Ink have been read. Hides that a person waits from the first
 * key press on: what is drawn here stands where the real header will.
 */
import { createScreen, type Screen } from "./screen.ts";

type Options = { readonly mouse: boolean; readonly environment: NodeJS.ProcessEnv };

export function screenOn(output: NodeJS.WriteStream, { mouse, environment }: Options): Screen {
  const { TMUX, TERM } = environment;
  return createScreen(
    {
      write: (text) => void output.write(text),
      get backlog() {
        return output.writableLength;
      },
    },
    { mouse, multiplexer: TMUX ? "tmux" : TERM?.startsWith("screen") ? "screen" : undefined },
  );
}

/** Until `loaded()` a signal puts the terminal back and ends the process: nobody else is there to do it yet. */
export function openFirst(
  output: NodeJS.WriteStream,
  options: Options,
): { readonly screen: Screen; readonly loaded: () => void } {
  const screen = screenOn(output, options);
  const width = output.columns || 80;
  const height = output.rows || 24;
  const lines = [" bifrost", "", `── ${"─".repeat(Math.max(0, width - 3))}`, "", "  Loading …"];
  const end = () => {
    screen.leave();
    process.exit(1);
  };
  const signals = ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, end);
  screen.enter();
  screen.paint(Array.from({ length: height }, (_, row) => (lines[row] ?? "").slice(0, width).padEnd(width)));
  return {
    screen,
    loaded: () => {
      for (const signal of signals) process.off(signal, end);
    },
  };
}
