/** `bifrost service`: the unit for systemd, put in place or taken away. */
import { join } from "node:path";
import type { Command } from "commander";
import { addSubcommand, type Context } from "../command.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { confirm, homeFrom } from "../session.ts";
import { isSingleBinary } from "../single-binary.ts";

type Words = { readonly user?: boolean; readonly start: boolean; readonly print?: boolean; readonly yes?: boolean };

export function build(command: Command, context: Context): void {
  addSubcommand(command, "install", "Write the unit and start the service", context)
    .option("--user", "A service of your own, not of the machine")
    .option("--no-start", "Write the unit only")
    .option("--print", "Print the unit and do nothing")
    .action(async function (this: Command, words: Words) {
      const { service } = await context.loadDaemon().then((daemon) => daemon.openDistribution());
      const scope = words.user ? "user" : "system";
      const home = words.user ? homeFrom(this, context) : service.systemHome;
      const executable = ownExecutable();
      if (words.print) return context.terminal.out(service.render({ executable, scope, home }));
      mayChange(scope);
      const settings = settingsFolder(context);
      const done = service.install({ ...{ executable, scope, home, settings }, start: words.start });
      if (done.trouble !== undefined)
        throw new CliFailure(done.trouble, exitCodes.failure, "See: journalctl -u bifrost");
      context.terminal.err(`${done.file} ${done.changed ? "is written" : "is as it should be"}.\n`);
      if (done.running) context.terminal.err("The service runs; see: systemctl status bifrost\n");
      else if (done.running === undefined) context.terminal.err("There is no systemd here to start it.\n");
    });
  addSubcommand(command, "uninstall", "Stop the service and remove the unit; data and config stay", context)
    .option("--user", "The service of your own")
    .option("--yes", "Do not ask")
    .action(async (words: Words) => {
      const { service } = await context.loadDaemon().then((daemon) => daemon.openDistribution());
      const scope = words.user ? "user" : "system";
      await confirm("Stop the service and remove its unit?", words.yes, context);
      mayChange(scope);
      const done = service.uninstall(scope, settingsFolder(context));
      if (done.trouble !== undefined) context.terminal.err(`warning: ${done.trouble}\n`);
      context.terminal.err(done.changed ? `${done.file} is removed.\n` : "There was no unit.\n");
    });
}

/** Where a person's settings are. */
export function settingsFolder({ environment }: Context): string {
  return environment["XDG_CONFIG_HOME"] || join(environment["HOME"] || "/root", ".config");
}

/** What systemd is to start: the link that upgrades change, where this runs from an installed release. */
function ownExecutable(): string {
  if (!isSingleBinary())
    throw new CliFailure(
      "a service starts the single binary or an installed package, not a script",
      exitCodes.usage,
      "Install a bundle with --system, or see docs/install.md for npm.",
    );
  return process.execPath.replace(/\/versions\/[^/]+\/bifrost$/, "/bin/bifrost");
}

function mayChange(scope: "system" | "user"): void {
  if (scope === "system" && process.getuid?.() !== 0)
    throw new CliFailure(
      "a service of the machine is installed by root",
      exitCodes.usage,
      "Use sudo, or --user for one of your own.",
    );
}
