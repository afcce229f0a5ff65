/** `record`, `metrics`, `tracing` and `alerts` of a file → what the daemon uses. Hides which setting belongs to which kind. */
import { Buffer } from "node:buffer";
import type { Build } from "./build.ts";
import { filled } from "./filled.ts";
import type { Path } from "./problems.ts";
import type { ConfigFile } from "./schema.ts";
import { expandPath } from "./secrets.ts";
import { defaults } from "./settings.ts";
import type {
  AlertChannelData,
  AlertRuleData,
  AlertsData,
  MetricsData,
  MetricsPushData,
  OffloadData,
  RecordData,
  TracingData,
} from "./telemetry-data.ts";

/** What the build lends: units with their faults reported. */
export type Units = {
  duration(text: string, path: Path, most?: number): number;
  size(text: string, path: Path, limits?: { readonly least?: number; readonly most?: number }): number;
};

const retentionMsMax = 100 * 365 * 86_400_000;
const contentBytesMax = 16 * 1024 * 1024;
const pagerDuty = "https://events.pagerduty.com/v2/enqueue";

export function readRecord(file: ConfigFile, build: Build, units: Units): RecordData {
  const record = filled(defaults.record, file.record);
  const rollups = filled(defaults.record.rollups, file.record?.rollups);
  const duration = (text: string, ...path: string[]): number =>
    units.duration(text, ["record", ...path], retentionMsMax);
  const retentionMs = duration(record.retention, "retention");
  const contentRetention = file.record?.content_retention;
  return {
    requests: record.requests,
    retentionMs,
    audit: record.audit,
    responses: record.responses,
    auditOnFailure: record.audit_on_failure,
    rollups: {
      minute: duration(rollups.minutes, "rollups", "minutes"),
      hour: duration(rollups.hours, "rollups", "hours"),
      day: duration(rollups.days, "rollups", "days"),
    },
    content: record.content,
    contentRequest: record.content_request,
    contentBytesMax: units.size(record.content_max, ["record", "content_max"], { least: 256, most: contentBytesMax }),
    contentRetentionMs: contentRetention === undefined ? retentionMs : duration(contentRetention, "content_retention"),
    redact: file.record?.redact ?? defaults.record.redact,
    redactPatterns: file.record?.redact_patterns ?? [],
    offload: readOffload(file, build),
  };
}

function readOffload(file: ConfigFile, build: Build): OffloadData | undefined {
  const offload = file.record?.offload;
  if (offload === undefined || offload === null) return undefined;
  const at = (key: string): Path => ["record", "offload", key];
  const need = <Key extends keyof typeof offload>(key: Key): NonNullable<(typeof offload)[Key]> | undefined => {
    const value = offload[key];
    if (value === undefined) {
      build.report({ path: ["record", "offload"], message: `to: ${offload.to} needs ${key}`, atKey: true });
      return undefined;
    }
    return value as NonNullable<(typeof offload)[Key]>;
  };
  if (offload.to === "files") {
    const path = need("path");
    return path === undefined ? undefined : { to: "files", path: expandPath(path, build) };
  }
  const [bucket, id, secret] = [need("bucket"), need("access_key_id"), need("secret_access_key")];
  const region = offload.region ?? defaults.record.offload.region;
  const endpoint = offload.endpoint ?? `https://s3.${region}.amazonaws.com`;
  checkUrl(endpoint, at("endpoint"), build);
  if (bucket === undefined || id === undefined || secret === undefined) return undefined;
  const token = offload.session_token;
  return {
    ...{ to: "s3", endpoint: endpoint.replace(/\/+$/, ""), region, bucket },
    prefix: (offload.prefix ?? defaults.record.offload.prefix).replace(/^\/+|\/+$/g, ""),
    pathStyle: offload.path_style ?? offload.endpoint !== undefined,
    accessKeyId: build.secret(id, at("access_key_id"), "plain") ?? "",
    secretAccessKey: build.secret(secret, at("secret_access_key")) ?? "",
    sessionToken: token === undefined ? undefined : build.secret(token, at("session_token")),
  };
}

export function readMetrics(file: ConfigFile, build: Build, units: Units): MetricsData {
  const metrics = filled(defaults.metrics, file.metrics);
  return {
    enabled: metrics.enabled,
    seriesMax: metrics.series_max,
    tags: file.metrics?.tags ?? [],
    litellmNames: metrics.litellm_names,
    push: readPush(file, build, units),
  };
}

function readPush(file: ConfigFile, build: Build, units: Units): MetricsPushData | undefined {
  const push = file.metrics?.push;
  if (push === undefined || push === null) return undefined;
  const at = (key: string): Path => ["metrics", "push", key];
  const usual = defaults.metrics.push;
  checkUrl(push.url, at("url"), build);
  return {
    url: push.url,
    job: push.job ?? usual.job,
    instance: push.instance ?? usual.instance,
    intervalMs: units.duration(push.interval ?? usual.interval, at("interval")),
    user: push.user,
    password: push.password === undefined ? undefined : build.secret(push.password, at("password")),
  };
}

