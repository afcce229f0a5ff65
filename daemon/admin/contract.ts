/**
 * Every admin request and answer. Types only: `cli/` imports this file as types and nothing else of the daemon; the
 * schemas that check requests stand in the resource files, held equal by the compiler.
 *
 * On the wire names are snake_case, as in the config, the log's columns and the inference API. Money is nano-dollars,
 * times are milliseconds since the epoch, durations milliseconds; all integers below 2^53. `null` in an answer means
 * "none" or "not known", never zero; in an update it clears, and an absent field leaves things as they are.
 */

// ── Keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export type WireWindow =
  | { readonly kind: "rolling"; readonly length_ms: number }
  | {
      readonly kind: "calendar";
      readonly unit: "minute" | "hour" | "day" | "week" | "month" | "quarter" | "year";
      readonly count: number;
      /** IANA name: `Europe/Berlin`. */
      readonly zone: string;
    }
  | { readonly kind: "forever" };

export type BudgetRequest = { readonly limit_nano: number; readonly window: WireWindow };
export type LimitMetric = "requests" | "tokens";
export type LimitRequest = { readonly metric: LimitMetric; readonly limit: number; readonly window_ms: number };
/** `limit: null` takes the limit with this metric and window away. */
export type LimitChange = { readonly metric: LimitMetric; readonly limit: number | null; readonly window_ms: number };

export type CreateKeyRequest = {
  readonly name: string;
  /** Exact `provider/model`, bare names, or one trailing `*`. Absent: all; `[]`: none. */
  readonly models?: readonly string[] | undefined;
  /** One of the two, or neither: the key never expires. */
  readonly expires_in_ms?: number | undefined;
  readonly expires_at_ms?: number | undefined;
  readonly budgets?: readonly BudgetRequest[] | undefined;
  readonly limits?: readonly LimitRequest[] | undefined;
  readonly concurrency_max?: number | undefined;
};

export type UpdateKeyRequest = {
  readonly name?: string | undefined;
  readonly models?: readonly string[] | undefined;
  readonly expires_in_ms?: number | undefined;
  readonly expires_at_ms?: number | null | undefined;
  readonly disabled?: boolean | undefined;
  /** Replaces the list. A budget whose window stays the same keeps what was spent in it. */
  readonly budgets?: readonly BudgetRequest[] | undefined;
  /** Merged into the list by metric and window. */
  readonly limits?: readonly LimitChange[] | undefined;
  readonly concurrency_max?: number | null | undefined;
};

/** Until `grace_ms` has passed the old secret works too; 0 (the default): it stops at once. */
export type RotateKeyRequest = { readonly grace_ms?: number | undefined };

export type KeyState = "active" | "disabled" | "expired" | "revoked";

export type BudgetView = {
  readonly slot: number;
  readonly limit_nano: number;
  readonly window: WireWindow;
  readonly spent_nano: number | null;
  readonly held_nano: number | null;
  readonly resets_at_ms: number | null;
};

export type LimitView = {
  readonly slot: number;
  readonly metric: LimitMetric;
  readonly limit: number;
  readonly window_ms: number;
};

export type KeyView = {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly state: KeyState;
  readonly created_at_ms: number;
  readonly expires_at_ms: number | null;
  readonly revoked_at_ms: number | null;
  readonly models: readonly string[];
  readonly budgets: readonly BudgetView[];
  readonly limits: readonly LimitView[];
  readonly concurrency_max: number | null;
  /** While a rotation's grace runs: when the old secret stops. */
  readonly old_secret_expires_at_ms: number | null;
};

/** The only answer that ever holds a secret. */
export type KeySecretAnswer = { readonly key: KeyView; readonly secret: string };
export type KeyAnswer = { readonly key: KeyView };
export type KeyListQuery = {
  /** 1–1000, default 100. */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly after?: string | undefined;
  /** Revoked keys too. */
  readonly all?: boolean | undefined;
};
export type KeyListAnswer = { readonly keys: readonly KeyView[]; readonly next: string | null };

// ── Daemon ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export type ProviderView = {
  readonly name: string;
  readonly host: string;
  readonly dialect: string;
  readonly base_url: string;
  /** Names of the credentials, never the secrets. */
  readonly credentials: readonly string[];
  readonly models: readonly string[];
  readonly any_model: boolean;
  readonly free: boolean;
  readonly proxy: string | null;
};
export type ProvidersAnswer = { readonly providers: readonly ProviderView[] };

export type WorkerView = {
  readonly id: number;
  readonly requests_in_flight: number;
  readonly requests_total: number;
};

export type StatusAnswer = {
  readonly version: string;
  readonly pid: number;
  readonly state: "starting" | "serving" | "draining";
  /** Where the inference API listens. */
  readonly url: string;
  readonly home: string;
  readonly started_at_ms: number;
  readonly config: {
    /** The file, or null: none was found and the environment decides. */
    readonly path: string | null;
    readonly generation: number;
    readonly hash: string;
    readonly loaded_at_ms: number;
    /** Why the file now on disk is not the one that runs. */
    readonly error: string | null;
  };
  readonly workers: readonly WorkerView[];
  readonly providers: readonly string[];
  readonly keys: number;
  readonly memory_rss_bytes: number | null;
  readonly ledger: { readonly commit_lag_ms: number | null; readonly holds_open: number | null };
  readonly warnings: readonly string[];
};

export type ReloadAnswer = {
  readonly generation: number;
  readonly hash: string;
  readonly changed: boolean;
  readonly warnings: readonly string[];
};

