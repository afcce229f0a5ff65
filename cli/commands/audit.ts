/** `bifrost audit verify|export` */
import type { Command } from "commander";
import type { AuditVerifyAnswer } from "../../daemon/admin/contract/audit.ts";
import { addSubcommand, type Context } from "../command.ts";
import { exitCodes } from "../failure.ts";
import { parseSince } from "../parse.ts";
import { renderJson, renderProperties, renderTime } from "../render.ts";
import { withClient } from "../session.ts";

type Moment = (nowMs: number) => number;

export function build(audit: Command, context: Context): void {
  buildVerify(addSubcommand(audit, "verify", "Walk the chain and name the first bad record", context), context);
  buildExport(addSubcommand(audit, "export", "Print every record, one JSON text a line", context), context);
}

function buildVerify(command: Command, context: Context): void {
  command.option("--json", "Print JSON").action(async ({ json }: { json?: boolean }) => {
    const path = "/api/audit/verify";
    const answer = await withClient(command, context, (client) => client.call<AuditVerifyAnswer>("GET", path));
    const { terminal } = context;
    terminal.out(json ? renderJson(answer) : renderVerdict(answer));
    if (answer.ok) return;
    if (!json && answer.problem) terminal.err(`error: record ${answer.problem.record}: ${answer.problem.message}\n`);
    context.exitWith(exitCodes.checkFailed);
  });
}

function buildExport(command: Command, context: Context): void {
  command
    .option("--since <when>", "15m ago or later, or a date", parseSince)
    .option("--until <when>", "15m ago or earlier, or a date", parseSince)
    .action(async ({ since, until }: { since?: Moment; until?: Moment }) => {
      const now = Date.now();
      const query = { since_ms: since?.(now), until_ms: until?.(now) };
      await withClient(command, context, async (client) => {
        for await (const line of client.lines("/api/audit/export", { query }))
          await context.terminal.outSlowly(`${line}\n`);
      });
    });
}

function renderVerdict(answer: AuditVerifyAnswer): string {
  return renderProperties([
    ["chain", answer.ok ? "intact" : "broken"],
    ["records", String(answer.records)],
    ["first", renderTime(answer.first_at_ms)],
    ["last", renderTime(answer.last_at_ms)],
    ["head", answer.head ?? "–"],
  ]);
}
