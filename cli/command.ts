/** What every command is made with: its surroundings, and the manners all share. Hides commander's settings. */
import { Command } from "commander";
import type { DaemonModule } from "../daemon/admin/contract/calling.ts";
import type { Terminal } from "./terminal.ts";

export type Surroundings = {
  readonly terminal: Terminal;
  readonly environment: NodeJS.ProcessEnv;
  readonly loadDaemon: () => Promise<DaemonModule>;
};

export type CommandEntry = {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<{ build(command: Command, context: Context): void }>;
};

/** What every command gets besides its own options. */
export type Context = Surroundings & {
  readonly commands: readonly CommandEntry[];
  /** Ends the command with this code though nothing failed: a check that found something. */
  exitWith(code: number): void;
  /** Takes what is wrong with how the command was typed, a line of it and a line of what to do. */
  mistyped(text: string): void;
};

export type GlobalOptions = { readonly home?: string; readonly url?: string; readonly debug?: boolean };

/** A subcommand with the same manners as its parent. */
export function prepare(command: Command, { terminal, mistyped }: Context): Command {
  return command
    .helpOption("-h, --help", "Show this help")
    .helpCommand(false)
    .showHelpAfterError(false)
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false, helpWidth: terminal.columns ?? 80 })
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      // A guess at what was meant is the better next step.
      outputError: (text) => mistyped(text.includes("Did you mean") ? text : `${text}See: ${pathOf(command)} --help\n`),
      getOutHasColors: () => terminal.hasColor,
      getErrHasColors: () => false,
    })
    .exitOverride();
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** Adds a subcommand: `keys` → `keys create`. */
export function addSubcommand(parent: Command, name: string, summary: string, context: Context): Command {
  const command = prepare(new Command(name), context).description(summary);
  parent.addCommand(command);
  return command;
}