export function readTracing(file: ConfigFile, build: Build, units: Units): TracingData {
  const tracing = filled(defaults.tracing, file.tracing);
  const endpoint = file.tracing?.endpoint;
  if (endpoint !== undefined) checkUrl(endpoint, ["tracing", "endpoint"], build);
  const headers = Object.entries(file.tracing?.headers ?? {}).map(([name, value]) => {
    const path = ["tracing", "headers", name];
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) build.report({ path, message: "is no header name", atKey: true });
    return [name.toLowerCase(), build.secret(value, path, "plain") ?? ""] as const;
  });
  return {
    endpoint,
    protocol: tracing.protocol,
    headers: Object.fromEntries(headers),
    sample: tracing.sample,
    conventions: tracing.conventions,
    serviceName: tracing.service_name,
    queueMax: tracing.queue_max,
    timeoutMs: units.duration(tracing.timeout, ["tracing", "timeout"]),
  };
}

export function readAlerts(file: ConfigFile, build: Build, units: Units): AlertsData {
  const usual = defaults.alerts;
  const channels = Object.entries(file.alerts?.channels ?? {}).flatMap(([name, entry]) =>
    readChannel(name, entry, build),
  );
  const known = Object.keys(file.alerts?.channels ?? {});
  const names = new Set<string>();
  const rules = (file.alerts?.rules ?? []).map((entry, index): AlertRuleData => {
    const at = (...path: (string | number)[]): Path => ["alerts", "rules", index, ...path];
    if (names.has(entry.name)) build.report({ path: at("name"), message: `"${entry.name}" is there twice` });
    names.add(entry.name);
    for (const [place, channel] of entry.channels.entries()) {
      if (!known.includes(channel))
        build.report({ path: at("channels", place), message: `there is no channel "${channel}"` });
    }
    if (entry.by !== undefined && entry.by !== "all" && entry.on !== "traffic")
      build.report({ path: at("by"), message: "is for on: traffic only" });
    return {
      ...{ name: entry.name, on: entry.on, by: entry.by ?? usual.by, when: entry.when, channels: entry.channels },
      windowMs: units.duration(entry.window ?? usual.window, at("window"), 86_400_000),
      severity: entry.severity ?? usual.severity,
      cooldownMs: units.duration(entry.cooldown ?? usual.cooldown, at("cooldown")),
      resolved: entry.resolved ?? usual.resolved,
    };
  });
  const intervalMs = units.duration(file.alerts?.interval ?? usual.interval, ["alerts", "interval"]);
  return { intervalMs, channels, rules };
}

type ChannelEntry = NonNullable<NonNullable<NonNullable<ConfigFile["alerts"]>["channels"]>[string]>;

function readChannel(name: string, entry: ChannelEntry, build: Build): readonly AlertChannelData[] {
  const at = (key: string): Path => ["alerts", "channels", name, key];
  const missing = (key: string): readonly [] => {
    build.report({ path: ["alerts", "channels", name], message: `type: ${entry.type} needs ${key}`, atKey: true });
    return [];
  };
  const secret = (key: "url" | "routing_key" | "secret" | "password"): string | undefined =>
    entry[key] === undefined ? undefined : build.secret(entry[key], at(key), key === "url" ? "plain" : "secret");
  const allowPrivate = entry.allow_private ?? defaults.alerts.allow_private;
  switch (entry.type) {
    case "email": {
      const { host, from, to, tls = defaults.alerts.tls } = entry;
      if (host === undefined) return missing("host");
      if (from === undefined) return missing("from");
      if (to === undefined) return missing("to");
      const port = entry.port ?? (tls === "always" ? 465 : 587);
      return [
        {
          name,
          type: "email",
          host,
          port,
          tls,
          user: entry.user,
          password: secret("password"),
          from,
          to,
          allowPrivate,
        },
      ];
    }
    case "pagerduty": {
      if (entry.routing_key === undefined) return missing("routing_key");
      const url = secret("url") ?? pagerDuty;
      checkUrl(url, at("url"), build);
      return [{ name, type: "pagerduty", url, routingKey: secret("routing_key") ?? "", allowPrivate }];
    }
    default: {
      if (entry.url === undefined) return missing("url");
      const url = secret("url");
      if (url === undefined) return [];
      checkUrl(url, at("url"), build);
      const signing = secret("secret");
      if (signing !== undefined && !isSigningSecret(signing))
        build.report({ path: at("secret"), message: "is no signing secret: whsec_ and 24 to 64 bytes in base64" });
      return [{ name, type: entry.type, url, secret: signing, allowPrivate }];
    }
  }
}

function isSigningSecret(text: string): boolean {
  const encoded = text.startsWith("whsec_") ? text.slice(6) : text;
  const { length } = Buffer.from(encoded, "base64");
  return /^[A-Za-z0-9+/]+={0,2}$/.test(encoded) && length >= 24 && length <= 64;
}

function checkUrl(text: string, path: Path, build: Build): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    build.report({ path, message: "is no http:// or https:// URL" });
  else if (url.username !== "" || url.password !== "")
    build.report({ path, message: "must not hold a user name or password" });
}
