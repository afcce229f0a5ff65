/** `bifrost tui`: the screen. Loads it, and tells why not where there is no terminal to show it on. */
import { setFlagsFromString } from "node:v8";
import { type Command, InvalidArgumentError, Option } from "commander";
import { openRemote } from "../client.ts";
import type { Context } from "../command.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { homeFrom, remoteFrom } from "../session.ts";
import { openFirst } from "../tui/terminal/first-frame.ts";

type Options = {
  readonly readOnly?: boolean;
  readonly theme?: "dark" | "light";
  readonly color?: "none" | "16" | "256" | "true";
  readonly mouse: boolean;
  readonly screenReader?: boolean;
};

export function build(command: Command, context: Context): void {
  command
    .argument("[view]", "which view to begin with: traffic, spend, keys …")
    .argument("[subject]", "of which thing: a request's id")
    .option("--read-only", "Refuse everything that changes something")
    .addOption(new Option("--theme <theme>", "Colours for this background").choices(["dark", "light"]))
    .addOption(
      new Option("--color <depth>", "How many colours (default: as the terminal says)").choices([
        "none",
        "16",
        "256",
        "true",
      ]),
    )
    .option("--no-mouse", "Leave the mouse to the terminal")
    .option("--screen-reader", "Words, one line after the other, in place of a screen")
    .action(async (view: string | undefined, subject: string | undefined, options: Options) => {
      const { stdin, stdout } = process;
      // A screen makes much that lives for one frame: V8 would grow its room for that to 60 MB and keep it.
      setFlagsFromString("--semi-space-growth-factor=1");
      if (!context.terminal.outIsTerminal || stdin.isTTY !== true)
        throw new CliFailure(
          "the screen needs a terminal",
          exitCodes.usage,
          "In a pipe use: bifrost logs -f, bifrost top, bifrost usage, each with --json.",
        );
      const remote = remoteFrom(command, context);
      const screenReader = options.screenReader ?? Boolean(context.environment["BIFROST_SCREEN_READER"]);
      // Before anything else is loaded: half of the time to the first frame is reading files.
      const first = screenReader
        ? undefined
        : openFirst(stdout, { mouse: options.mouse, environment: context.environment });
      try {
        const [{ runTui }, { createSource, daemonOf }, { viewNamed, views }] = await Promise.all([
          import("../tui/run-tui.ts"),
          import("../tui/source.ts"),
          import("../tui/views.ts"),
        ]);
        const start = viewNamed(view ?? "traffic");
        if (start === undefined)
          throw new InvalidArgumentError(
            `There is no view "${view}". Views: ${views.map(({ name }) => name).join(", ")}.`,
          );
        first?.loaded();
        const code = await runTui(
          { input: stdin, output: stdout, environment: context.environment, screen: first?.screen },
          {
            source: createSource(
              remote === undefined ? daemonOf(homeFrom(command, context)) : async () => openRemote(remote),
            ),
            readOnly: options.readOnly === true,
            remote: remote?.url,
            start: { view: start.name, subject },
            theme: options.theme,
            color: options.color,
            mouse: options.mouse,
            screenReader,
          },
        );
        context.exitWith(code);
      } finally {
        first?.loaded();
        first?.screen.leave();
      }
    });
}
