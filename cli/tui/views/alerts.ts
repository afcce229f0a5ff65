/** Alert rules: what each watches, what it sees now, and whether its messages arrive. */
import type {
  AlertChannelView,
  AlertRuleView,
  AlertsAnswer,
  AlertTestAnswer,
} from "../../../daemon/admin/contract/alerts.ts";
import { away, duration } from "../draw/format.ts";
import { type Line, line, type Style, span } from "../draw/line.ts";
import { properties } from "../draw/table.ts";
import { type Column, defineView } from "../view.ts";

const severities: Readonly<Record<AlertRuleView["severity"], Style>> = {
  info: "info",
  warning: "warn",
  critical: "bad",
};

const columns: readonly Column<AlertRuleView>[] = [
  { title: "RULE", width: 16, grow: 1, cell: ({ name }) => [span(name, "strong")], value: ({ name }) => name },
  { title: "NOW", width: 11, cell: (rule) => [state(rule)], value: ({ firing }) => firing.length },
  {
    title: "SEVERITY",
    width: 9,
    cell: ({ severity }) => [span(severity, severities[severity])],
    value: ({ severity }) => severity,
  },
  { title: "ON", width: 10, drop: 2, cell: ({ on }) => [span(on)], value: ({ on }) => on },
  {
    title: "SINCE",
    width: 10,
    drop: 3,
    cell: ({ firing }, _, now) => [
      span(
        firing.length === 0
          ? "–"
          : away(Math.min(...firing.map(({ since_ms: since }) => since)), now).replace(" ago", ""),
      ),
    ],
  },
  { title: "WHEN", width: 20, grow: 3, cell: ({ when }) => [span(when, "dim")], value: ({ when }) => when },
  {
    title: "TELLS",
    width: 12,
    grow: 1,
    drop: 1,
    cell: ({ channels }) => [span(channels.join(", ") || "nobody", channels.length === 0 ? "warn" : "plain")],
    value: ({ channels }) => channels.join(" "),
  },
];

export const alerts = defineView<AlertsAnswer, AlertRuleView>({
  name: "alerts",
  aliases: ["al"],
  title: "Alerts",
  summary: "what is watched, what fires, and whether it is told",
  inBar: true,
  everyMs: 3_000,
  load: (source) => source.get<AlertsAnswer>("/api/alerts"),
  head: ({ channels }) => [...channels.map(channelLine), ...(channels.length === 0 ? [] : [[]])],
  table: {
    columns,
    rows: ({ rules }) => rules,
    id: ({ name }) => name,
    sort: { column: "NOW", descending: true },
    details: (rule) => details(rule),
    empty: () => [
      line("  ", span("Nothing is watched.", "strong")),
      line("  ", span("Write alerts in the config: docs/alerts.md", "dim")),
    ],
  },
  copy: (_, rule) => rule?.name ?? "",
  actions: [
    {
      key: "t",
      label: "send a test",
      changes: true,
      async run({ data, dialogs, source }) {
        const names = data.channels.map(({ name }) => name);
        if (names.length === 0) return dialogs.notice("There is no channel to test", "bad");
        const channel = names.length === 1 ? names[0] : await dialogs.choose("Send a test to which channel?", names);
        if (channel === undefined || !(await dialogs.confirm(`Send a test message to ${channel}?`))) return;
        const answer = await source.send<AlertTestAnswer>(
          "POST",
          `/api/alerts/channels/${encodeURIComponent(channel)}/test`,
          {},
        );
        if (answer.ok) dialogs.notice(`${channel} took it in ${duration(answer.latency_ms)}`, "good");
        else dialogs.notice(`${channel}: ${answer.error ?? answer.status ?? "no answer"}`, "bad");
      },
    },
  ],
});

function state({ firing, error }: AlertRuleView): ReturnType<typeof span> {
  if (error !== null) return ["✗ broken", "bad"];
  return firing.length === 0 ? ["● quiet", "good"] : [`▲ ${firing.length} firing`, "bad"];
}

function channelLine({ name, kind, to, sent, failed, dropped, last_error: error }: AlertChannelView): Line {
  const style: Style = error === null ? "good" : "bad";
  return [
    span(` ${error === null ? "●" : "✗"} ${name}`, style),
    span(`  ${kind} ${to}  ${sent} sent`, "dim"),
    span(failed + dropped === 0 ? "" : `  ${failed} failed, ${dropped} dropped`, "warn"),
    span(error === null ? "" : `  ${error}`, "bad"),
  ];
}

function details(rule: AlertRuleView): readonly Line[] {
  const firing = rule.firing
    .slice(0, 4)
    .map((each): readonly [string, Line] => [
      each.name ?? each.subject,
      [span(each.summary, severities[rule.severity])],
    ]);
  return properties([
    ["when", [span(rule.when), span(`   at most once in ${duration(rule.cooldown_ms)}`, "dim")]],
    ...(rule.error === null ? [] : [["broken", [span(rule.error, "bad")]] as const]),
    ...firing,
  ]);
}
