/** `bifrost limits …`: budgets and limits by model and provider, for an owner or for everybody. */
import type { Command } from "commander";
import type { Context } from "../command.ts";
import { buildOwners } from "../owner-commands.ts";

export function build(command: Command, context: Context): void {
  buildOwners(command, context, {
    noun: "limit",
    path: "model-configs",
    parents: ["customer", "team", "user", "key"],
    hasRules: false,
    matches: true,
  });
}
