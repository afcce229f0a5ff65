/**
 * The loop both writers run: take what is queued, commit it in one transaction, answer, again. Hides ports, retries
 * after a database fault, and the pace of commits.
 */
import { databaseFault } from "./database.ts";
import type { Acknowledgement, Batch } from "./rows.ts";
import type { StatusReporter } from "./writer-status.ts";

/** What the loop needs of a `MessagePort`. */
export type WriterPort = {
  postMessage(message: unknown): void;
  on(event: "message", listener: (message: unknown) => void): unknown;
};

export type LoopOptions = {
  /** Writes all of them in one transaction, or throws with nothing written. Returns how many rows were new. */
  readonly commit: (batches: readonly Batch[]) => number;
  /** Each batch as it comes, once for each time it is sent. */
  readonly received?: (batch: Batch) => void;
  /** Anything that is not a batch. Called between commits. */
  readonly other?: (message: unknown, port: WriterPort) => void;
  readonly status: StatusReporter;
  /**
   * Least time from one commit's start to the next. A commit costs 0.1 ms of CPU however few rows it holds, so at 0
   * (for `strict` durability) a busy gateway pays 50 µs a row, at 4 ms 8 µs. An idle writer commits at once either way.
   */
  readonly paceMs?: number;
  /** A bug, a batch that no database takes, or the first of a row of database faults. The loop goes on. */
  readonly onFault?: (error: unknown) => void;
};

export type WriterLoop = {
  attach(port: WriterPort): void;
  /** Commits what is queued now; throws when the database does not take it. */
  flush(): void;
  /** Nothing waits to be committed. */
  idle(): boolean;
  /** Flushes and ends: no timer is left. */
  stop(): void;
};

type Entry = { readonly batch: Batch; readonly port: WriterPort; readonly at: number; told: boolean };

/** First wait after a failed commit; it doubles up to the second. */
const retryMsMin = 50;
const retryMsMax = 1000;

export function createWriterLoop(options: LoopOptions): WriterLoop {
  const { commit, other, status } = options;
  const paceMs = options.paceMs ?? 0;
  let queue: Entry[] = [];
  let scheduled: NodeJS.Immediate | undefined;
  let timer: NodeJS.Timeout | undefined;
  let lastStart = Number.NEGATIVE_INFINITY;
  let retryMs = retryMsMin;
  let failing = false;

  function attach(port: WriterPort): void {
    port.on("message", (message) => {
      if (isBatch(message)) {
        options.received?.(message);
        queue.push({ batch: message, port, at: performance.now(), told: false });
        schedule();
      } else {
        other?.(message, port);
      }
    });
  }

  /** An immediate lets every message that has already arrived join the group. */
  function schedule(): void {
    if (scheduled !== undefined || timer !== undefined) return;
    const wait = failing ? retryMs : lastStart + paceMs - performance.now();
    if (wait > 0.5) timer = setTimeout(run, wait);
    else scheduled = setImmediate(run);
  }

  function run(): void {
    clear();
    try {
      flush();
    } catch (error) {
      if (databaseFault(error) === undefined) options.onFault?.(error);
    }
    if (queue.length > 0) schedule();
  }

  function flush(): void {
    if (queue.length === 0) return;
    const entries = queue;
    queue = [];
    lastStart = performance.now();
    try {
      const rows = commit(entries.map((entry) => entry.batch));
      failing = false;
      retryMs = retryMsMin;
      status.committed(rows, performance.now() - (entries[0]?.at ?? 0));
    } catch (error) {
      const fault = databaseFault(error);
      if (fault === undefined) {
        if (entries.length > 1) separate(entries);
        else reject(entries[0] as Entry, error);
        return;
      }
      queue = [...entries, ...queue];
      hold(entries, fault, error);
      throw error;
    }
    for (const { batch, port } of entries) {
      port.postMessage({ type: "ack", number: batch.number } satisfies Acknowledgement);
    }
  }

  /** The database is at fault: everything is kept, everybody is told once. */
  function hold(entries: readonly Entry[], fault: string, error: unknown): void {
    retryMs = failing ? Math.min(retryMs * 2, retryMsMax) : retryMsMin;
    if (!failing) options.onFault?.(error);
    failing = true;
    status.failed(performance.now() - (entries[0]?.at ?? 0));
    for (const entry of entries) {
      if (entry.told) continue;
      entry.told = true;
      entry.port.postMessage({ type: "ack", number: entry.batch.number, failed: fault } satisfies Acknowledgement);
    }
  }

  /** One of them is malformed; committed one by one, only that one is lost. */
  function separate(entries: readonly Entry[]): void {
    const rest = queue;
    for (const [index, entry] of entries.entries()) {
      queue = [entry];
      try {
        flush();
      } catch (error) {
        queue = [...entries.slice(index), ...rest];
        throw error;
      }
    }
    queue = rest;
  }

  function reject(entry: Entry, error: unknown): void {
    status.rejected();
    options.onFault?.(error);
    const failed = error instanceof Error ? error.message : String(error);
    entry.port.postMessage({
      type: "ack",
      number: entry.batch.number,
      failed,
      rejected: true,
    } satisfies Acknowledgement);
  }

  function clear(): void {
    clearImmediate(scheduled);
    clearTimeout(timer);
    scheduled = undefined;
    timer = undefined;
  }

  function stop(): void {
    clear();
    flush();
  }

  return { attach, flush, idle: () => queue.length === 0, stop };
}

function isBatch(message: unknown): message is Batch {
  return typeof message === "object" && message !== null && "type" in message && message.type === "batch";
}
