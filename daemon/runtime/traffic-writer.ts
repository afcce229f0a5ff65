/** Thread main of the traffic writer: takes ports from the main thread, gives everything else to the store. */
import { parentPort, workerData } from "node:worker_threads";
import { startTrafficThread } from "../store/traffic-thread.ts";
import type { TrafficRetention } from "../store/traffic-writer.ts";
import { readStatus } from "../store/writer-status.ts";
import { collectWhenIdle } from "./idle-collection.ts";
import { serveWriterThread, type WriterThreadData } from "./writer-thread.ts";

const data = workerData as WriterThreadData & TrafficRetention;
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
    onFault: (error) => parentPort?.postMessage({ type: "fault", message: String(error) }),
  }),
);
