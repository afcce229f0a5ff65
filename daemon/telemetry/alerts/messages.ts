/** A notice in the form that each kind of channel takes. Pure: addresses and secrets are added where it is sent. */
import { createHash, createHmac } from "node:crypto";
import type { Notice } from "./engine.ts";

const colours = { info: "#3572b0", warning: "#d9a21b", critical: "#c9372c", resolved: "#2e7d32" } as const;
const words = { firing: "", resolved: "Resolved: ", test: "Test: " } as const;

export function titleOf({ kind, severity, summary }: Notice): string {
  return `${words[kind]}${kind === "firing" ? `[${severity}] ` : ""}${summary}`;
}

export function slackBody(notice: Notice): object {
  const color = notice.kind === "resolved" ? colours.resolved : colours[notice.severity];
  const fields = factsOf(notice).map(([title, value]) => ({ title, value: slackText(value), short: true }));
  return { text: slackText(titleOf(notice)), attachments: [{ color, fields, ts: Math.floor(notice.atMs / 1_000) }] };
}

/** `<`, `>` and `&` are Slack's own: what a caller named must not become a link or a mention. */
function slackText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** A message of a Teams workflow: one adaptive card. */
export function teamsBody(notice: Notice): object {
  const facts = factsOf(notice).map(([title, value]) => ({ title, value }));
  const color = notice.kind === "resolved" ? "Good" : notice.severity === "critical" ? "Attention" : "Warning";
  return {
    type: "message",
    attachments: [
      {
        contentType: "application/vnd.microsoft.card.adaptive",
        content: {
          ...{ $schema: "http://adaptivecards.io/schemas/adaptive-card.json", type: "AdaptiveCard", version: "1.4" },
          body: [
            { type: "TextBlock", text: titleOf(notice), wrap: true, weight: "Bolder", color },
            { type: "FactSet", facts },
          ],
        },
      },
    ],
  };
}

/** Events API v2. The same key opens and closes an incident. */
export function pagerDutyBody(notice: Notice, routingKey: string, source: string): object {
  const common = { routing_key: routingKey, dedup_key: incidentKey(`bifrost/${notice.rule}/${notice.subject}`) };
  if (notice.kind === "resolved") return { ...common, event_action: "resolve" };
  return {
    ...common,
    event_action: "trigger",
    payload: {
      ...{ summary: titleOf(notice).slice(0, 1_024), source, severity: notice.severity },
      ...{ timestamp: new Date(notice.atMs).toISOString(), component: "bifrost", class: notice.rule },
      custom_details: Object.fromEntries(factsOf(notice)),
    },
  };
}

/** A longer one is refused. */
const incidentKeyMax = 255;

function incidentKey(text: string): string {
  if (text.length <= incidentKeyMax) return text;
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 32);
  return `${text.slice(0, incidentKeyMax - hash.length - 1)}/${hash}`;
}

export function webhookBody(notice: Notice): object {
  const { kind, rule, severity, subject, name, summary, sinceMs, atMs, facts } = notice;
  return {
    type: `alert.${kind}`,
    timestamp: new Date(atMs).toISOString(),
    data: { rule, severity, subject, name, summary, since: new Date(sinceMs).toISOString(), values: facts },
  };
}

export function mailText(notice: Notice): string {
  const lines = factsOf(notice).map(([name, value]) => `${name}: ${value}`);
  return [titleOf(notice), "", ...lines, ""].join("\n");
}

/** Standard Webhooks: id, time and signature over both and the body. */
export function signedHeaders(id: string, seconds: number, body: string, secret: string): Record<string, string> {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${seconds}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": String(seconds), "webhook-signature": `v1,${signature}` };
}

function factsOf({ rule, severity, subject, name, sinceMs, facts }: Notice): readonly (readonly [string, string])[] {
  const numbers = Object.entries(facts).filter(([fact]) => fact !== "subject");
  return [
    ["rule", rule],
    ["severity", severity],
    ["subject", name ?? subject],
    ["since", new Date(sinceMs).toISOString()],
    ...numbers.map(([fact, value]): [string, string] => [fact, String(value)]),
  ];
}
