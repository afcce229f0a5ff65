/** `bifrost wallets …` */
import { type Command, InvalidArgumentError } from "commander";
import type { WalletAnswer } from "../../daemon/admin/contract/owners.ts";
import { addSubcommand, type Context } from "../command.ts";
import { parseOwner } from "../owner-path.ts";
import { parseBudget } from "../parse.ts";
import { renderJson, renderMoney, renderProperties, renderTime } from "../render.ts";
import { withClient } from "../session.ts";

export function build(wallets: Command, context: Context): void {
  const show = addSubcommand(wallets, "show", "Show what is left and what was put in", context);
  show
    .argument("<owner>", "kind:name, such as team:research or key:ci", parseOwner)
    .option("--json", "Print JSON")
    .action(async (path: string, { json }: { json?: boolean }) => {
      print(await withClient(show, context, (client) => client.call("GET", `${path}/wallet`)), json, context);
    });
  const topUp = addSubcommand(wallets, "topup", "Put money in; the first time makes the wallet", context);
  topUp
    .argument("<owner>", "kind:name, such as team:research or key:ci", parseOwner)
    .argument("<dollars>", "25, 0.50; with --take-out so much is taken out", parseDollars)
    .option("--take-out", "Take it out instead")
    .option("--note <text>", "What for: an invoice, a name")
    .option("--json", "Print JSON")
    .action(async (path: string, nano: number, options: { takeOut?: boolean; note?: string; json?: boolean }) => {
      const body = {
        amount_nano: options.takeOut ? -nano : nano,
        ...(options.note === undefined ? {} : { note: options.note }),
      };
      const answer = await withClient(topUp, context, (client) =>
        client.call<WalletAnswer>("POST", `${path}/wallet`, { body }),
      );
      print(answer, options.json, context);
    });
}

function parseDollars(text: string): number {
  if (!/^\$?\d/.test(text)) throw new InvalidArgumentError("Expected dollars, such as 25 or 0.50.");
  const { limitNano, window } = parseBudget(text);
  if (window !== undefined) throw new InvalidArgumentError("Expected dollars: a wallet has no window.");
  if (limitNano === 0) throw new InvalidArgumentError("Expected more than nothing, such as 25 or 0.50.");
  return limitNano;
}

function print(answer: WalletAnswer, json: boolean | undefined, { terminal }: Context): void {
  const page = (): string =>
    renderProperties([
      ["wallet of", `${answer.owner.kind} ${answer.owner.name}`],
      ["left", renderMoney(answer.left_nano)],
      ["put in", renderMoney(answer.put_in_nano)],
      ["spent", renderMoney(answer.spent_nano)],
      ["held", renderMoney(answer.held_nano)],
      ...answer.entries.map(({ at_ms, amount_nano, note, actor }): [string, string] => [
        renderTime(at_ms),
        `${renderMoney(amount_nano)} by ${actor}${note === "" ? "" : `: ${note}`}`,
      ]),
    ]);
  terminal.out(json ? renderJson(answer) : page());
}
