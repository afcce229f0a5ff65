/** Metrics, traces and alerts. */
import { z } from "zod";
import { defaults } from "../settings.ts";
import { duration, flag, listMax, section, setting, text, whole } from "./setting.ts";

const tag = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/, "expected a name of a-z, 0-9 and _, as in x-bf-dim-<name>");

const push = z.strictObject({
  url: text.meta({ description: "The gateway's address, such as `http://127.0.0.1:9091`." }),
  job: setting(text, "What the numbers are grouped by there.", defaults.metrics.push.job),
  instance: setting(text, "Tells several daemons of one job apart.", defaults.metrics.push.instance),
  interval: setting(duration, "How often it is told.", defaults.metrics.push.interval),
  user: setting(text, "User name, where it wants one."),
  password: setting(text, "Password, `env.NAME` or `file.PATH`."),
});

export const metrics = z.strictObject({
  enabled: setting(flag, "Count requests for `GET /metrics` of the admin API.", defaults.metrics.enabled),
  series_max: setting(
    whole.min(10, "must be at least 10").max(100_000, "must not be more than 100000"),
    "Sets of label values that are told apart; requests beyond count under `_OTHER`.",
    defaults.metrics.series_max,
  ),
  tags: setting(
    z.array(tag, "expected a list of tag names").max(10),
    "Tags (`x-bf-dim-<name>` headers) that become labels `tag_<name>` of counters.",
  ),
  litellm_names: setting(
    flag,
    "Also tell the numbers under the names that LiteLLM has for them.",
    defaults.metrics.litellm_names,
  ),
  push: section(push, "A Prometheus push gateway that is told the numbers, where nothing can scrape the daemon."),
});

export const tracing = z.strictObject({
  endpoint: setting(
    text,
    "Where spans go: an OTLP receiver such as `http://127.0.0.1:4318/v1/traces`, or `http://127.0.0.1:4317` with gRPC. Absent: nothing is traced.",
  ),
  protocol: setting(z.enum(["http", "grpc"]), "OTLP over HTTP (protobuf) or over gRPC.", defaults.tracing.protocol),
  headers: section(
    z.record(z.string(), text, "expected header names and values"),
    "Headers or gRPC metadata of each export. A value may be `env.NAME` or `file.PATH`.",
  ),
  sample: setting(
    z.number("expected a number").min(0, "must not be less than 0").max(1, "must not be more than 1"),
    "Share of the requests that are traced when the client says nothing; what a `traceparent` says goes before.",
    defaults.tracing.sample,
  ),
  conventions: setting(
    z.enum(["genai", "openinference", "both"]),
    "Names of attributes: OpenTelemetry's for generative AI (1.37.0), OpenInference's, or both.",
    defaults.tracing.conventions,
  ),
  service_name: setting(text, "What the spans say they are of.", defaults.tracing.service_name),
  queue_max: setting(
    whole.min(64, "must be at least 64").max(100_000, "must not be more than 100000"),
    "Spans that wait for the receiver; beyond it they are dropped and counted.",
    defaults.tracing.queue_max,
  ),
  timeout: setting(duration, "Longest wait for the receiver to take an export.", defaults.tracing.timeout),
});

const channel = z.strictObject({
  type: z.enum(["slack", "teams", "pagerduty", "email", "webhook"]).meta({
    description: "Slack's or Teams' incoming webhook, PagerDuty's events, e-mail, or a webhook of your own.",
  }),
  url: setting(
    text,
    "Slack, Teams, webhook: where to post, `env.NAME` or `file.PATH` since the address is a secret. PagerDuty: default its events API.",
  ),
  routing_key: setting(text, "PagerDuty: the integration's key, `env.NAME` or `file.PATH`."),
  secret: setting(
    text,
    "Webhook: signs each message by Standard Webhooks; `whsec_` and base64, `env.NAME` or `file.PATH`.",
  ),
  allow_private: setting(
    flag,
    "Let the address lie inside the network. Without it private, loopback and link-local addresses are refused.",
    defaults.alerts.allow_private,
  ),
  host: setting(text, "E-mail: the SMTP server."),
  port: setting(
    whole.min(1, "must be at least 1").max(65_535, "must not be more than 65535"),
    "E-mail: its port. Default: 587, or 465 with `tls: always`.",
  ),
  tls: setting(
    z.enum(["starttls", "always", "none"]),
    "E-mail: encryption after the greeting, from the first byte, or none.",
    defaults.alerts.tls,
  ),
  user: setting(text, "E-mail: user name."),
  password: setting(text, "E-mail: password, `env.NAME` or `file.PATH`."),
  from: setting(text, "E-mail: sender."),
  to: setting(z.array(text, "expected a list of addresses").min(1, "must not be empty").max(50), "E-mail: recipients."),
});

const rule = z.strictObject({
  name: text.meta({ description: "What messages call the alert." }),
  on: z.enum(["traffic", "budget", "credential", "daemon"]).meta({
    description:
      "What is judged: sums of requests, each budget, each provider credential, or the daemon itself; the page on alerts has the names of each.",
  }),
  by: setting(
    z.enum(["all", "key", "team", "customer", "user", "model", "provider", "target", "route"]),
    "Traffic: judged for each value of this, or for all together.",
    defaults.alerts.by,
  ),
  window: setting(duration, "Traffic and credential: how far back sums go.", defaults.alerts.window),
  when: text.meta({ description: "Condition in CEL, such as `requests >= 20 && error_rate > 0.1`." }),
  severity: setting(z.enum(["info", "warning", "critical"]), "How bad it is.", defaults.alerts.severity),
  channels: z
    .array(text, "expected a list of channel names")
    .min(1, "must not be empty")
    .max(20)
    .meta({ description: "Where it is told." }),
  cooldown: setting(duration, "While it holds, it is told again after this time.", defaults.alerts.cooldown),
  resolved: setting(flag, "Also tell when it no longer holds.", defaults.alerts.resolved),
});

export const alerts = z.strictObject({
  interval: setting(duration, "How often rules are judged.", defaults.alerts.interval),
  channels: section(
    z.record(z.string(), channel, "expected channels by name"),
    "Where alerts go, by the name that rules use.",
  ),
  rules: setting(z.array(rule, "expected a list of rules").max(listMax / 100), "What is watched."),
});
