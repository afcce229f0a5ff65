/** Every command, and a line of words to try it with. */
import { Command } from "commander";
import type { Context } from "../../cli/command.ts";
import { exitCodes } from "../../cli/failure.ts";
import { commands } from "../../cli/program.ts";

const { ok, notFound, notRunning } = exitCodes;

/** In this order over one home: what is made is shown, and what is not there is missed. `code`: where no daemon runs. */
export const rows: readonly (readonly [command: string, args: string, code: number])[] = [
  ["status", "", notRunning],
  ["stop", "", notRunning],
  ["restart", "", notRunning],
  ["reload", "", notRunning],
  ["top", "", notRunning],
  ["logs", "-f", notRunning],
  ["logs", "--open", notRunning],
  ["alerts list", "", notRunning],
  ["alerts test", "mail", notRunning],
  ["route test", "--model echo/echo", notRunning],
  ["route rules", "", notRunning],
  ["keys create", "--name ci --budget 1/1d", ok],
  ["keys list", "", ok],
  ["keys show", "ci", ok],
  ["keys show", "nobody", notFound],
  ["keys update", "ci --disable", ok],
  ["keys rotate", "ci", ok],
  ["keys revoke", "ci --yes", ok],
  ["keys revoke", "nobody --yes", notFound],
  ...(["customers", "teams", "users", "end-users", "tags"] as const).flatMap((kind) => [
    [`${kind} create`, "--name one --budget 1/1d", ok] as const,
    [`${kind} list`, "", ok] as const,
    [`${kind} show`, "one", ok] as const,
    [`${kind} show`, "nobody", notFound] as const,
    [`${kind} update`, "one --description text", ok] as const,
  ]),
  ["budgets list", "", ok],
  ["budgets override", "team:one 0 --extra 2 --forever", ok],
  ["budgets reset", "team:one 0 --yes", ok],
  ["wallets show", "team:one", ok],
  ["wallets topup", "team:nobody 5", notFound],
  ...(["customers", "teams", "users", "end-users", "tags"] as const).map(
    (kind) => [`${kind} delete`, "one --yes", ok] as const,
  ),
  ["limits create", "--model echo/echo --limit requests:5/1m", ok],
  ["limits list", "", ok],
  ["rules create", "--name one --target echo/echo", ok],
  ["rules list", "", ok],
  ["rules show", "one", ok],
  ["rules show", "nobody", notFound],
  ["rules update", "one --disable", ok],
  ["rules delete", "one --yes", ok],
  ["prices set", "echo-paid/m input=1", ok],
  ["prices list", "", ok],
  ["prices show", "echo-paid/m", ok],
  ["prices show", "echo-paid/n", notFound],
  ["prices delete", "echo-paid/m --yes", ok],
  ["limits show", "nobody", notFound],
  ["limits update", "nobody --rpm 5", notFound],
  ["limits delete", "nobody --yes", notFound],
  ["tokens create", "--name ops --role viewer", ok],
  ["tokens list", "", ok],
  ["tokens revoke", "ops --yes", ok],
  ["tokens revoke", "nobody --yes", notFound],
  ["logs", "", ok],
  ["explain", "req_nothing", notFound],
  ["usage", "", ok],
  ["audit verify", "", ok],
  ["audit list", "", ok],
  ["audit export", "", ok],
  ["ledger check", "", ok],
  ["ledger reprice", "--since 1d --dry-run", ok],
  ["config validate", "", notFound],
  ["config schema", "", ok],
  ["config diff", "", notFound],
  ["config history", "", ok],
  ["config rollback", "1 --yes", notFound],
  ["models", "", ok],
  ["providers list", "", ok],
  ["catalog show", "", ok],
  ["egress", "", ok],
];

/** Every command that does something, by its path: `keys create`. */
export async function leaves(): Promise<string[]> {
  const context = {
    commands,
    terminal: { hasColor: false, columns: 80, out: () => undefined, err: () => undefined },
  } as unknown as Context;
  const found: string[] = [];
  const walk = (command: Command, path: string): void => {
    if (command.commands.length === 0) found.push(path);
    for (const child of command.commands) walk(child, `${path} ${child.name()}`);
  };
  for (const { name, load } of commands) {
    const command = new Command(name);
    (await load()).build(command, context);
    walk(command, name);
  }
  return found;
}
