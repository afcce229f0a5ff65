/** The traffic writer as a thread's body: batches from many ports, retention in between, and a few commands. */
import { createBreather } from "./breather.ts";
import { areRows, type Columns } from "./columns.ts";
import type { ContentFilter } from "./content-writer.ts";
import { openDatabase } from "./database.ts";
import { createOwnerFiller } from "./key-owners.ts";
import { isTrafficCommand, replyTo, type TrafficCommand } from "./requests.ts";
import { type Group, groupColumns } from "./rollup-groups.ts";
import { type Batch, type Dropped, requestWidth } from "./rows.ts";
import type { WriterThread } from "./state-thread.ts";
import { type TrafficRetention, TrafficWriter, type TrafficWriterOptions } from "./traffic-writer.ts";
import { createWriterLoop } from "./writer-loop.ts";
import { reportStatus } from "./writer-status.ts";

export type TrafficThreadOptions = TrafficWriterOptions & {
  /** Migrated already by `prepareTraffic`. */
  readonly file: string;
  readonly status: Int32Array;
  readonly paceMs?: number;
  readonly onFault?: (error: unknown) => void;
  /** Told of each batch's groups once, when they come: before they are on disk, and also when the disk is at fault. */
  readonly onGroups?: (groups: readonly Group[]) => void;
  /** Messages that are none of the store's. */
  readonly onMessage?: (message: unknown, port: { postMessage(message: unknown): void }) => void;
};

/** How often retention looks; a slice that was full is followed by the next one soon. */
const pruneMs = 60_000;
const pruneAgainMs = 20;

export type TrafficThread = WriterThread & {
  /** From now on content passes this before it is written. */
  filter(next: ContentFilter): void;
};

export function startTrafficThread(options: TrafficThreadOptions): TrafficThread {
  const status = reportStatus(options.status, "traffic");
  const writer = new TrafficWriter(openDatabase(options.file, { synchronous: "NORMAL" }), {
    ...options,
    breather: createBreather(),
  });
  const owners = createOwnerFiller(options.file);
  const grouped = new WeakMap<Batch, readonly Group[]>();
  const seen = new Map<number, number>();
  const loop = createWriterLoop({
    commit: (batches) => writer.commit(batches, (batch) => grouped.get(batch) ?? groupColumns(batch.rows)),
    received,
    other: (message, port) => {
      if (isDropped(message)) status.dropped(message.rows);
      else if (isRetention(message)) writer.retention = message.retention;
      else if (isTrafficCommand(message))
        replyTo(port, message.id, options.file, () => execute(writer, message.command));
      else options.onMessage?.(message, port);
    },
    status,
    ...(options.paceMs === undefined ? {} : { paceMs: options.paceMs }),
    ...(options.onFault === undefined ? {} : { onFault: options.onFault }),
  });
  let timer = setTimeout(prune, pruneAgainMs).unref();
  status.ready();

  /** A batch comes twice when its sender cannot know that the first was taken. */
  function received(batch: Batch): void {
    if (batch.kind !== undefined || batch.number <= (seen.get(batch.sender) ?? 0)) return;
    seen.set(batch.sender, batch.number);
    if (!areRows(batch.rows, requestWidth)) return; // the commit says so
    (batch as { rows: Columns }).rows = owners.fill(batch.rows); // ours: it was copied on its way here
    const groups = groupColumns(batch.rows);
    grouped.set(batch, groups);
    options.onGroups?.(groups);
  }

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
      owners.close();
      writer.close();
    }
  }

  function filter(next: ContentFilter): void {
    writer.contents.filter = next;
  }

  return { attach: (port) => loop.attach(port), close, filter };
}

function execute(writer: TrafficWriter, command: TrafficCommand): unknown {
  switch (command.kind) {
    case "remove":
      return writer.remove(command.ids);
    case "adjust":
      return writer.adjust(command.batch);
    case "offloaded":
      return writer.contents.offloaded(command.id, command.object);
    case "objects_deleted":
      return writer.contents.objectsDeleted(command.objects);
  }
}

/** Tells the traffic writer that the config's retention has changed. */
export type Retention = { readonly type: "retention"; readonly retention: TrafficRetention };

function isDropped(message: unknown): message is Dropped {
  return (message as Dropped | null)?.type === "dropped";
}

function isRetention(message: unknown): message is Retention {
  return (message as Retention | null)?.type === "retention";
}
