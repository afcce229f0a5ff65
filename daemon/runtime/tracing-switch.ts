/** Traces on, off, or elsewhere, as the config says. Hides that OpenTelemetry is loaded with the first config that wants it. */
import { isDeepStrictEqual } from "node:util";
import type { TracingData } from "../config/telemetry-data.ts";
import type { Log } from "../log.ts";
import type { Tapped } from "../telemetry/tap.ts";
import type { Tracing } from "../telemetry/tracing.ts";
import { version } from "./version.ts";

export type TracingSwitch = {
  use(settings: TracingData): void;
  record(message: Tapped): void;
  dropped(): number;
  close(): Promise<void>;
};

export function createTracingSwitch(log: Log): TracingSwitch {
  let current: TracingData | undefined;
  let open: Promise<Tracing> | undefined;
  let tracing: Tracing | undefined;
  /** Of those that were closed, and of requests that came while nothing was open. */
  let droppedBefore = 0;

  function use(settings: TracingData): void {
    if (isDeepStrictEqual(settings, current)) return;
    current = settings;
    retire();
    const { endpoint } = settings;
    if (endpoint === undefined) return;
    const opening = import("../telemetry/tracing.ts").then((module) =>
      module.openTracing({ ...settings, endpoint }, version),
    );
    open = opening;
    opening.then(
      (opened) => {
        if (open === opening) tracing = opened;
      },
      (error: unknown) => log.error("traces cannot be exported", { error: String(error) }),
    );
  }

  function retire(): void {
    const old = open;
    if (tracing !== undefined) droppedBefore += tracing.dropped;
    tracing = undefined;
    open = undefined;
    void old?.then((opened) => opened.close()).catch(() => undefined);
  }

  return {
    use,
    record({ traced, spans, lost }) {
      droppedBefore += lost;
      if (tracing === undefined) droppedBefore += spans.length;
      else tracing.record(traced, spans);
    },
    dropped: () => droppedBefore + (tracing?.dropped ?? 0),
    async close() {
      await tracing?.close();
    },
  };
}
