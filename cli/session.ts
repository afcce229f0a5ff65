/** A command's talk with the admin API. Hides opening, closing, and which of the global options say where. */
import type { Command } from "commander";
import { type Client, homeOf, openClient, openDaemon, openRemote, type Remote } from "./client.ts";
import type { Context, GlobalOptions } from "./command.ts";
import { CliFailure, exitCodes } from "./failure.ts";

export function homeFrom(command: Command, context: Context): string {
  return homeOf(command.optsWithGlobals<GlobalOptions>().home, context.environment);
}

/** The daemon elsewhere that is meant: by `--url` or `$BIFROST_URL`, with the token of `$BIFROST_TOKEN`. */
export function remoteFrom(command: Command, { environment }: Context): Remote | undefined {
  const { url = environment["BIFROST_URL"], home } = command.optsWithGlobals<GlobalOptions>();
  if (url === undefined || url === "" || home !== undefined) return undefined;
  const token = environment["BIFROST_TOKEN"];
  if (token !== undefined && token !== "") return { url, token };
  const hint =
    "Put a token that `bifrost tokens create` made there into the environment; arguments are seen by others.";
  throw new CliFailure("$BIFROST_TOKEN is not set", exitCodes.usage, hint);
}

/** Runs `ask` against the daemon or, with none running, against the files. */
export async function withClient<Result>(
  command: Command,
  context: Context,
  ask: (client: Client) => Promise<Result>,
): Promise<Result> {
  const remote = remoteFrom(command, context);
  const client =
    remote === undefined ? await openClient(homeFrom(command, context), context.loadDaemon) : openRemote(remote);
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
  const remote = remoteFrom(command, context);
  return ask(remote === undefined ? await openDaemon(homeFrom(command, context)) : openRemote(remote));
}

/** Where nobody can be asked, only `--yes` is a yes. */
export async function confirm(question: string, yes: boolean | undefined, { terminal }: Context): Promise<void> {
  if (yes) return;
  if (!terminal.canAsk)
    throw new CliFailure("this cannot be undone and nobody can be asked", exitCodes.usage, "Add --yes to do it.");
  const answer = await terminal.ask(`${question} [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliFailure("nothing was changed");
}

/** Names in what was asked that nothing answers to: not data, and no failure. */
export function sayWarnings(
  { warnings = [] }: { readonly warnings?: readonly string[] | undefined },
  { terminal }: Pick<Context, "terminal">,
): void {
  for (const warning of warnings) terminal.err(`warning: ${warning}\n`);
}
