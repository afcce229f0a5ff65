/** Where a command reads and writes. Hides streams, back-pressure, a reader that has left, and whether colour is wanted. */
import { writeSync } from "node:fs";
import { createInterface } from "node:readline/promises";

const hungUp = 129;

export type Terminal = {
  /** Data, and nothing else. */
  out(text: string): void;
  /** Data that may be long: resolves when there is room for more. */
  outSlowly(text: string): Promise<void>;
  /** Everything that is said about the data. */
  err(text: string): void;
  readonly outIsTerminal: boolean;
  /** Somebody reads what is said about the data as it is said. */
  readonly errIsTerminal: boolean;
  readonly canAsk: boolean;
  /** Undefined: not a terminal, nothing is cut. */
  readonly columns: number | undefined;
  /** Undefined: not a terminal. */
  readonly rows: number | undefined;
  readonly hasColor: boolean;
  /** Milliseconds that only go forward. */
  now(): number;
  ask(question: string): Promise<string>;
};

export function processTerminal(): Terminal {
  const { stdout, stderr, stdin } = process;
  for (const stream of [stdout, stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // `bifrost logs | head`: the reader has what it wanted.
      if (error.code === "EPIPE") process.exit(process.exitCode ?? 0);
      if (error.code !== "EIO") process.exit(unwritten(stream === stdout, error));
      // The terminal was closed. Who listens for that has things to put in order first.
      if (process.listenerCount("SIGHUP") === 0) process.exit(hungUp);
    });
  }
  return {
    out: (text) => void stdout.write(text),
    outSlowly: (text) =>
      stdout.write(text) ? Promise.resolve() : new Promise((resolve) => stdout.once("drain", resolve)),
    err: (text) => void stderr.write(text),
    outIsTerminal: stdout.isTTY === true,
    errIsTerminal: stderr.isTTY === true,
    canAsk: stdin.isTTY === true && stderr.isTTY === true,
    get columns() {
      return stdout.isTTY ? stdout.columns || 80 : undefined;
    },
    get rows() {
      return stdout.isTTY ? stdout.rows || 24 : undefined;
    },
    hasColor: stdout.isTTY === true && wantsColor(process.env),
    now: () => performance.now(),
    ask: async (question) => {
      const reader = createInterface({ input: stdin, output: stderr });
      try {
        return await reader.question(question);
      } catch (error) {
        if (!(error instanceof Error) || error.name !== "AbortError") throw error;
        process.stderr.write("\n"); // Ctrl-C or Ctrl-D: no answer, which is no yes
        return "";
      } finally {
        reader.close();
      }
    },
  };
}

/** A file on a full disk, or on one that has failed: what stands in it is not all, and nobody must take it for all. */
function unwritten(isData: boolean, error: NodeJS.ErrnoException): number {
  if (!isData) return 1;
  const why = error.code === "ENOSPC" || error.code === "EDQUOT" ? "its disk is full" : error.message;
  try {
    writeSync(2, `error: standard output cannot be written: ${why}. What was written so far is not complete.\n`);
  } catch {
    // Then nobody can be told but by the exit code.
  }
  return 1;
}

/** https://no-color.org: present and not empty. */
export function wantsColor(environment: NodeJS.ProcessEnv): boolean {
  return !environment["NO_COLOR"] && environment["TERM"] !== "dumb";
}
