/** `bifrost tags …` */
import type { Command } from "commander";
import type { Context } from "../command.ts";
import { buildOwners } from "../owner-commands.ts";

export function build(command: Command, context: Context): void {
  buildOwners(command, context, { noun: "tag", path: "tags", parents: [], hasRules: true });
}
