/** Alert rules of the canned daemon: one fires for two keys, one is quiet, one cannot be judged. */
import type { AlertRuleView, AlertsAnswer } from "../../../daemon/admin/contract/alerts.ts";
import { cannedNow } from "./canned-requests.ts";

function rule(name: string, fields: Partial<AlertRuleView>): AlertRuleView {
  return {
    name,
    on: "traffic",
    when: "errors > 0.05",
    severity: "warning",
    channels: ["ops"],
    cooldown_ms: 900_000,
    firing: [],
    evaluated_at_ms: cannedNow - 5_000,
    error: null,
    ...fields,
  };
}

export const cannedAlerts: AlertsAnswer = {
  rules: [
    rule("error rate", {}),
    rule("budget nearly gone", {
      on: "budget",
      when: "spent > 0.9 * limit",
      severity: "critical",
      channels: ["ops", "mail"],
      firing: ["support-bot", "batch-night"].map((name, index) => ({
        subject: `key_00000${index + 2}`,
        name,
        since_ms: cannedNow - 4_200_000,
        last_sent_at_ms: cannedNow - 600_000,
        summary: `${name} has spent ${index === 0 ? "95.5" : "100"}% of $${index === 0 ? 20 : 5}.00 a day`,
      })),
    }),
    rule("slow answers", { when: "latency_p99 > 10s", error: "1:18: expected an operator", channels: [] }),
  ],
  channels: [
    {
      name: "ops",
      kind: "slack",
      to: "hooks.slack.com",
      sent: 12,
      failed: 0,
      dropped: 0,
      last_error: null,
      last_sent_at_ms: cannedNow - 600_000,
    },
    {
      name: "mail",
      kind: "email",
      to: "ops@example.com",
      sent: 3,
      failed: 2,
      dropped: 1,
      last_error: "550 mailbox is full",
      last_sent_at_ms: cannedNow - 900_000,
    },
  ],
};
