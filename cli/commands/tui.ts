/** `bifrost tui`: the screen. Loads it, and tells why not where there is no terminal to show it on. */
import { Argument, type Command, Option } from "commander";
import type { Context } from "../command.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { homeFrom } from "../session.ts";
import { createSource, daemonOf } from "../tui/source.ts";
import { views } from "../tui/views.ts";

type Options = {
  readonly readOnly?: boolean;
  readonly theme?: "dark" | "light";
  readonly color?: "none" | "16" | "256" | "true";
  readonly mouse: boolean;
  readonly screenReader?: boolean;
};

export function build(command: Command, context: Context): void {
  command
    .addArgument(new Argument("[view]", "which view to begin with").choices(views.map(({ name }) => name)))
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
      if (!context.terminal.outIsTerminal || stdin.isTTY !== true)
        throw new CliFailure(
          "the screen needs a terminal",
          exitCodes.usage,
          "In a pipe use: bifrost logs -f, bifrost top, bifrost usage, each with --json.",
        );
      const { runTui } = await import("../tui/run-tui.ts");
      const code = await runTui(
        { input: stdin, output: stdout, environment: context.environment },
        {
          source: createSource(daemonOf(homeFrom(command, context))),
          readOnly: options.readOnly === true,
          remote: undefined,
          start: { view: view ?? "traffic", subject },
          theme: options.theme,
          color: options.color,
          mouse: options.mouse,
          screenReader: options.screenReader ?? Boolean(context.environment["BIFROST_SCREEN_READER"]),
        },
      );
      context.exitWith(code);
    });
}
