/** `bifrost ledger check` */
import type { Command } from "commander";
import type { LedgerCheckAnswer, LedgerProblem } from "../../daemon/admin/contract/audit.ts";
import { addSubcommand, type Context } from "../command.ts";
import { exitCodes } from "../failure.ts";
import { type Column, renderJson, renderMoney, renderProperties, renderTable, renderTime } from "../render.ts";
import { withClient } from "../session.ts";

const columns: readonly Column<LedgerProblem>[] = [
  { title: "SCOPE", cell: (problem) => problem.scope, shrinkTo: 10 },
  { title: "WINDOW SINCE", cell: (problem) => renderTime(problem.window_start_ms) },
  { title: "BALANCE", cell: (problem) => renderMoney(problem.balance_nano), align: "right" },
  { title: "SETTLED", cell: (problem) => renderMoney(problem.rows_nano), align: "right" },
  { title: "PROBLEM", cell: (problem) => problem.message },
];

export function build(ledger: Command, context: Context): void {
  const command = addSubcommand(ledger, "check", "Compare every balance with the sum of its settled rows", context);
  command.option("--json", "Print JSON").action(async ({ json }: { json?: boolean }) => {
    const path = "/api/ledger/check";
    const answer = await withClient(command, context, (client) => client.call<LedgerCheckAnswer>("GET", path));
    const { terminal } = context;
    if (json) terminal.out(renderJson(answer));
    else terminal.out(renderVerdict(answer));
    if (!json && answer.problems.length > 0) terminal.out(`\n${renderTable(answer.problems, columns, terminal)}`);
    if (!answer.ok) context.exitWith(exitCodes.checkFailed);
  });
}

function renderVerdict(answer: LedgerCheckAnswer): string {
  return renderProperties([
    ["ledger", answer.ok ? "balanced" : "not balanced"],
    ["scopes", String(answer.scopes)],
    ["settlements", String(answer.settlements)],
    ["holds open", String(answer.holds_open)],
    ["cost above what was held", renderMoney(answer.overrun_nano)],
  ]);
}
