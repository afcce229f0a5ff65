/**
 * Thread main of a data-plane worker. It starts before the daemon knows its config: loading the code takes as long as
 * opening the databases, and the two go side by side.
 */
import { type MessagePort, parentPort } from "node:worker_threads";
import { runWorker } from "./worker.ts";
import type { WorkerData } from "./worker-protocol.ts";

const parent = parentPort as MessagePort;
parent.once("message", (data: WorkerData) => runWorker(parent, data));
