/** A real terminal: tmux with a server of its own, keys typed, what one sees read back. Hides waiting, and cleaning up. */
import { execFileSync, spawnSync } from "node:child_process";
import { until } from "./until.ts";

export type Tmux = {
  /** Keys as tmux names them (`Enter`, `Escape`, `C-c`), or text. */
  keys(...keys: readonly string[]): void;
  text(text: string): void;
  see(): string[];
  /** With its styles, as escape sequences. */
  seeStyled(): string[];
  seeing(what: RegExp, withinMs?: number): Promise<string[]>;
  resize(width: number, height: number): void;
  /** tmux's own variables: `alternate_on`, `mouse_any_flag`, `cursor_flag`. */
  variable(name: string): string;
  /** What was copied by OSC 52. */
  clipboard(): string;
  close(): void;
};

/** A loaded machine takes its time to start two Nodes. */
const seenMsMax = 20_000;

export const hasTmux = spawnSync("tmux", ["-V"]).status === 0;

export function openTmux(options: {
  readonly width: number;
  readonly height: number;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}): Tmux {
  const socket = `bf-${process.pid}-${++opened}`;
  const run = (...args: string[]) =>
    execFileSync("tmux", ["-L", socket, ...args], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], HOME: options.cwd, LANG: "C.UTF-8", LC_ALL: "C.UTF-8", TERM: "xterm-256color" },
    });
  const environment = Object.entries(options.env).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  run(
    "-f",
    "/dev/null",
    "-u",
    "new-session",
    "-d",
    "-x",
    String(options.width),
    "-y",
    String(options.height),
    "-c",
    options.cwd,
    ...environment,
    "PS1='$ ' sh",
  );
  run("set", "-g", "set-clipboard", "on");
  const see = () => run("capture-pane", "-p").split("\n").slice(0, -1);
  return {
    keys: (...keys) => void run("send-keys", ...keys),
    text: (text) => void run("send-keys", "-l", text),
    see,
    seeStyled: () => run("capture-pane", "-p", "-e", "-N").split("\n").slice(0, -1),
    seeing: async (what, withinMs = seenMsMax) => {
      try {
        return await until(String(what), () => what.test(see().join("\n")) && see(), withinMs);
      } catch (error) {
        throw new Error(`${error instanceof Error ? error.message : error}; one sees:\n${see().join("\n")}`);
      }
    },
    resize: (width, height) => void run("resize-window", "-x", String(width), "-y", String(height)),
    variable: (name) => run("display-message", "-p", `#{${name}}`).trim(),
    clipboard: () => run("show-buffer"),
    close: () => void spawnSync("tmux", ["-L", socket, "kill-server"]),
  };
}
let opened = 0;
