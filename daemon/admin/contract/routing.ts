/** Where requests go, and how those places are. */

export type BreakerView = "closed" | "open" | "probing";

/** One target that has been asked since the start. */
export type TargetHealth = {
  readonly target: string;
  readonly breaker: BreakerView;
  /** Until it may be asked again; null: it may now. */
  readonly waits_ms: number | null;
  readonly in_flight: number;
  readonly requests: number;
  readonly failures: number;
  /** Of the last half minute. */
  readonly recent_requests: number;
  readonly recent_failures: number;
  readonly p50_ms: number | null;
  readonly p99_ms: number | null;
  /** Of streams, to their first event. */
  readonly streamed_p50_ms: number | null;
  readonly streamed_p99_ms: number | null;
  /** Of answers that were not streamed, to their end. */
  readonly whole_p50_ms: number | null;
  readonly whole_p99_ms: number | null;
  /** Times that the provider refused the gateway's own credential. */
  readonly refused_credentials: number;
  readonly last_failure: string | null;
  readonly last_failure_ms_ago: number | null;
};

/** How a provider was when it was asked last beside the traffic. */
export type ProbeView = {
  readonly kind: "models" | "request";
  /** Null: not asked yet. */
  readonly ok: boolean | null;
  /** What it answered, or null: it did not. */
  readonly status: number | null;
  /** What was wrong, in words; null: nothing. */
  readonly error: string | null;
  readonly latency_ms: number | null;
  readonly ms_ago: number | null;
  readonly sent: number;
  readonly failed: number;
};

export type ProviderHealth = {
  /** Worst of its targets. */
  readonly breaker: BreakerView;
  readonly in_flight: number;
  readonly requests: number;
  readonly failures: number;
  readonly p50_ms: number | null;
  readonly p99_ms: number | null;
  /** Of all requests of the last half minute, or where there were none, since the start: 0 to 1. */
  readonly share: number;
  /** Requests that wait for a place, where the provider has `concurrency_max`. */
  readonly waiting: number;
  /** Absent where the config asks for none. */
  readonly probe?: ProbeView | undefined;
  readonly targets: readonly TargetHealth[];
};

export type RuleTarget = { readonly target: string; readonly weight: number; readonly retries: number | null };

/** A rule of the config file, or one that was made through the admin API. */
export type RuleView = {
  /** Null: the file's, which has none. */
  readonly id: string | null;
  readonly name: string;
  readonly source: "file" | "database";
  /** Why it is not in force; null: it is. */
  readonly fault: string | null;
  readonly description: string | null;
  readonly enabled: boolean;
  /** CEL; empty: always. */
  readonly when: string;
  /** `global`, `key:NAME`, `user:NAME`, `team:NAME` or `customer:NAME`. */
  readonly scope: string;
  readonly priority: number;
  /** Empty: where they would go anyway. */
  readonly targets: readonly RuleTarget[];
  readonly strategy: string | null;
  /** Null: what `fallbacks` in the config says. */
  readonly fallbacks: readonly string[] | null;
  readonly chain: boolean;
  /** Null: the file's. */
  readonly etag: string | null;
  readonly held: number;
  /** Times that it could not be evaluated, and was passed over. */
  readonly errors: number;
};

export type RuleAnswer = { readonly rule: RuleView };

/** As the config file has a rule, and words about it. */
export type CreateRuleRequest = {
  readonly name: string;
  readonly description?: string | undefined;
  readonly enabled?: boolean | undefined;
  readonly when?: string | undefined;
  readonly scope?: string | undefined;
  readonly priority?: number | undefined;
  readonly targets?:
    | readonly (string | { readonly target: string; readonly weight?: number | undefined })[]
    | undefined;
  readonly strategy?: string | undefined;
  readonly fallbacks?: string | readonly string[] | undefined;
  readonly chain?: boolean | undefined;
};
/** What is absent stays; null takes away. */
export type UpdateRuleRequest = {
  readonly [Field in keyof CreateRuleRequest]?: CreateRuleRequest[Field] | (Field extends "name" ? never : null);
};
export type CreatePriceRequest = {
  readonly match: string;
  readonly description?: string | undefined;
  readonly price: PriceFields;
};
/** `price` is merged rate by rate; null takes a rate away. */
export type UpdatePriceRequest = {
  readonly match?: string | undefined;
  readonly description?: string | null | undefined;
  readonly price?: PriceFields | undefined;
};

