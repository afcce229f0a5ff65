/** Alerts: rules of the config, what they see now, what was sent. Nothing that was said to or by a model is ever in one. */

export type AlertChannelKind = "slack" | "teams" | "pagerduty" | "email" | "webhook";
export type AlertSubject = "traffic" | "budget" | "credential" | "daemon";

export type AlertChannelView = {
  readonly name: string;
  readonly kind: AlertChannelKind;
  /** Host or address, never the secret part. */
  readonly to: string;
  readonly sent: number;
  readonly failed: number;
  readonly dropped: number;
  readonly last_error: string | null;
  readonly last_sent_at_ms: number | null;
};

export type AlertRuleView = {
  readonly name: string;
  readonly on: AlertSubject;
  /** The condition, as written. */
  readonly when: string;
  readonly severity: "info" | "warning" | "critical";
  readonly channels: readonly string[];
  readonly cooldown_ms: number;
  /** What holds now: a key, a provider, or `all`. */
  readonly firing: readonly AlertFiring[];
  readonly evaluated_at_ms: number | null;
  /** Why the condition could not be judged. */
  readonly error: string | null;
};
export type AlertFiring = {
  readonly subject: string;
  readonly name: string | null;
  readonly since_ms: number;
  readonly last_sent_at_ms: number | null;
  readonly summary: string;
};
export type AlertsAnswer = { readonly rules: readonly AlertRuleView[]; readonly channels: readonly AlertChannelView[] };

/** `POST /api/alerts/channels/{channel}/test` sends a message that says it is a test. */
export type AlertTestAnswer = {
  readonly ok: boolean;
  readonly status: number | null;
  readonly error: string | null;
  readonly latency_ms: number;
};
