/** `bifrost backup`: the home in one file, while the daemon goes on. */
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Context } from "../command.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { withSteps } from "../progress.ts";
import { homeFrom } from "../session.ts";
import { version } from "../version.ts";

type Words = {
  readonly out?: string;
  readonly traffic?: boolean;
  readonly encrypt?: boolean;
  readonly keyFile?: string;
  readonly verify?: string;
  readonly json?: boolean;
};

export function build(command: Command, context: Context): void {
  command
    .option("--out <file>", "Where to write it (default: bifrost-<date>.backup)")
    .option("--traffic", "With the request log; money and audit do without it")
    .option("--encrypt", "Seal it with the passphrase in BIFROST_BACKUP_PASSPHRASE")
    .option("--key-file <file>", "Seal it with what the file holds")
    .option("--verify <file>", "Read a backup to its end, and write nothing")
    .option("--json", "Print what is in it")
    .action(async (words: Words) => {
      const { backup } = await context.loadDaemon().then((daemon) => daemon.openDistribution());
      const passphrase = backup.passphrase(words.keyFile, context.environment);
      const wanted = words.encrypt === true || words.keyFile !== undefined;
      if (wanted && passphrase === undefined)
        throw new CliFailure(
          "there is no passphrase",
          exitCodes.usage,
          "Set BIFROST_BACKUP_PASSPHRASE, or name a file with --key-file.",
        );
      const { terminal } = context;
      if (words.verify !== undefined) {
        const head = await withSteps(terminal, (steps) =>
          checked(async () => backup.verify(resolve(words.verify!), passphrase, steps)),
        );
        if (words.json) terminal.out(`${JSON.stringify(head, null, 2)}\n`);
        else terminal.err(`${words.verify} is whole: ${head.parts.map(({ name }) => name).join(", ")}\n`);
        return;
      }
      const out = resolve(words.out ?? `bifrost-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.backup`);
      const made = {
        home: homeFrom(command, context),
        ...{ out, version },
        withTraffic: words.traffic === true,
        passphrase: wanted ? passphrase : undefined,
      };
      const head = await withSteps(terminal, (progress) => checked(() => backup.make({ ...made, progress })));
      if (words.json) terminal.out(`${JSON.stringify({ file: out, ...head }, null, 2)}\n`);
      else terminal.out(`${out}\n`);
    });
}

/** A backup that is damaged or cannot be opened is a check that found something. */
export async function checked<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "BackupProblem") throw error;
    const code = error.message.startsWith("there is no file ") ? exitCodes.notFound : exitCodes.checkFailed;
    throw new CliFailure(error.message, code, undefined, error);
  }
}
