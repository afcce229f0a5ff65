/** Alerts: each rule can be judged, each channel takes what it is sent, and somebody is told. */
import type { AlertsAnswer } from "../../daemon/admin/contract/alerts.ts";
import { type Check, type Finding, good, note, warning } from "./check.ts";

export const alerts: Check = {
  name: "alerts",
  about: "rules can be judged, channels take their messages",
  async run({ client, status }) {
    if (client === undefined || status === undefined) return [note("not looked at: no daemon runs")];
    const { rules, channels } = await client.call<AlertsAnswer>("GET", "/api/alerts");
    if (rules.length === 0) return [note("nothing is watched", "docs/alerts.md begins with a budget and a channel.")];
    const findings: Finding[] = [];
    for (const { name, error } of rules)
      if (error !== null)
        findings.push(warning(`rule "${name}" cannot be judged: ${error}`, "Mend its condition: docs/alerts.md"));
    for (const { name, last_error: error } of channels)
      if (error !== null)
        findings.push(
          warning(`channel "${name}" does not take messages: ${error}`, `Try it: bifrost alerts test ${name}`),
        );
    const silent = rules.filter((rule) => rule.channels.length === 0);
    if (silent.length > 0)
      findings.push(
        note(`${silent.map(({ name }) => name).join(", ")} would tell nobody`, "Name a channel in the rule."),
      );
    const firing = rules.filter((rule) => rule.firing.length > 0).length;
    return findings.length > 0
      ? findings
      : [good(`${rules.length} rules, ${firing} firing; ${channels.length} channels`)];
  },
};
