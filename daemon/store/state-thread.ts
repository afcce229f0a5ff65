/** The state writer as a thread's body: batches and commands from many ports, one file. Hides the messages. */

import { createBreather } from "./breather.ts";
import type { Command } from "./commands/command.ts";
import { openDatabase } from "./database.ts";
import { type CommandMessage, isCommand, replyFailure, replyTo } from "./requests.ts";
import { beginSnapshot, type SnapshotWork } from "./snapshot-file.ts";
import { StateWriter, type StateWriterOptions } from "./state-writer.ts";
import { createWriterLoop, type WriterPort } from "./writer-loop.ts";
import { readStatus, reportStatus } from "./writer-status.ts";

export type StateThreadOptions = StateWriterOptions & {
  /** Migrated already by `openState`. */
  readonly file: string;
  readonly status: Int32Array;
  /** See `LoopOptions.paceMs`. */
  readonly paceMs?: number;
  readonly onFault?: (error: unknown) => void;
};

/** How often an idle writer looks whether it could write. */
const heartbeatMs = 1_000;

export type WriterThread = {
  /** A worker's port, or the main thread's: batches and commands may come through either. */
  attach(port: WriterPort): void;
  /** Commits what is queued, writes the checkpoint, closes the file. Throws when the database takes nothing. */
  close(): void;
};

export function startStateThread(options: StateThreadOptions): WriterThread {
  const status = reportStatus(options.status, "state");
  let committed = 0;
  const writer = new StateWriter(openDatabase(options.file, { synchronous: "FULL" }), {
    ...options,
    breather: createBreather(),
  });
  const loop = createWriterLoop({
    commit: (batches) => writer.commit(batches),
    other: (message, port) => {
      if (isCommand(message)) runCommand(message, port);
    },
    status,
    ...(options.paceMs === undefined ? {} : { paceMs: options.paceMs }),
    ...(options.onFault === undefined ? {} : { onFault: options.onFault }),
  });
  status.ready();

  /** What was sent before a command is committed before it: an answer speaks of everything its asker knew. */
  function runCommand(message: CommandMessage, port: WriterPort): void {
    const { id, actor, command } = message;
    if (command.kind === "snapshot") {
      runSnapshot(message, command, port);
      return;
    }
    replyTo(port, id, options.file, () => {
      loop.flush();
      return writer.execute(command, actor);
    });
  }

  /** In steps: a hundred thousand balances take longer than the ledger may lag. */
  function runSnapshot({ id, actor }: CommandMessage, command: Command & { kind: "snapshot" }, port: WriterPort): void {
    let work: SnapshotWork | undefined;
    function next(): void {
      try {
        work ??= beginSnapshot(writer, command.change, command.tables);
        if (!work.step()) {
          setImmediate(next);
          return;
        }
        replyTo(port, id, options.file, () => writer.execute({ kind: "checkpoint" }, actor));
      } catch (error) {
        replyFailure(port, id, options.file, error);
      }
    }
    next();
  }

  /** Without traffic nobody would notice a locked or lost file: the write lock is taken and given back. */
  const heartbeat = setInterval(() => {
    const before = readStatus(options.status, "state");
    if (before.commits !== committed) {
      committed = before.commits;
      if (before.health === "healthy") return;
    }
    try {
      writer.probe();
      if (before.health === "unhealthy" && loop.idle()) status.ready();
    } catch (error) {
      if (before.health === "healthy") options.onFault?.(error);
      status.failed(0);
    }
  }, heartbeatMs);

  function close(): void {
    clearInterval(heartbeat);
    try {
      loop.stop();
    } finally {
      writer.close();
    }
  }

  return { attach: (port) => loop.attach(port), close };
}
