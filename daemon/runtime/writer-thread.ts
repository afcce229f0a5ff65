/** What the main thread and a writer thread say to each other: a port for each worker, and the end. */
import type { MessagePort } from "node:worker_threads";
import type { WriterThread } from "../store/state-thread.ts";

export type WriterThreadData = {
  readonly file: string;
  /** From `createStatus`. */
  readonly status: Int32Array;
  readonly paceMs?: number;
};

/** Main → thread. */
export type ToWriterThread =
  | { readonly type: "port"; readonly port: MessagePort }
  /**
   * Flush, checkpoint, close; answered by `closed`, then the thread ends. Ports are not ordered among each other: ask
   * every sender for `durable()` first.
   */
  | { readonly type: "close" };

/** Thread → main. */
export type FromWriterThread =
  | { readonly type: "ready" }
  | { readonly type: "closed"; readonly failed?: string }
  /** A bug or a batch that was refused; for the log. */
  | { readonly type: "fault"; readonly message: string };

/** Commands, and batches of the main thread itself, also come through the parent port. */
export function serveWriterThread(parent: MessagePort | null, thread: WriterThread): void {
  if (parent === null) throw new Error("this file runs as a worker thread");
  const ports: MessagePort[] = [];
  thread.attach(parent);
  parent.on("message", (message: ToWriterThread) => {
    if (message.type === "port") {
      ports.push(message.port);
      thread.attach(message.port);
    } else if (message.type === "close") {
      parent.postMessage(close(thread));
      for (const port of ports) port.close();
      parent.close();
    }
  });
  parent.postMessage({ type: "ready" } satisfies FromWriterThread);
}

function close(thread: WriterThread): FromWriterThread {
  try {
    thread.close();
    return { type: "closed" };
  } catch (error) {
    return { type: "closed", failed: error instanceof Error ? error.message : String(error) };
  }
}
