/** The traffic writer as a thread's body: batches from many ports, retention in between. */
import { openDatabase } from "./database.ts";
import type { Dropped } from "./rows.ts";
import type { WriterThread } from "./state-thread.ts";
import { TrafficWriter, type TrafficWriterOptions } from "./traffic-writer.ts";
import { createWriterLoop } from "./writer-loop.ts";
import { reportStatus } from "./writer-status.ts";

export type TrafficThreadOptions = TrafficWriterOptions & {
  /** Migrated already by `prepareTraffic`. */
  readonly file: string;
  readonly status: Int32Array;
  readonly paceMs?: number;
  readonly onFault?: (error: unknown) => void;
};

/** How often retention looks; a slice that was full is followed by the next one soon. */
const pruneMs = 60_000;
const pruneAgainMs = 20;

export function startTrafficThread(options: TrafficThreadOptions): WriterThread {
  const status = reportStatus(options.status, "traffic");
  const writer = new TrafficWriter(openDatabase(options.file, { synchronous: "NORMAL" }), options);
  const loop = createWriterLoop({
    commit: (batches) => writer.commit(batches),
    other: (message) => {
      if (isDropped(message)) status.dropped(message.rows);
      else if (isRetention(message)) writer.retentionMs = message.retentionMs;
    },
    status,
    ...(options.paceMs === undefined ? {} : { paceMs: options.paceMs }),
    ...(options.onFault === undefined ? {} : { onFault: options.onFault }),
  });
  let timer = setTimeout(prune, pruneAgainMs).unref();
  status.ready();

  function prune(): void {
    let more = false;
    try {
      more = writer.prune();
    } catch (error) {
      options.onFault?.(error);
    }
    timer = setTimeout(prune, more ? pruneAgainMs : pruneMs).unref();
  }

  function close(): void {
    clearTimeout(timer);
    try {
      loop.stop();
    } finally {
      writer.close();
    }
  }

  return { attach: (port) => loop.attach(port), close };
}

/** Tells the traffic writer that the config's retention has changed. */
export type Retention = { readonly type: "retention"; readonly retentionMs: number };

function isDropped(message: unknown): message is Dropped {
  return (message as Dropped | null)?.type === "dropped";
}

function isRetention(message: unknown): message is Retention {
  return (message as Retention | null)?.type === "retention";
}
