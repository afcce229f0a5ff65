/**
 * The live feed, `GET /api/feed`: server-sent events, or WebSocket text messages where the request asks for an upgrade.
 * Both carry the same texts: each is one `FeedMessage` as JSON (`data: …` in server-sent events). Filters are those of
 * the log, but for `text`; a request shows when it ends. A listener that does not keep up loses rows and is told how many.
 */
import type { LogFilterQuery, LogRow } from "./logs.ts";

export type FeedQuery = Omit<LogFilterQuery, "text" | "since_ms" | "until_ms"> & {
  /** Rows a second at most, 1–1000, default 200; what is more is sampled evenly. */
  readonly rate?: number | undefined;
};

export type FeedMessage =
  /** First, and then every five seconds, also when nothing goes on. */
  | {
      readonly type: "hello" | "beat";
      readonly at_ms: number;
      readonly in_flight: number;
      /** Since the last of these: requests that ended, all and those that pass the filter. */
      readonly ended: number;
      readonly matched: number;
      /** Matched, but left out to keep to the rate, or because the listener was behind. */
      readonly dropped: number;
    }
  | { readonly type: "rows"; readonly rows: readonly LogRow[] }
  /** The daemon ends; connect again. */
  | { readonly type: "bye" };
