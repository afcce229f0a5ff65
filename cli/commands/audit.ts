/** `bifrost audit verify|list|export` */
import type { Command } from "commander";
import type { AuditListAnswer, AuditRecordView, AuditVerifyAnswer } from "../../daemon/admin/contract/audit.ts";
import type { Client } from "../client.ts";
import { addSubcommand, type Context } from "../command.ts";
import { exitCodes } from "../failure.ts";
import { checkRange, parseSince, parseSome } from "../parse.ts";
import { startProgress, whileTold } from "../progress.ts";
import { type Column, renderJson, renderMoney, renderProperties, renderTable, renderTime } from "../render.ts";
import { withClient } from "../session.ts";

type Moment = (nowMs: number) => number;

const listDefault = 50;
const pageRecords = 1_000;
const hashCharacters = 12;

const columns: readonly Column<AuditRecordView>[] = [
  { title: "RECORD", cell: ({ record }) => String(record), align: "right" },
  { title: "TIME", cell: ({ at_ms }) => renderTime(at_ms) },
  { title: "WHO", cell: ({ actor }) => actor ?? "–", shrinkTo: 8 },
  { title: "DID", cell: ({ action }) => action, shrinkTo: 10 },
  { title: "TO", cell: ({ target }) => target ?? "the daemon", shrinkTo: 10 },
  { title: "OUTCOME", cell: ({ outcome }) => outcome || "–", shrinkTo: 6 },
  { title: "COST", cell: ({ cost_nano }) => renderMoney(cost_nano), align: "right", mayDrop: true },
  { title: "HASH", cell: ({ hash }) => hash.slice(0, hashCharacters), mayDrop: true },
];

export function build(audit: Command, context: Context): void {
  buildVerify(addSubcommand(audit, "verify", "Walk the chain and name the first bad record", context), context);
  buildList(addSubcommand(audit, "list", "List the newest records, or only what was changed", context), context);
  buildExport(addSubcommand(audit, "export", "Print every record, one JSON text a line", context), context);
}

function buildVerify(command: Command, context: Context): void {
  command.option("--json", "Print JSON").action(async ({ json }: { json?: boolean }) => {
    const path = "/api/audit/verify";
    const answer = await withClient(command, context, (client) =>
      whileTold("walking the chain", (tell) => client.call<AuditVerifyAnswer>("GET", path, { tell }), context.terminal),
    );
    const { terminal } = context;
    terminal.out(json ? renderJson(answer) : renderVerdict(answer));
    if (answer.ok) return;
    if (!json && answer.problem) terminal.err(`error: record ${answer.problem.record}: ${answer.problem.message}\n`);
    context.exitWith(exitCodes.checkFailed);
  });
}

function buildList(command: Command, context: Context): void {
  command
    .option("--limit <count>", `Records at most (default: ${listDefault})`, parseSome)
    .option("--changes", "Only what somebody changed, without what requests cost")
    .option("--json", "Print one JSON text a line")
    .action(async ({ limit = listDefault, changes, json }: { limit?: number; changes?: boolean; json?: boolean }) => {
      const { terminal } = context;
      const records = await withClient(command, context, (client) => newest(client, limit, changes));
      if (json) return terminal.outSlowly(records.map((record) => `${JSON.stringify(record)}\n`).join(""));
      if (records.length > 0) return terminal.outSlowly(renderTable(records, columns, terminal));
      terminal.err("The trail is empty.\n");
    });
}

async function newest(
  client: Client,
  limit: number,
  changes: boolean | undefined,
): Promise<readonly AuditRecordView[]> {
  const records: AuditRecordView[] = [];
  let before: string | undefined;
  while (records.length < limit) {
    const query = { limit: Math.min(limit - records.length, pageRecords), before, changes };
    const page = await client.call<AuditListAnswer>("GET", "/api/audit/records", { query });
    records.push(...page.records);
    if (page.older === null) break;
    before = page.older;
  }
  return records;
}

function buildExport(command: Command, context: Context): void {
  command
    .option("--since <when>", "15m ago or later, or a date", parseSince)
    .option("--until <when>", "15m ago or earlier, or a date", parseSince)
    .option("--json", "What is printed anyway")
    .action(async ({ since, until }: { since?: Moment; until?: Moment }) => {
      const now = Date.now();
      const query = { since_ms: since?.(now), until_ms: until?.(now) };
      checkRange(query.since_ms, query.until_ms);
      await withClient(command, context, async (client) => {
        const newest = await client.call<AuditListAnswer>("GET", "/api/audit/records", { query: { limit: 1 } });
        const isWhole = since === undefined && until === undefined;
        // The progress of a file that is written; on a terminal the records themselves are to be seen.
        const progress = startProgress("records", isWhole ? newest.records[0]?.record : undefined, {
          ...context.terminal,
          errIsTerminal: context.terminal.errIsTerminal && !context.terminal.outIsTerminal,
        });
        try {
          for await (const line of client.lines("/api/audit/export", { query })) {
            await context.terminal.outSlowly(`${line}\n`);
            progress.add(1);
          }
        } finally {
          progress.end();
        }
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
