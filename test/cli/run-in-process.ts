/** The command line in this process, with a terminal of values: what was printed where, and the exit code. */
import { run } from "../../cli/program.ts";
import type { Terminal } from "../../cli/terminal.ts";
import type { DaemonModule } from "../../daemon/admin/contract/calling.ts";

export type Ran = {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly asked: readonly string[];
};

export type RunOptions = {
  readonly home: string;
  readonly daemon?: Partial<DaemonModule>;
  readonly terminal?: Partial<Terminal>;
  readonly environment?: NodeJS.ProcessEnv;
  /** What the person answers. */
  readonly answer?: string;
};

export async function runHere(
  argv: readonly string[],
  { home, daemon, terminal, environment, answer }: RunOptions,
): Promise<Ran> {
  let out = "";
  let err = "";
  const asked: string[] = [];
  const code = await run(argv, {
    environment: { ...environment, BIFROST_HOME: home },
    loadDaemon: async () => ({
      serveForeground: unexpected,
      openOffline: unexpected,
      openDistribution: unexpected,
      openImporters: unexpected,
      makeFolder: unexpected,
      ...daemon,
    }),
    terminal: {
      out: (text) => {
        out += text;
      },
      outSlowly: async (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      outIsTerminal: false,
      errIsTerminal: false,
      canAsk: answer !== undefined,
      columns: undefined,
      rows: undefined,
      hasColor: false,
      now: () => performance.now(),
      ask: async (question) => {
        asked.push(question);
        return answer ?? "";
      },
      ...terminal,
    },
  });
  return { code, out, err, asked };
}

function unexpected(): never {
  throw new Error("the daemon's module was not to be needed");
}
