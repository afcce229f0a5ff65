/** The state writer as a thread's body: batches and commands from many ports, one file. Hides the messages. */
import { openDatabase } from "./database.ts";
import { type CommandMessage, isCommand, replyTo } from "./requests.ts";
import { StateWriter, type StateWriterOptions } from "./state-writer.ts";
import { createWriterLoop, type WriterPort } from "./writer-loop.ts";
import { reportStatus } from "./writer-status.ts";

export type StateThreadOptions = StateWriterOptions & {
  /** Migrated already by `openState`. */
  readonly file: string;
  readonly status: Int32Array;
  /** See `LoopOptions.paceMs`. */
  readonly paceMs?: number;
  readonly onFault?: (error: unknown) => void;
};

export type WriterThread = {
  /** A worker's port, or the main thread's: batches and commands may come through either. */
  attach(port: WriterPort): void;
  /** Commits what is queued, writes the checkpoint, closes the file. Throws when the database takes nothing. */
  close(): void;
};

export function startStateThread(options: StateThreadOptions): WriterThread {
  const status = reportStatus(options.status, "state");
  const writer = new StateWriter(openDatabase(options.file, { synchronous: "FULL" }), options);
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
  function runCommand({ id, actor, command }: CommandMessage, port: WriterPort): void {
    replyTo(port, id, options.file, () => {
      loop.flush();
      if (command.kind === "checkpoint" || command.kind === "snapshot") writer.checkpoint();
      return writer.execute(command, actor);
    });
  }

  function close(): void {
    try {
      loop.stop();
    } finally {
      writer.close();
    }
  }

  return { attach: (port) => loop.attach(port), close };
}
