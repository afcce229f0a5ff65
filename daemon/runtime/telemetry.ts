/**
 * What the main thread makes of requests as they end: the live feed, and spans. Hides what of it is on, and that its
 * modules are loaded only then.
 */
import type { DroppedAnswer } from "../admin/contract/log-statistics.ts";
import { createNames, type Names, type ObjectReader, viewFlat } from "../admin/services/log-view.ts";
import type { GenerationData } from "../config/generation.ts";
import type { Log } from "../log.ts";
import type { Database } from "../store/database.ts";
import { createFeed, type Feed } from "../telemetry/feed.ts";
import type { Tapped, TapSettings } from "../telemetry/tap.ts";
import { createOffloadSwitch } from "./offload-switch.ts";
import type { StoreThreads } from "./store-threads.ts";
import { createTracingSwitch } from "./tracing-switch.ts";

export type TelemetryOptions = {
  readonly log: Log;
  /** A read-only connection to state.db, for names. */
  database(): Database;
  /** Sets what workers tell; undefined: nothing. */
  tap(settings: TapSettings | undefined): void;
  inFlight(): number;
  /** The store, where something is offloaded from it. */
  store(): Pick<StoreThreads, "queries" | "traffic">;
};

export type Telemetry = {
  readonly feed: Feed;
  readonly names: Names;
  tapped(message: Tapped): void;
  /** Gives offloaded texts back; fails where nothing is offloaded. */
  readonly object: ObjectReader;
  /** Of a new config. */
  use(data: GenerationData): void;
  dropped(): Omit<DroppedAnswer, "rows">;
  close(): Promise<void>;
};

export function openTelemetry({ database, tap, inFlight, log, store }: TelemetryOptions): Telemetry {
  const names = createNames({ database });
  const feed = createFeed({ want: tap, inFlight, view: (rows, at) => viewFlat(rows, at, names) });
  const tracing = createTracingSwitch(log);
  const offload = createOffloadSwitch(store, log);
  return {
    ...{ feed, names, object: offload.read },
    tapped(message) {
      feed.take(message);
      if (message.spans.length > 0 || message.lost > 0) tracing.record(message);
    },
    use(data) {
      tracing.use(data.tracing);
      offload.use(data.record.offload);
    },
    dropped: () => ({ content: 0, traces: tracing.dropped(), feed: feed.dropped, alerts: 0 }),
    async close() {
      feed.close();
      await Promise.all([tracing.close(), offload.close()]);
    },
  };
}
