/** `bifrost ledger`: are the balances right, and what would settled requests cost today. */
import type { Command } from "commander";
import type { LedgerCheckAnswer, LedgerProblem } from "../../daemon/admin/contract/audit.ts";
import type { RepriceAnswer, RepricedModel } from "../../daemon/admin/contract/reprice.ts";
import { addSubcommand, type Context } from "../command.ts";
import { exitCodes } from "../failure.ts";
import { checkRange, parseSince } from "../parse.ts";
import { whileTold } from "../progress.ts";
import { type Column, renderJson, renderMoney, renderProperties, renderTable, renderTime } from "../render.ts";
import { withClient } from "../session.ts";

const columns: readonly Column<LedgerProblem>[] = [
  { title: "SCOPE", cell: (problem) => problem.scope, shrinkTo: 10 },
  { title: "WINDOW SINCE", cell: (problem) => renderTime(problem.window_start_ms) },
  { title: "BALANCE", cell: (problem) => renderMoney(problem.balance_nano), align: "right" },
  { title: "SETTLED", cell: (problem) => renderMoney(problem.rows_nano), align: "right" },
  { title: "PROBLEM", cell: (problem) => problem.message },
];

const repriced: readonly Column<RepricedModel>[] = [
  { title: "MODEL", cell: ({ model }) => model, shrinkTo: 16 },
  { title: "REQUESTS", cell: ({ requests }) => String(requests), align: "right" },
  { title: "CHARGED", cell: (model) => renderMoney(model.before_nano), align: "right" },
  { title: "NOW", cell: (model) => renderMoney(model.after_nano), align: "right" },
  { title: "DIFFERENCE", cell: (model) => renderMoney(model.difference_nano), align: "right" },
];

export function build(ledger: Command, context: Context): void {
  buildCheck(ledger, context);
  buildReprice(ledger, context);
}

type RepriceOptions = {
  readonly since: (nowMs: number) => number;
  readonly until?: (nowMs: number) => number;
  readonly model?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
};

function buildReprice(ledger: Command, context: Context): void {
  const command = addSubcommand(
    ledger,
    "reprice",
    "Charge settled requests the prices of today, by adjusting entries",
    context,
  );
  command
    .requiredOption("--since <when>", "Requests settled since: 15m ago or later, or a date", parseSince)
    .option("--until <when>", "And before: 15m ago or earlier, or a date", parseSince)
    .option("--model <provider/model>", "Only of this model")
    .option("--dry-run", "Tell the differences and change nothing")
    .option("--json", "Print JSON")
    .action(async ({ since, until, model, dryRun, json }: RepriceOptions) => {
      const now = Date.now();
      const body = { since_ms: since(now), until_ms: until?.(now) ?? now, model, dry_run: dryRun };
      checkRange(body.since_ms, body.until_ms);
      const answer = await withClient(command, context, (client) =>
        whileTold(
          "pricing again",
          (tell) => client.call<RepriceAnswer>("POST", "/api/ledger/reprice", { body, tell }),
          context.terminal,
        ),
      );
      const { terminal } = context;
      if (json) return terminal.out(renderJson(answer));
      if (answer.models.length > 0) terminal.out(renderTable(answer.models, repriced, terminal));
      const skipped = answer.skipped === 0 ? "" : `, ${answer.skipped} without a price today left as they are`;
      terminal.err(
        `${answer.looked_at} requests at the prices of ${answer.prices}: ${answer.adjusted} ${answer.dry_run ? "would be " : ""}adjusted, ${renderMoney(answer.difference_nano)} in all${skipped}.\n`,
      );
    });
}

function buildCheck(ledger: Command, context: Context): void {
  const command = addSubcommand(ledger, "check", "Compare every balance with the sum of its settled rows", context);
  command.option("--json", "Print JSON").action(async ({ json }: { json?: boolean }) => {
    const path = "/api/ledger/check";
    const answer = await withClient(command, context, (client) =>
      whileTold(
        "adding up every settled row",
        (tell) => client.call<LedgerCheckAnswer>("GET", path, { tell }),
        context.terminal,
      ),
    );
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
