/** The request log: a row a request, why it went as it did, and, where it is kept, what was said. */
import type { DecisionView } from "./routing.ts";

export type LogFlag = "estimated" | "unpriced" | "recovered" | "unheld" | "truncated" | "fallback";
export type RoutingEngine = "rule" | "strategy";
/** How much of what was said is kept beside a row. */
export type ContentLevel = "off" | "metadata" | "full";

export type LogRow = {
  readonly id: string;
  readonly at: number;
  /** Public id and name of the key; null without one. The name is null when the key's row is gone. */
  readonly key: string | null;
  readonly key_name: string | null;
  /** Public ids of whom the key belongs to, and the end user as the client named them. */
  readonly team: string | null;
  readonly customer: string | null;
  readonly user: string | null;
  /** From `x-bifrost-session` or `x-bf-session-id`. */
  readonly session: string | null;
  /** From `x-bf-dim-<name>` headers. */
  readonly tags: Readonly<Record<string, string>>;
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
  /** W3C trace id; null where nothing is traced. */
  readonly trace: string | null;
  /** What is kept beside this row: `GET /api/logs/{id}` has it. */
  readonly content: ContentLevel;
  /** What was set aside for the worst case before it was settled, over all attempts; null: nothing was. */
  readonly held_nano: number | null;
  /** Why the answer ended: `stop`, `length`, `tool_calls`, `content_filter`, `refusal`, `pause` or `error`. */
  readonly stop: string | null;
  /** The provider's own word for that, and its id of the answer. */
  readonly native_stop: string | null;
  readonly upstream_id: string | null;
  /** Names of the tools that the answer calls. */
  readonly tools: readonly string[];
  /** What the answer said that the client's language has no place for. */
  readonly untold: readonly string[];
  /** What the request asked and its provider has no word for: left out, and named in `x-bifrost-dropped-params`. */
  readonly dropped_params: readonly string[];
  /** Names of the routing rules that decided; and what chose the target: a rule, or else a strategy; null: neither. */
  readonly rules: readonly string[];
  readonly engine: RoutingEngine | null;
  /** From `x-bifrost-parent-request-id` or `x-bf-parent-request-id`. */
  readonly parent: string | null;
  /** What a batch or a film came to, where `cost_nano` is what it was charged when it was begun; null: not told yet. Absent: neither. */
  readonly corrected_nano?: number | null | undefined;
};

/** Given once, or several times for several values, of which one must hold. */
export type OneOrMore = string | readonly string[];

/** What a list, a statistic, an export and the live feed are narrowed by. All that are given must hold. */
export type LogFilterQuery = {
  readonly id?: OneOrMore | undefined;
  /** Requests made for this one. */
  readonly parent?: OneOrMore | undefined;
  /** Public id or name. */
  readonly key?: OneOrMore | undefined;
  readonly team?: OneOrMore | undefined;
  readonly customer?: OneOrMore | undefined;
  readonly user?: OneOrMore | undefined;
  readonly session?: OneOrMore | undefined;
  /** `name=value`. */
  readonly tag?: OneOrMore | undefined;
  /** As asked, or the target. */
  readonly model?: OneOrMore | undefined;
  readonly provider?: OneOrMore | undefined;
  /** `provider/model` that answered. */
  readonly target?: OneOrMore | undefined;
  readonly credential?: OneOrMore | undefined;
  /** As `route` in a row: `chat.completions`. */
  readonly route?: OneOrMore | undefined;
  /** `200`, a class: `4xx`, or `success` (below 400) and `error`. */
  readonly status?: OneOrMore | undefined;
  /** An error code, or `any`. */
  readonly error?: OneOrMore | undefined;
  /** Name of a routing rule that decided. */
  readonly rule?: OneOrMore | undefined;
  /** What chose the target: a rule, or else a strategy. */
  readonly engine?: RoutingEngine | undefined;
  /** Why the answer ended. */
  readonly stop?: OneOrMore | undefined;
  /** A tool that the answer calls. */
  readonly tool?: OneOrMore | undefined;
  readonly flag?: LogFlag | undefined;
  readonly stream?: boolean | undefined;
  readonly latency_min_ms?: number | undefined;
  readonly latency_max_ms?: number | undefined;
  readonly tokens_min?: number | undefined;
  readonly tokens_max?: number | undefined;
  readonly cost_min_nano?: number | undefined;
  readonly cost_max_nano?: number | undefined;
  readonly trace?: string | undefined;
  /** A piece of text in what is kept of question and answer. Without an index: it answers in time with what it has found. */
  readonly text?: string | undefined;
  readonly since_ms?: number | undefined;
  readonly until_ms?: number | undefined;
};

