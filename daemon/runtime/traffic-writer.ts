/** Thread main of the traffic writer: takes ports from the main thread, gives everything else to the store. */
import { parentPort, workerData } from "node:worker_threads";
import { startTrafficThread } from "../store/traffic-thread.ts";
import type { TrafficRetention } from "../store/traffic-writer.ts";
import { readStatus } from "../store/writer-status.ts";
import { createMetricStore, type MetricSettings } from "../telemetry/metric-store.ts";
import { collectWhenIdle } from "./idle-collection.ts";
import { serveWriterThread, type WriterThreadData } from "./writer-thread.ts";

const data = workerData as WriterThreadData & TrafficRetention & { readonly metrics: MetricSettings };
const metrics = createMetricStore(data.metrics);
collectWhenIdle(() => readStatus(data.status, "traffic").commits);
serveWriterThread(
  parentPort,
  startTrafficThread({
    file: data.file,
    status: data.status,
    retentionMs: data.retentionMs,
    contentRetentionMs: data.contentRetentionMs,
    rollups: data.rollups,
    ...(data.paceMs === undefined ? {} : { paceMs: data.paceMs }),
    onGroups: metrics.add,
    onMessage(message, port) {
      if (isMetricsQuestion(message)) port.postMessage({ type: "reply", id: message.id, value: metrics.snapshot() });
      else if (isMetricsSettings(message)) metrics.use(message.settings);
    },
    onFault: (error) => parentPort?.postMessage({ type: "fault", message: String(error) }),
  }),
);

export type MetricsQuestion = { readonly type: "metrics"; readonly id: number };
export type MetricsSettings = { readonly type: "metric_settings"; readonly settings: MetricSettings };

function isMetricsQuestion(message: unknown): message is MetricsQuestion {
  return (message as MetricsQuestion | null)?.type === "metrics";
}

function isMetricsSettings(message: unknown): message is MetricsSettings {
  return (message as MetricsSettings | null)?.type === "metric_settings";
}
