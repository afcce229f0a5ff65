/**
 * The program starts anew over the same port, as itself or as a newer one, and nobody is refused. Hides that two
 * processes are prepared before anything is given up: a successor, and one that goes on as we are should the successor
 * not serve. Both inherit the listening descriptors, in whose queue clients wait for a moment.
 *
 * A closed `reusePort` listener would reset what is in its queue; one that somebody else still holds does not.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isCarried } from "../bundle/carrier.ts";
import type { Log } from "../log.ts";
import { heapSettings } from "./heap-settings.ts";

/** What a process is told that takes over, in `BIFROST_INHERIT`. */
export type Inheritance = {
  readonly fds: readonly number[];
  readonly host: string;
  readonly port: number;
  /** They were opened so that more may listen beside them. */
  readonly reusePort: boolean;
};

/** What is sent to it. `takeBack`: a newer program may have changed the files, and has not served. */
export type Go = { readonly go: true; readonly takeBack: boolean };
type Report = { readonly waiting?: true; readonly ready?: object; readonly failed?: { readonly message: string } };

export type HandOver = {
  /** The home's files and lock are free: the successor serves. False: it did not, and the other one does. */
  go(): Promise<boolean>;
  abandon(): void;
};

/** For loading the code. */
const waitingMsMax = 20_000;
/** For opening the files and serving. */
const readyMsMax = 60_000;
/** The first descriptor after the standard streams and the channel. */
const firstFd = 4;

/** `takeBack`: the successor is older, and may change the files back. Throws when the successor cannot even be started; then nothing has happened. */
export async function prepareHandOver(
  inheritance: Inheritance,
  environment: NodeJS.ProcessEnv,
  log: Log,
  takeBack: boolean,
): Promise<HandOver> {
  const command = successor();
  const next = start(command.file, command.args, inheritance, environment);
  const standby = start(process.execPath, ownArguments(), inheritance, environment);
  const abandon = (): void => {
    for (const child of [next, standby]) child.kill("SIGKILL");
  };
  try {
    await Promise.all([reported(next, "waiting", waitingMsMax), reported(standby, "waiting", waitingMsMax)]);
  } catch (error) {
    abandon();
    throw new Error(`${command.file} cannot take over: ${error instanceof Error ? error.message : String(error)}`);
  }
  async function go(): Promise<boolean> {
    try {
      await serves(next, takeBack);
      standby.kill("SIGKILL");
      return true;
    } catch (error) {
      log.error("the successor does not serve; this version goes on", {
        successor: command.file,
        error: String(error),
      });
      next.kill("SIGKILL");
      await ended(next);
      await serves(standby, true);
      return false;
    }
  }
  return { go, abandon };
}

async function serves(child: ChildProcess, takeBack: boolean): Promise<void> {
  const ready = reported(child, "ready", readyMsMax);
  child.send({ go: true, takeBack } satisfies Go);
  await ready;
  child.disconnect();
  child.unref();
}

/**
 * What starts in our place. An installed release starts the one that is now current; anything else starts itself, which
 * by now may be another file under the same name.
 */
function successor(): { readonly file: string; readonly args: readonly string[] } {
  const releases = dirname(dirname(process.execPath));
  const current = join(dirname(releases), "current", "bifrost");
  const isRelease = basename(releases) === "versions" && existsSync(current);
  return { file: isRelease ? current : process.execPath, args: ownArguments() };
}

/** In the single binary no script stands between the executable and the words. */
function ownArguments(): readonly string[] {
  const { argv, execArgv } = process;
  return isCarried() ? argv.slice(2) : [...execArgv, ...argv.slice(1)];
}

function start(
  file: string,
  args: readonly string[],
  inheritance: Inheritance,
  environment: NodeJS.ProcessEnv,
): ChildProcess {
  const told: Inheritance = { ...inheritance, fds: inheritance.fds.map((_, index) => firstFd + index) };
  return spawn(file, args, {
    detached: true,
    stdio: ["inherit", "inherit", "inherit", "ipc", ...inheritance.fds],
    env: { ...heapSettings, ...environment, BIFROST_DETACHED: "1", BIFROST_INHERIT: JSON.stringify(told) },
  });
}

function reported(child: ChildProcess, what: "waiting" | "ready", withinMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (answer: () => void): void => {
      clearTimeout(late);
      child.off("message", hear).off("error", fail).off("exit", exit);
      answer();
    };
    const fail = (error: Error): void => done(() => reject(error));
    const exit = (code: number | null, signal: string | null): void =>
      fail(new Error(`it ended (${signal ?? `code ${code}`})`));
    const hear = (report: Report): void => {
      if (report.failed !== undefined) fail(new Error(report.failed.message));
      else if (report[what] !== undefined) done(resolve);
    };
    const late = setTimeout(() => fail(new Error(`it was not ${what} within ${withinMs / 1_000} s`)), withinMs);
    child.on("message", hear).once("error", fail).once("exit", exit);
    if (child.exitCode !== null || child.signalCode !== null) exit(child.exitCode, child.signalCode);
  });
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", () => resolve()));
}
