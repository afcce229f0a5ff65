/** The request log: a row a request, and why it went as it did. */

export type LogFlag = "estimated" | "unpriced" | "recovered" | "unheld" | "truncated" | "fallback";

export type LogRow = {
  readonly id: string;
  readonly at: number;
  /** Public id and name of the key; null without one. The name is null when the key's row is gone. */
  readonly key: string | null;
  readonly key_name: string | null;
  readonly route: string | null;
  readonly dialect: string | null;
  readonly provider: string | null;
  /** As asked. */
  readonly model: string | null;
  /** `provider/model` that answered. */
  readonly target: string | null;
  readonly credential: string | null;
  readonly stream: boolean;
  readonly status: number;
  readonly error: string | null;
  readonly latency_ms: number | null;
  readonly ttft_ms: number | null;
  readonly upstream_ms: number | null;
  readonly tokens_in: number | null;
  readonly tokens_out: number | null;
  readonly tokens_cache_read: number | null;
  readonly tokens_cache_write: number | null;
  readonly tokens_reasoning: number | null;
  /** null: unpriced. */
  readonly cost_nano: number | null;
  readonly flags: readonly LogFlag[];
  readonly bytes_in: number | null;
  readonly bytes_out: number | null;
};

export type LogQuery = {
  /** 1–1000, default 50. */
  readonly limit?: number | undefined;
  /** Going back: `older` of the page before. */
  readonly before?: string | undefined;
  /** Going on: `tail` of an earlier answer. Rows then come oldest first, in the order they were written. */
  readonly after?: string | undefined;
  /** Public id or name. */
  readonly key?: string | undefined;
  /** As asked, or the target. */
  readonly model?: string | undefined;
  readonly provider?: string | undefined;
  /** `200`, or a class: `4xx`. */
  readonly status?: string | undefined;
  /** An error code, or `any`. */
  readonly error?: string | undefined;
  readonly since_ms?: number | undefined;
  readonly until_ms?: number | undefined;
};

export type LogsAnswer = {
  /** Newest first, unless `after` was given. */
  readonly rows: readonly LogRow[];
  /** The next page back; null at the end. Keyset, so that page 1,000 costs what page 1 does. */
  readonly older: string | null;
  /** Where a tail goes on: by order of writing, since a long stream is written after shorter ones that began later. */
  readonly tail: string;
};

/** One hop of a request: what was tried, or refused before it was tried, and why. */
export type AttemptView = {
  readonly target: string;
  readonly credential: string | null;
  readonly outcome: string;
  readonly reason: string | null;
  readonly status: number | null;
  readonly latency_ms: number | null;
  readonly cost_nano: number | null;
};

export type ExplainAnswer = { readonly request: LogRow; readonly attempts: readonly AttemptView[] };