/** How long running requests may take to end; absent: `server.drain`. */
export type StopRequest = { readonly drain_ms?: number | undefined };
export type StopAnswer = { readonly pid: number; readonly requests_in_flight: number; readonly deadline_at_ms: number };

// ── Request log ─────────────────────────────────────────────────────────────────────────────────────────────────────

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

// ── Audit and ledger ────────────────────────────────────────────────────────────────────────────────────────────────

export type AuditVerifyAnswer = {
  readonly ok: boolean;
  readonly records: number;
  readonly first_at_ms: number | null;
  readonly last_at_ms: number | null;
  /** Hash of the last record, hex: note it elsewhere, and a later rewrite of everything shows. */
  readonly head: string | null;
  /** The first bad record. */
  readonly problem: { readonly record: number; readonly message: string } | null;
};

export type AuditExportQuery = { readonly since_ms?: number | undefined; readonly until_ms?: number | undefined };

export type LedgerProblem = {
  readonly scope: string;
  readonly budget: number | null;
  readonly window_start_ms: number | null;
  readonly balance_nano: number | null;
  readonly rows_nano: number | null;
  readonly message: string;
};

export type LedgerCheckAnswer = {
  readonly ok: boolean;
  readonly scopes: number;
  readonly settlements: number;
  readonly holds_open: number;
  /** Σ(actual − held) over settlements that cost more than was held: what a cap can have been passed by. */
  readonly overrun_nano: number;
  readonly problems: readonly LedgerProblem[];
};

// ── Config ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export type ConfigProblem = {
  readonly line: number | null;
  readonly column: number | null;
  /** `providers.openai.base_url` */
  readonly field: string | null;
  readonly message: string;
};

/** `text` when given, else the file at `path`, else the file the daemon would load. */
export type ConfigValidateRequest = { readonly text?: string | undefined; readonly path?: string | undefined };
export type ConfigValidateAnswer = {
  readonly ok: boolean;
  readonly path: string | null;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly string[];
};

/** Absent `from`: what runs; absent `to`: the file on disk. Numbers are generations of the history. */
export type ConfigDiffQuery = { readonly from?: number | undefined; readonly to?: number | undefined };
export type ConfigDiffAnswer = {
  readonly from: string;
  readonly to: string;
  readonly same: boolean;
  /** Unified diff text, "" when the same. */
  readonly diff: string;
};

export type ConfigVersion = {
  readonly generation: number;
  readonly hash: string;
  readonly at_ms: number;
  /** `reload`, `boot`, `rollback to 3`. */
  readonly origin: string;
  readonly active: boolean;
};
export type ConfigHistoryAnswer = { readonly versions: readonly ConfigVersion[] };
export type ConfigRollbackRequest = { readonly generation: number };

// ── Models ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export type ModelView = {
  /** `provider/model` */
  readonly id: string;
  readonly provider: string;
  readonly free: boolean;
  /** Nano-dollars per million tokens; null: unpriced, which is not free. */
  readonly input_nano_per_million: number | null;
  readonly output_nano_per_million: number | null;
  readonly context_tokens: number | null;
};
export type ModelsQuery = { readonly provider?: string | undefined };
export type ModelsAnswer = {
  readonly models: readonly ModelView[];
  /** Alias → target. */
  readonly aliases: Readonly<Record<string, string>>;
};

// ── Errors ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export type ErrorAnswer = {
  readonly error: {
    readonly code: string;
    readonly message: string;
    /** The field at fault: `budgets[0].limit_nano`. */
    readonly param?: string;
    /** For a fault of ours: the id that the daemon's log has too. */
    readonly id?: string;
  };
};

// ── Calling it ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** A request as a value, so that the same handler answers the socket and a command line without a daemon. */
export type AdminRequest = {
  readonly method: string;
  /** With its query: `/api/logs?limit=5`. */
  readonly path: string;
  /** Parsed JSON; absent: no body. */
  readonly body?: unknown;
};

export type AdminResponse =
  | { readonly status: number; readonly body: unknown }
  /** One JSON text a line, sent as it comes. */
  | { readonly status: number; readonly lines: AsyncIterable<string> };

/** What `daemon/main.ts` gives the command line. */
export type OfflineAdmin = { handle(request: AdminRequest): Promise<AdminResponse>; close(): Promise<void> };

export type ServeOptions = {
  readonly home?: string | undefined;
  readonly config?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
};

/** A daemon that serves in this process. */
export type Served = {
  readonly url: string;
  readonly home: string;
  readonly pid: number;
  readonly configPath?: string | undefined;
  readonly providers: readonly string[];
  readonly warnings: readonly string[];
  /** The key made for a fresh home. Shown once. */
  readonly firstKey?: { readonly secret: string; readonly name: string } | undefined;
  /** Resolves with the exit code when the daemon has drained and closed. */
  readonly ended: Promise<number>;
};

/**
 * What `serveForeground` and `openOffline` throw with a `code` that the command line tells apart from the rest;
 * `GatewayError`s pass too. `pid` where it is known.
 */
export type StartFailureCode = "already_running" | "address_in_use" | "config_invalid";

/** The exports of `daemon/main.ts` that the command line uses. */
export type DaemonModule = {
  serveForeground(options: ServeOptions): Promise<Served>;
  openOffline(home: string): Promise<OfflineAdmin>;
};

/** Written to `<home>/admin.json` by a daemon that listens, so that only the daemon knows where its socket may lie. */
export type AdminAddress = { readonly pid: number; readonly version: string; readonly socket: string };