export type LogQuery = LogFilterQuery & {
  /** 1–1000, default 50. */
  readonly limit?: number | undefined;
  /**
   * Default `time`. The others give the first `limit` of all rows that pass the filter. No index serves them: after 300 ms
   * they are the first of the newest, `looked_until_ms` says since when, and a page with `older` is to be merged.
   */
  readonly sort?: "time" | "latency" | "tokens" | "cost" | undefined;
  /** Default `desc`. `asc` by time begins with the oldest row, and goes on with `after`: the `tail` of the answer before. */
  readonly order?: "desc" | "asc" | undefined;
  /** Going back: `older` of the page before. */
  readonly before?: string | undefined;
  /** Going on: `tail` of an earlier answer. Rows then come oldest first, in the order they were written. */
  readonly after?: string | undefined;
};

export type LogsAnswer = {
  /** Newest first, unless `after` was given. */
  readonly rows: readonly LogRow[];
  /**
   * The next page back; null at the end. Keyset, so that page 1,000 costs what page 1 does. A search that no index
   * serves answers after 300 ms with what it has: the page may then be short, or empty, and still go on.
   */
  readonly older: string | null;
  /** Where a tail goes on: by order of writing, since a long stream is written after shorter ones that began later. */
  readonly tail: string;
  /**
   * Up to when this page has looked: less than everything when time ran out. With `after`: since when there is more to be
   * looked at; null where the answer is full or the log has ended.
   */
  readonly looked_until_ms: number | null;
};

/** What was said, as far as it was kept, redacted. */
export type LogContent = {
  readonly level: ContentLevel;
  /** Bodies as text, cut at `record.content_max`; null: not kept, or gone with its retention. */
  readonly request: string | null;
  readonly response: string | null;
  /** Of the client's request and of the provider's answer, by lower-case name; what may hold a secret is masked. */
  readonly headers: {
    readonly request: Readonly<Record<string, string>>;
    readonly response: Readonly<Record<string, string>>;
  } | null;
  /** Sizes, roles, tool names, parameters: everything but words. */
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly truncated: boolean;
  /** Where it was offloaded to; null: in the database. */
  readonly object: string | null;
  /** Why an offloaded text is not here; null: it is, or there is none. */
  readonly problem: string | null;
};
export type LogAnswer = { readonly request: LogRow; readonly content: LogContent | null };

export type LogExportQuery = LogFilterQuery & {
  /** Default `jsonl`. */
  readonly format?: "jsonl" | "csv" | undefined;
  /** Rows at most; default: all. */
  readonly limit?: number | undefined;
};

/** Requests that hold money or a place now, oldest first; without a key nothing is held, and they are not here. */
export type OpenRequest = {
  readonly id: string;
  /** When it was let in. */
  readonly at: number;
  readonly key: string | null;
  readonly key_name: string | null;
  /** `provider/model`, once its hold is on disk; null before. */
  readonly target: string | null;
  readonly held_nano: number;
  readonly held_tokens: number;
};
export type OpenRequestsQuery = {
  /** 1–1000, default 50. */
  readonly limit?: number | undefined;
};
export type OpenRequestsAnswer = {
  readonly requests: readonly OpenRequest[];
  readonly total: number;
  readonly held_nano: number;
};

/** At most 1,000 ids. Their content goes too, wherever it lies. */
export type LogDeleteRequest = { readonly ids: readonly string[] };
export type LogDeleteAnswer = { readonly deleted: number };

/** One hop of a request: what was tried, or refused before it was tried, and why. */
export type AttemptView = {
  readonly target: string;
  readonly credential: string | null;
  readonly outcome: string;
  readonly reason: string | null;
  readonly status: number | null;
  readonly latency_ms: number | null;
  readonly cost_nano: number | null;
  /** What was set aside for it before it was sent; null: nothing was. */
  readonly held_nano: number | null;
  /** In the queue before it, for a place at the provider or in a scope; null: it did not wait. */
  readonly waited_ms: number | null;
  /** From the request's beginning to the attempt's; a hedge and what it runs beside overlap. Null: not known. */
  readonly started_ms: number | null;
};

/** What a batch, a film or a response in the background was charged when it was begun, and what it came to when it had ended. */
export type ChargeCorrection = {
  readonly of: "batch" | "film" | "response";
  readonly from_nano: number;
  readonly to_nano: number;
  /** Requests that were served, of all that there were results of. */
  readonly served: number;
  readonly results: number;
  readonly tokens_in: number;
  readonly tokens_out: number;
};

export type ExplainAnswer = {
  readonly request: LogRow;
  readonly attempts: readonly AttemptView[];
  /** Null: there was nothing to decide. */
  readonly decision?: DecisionView | null | undefined;
  /** Null: nothing is told later, or has been. */
  readonly correction?: ChargeCorrection | null | undefined;
};
