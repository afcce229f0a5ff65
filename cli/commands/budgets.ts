/** `bifrost budgets …` */
import type { Command } from "commander";
import type { BudgetAnswer, BudgetListAnswer, OwnedBudget } from "../../daemon/admin/contract/owners.ts";
import type { Client } from "../client.ts";
import { addSubcommand, type Context } from "../command.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { parseOwner } from "../owner-path.ts";
import { type Expiry, parseBudget, parseCount, parseExpiry, type TypedBudget } from "../parse.ts";
import {
  type Column,
  renderBudget,
  renderJson,
  renderMoney,
  renderProperties,
  renderTable,
  renderTime,
} from "../render.ts";
import { budgetLines } from "../render-scope.ts";
import { confirm, withClient } from "../session.ts";

const pageRows = 1_000;
const columns: readonly Column<OwnedBudget>[] = [
  { title: "OWNER", cell: ({ owner }) => `${owner.kind} ${owner.name}`, shrinkTo: 8 },
  { title: "NUMBER", cell: ({ slot }) => String(slot), align: "right" },
  { title: "BUDGET", cell: renderBudget, shrinkTo: 10 },
  { title: "SPENT", cell: ({ spent_nano }) => renderMoney(spent_nano), align: "right" },
  { title: "HELD", cell: ({ held_nano }) => renderMoney(held_nano), align: "right", mayDrop: true },
  { title: "RESETS", cell: ({ resets_at_ms }) => renderTime(resets_at_ms), mayDrop: true },
  { title: "MODE", cell: ({ shadow, wallet }) => (wallet ? "wallet" : shadow ? "shadow" : "enforced"), mayDrop: true },
];

export function build(budgets: Command, context: Context): void {
  buildList(addSubcommand(budgets, "list", "List all budgets, whosever they are", context), context);
  buildOverride(addSubcommand(budgets, "override", "Allow more than a budget's limit for a while", context), context);
  buildReset(addSubcommand(budgets, "reset", "Begin a budget's window anew with nothing spent", context), context);
}

function buildList(command: Command, context: Context): void {
  command.option("--json", "Print a JSON array").action(async ({ json }: { json?: boolean }) => {
    const found = await withClient(command, context, all);
    if (json) return context.terminal.out(renderJson(found));
    if (found.length > 0) return context.terminal.out(renderTable(found, columns, context.terminal));
    context.terminal.err("There are no budgets.\n");
  });
}

function buildOverride(command: Command, context: Context): void {
  type Options = {
    extra?: TypedBudget;
    cycles?: number;
    until?: Expiry;
    forever?: boolean;
    end?: boolean;
    json?: boolean;
  };
  command
    .argument("<owner>", "kind:name, such as team:research or key:ci", parseOwner)
    .argument("<number>", "of the budget, as `budgets list` shows it", parseCount)
    .option("--extra <dollars>", "So much more", parseBudget)
    .option("--cycles <count>", "For this window and the next ones, so many in all", parseCount)
    .option("--until <when>", "Until then: 3d, or a date", parseExpiry)
    .option("--forever", "For good")
    .option("--end", "End the override")
    .option("--json", "Print JSON")
    .action(async (path: string, slot: number, { extra, cycles, until, forever, end, json }: Options) => {
      const spans = [cycles, until, forever].filter((said) => said !== undefined);
      if (!end && (extra === undefined || spans.length !== 1))
        throw new CliFailure(
          "say --extra with --cycles, --until or --forever, or --end",
          exitCodes.usage,
          "Such as: bifrost budgets override team:research 0 --extra 5 --cycles 1",
        );
      const at = `${path}/budgets/${slot}/override`;
      const body = end ? undefined : { extra_nano: extra!.limitNano, ...spanOf(cycles, until) };
      const answer = await withClient(command, context, (client) =>
        client.call<BudgetAnswer>(end ? "DELETE" : "PUT", at, { body }),
      );
      print(answer, json, context);
    });
}

function spanOf(cycles: number | undefined, until: Expiry | undefined) {
  if (cycles !== undefined) return { mode: "cycles", cycles };
  if (until === undefined) return { mode: "forever" };
  const at = "expires_in_ms" in until ? Date.now() + until.expires_in_ms : until.expires_at_ms;
  return at === null ? { mode: "forever" } : { mode: "until", until_ms: at };
}

function buildReset(command: Command, context: Context): void {
  command
    .argument("<owner>", "kind:name, such as team:research or key:ci", parseOwner)
    .argument("<number>", "of the budget, as `budgets list` shows it", parseCount)
    .option("-y, --yes", "Do not ask")
    .option("--json", "Print JSON")
    .action(async (path: string, slot: number, { yes, json }: { yes?: boolean; json?: boolean }) => {
      await confirm("Forget what was spent of this budget?", yes, context);
      const answer = await withClient(command, context, (client) =>
        client.call<BudgetAnswer>("POST", `${path}/budgets/${slot}/reset`),
      );
      print(answer, json, context);
    });
}

function print({ budget }: BudgetAnswer, json: boolean | undefined, { terminal }: Context): void {
  terminal.out(json ? renderJson(budget) : renderProperties(budgetLines([budget])));
}

async function all(client: Client): Promise<readonly OwnedBudget[]> {
  const found: OwnedBudget[] = [];
  let after: string | undefined;
  do {
    const page = await client.call<BudgetListAnswer>("GET", "/api/governance/budgets", {
      query: { limit: pageRows, after },
    });
    found.push(...page.budgets);
    after = page.next ?? undefined;
  } while (after !== undefined);
  return found;
}
