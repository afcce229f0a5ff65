/** Thread main of the traffic writer: takes ports from the main thread, gives everything else to the store. */
import { parentPort, workerData } from "node:worker_threads";
import type { RedactKind } from "../config/telemetry-data.ts";
import { followEgress } from "../egress/guard.ts";
import { startTrafficThread } from "../store/traffic-thread.ts";
import type { TrafficRetention } from "../store/traffic-writer.ts";
import { readStatus } from "../store/writer-status.ts";
import { assembleAnswer } from "../telemetry/assemble.ts";
import { describeRequest } from "../telemetry/content-metadata.ts";
import { createMetricStore, type MetricSettings } from "../telemetry/metric-store.ts";
import { createRedactor, patternRedactors } from "../telemetry/redact.ts";
import { collectWhenIdle } from "./idle-collection.ts";
import { serveWriterThread, type WriterThreadData } from "./writer-thread.ts";

export type Redaction = { readonly kinds: readonly RedactKind[]; readonly patterns: readonly string[] };
export type RedactionSettings = { readonly type: "redaction"; readonly redaction: Redaction };
export type MetricsQuestion = { readonly type: "metrics"; readonly id: number };
export type MetricsSettings = { readonly type: "metric_settings"; readonly settings: MetricSettings };
type Message = RedactionSettings | MetricsQuestion | MetricsSettings;

const data = workerData as WriterThreadData &
  TrafficRetention & { readonly metrics: MetricSettings; readonly redaction: Redaction };
const metrics = createMetricStore(data.metrics);
collectWhenIdle(() => readStatus(data.status, "traffic").commits);
const thread = startTrafficThread({
  file: data.file,
  status: data.status,
  retentionMs: data.retentionMs,
  contentRetentionMs: data.contentRetentionMs,
  rollups: data.rollups,
  ...(data.paceMs === undefined ? {} : { paceMs: data.paceMs }),
  describe: { request: describeRequest, answer: assembleAnswer },
  onGroups: metrics.add,
  onMessage(message, port) {
    const known = message as Message | null;
    if (known?.type === "metrics") port.postMessage({ type: "reply", id: known.id, value: metrics.snapshot() });
    else if (known?.type === "metric_settings") metrics.use(known.settings);
    else if (known?.type === "redaction") redact(known.redaction);
  },
  onFault: fault,
});
redact(data.redaction);
followEgress(); // texts may be kept elsewhere
serveWriterThread(parentPort, thread);

/** Until the patterns of the config are ready nothing that they might mask is written. */
function redact({ kinds, patterns }: Redaction): void {
  thread.filter(patterns.length === 0 ? createRedactor(kinds) : () => "[not kept: redaction was starting]");
  if (patterns.length === 0) return;
  patternRedactors(patterns).then((more) => thread.filter(createRedactor(kinds, more)), fault);
}

function fault(error: unknown): void {
  parentPort?.postMessage({ type: "fault", message: String(error) });
}
