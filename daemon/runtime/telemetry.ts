/**
 * What the main thread makes of requests as they end: the live feed, and spans. Hides what of it is on, and that its
 * modules are loaded only then.
 */
import { hostname } from "node:os";
import type { DroppedAnswer } from "../admin/contract/log-statistics.ts";
import { createNames, type Names, type ObjectReader, viewFlat } from "../admin/services/log-view.ts";
import type { GenerationData } from "../config/generation.ts";
import type { Log } from "../log.ts";
import type { Database } from "../store/database.ts";
import type { FactSources } from "../telemetry/alerts/facts.ts";
import { createFeed, type Feed } from "../telemetry/feed.ts";
import type { MetricSnapshot } from "../telemetry/metric-store.ts";
import type { Tapped, TapSettings } from "../telemetry/tap.ts";
import { type AlertsSwitch, createAlertsSwitch } from "./alerts-switch.ts";
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
  /** What else alerts are judged by. */
  readonly facts: Pick<FactSources, "peek" | "daemon">;
  /** The store, where something is offloaded from it. */
  /** Where alerts keep what they have told. */
  readonly home: string;
  store(): Pick<StoreThreads, "queries" | "traffic">;
};

export type Telemetry = {
  readonly feed: Feed;
  readonly alerts: AlertsSwitch;
  readonly names: Names;
  tapped(message: Tapped): void;
  /** Gives offloaded texts back; fails where nothing is offloaded. */
  readonly object: ObjectReader;
  /** Of a new config. */
  use(data: GenerationData): void;
  dropped(): Omit<DroppedAnswer, "rows">;
  close(): Promise<void>;
};

export function openTelemetry(options: TelemetryOptions): Telemetry {
  const { database, tap, inFlight, log, store } = options;
  const names = createNames({ database });
  const feed = createFeed({ want: tap, inFlight, view: (rows, at) => viewFlat(rows, at, names) });
  const tracing = createTracingSwitch(log);
  const offload = createOffloadSwitch(store, log);
  const alerts = createAlertsSwitch(
    {
      ...{ ...options.facts, names, database },
      queries: { query: (query) => store().queries.query(query) },
      credentials: async () => {
        const snapshot = await store().traffic.ask((id) => ({ type: "metrics", id }));
        return (snapshot as MetricSnapshot).credentials;
      },
    },
    hostname(),
    options.home,
    log,
  );
  return {
    ...{ feed, names, alerts, object: offload.read },
    tapped(message) {
      feed.take(message);
      if (message.spans.length > 0 || message.lost > 0) tracing.record(message);
    },
    use(data) {
      tracing.use(data.tracing);
      offload.use(data.record.offload);
      alerts.use(data.alerts);
    },
    dropped: () => ({ content: 0, traces: tracing.dropped(), feed: feed.dropped, alerts: alerts.dropped() }),
    async close() {
      feed.close();
      await Promise.all([tracing.close(), offload.close(), alerts.close()]);
    },
  };
}
