/** `bifrost restore`: a home from a backup. What was there is set aside. */
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Context } from "../command.ts";
import { withSteps } from "../progress.ts";
import { confirm, homeFrom } from "../session.ts";
import { checked } from "./backup.ts";

type Words = { readonly keyFile?: string; readonly replace?: boolean; readonly yes?: boolean };

export function build(command: Command, context: Context): void {
  command
    .argument("<file>", "The backup")
    .option("--key-file <file>", "What it was sealed with (default: BIFROST_BACKUP_PASSPHRASE)")
    .option("--replace", "Set aside what the home holds")
    .option("--yes", "Do not ask")
    .action(async (file: string, { keyFile, replace, yes }: Words) => {
      const { backup } = await context.loadDaemon().then((daemon) => daemon.openDistribution());
      const home = homeFrom(command, context);
      if (replace) await confirm(`Put the backup in place of what is in ${home}?`, yes, context);
      const { terminal } = context;
      const passphrase = backup.passphrase(keyFile, context.environment);
      const what = { file: resolve(file), home, passphrase, replace: replace === true };
      const { head, aside } = await withSteps(terminal, (progress) =>
        checked(async () => backup.restore({ ...what, progress })),
      );
      terminal.err(`${home} holds ${head.parts.map(({ name }) => name).join(", ")} of the backup.\n`);
      if (aside !== undefined) terminal.err(`What was there: ${aside}\n`);
    });
}
