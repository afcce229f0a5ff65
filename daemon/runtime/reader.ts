/** Thread main of the reader: answers queries on its parent port and on every port it is given. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { createReader } from "../store/reader.ts";
import type { FromWriterThread, ToWriterThread } from "./writer-thread.ts";

export type ReaderThreadData = { readonly home: string };

const data = workerData as ReaderThreadData;
const reader = createReader(data.home);
const ports: MessagePort[] = [];

if (parentPort === null) throw new Error("this file runs as a worker thread");
const parent = parentPort;
reader.attach(parent);
parent.on("message", (message: ToWriterThread) => {
  if (message.type === "port") {
    ports.push(message.port);
    reader.attach(message.port);
  } else if (message.type === "close") {
    reader.close();
    parent.postMessage({ type: "closed" } satisfies FromWriterThread);
    for (const port of ports) port.close();
    parent.close();
  }
});
parent.postMessage({ type: "ready" } satisfies FromWriterThread);
