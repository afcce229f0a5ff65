/** What `record`, `metrics`, `tracing` and `alerts` of a config become. Durations are milliseconds, secrets resolved. */
import type { RollupRetention } from "../store/rollup-writer.ts";

export type ContentLevelName = "off" | "metadata" | "full";

export type OffloadData =
  | { readonly to: "files"; readonly path: string }
  | {
      readonly to: "s3";
      readonly endpoint: string;
      readonly region: string;
      readonly bucket: string;
      readonly prefix: string;
      /** The bucket stands in the path instead of in the host. */
      readonly pathStyle: boolean;
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken?: string | undefined;
    };

export type RecordData = {
  readonly requests: boolean;
  readonly retentionMs: number;
  /** Responses that callers ask to keep are kept, where the provider does not. */
  readonly responses: boolean;
  readonly audit: boolean;
  readonly auditOnFailure: "block" | "count";
  readonly rollups: RollupRetention;
  /** What is kept of what was said, where neither key nor request says otherwise. */
  readonly content: ContentLevelName;
  /** What `x-bifrost-content` of a request may do: ask for less, for anything, nothing. */
  readonly contentRequest: "less" | "any" | "none";
  readonly contentBytesMax: number;
  readonly contentRetentionMs: number;
  /** Built-in kinds of personal data and secrets that are masked. */
  readonly redact: readonly RedactKind[];
  /** Regular expressions in RE2's syntax; what they match is masked. */
  readonly redactPatterns: readonly string[];
  readonly offload?: OffloadData | undefined;
};
export const redactKinds = ["secrets", "emails", "cards", "phones", "ibans"] as const;
export type RedactKind = (typeof redactKinds)[number];

export type MetricsData = {
  readonly enabled: boolean;
  readonly seriesMax: number;
  readonly tags: readonly string[];
  readonly litellmNames: boolean;
  /** Absent: nothing is pushed. */
  readonly push?: MetricsPushData | undefined;
};

/** A Prometheus push gateway. */
export type MetricsPushData = {
  readonly url: string;
  readonly job: string;
  readonly instance: string;
  readonly intervalMs: number;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
};

export type TracingData = {
  /** Undefined: nothing is traced. */
  readonly endpoint: string | undefined;
  readonly protocol: "http" | "grpc";
  readonly headers: Readonly<Record<string, string>>;
  readonly sample: number;
  readonly conventions: "genai" | "openinference" | "both";
  readonly serviceName: string;
  readonly queueMax: number;
  readonly timeoutMs: number;
};

export type AlertChannelData = { readonly name: string } & (
  | {
      readonly type: "slack" | "teams" | "webhook";
      readonly url: string;
      readonly secret?: string | undefined;
      readonly allowPrivate: boolean;
    }
  | { readonly type: "pagerduty"; readonly url: string; readonly routingKey: string; readonly allowPrivate: boolean }
  | {
      readonly type: "email";
      readonly host: string;
      readonly port: number;
      readonly tls: "starttls" | "always" | "none";
      readonly user?: string | undefined;
      readonly password?: string | undefined;
      readonly from: string;
      readonly to: readonly string[];
      readonly allowPrivate: boolean;
    }
);

export type AlertRuleData = {
  readonly name: string;
  readonly on: "traffic" | "budget" | "credential" | "daemon";
  readonly by: "all" | "key" | "team" | "customer" | "user" | "model" | "provider" | "target" | "route";
  readonly windowMs: number;
  readonly when: string;
  readonly severity: "info" | "warning" | "critical";
  readonly channels: readonly string[];
  readonly cooldownMs: number;
  readonly resolved: boolean;
};

export type AlertsData = {
  readonly intervalMs: number;
  readonly channels: readonly AlertChannelData[];
  readonly rules: readonly AlertRuleData[];
};
