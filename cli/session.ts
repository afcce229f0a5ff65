/** A command's talk with the admin API. Hides opening, closing, and which of the global options say where. */
import type { Command } from "commander";
import { type Client, homeOf, openClient, openDaemon } from "./client.ts";
import type { Context, GlobalOptions } from "./command.ts";
import { CliFailure, exitCodes } from "./failure.ts";

export function homeFrom(command: Command, context: Context): string {
  return homeOf(command.optsWithGlobals<GlobalOptions>().home, context.environment);
}

/** Runs `ask` against the daemon or, with none running, against the files. */
export async function withClient<Result>(
  command: Command,
  context: Context,
  ask: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = await openClient(homeFrom(command, context), context.loadDaemon);
  try {
    return await ask(client);
  } finally {
    await client.close();
  }
}

/** Runs `ask` against the daemon, or says that there is none. */
export async function withDaemon<Result>(
  command: Command,
  context: Context,
  ask: (client: Client) => Promise<Result>,
): Promise<Result> {
  return ask(await openDaemon(homeFrom(command, context)));
}

/** Where nobody can be asked, only `--yes` is a yes. */
export async function confirm(question: string, yes: boolean | undefined, { terminal }: Context): Promise<void> {
  if (yes) return;
  if (!terminal.canAsk)
    throw new CliFailure("this cannot be undone and nobody can be asked", exitCodes.usage, "Add --yes to do it.");
  const answer = await terminal.ask(`${question} [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliFailure("nothing was changed");
}
