/** What a scope is bound by: windows, budgets and limits, as they are asked for and as they are shown. */

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
