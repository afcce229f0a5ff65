/** `bifrost alerts`: what is watched, what fires, and whether it is told. */
import type { Command } from "commander";
import type {
  AlertChannelView,
  AlertRuleView,
  AlertsAnswer,
  AlertTestAnswer,
} from "../../daemon/admin/contract/alerts.ts";
import { addSubcommand, type Context } from "../command.ts";
import { exitCodes } from "../failure.ts";
import { type Column, renderDuration, renderJson, renderTable, renderTime } from "../render.ts";
import { withDaemon } from "../session.ts";

const ruleColumns: readonly Column<AlertRuleView>[] = [
  { title: "RULE", cell: ({ name }) => name, shrinkTo: 10 },
  {
    title: "NOW",
    cell: ({ firing, error }) =>
      error === null ? (firing.length === 0 ? "quiet" : `${firing.length} firing`) : "broken",
  },
  { title: "SEVERITY", cell: ({ severity }) => severity, mayDrop: true },
  { title: "ON", cell: ({ on }) => on },
  { title: "WHEN", cell: ({ when, error }) => error ?? when, shrinkTo: 16 },
  { title: "TELLS", cell: ({ channels }) => channels.join(", ") || "nobody", shrinkTo: 8 },
];
const firingColumns: readonly Column<AlertRuleView["firing"][number] & { readonly rule: string }>[] = [
  { title: "FIRING", cell: ({ rule }) => rule, shrinkTo: 10 },
  { title: "FOR", cell: ({ name, subject }) => name ?? subject, shrinkTo: 8 },
  { title: "SINCE", cell: ({ since_ms }) => renderTime(since_ms) },
  { title: "WHAT", cell: ({ summary }) => summary, shrinkTo: 20 },
];
const channelColumns: readonly Column<AlertChannelView>[] = [
  { title: "CHANNEL", cell: ({ name }) => name, shrinkTo: 8 },
  { title: "KIND", cell: ({ kind }) => kind },
  { title: "TO", cell: ({ to }) => to, shrinkTo: 12 },
  { title: "SENT", cell: ({ sent }) => String(sent), align: "right" },
  { title: "FAILED", cell: ({ failed }) => String(failed), align: "right" },
  { title: "DROPPED", cell: ({ dropped }) => String(dropped), align: "right", mayDrop: true },
  { title: "LAST ERROR", cell: ({ last_error }) => last_error ?? "–", shrinkTo: 12 },
];

export function build(alerts: Command, context: Context): void {
  buildList(addSubcommand(alerts, "list", "List rules, what fires, and channels", context), context);
  buildTest(addSubcommand(alerts, "test", "Send a test message to a channel", context), context);
}

function buildList(command: Command, context: Context): void {
  command.option("--json", "Print JSON").action(async ({ json }: { json?: boolean }) => {
    const answer = await withDaemon(command, context, (client) => client.call<AlertsAnswer>("GET", "/api/alerts"));
    const { terminal } = context;
    if (json) return terminal.out(renderJson(answer));
    if (answer.rules.length === 0)
      return terminal.err("Nothing is watched. Write alerts in the config: docs/alerts.md\n");
    terminal.out(renderTable(answer.rules, ruleColumns, terminal));
    const firing = answer.rules.flatMap((rule) => rule.firing.map((each) => ({ ...each, rule: rule.name })));
    if (firing.length > 0) terminal.out(`\n${renderTable(firing, firingColumns, terminal)}`);
    if (answer.channels.length > 0) terminal.out(`\n${renderTable(answer.channels, channelColumns, terminal)}`);
  });
}

function buildTest(command: Command, context: Context): void {
  command
    .argument("<channel>", "as in the config")
    .option("--json", "Print JSON")
    .action(async (channel: string, { json }: { json?: boolean }) => {
      const path = `/api/alerts/channels/${encodeURIComponent(channel)}/test`;
      const answer = await withDaemon(command, context, (client) => client.call<AlertTestAnswer>("POST", path));
      const { terminal } = context;
      if (json) terminal.out(renderJson(answer));
      else if (answer.ok) terminal.err(`${channel} took the message in ${renderDuration(answer.latency_ms)}.\n`);
      else terminal.err(`${channel} did not take it: ${answer.error ?? answer.status ?? "no answer"}\n`);
      if (!answer.ok) context.exitWith(exitCodes.checkFailed);
    });
}
