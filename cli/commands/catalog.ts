/** `bifrost catalog`: newer prices without a newer program. */
import { dirname, resolve } from "node:path";
import type { Command } from "commander";
import { findDaemon } from "../client.ts";
import { addSubcommand, type Context } from "../command.ts";
import { renderJson } from "../render.ts";
import { homeFrom } from "../session.ts";
import { explained } from "./bundle.ts";

export function build(command: Command, context: Context): void {
  addSubcommand(command, "import", "Use a newer price table, signed", context)
    .argument("<file>", "prices.json with prices.json.minisig beside it, or a bundle")
    .option("--pubkey <key>", "The publisher's public key, or a file with it", (value, before: string[] = []) => [
      ...before,
      value,
    ])
    .action(async function (this: Command, file: string, { pubkey = [] }: { pubkey?: string[] }) {
      const tools = await context.loadDaemon().then((daemon) => daemon.openDistribution());
      const home = homeFrom(this, context);
      // An installed release trusts the key it came with.
      const trusted = tools.releases.trustedKeys(dirname(dirname(dirname(process.execPath))), pubkey);
      const done = await explained(async () => tools.prices.import(resolve(file), home, trusted));
      context.terminal.err(`Prices of ${done.date} for ${done.providers} providers; before, of ${done.before}.\n`);
      if ((await findDaemon(home)) !== undefined)
        context.terminal.err("The running daemon uses them after: bifrost restart\n");
    });
  addSubcommand(command, "show", "Tell which price table is in use", context)
    .option("--json", "Print JSON")
    .action(async function (this: Command, { json }: { json?: boolean }) {
      const { prices } = await context.loadDaemon().then((daemon) => daemon.openDistribution());
      const shown = prices.show(homeFrom(this, context));
      if (json) return context.terminal.out(renderJson(shown));
      context.terminal.out(
        `${shown.date}${shown.imported ? ` (imported; the program came with ${shown.built_in})` : ""}\n`,
      );
    });
}
