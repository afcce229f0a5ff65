/** `bifrost reload` */
import type { Command } from "commander";
import type { ReloadAnswer } from "../../daemon/admin/contract/daemon.ts";
import type { Context } from "../command.ts";
import { renderJson } from "../render.ts";
import { withDaemon } from "../session.ts";

export function build(command: Command, context: Context): void {
  command.option("--json", "Print JSON").action(async ({ json }: { json?: boolean }) => {
    const answer = await withDaemon(command, context, (client) => client.call<ReloadAnswer>("POST", "/api/reload"));
    if (json) return context.terminal.out(renderJson(answer));
    printReload(answer, context);
  });
}

export function printReload({ changed, generation, warnings }: ReloadAnswer, { terminal }: Context): void {
  for (const warning of warnings) terminal.err(`warning: ${warning}\n`);
  terminal.err(
    changed ? `Generation ${generation} is in use.\n` : `Nothing changed: generation ${generation} stays.\n`,
  );
}
