/**
 * What the main thread makes of requests as they end: the live feed. Hides what of it is on, and that rows come from
 * the workers only while somebody wants them.
 */
import type { DroppedAnswer } from "../admin/contract/log-statistics.ts";
import { createNames, type Names, viewFlat } from "../admin/services/log-view.ts";
import type { Database } from "../store/database.ts";
import { createFeed, type Feed } from "../telemetry/feed.ts";
import type { Tapped, TapSettings } from "../telemetry/tap.ts";

export type TelemetryOptions = {
  /** A read-only connection to state.db, for names. */
  database(): Database;
  /** Sets what workers tell; undefined: nothing. */
  tap(settings: TapSettings | undefined): void;
  inFlight(): number;
};

export type Telemetry = {
  readonly feed: Feed;
  readonly names: Names;
  tapped(message: Tapped): void;
  dropped(): Omit<DroppedAnswer, "rows">;
  close(): Promise<void>;
};

export function openTelemetry({ database, tap, inFlight }: TelemetryOptions): Telemetry {
  const names = createNames({ database });
  const feed = createFeed({ want: tap, inFlight, view: (rows, at) => viewFlat(rows, at, names) });
  return {
    ...{ feed, names },
    tapped: (message) => feed.take(message),
    dropped: () => ({ content: 0, traces: 0, feed: feed.dropped, alerts: 0 }),
    async close() {
      feed.close();
    },
  };
}
