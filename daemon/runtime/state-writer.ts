/** Thread main of the state writer: takes ports from the main thread, gives everything else to the store. */
import { parentPort, workerData } from "node:worker_threads";
import { startStateThread } from "../store/state-thread.ts";
import { readStatus } from "../store/writer-status.ts";
import { collectWhenIdle } from "./idle-collection.ts";
import { serveWriterThread, type WriterThreadData } from "./writer-thread.ts";

const data = workerData as WriterThreadData;
collectWhenIdle(() => readStatus(data.status, "state").commits);
serveWriterThread(
  parentPort,
  startStateThread({
    file: data.file,
    status: data.status,
    ...(data.paceMs === undefined ? {} : { paceMs: data.paceMs }),
    onFault: (error) => parentPort?.postMessage({ type: "fault", message: String(error) }),
  }),
);
