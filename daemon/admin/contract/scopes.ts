/** What a scope is bound by: windows, budgets and limits, as they are asked for and as they are shown. */

export type WireWindow =
  | { readonly kind: "rolling"; readonly length_ms: number }
  | {
      readonly kind: "calendar";
      readonly unit: "minute" | "hour" | "day" | "week" | "month" | "quarter" | "year";
      readonly count: number;
      /** IANA name: `Europe/Berlin`. */
      readonly zone: string;
      /** Month in which quarters and years begin, 1–12; absent: January. */
      readonly start_month?: number | undefined;
    }
  | { readonly kind: "forever" };

/** Which part of a list: from a cursor on in the order of making, or at an offset in any order. */
export type ListOrder = {
  /** 1–1000, default 100. */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly after?: string | undefined;
  /** In place of `after`, as the three below. */
  readonly offset?: number | undefined;
  readonly sort_by?: "name" | "created_at" | undefined;
  readonly order?: "asc" | "desc" | undefined;
};
export type ListPage = {
  readonly count: number;
  readonly total_count: number;
  readonly limit: number;
  readonly offset: number;
  /** null: there is no more, or the list was asked for by offset. */
  readonly next: string | null;
};

export type BudgetRequest = {
  readonly limit_nano: number;
  readonly window: WireWindow;
  /** Counted, and what it would have refused too, but not enforced. */
  readonly shadow?: boolean | undefined;
};
/** `spend`: nano-dollars. */
export type LimitMetric = "requests" | "tokens" | "spend";
export type LimitRequest = {
  readonly metric: LimitMetric;
  readonly limit: number;
  readonly window_ms: number;
  readonly shadow?: boolean | undefined;
};
/** `limit: null` takes the limit with this metric and window away. */
export type LimitChange = {
  readonly metric: LimitMetric;
  readonly limit: number | null;
  readonly window_ms: number;
  readonly shadow?: boolean | undefined;
};

export type BudgetView = {
  readonly slot: number;
  readonly limit_nano: number;
  readonly window: WireWindow;
  readonly spent_nano: number | null;
  readonly held_nano: number | null;
  readonly resets_at_ms: number | null;
  readonly shadow: boolean;
  /** Of a shadow budget: requests it would have refused since the daemon started. */
  readonly would_have_refused: number | null;
  /** A prepaid total, raised by top-ups. */
  readonly wallet: boolean;
  /** An override: this much more than the limit, until then; null without an end. */
  readonly override: { readonly extra_nano: number; readonly until_ms: number | null } | null;
};

export type LimitView = {
  readonly slot: number;
  readonly metric: LimitMetric;
  readonly limit: number;
  readonly window_ms: number;
  /** In the window that ends now. */
  readonly used: number | null;
  readonly shadow: boolean;
  readonly would_have_refused: number | null;
};
