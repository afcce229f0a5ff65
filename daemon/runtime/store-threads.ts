/**
 * The writer threads and the reader, kept alive. Hides ports: a worker gets one to each writer, and when a writer ends
 * a new one takes its place and every sender sends again what was not acknowledged.
 */
import { setTimeout as delay } from "node:timers/promises";
import { MessageChannel, type MessagePort, type Worker } from "node:worker_threads";
import type { Log } from "../log.ts";
import { stateFile, trafficFile } from "../store/boot.ts";
import { type Database, openDatabase } from "../store/database.ts";
import type { FileCheck } from "../store/file-check.ts";
import {
  type CommandClient,
  createCommandClient,
  createQueryClient,
  createTrafficClient,
  type QueryClient,
  type Tell,
  type TrafficClient,
} from "../store/requests.ts";
import { settlementWidth } from "../store/rows.ts";
import { createSender, type Sender } from "../store/sender.ts";
import type { Retention } from "../store/traffic-thread.ts";
import type { TrafficRetention } from "../store/traffic-writer.ts";
import type { MetricSettings } from "../telemetry/metric-store.ts";
import { startThread, type ThreadName } from "./threads.ts";
import type { MetricsSettings, Redaction, RedactionSettings } from "./traffic-writer.ts";
import type { FromWriterThread } from "./writer-thread.ts";

export type WriterName = "state" | "traffic";

/** Called when a writer was replaced: every holder of a port to it gets a new one. */
export type OnReplaced = (writer: WriterName) => void;

export type StoreThreads = {
  /** A new port to a writer, to be transferred to a worker. */
  port(writer: WriterName): MessagePort;
  readonly commands: CommandClient;
  readonly traffic: TrafficClient;
  readonly queries: QueryClient;
  /** Settlements of the main thread itself (holds of dead workers). */
  readonly sender: Sender;
  /** After a reload. */
  use(settings: TrafficSettings): void;
  /** State, read-only, for look-ups of single rows by the main thread. */
  database(): Database;
  /** Flushes and closes both files, after whoever reads them: the last one to close a file takes its log of writes away. */
  close(): Promise<void>;
};

/** What of the config the traffic writer goes by. */
export type TrafficSettings = {
  readonly retention: TrafficRetention;
  readonly metrics: MetricSettings;
  readonly redaction: Redaction;
};

export type StoreThreadsOptions = {
  readonly home: string;
  readonly status: Int32Array;
  readonly sender: number;
  readonly traffic: TrafficSettings;
  /** Least time between two commits; 0 in strict durability. */
  readonly statePaceMs: number;
  readonly log: Log;
  readonly onReplaced: OnReplaced;
};

/** A writer that ends sooner than this after its start is started again with this delay, so that a fault does not spin. */
const restartMs = 200;
/** At the end, how long to wait for a disk that does not take rows. */
const closeWaitMs = 5_000;
/** Traffic rows may wait longer for company than money may. */
const trafficPaceMs = 10;

export function openStoreThreads(options: StoreThreadsOptions): StoreThreads {
  const { home, status, log } = options;
  let settings = options.traffic;
  let closing = false;
  let reading: Database | undefined;
  const threads: { state: Worker; traffic: Worker; reader?: Worker } = {
    state: start("state"),
    traffic: start("traffic"),
  };
  const commands = createCommandClient(threads.state);
  const traffic = createTrafficClient(threads.traffic);
  let asking: QueryClient | undefined;
  // The reader costs 10 MB; it starts with the first question.
  const queries: QueryClient = {
    query(query, tell) {
      if (query.kind === "file_check") return checkFiles(tell) as never;
      threads.reader ??= start("reader");
      asking ??= createQueryClient(threads.reader);
      return asking.query(query, tell);
    },
    replace: (next) => asking?.replace(next),
  };
  const sender = createSender(port("state"), options.sender, { width: settlementWidth, whenFull: "keep" });

  let checking: Promise<readonly FileCheck[]> | undefined;
  /** In a thread of its own, so that lists do not wait for it; who asks meanwhile gets the same answer. */
  function checkFiles(tell: Tell | undefined): Promise<readonly FileCheck[]> {
    if (checking !== undefined) return checking;
    const worker = startThread("reader", { home });
    worker.unref();
    const client = createQueryClient(worker);
    worker.once("error", () => client.replace(worker));
    worker.once("exit", () => client.replace(worker));
    checking = client.query({ kind: "file_check" }, tell).finally(() => {
      checking = undefined;
      void worker.terminate();
    });
    return checking;
  }

  function start(name: WriterName | "reader"): Worker {
    const thread: ThreadName = name === "reader" ? "reader" : `${name}-writer`;
    const files = { state: stateFile(home), traffic: trafficFile(home) };
    const worker = startThread(
      thread,
      name === "reader"
        ? { home }
        : {
            file: files[name],
            status,
            ...settings.retention,
            metrics: settings.metrics,
            redaction: settings.redaction,
            paceMs: name === "state" ? options.statePaceMs : trafficPaceMs,
          },
    );
    worker.on("message", (message: FromWriterThread) => {
      if (message.type === "fault") log.error("a writer met a fault", { writer: name, fault: message.message });
    });
    worker.on("error", (error) =>
      log.error("a database thread ended", { thread, error: String(error.stack ?? error) }),
    );
    worker.on("exit", () => {
      if (closing) return;
      setTimeout(() => replace(name), restartMs);
    });
    return worker;
  }

  function replace(name: WriterName | "reader"): void {
    if (closing) return;
    threads[name] = start(name);
    if (name === "reader") {
      queries.replace(threads.reader as Worker);
      return;
    }
    if (name === "state") {
      commands.replace(threads.state);
      sender.resend(port("state"));
    } else {
      traffic.replace(threads.traffic);
    }
    options.onReplaced(name);
  }

  function port(writer: WriterName): MessagePort {
    const { port1, port2 } = new MessageChannel();
    threads[writer].postMessage({ type: "port", port: port2 }, [port2]);
    return port1;
  }

  async function close(): Promise<void> {
    // A disk that takes nothing must not keep the process: what it missed is settled at the next boot.
    await Promise.race([sender.durable(), delay(closeWaitMs, undefined, { ref: false })]);
    closing = true;
    reading?.close();
    reading = undefined;
    if (threads.reader !== undefined) await closeThread(threads.reader);
    await closeThread(threads.traffic); // it looks up owners in the other file
    await closeThread(threads.state);
  }

  async function closeThread(worker: Worker): Promise<void> {
    const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    const closed = new Promise<void>((resolve) => {
      worker.on("message", (message: FromWriterThread) => {
        if (message.type !== "closed") return;
        if (message.failed !== undefined) log.error("a database could not be closed", { reason: message.failed });
        resolve();
      });
    });
    worker.postMessage({ type: "close" });
    await Promise.race([closed, ended]);
    await worker.terminate();
  }

  return {
    ...{ port, commands, traffic, queries, sender, close },
    database() {
      reading ??= openDatabase(stateFile(home), { readonly: true });
      return reading;
    },
    use: (next) => {
      settings = next;
      threads.traffic.postMessage({ type: "retention", retention: next.retention } satisfies Retention);
      threads.traffic.postMessage({ type: "redaction", redaction: next.redaction } satisfies RedactionSettings);
      threads.traffic.postMessage({ type: "metric_settings", settings: next.metrics } satisfies MetricsSettings);
    },
  };
}