export type OwnListQuery = {
  /** 1–1000, default 100. */
  readonly limit?: number | undefined;
  /** `next` of the page before; in place of it the order and the offset. */
  readonly after?: string | undefined;
  readonly offset?: number | undefined;
  /** In the name or the id, wherever. */
  readonly search?: string | undefined;
  readonly sort_by?: "name" | "priority" | undefined;
  readonly order?: "asc" | "desc" | undefined;
};
export type OwnPage = {
  readonly count: number;
  readonly total_count: number;
  readonly limit: number;
  readonly offset: number;
  /** null: there is no more, or the list was asked for by offset. */
  readonly next: string | null;
};
export type RulesAnswer = OwnPage & { readonly rules: readonly RuleView[] };

/** Dollars, as the config file has them: a million tokens, or a request. */
export type PriceFields = Readonly<Record<string, unknown>>;

export type PriceRuleView = {
  readonly id: string | null;
  /** `provider/model` or `provider/*`. */
  readonly match: string;
  readonly source: "file" | "database";
  readonly fault: string | null;
  readonly description: string | null;
  readonly price: PriceFields;
  readonly etag: string | null;
};
export type PriceRuleAnswer = { readonly override: PriceRuleView };
export type PriceRulesAnswer = OwnPage & { readonly overrides: readonly PriceRuleView[] };

/** A request that is not made: what would be decided for it now. */
export type RouteTestRequest = {
  readonly model: string;
  /** Name or public id. */
  readonly key?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Members of its body, as rules see them in `params`; `fallbacks`, `models` and `provider` are obeyed. */
  readonly body?: Readonly<Record<string, unknown>> | undefined;
  readonly stream?: boolean | undefined;
  readonly tokens?: number | undefined;
  readonly max_tokens?: number | undefined;
  readonly request_type?: string | undefined;
};

export type RouteTestTarget = {
  readonly target: string;
  /** Share of a thousand such requests that would be sent there first. */
  readonly share: number;
  readonly breaker: BreakerView;
  /** Why it stands where it stands, or would not be asked; null: nothing to say. */
  readonly note: string | null;
};

/** A second target that is asked as well, where the first takes long. */
export type RouteTestHedge = {
  /** Null: nobody would be asked, and `note` says why. */
  readonly target: string | null;
  /** After so long without a word; null: not known yet. */
  readonly after_ms: number | null;
  readonly note: string | null;
};

export type RouteTestAnswer = {
  readonly model: string;
  /** Where the request would go now; null: nowhere, and `error` says why. */
  readonly chosen: string | null;
  /** What it would carry; null: one of several is drawn. */
  readonly credential: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly rules: readonly string[];
  readonly strategy: string | null;
  readonly affinity: string | null;
  /** In the order in which they would be tried. */
  readonly targets: readonly RouteTestTarget[];
  /** What was left out, and rules that could not be evaluated. */
  readonly left_out: readonly { readonly target: string; readonly note: string }[];
  readonly on_context_window: readonly string[];
  readonly on_content_policy: readonly string[];
  /** Null: `hedging` in the config names no such model. */
  readonly hedge: RouteTestHedge | null;
};

/** How one request's way was decided on. */
export type DecisionView = {
  readonly rules: readonly string[];
  readonly strategy: string | null;
  readonly affinity: string | null;
  readonly considered: readonly {
    readonly target: string;
    readonly note: string | null;
    /** What became of it: `answered`, an error's code, or why it was not asked; null: it was left out, or not known. */
    readonly outcome?: string | null | undefined;
  }[];
};
