/**
 * Commands that work on the machine they are typed on. Hides which those are: a `--url` means nothing to them, and none
 * passes over it in silence. `$BIFROST_URL` is for every command of a shell, and no word about this one.
 */
import type { Command } from "commander";
import type { GlobalOptions } from "./command.ts";
import { CliFailure, exitCodes } from "./failure.ts";

type HereOnly = {
  /** What to do instead. */
  readonly hint: string;
  /** With this option it asks a daemon after all. */
  readonly unless?: string;
};

const there = "Run it on that machine, without --url.";
const written = { hint: "Make the config here, then put it on that machine." } as const;

/** A command's name stands for its subcommands too. */
const hereOnly: Readonly<Record<string, HereOnly>> = {
  serve: { hint: "Start the daemon on the machine that is to serve; from elsewhere: bifrost status --url <address>" },
  demo: { hint: "It starts a daemon of its own. To watch the one there: bifrost tui --url <address>" },
  import: written,
  "import litellm": { hint: "With --keys, keys and owners go to the daemon there.", unless: "keys" },
  catalog: { hint: `${there} From elsewhere: bifrost models --url <address>` },
  backup: { hint: there },
  restore: { hint: there },
  bundle: { hint: there },
  service: { hint: there },
  completion: { hint: "The script asks the daemon that the line before the tab key means.", unless: "names" },
};

/** Before any command's action. */
export function checkPlace(command: Command): void {
  const { url, home } = command.optsWithGlobals<GlobalOptions>();
  if (url === undefined) return;
  const path = pathOf(command);
  const { hint, unless } = hereOnly[path] ?? hereOnly[path.split(" ")[0]!] ?? {};
  if (hint !== undefined && (unless === undefined || command.opts()[unless] === undefined))
    throw new CliFailure(`${path} works on this machine and takes no --url`, exitCodes.usage, hint);
  if (home !== undefined)
    throw new CliFailure("--home and --url each mean a daemon", exitCodes.usage, "Leave one of them out.");
}

function pathOf(command: Command): string {
  const above = command.parent;
  return above === null || above.parent === null ? command.name() : `${pathOf(above)} ${command.name()}`;
}
