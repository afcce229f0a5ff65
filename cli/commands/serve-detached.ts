/**
 * A daemon that outlives its command. Hides the channel on which the child says that it serves: what it has to tell,
 * a first key above all, goes through memory and never into its log file.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Served, ServeOptions } from "../../daemon/admin/contract/calling.ts";
import type { Context } from "../command.ts";
import { CliFailure, type ExitCode, exitCodes } from "../failure.ts";
import { heapSettings } from "../heap-settings.ts";
import { renderServed } from "../render-served.ts";
import { isSingleBinary } from "../single-binary.ts";

type Report =
  | { readonly ready: Omit<Served, "ended"> }
  | {
      readonly failed: { readonly message: string; readonly exitCode: ExitCode; readonly hint: string | undefined };
    };

const marker = "BIFROST_DETACHED";
const readyMs = 60_000;

export function reportsToParent(environment: NodeJS.ProcessEnv): boolean {
  return environment[marker] === "1" && process.send !== undefined;
}

/** Resolves when it is sent. A parent that was interrupted meanwhile is no reason for the daemon to end. */
export function tellParent(report: Report): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(report, undefined, undefined, () => {
      if (process.connected) process.disconnect?.();
      resolve();
    });
  });
}

export async function serveDetached(options: ServeOptions, context: Context): Promise<void> {
  const { ready, logFile } = await startDetached(options, context);
  const { terminal } = context;
  terminal.out(renderServed(ready, terminal));
  for (const warning of ready.warnings) terminal.err(`warning: ${warning}\n`);
  terminal.err(`Running as process ${ready.pid}; its log is ${logFile}\n`);
}

export async function startDetached(
  options: ServeOptions,
  context: Context,
  environment: NodeJS.ProcessEnv = context.environment,
): Promise<{ readonly ready: Omit<Served, "ended">; readonly logFile: string }> {
  const home = options.home!;
  (await context.loadDaemon()).makeFolder(home);
  const logFile = join(home, "daemon.log");
  const log = openSync(logFile, "a", 0o600);
  const child = spawn(process.execPath, [...selfArguments(), ...serveArguments(options)], {
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
    // Set, the child need not replace itself to have it (`main.ts`), which would lose the channel.
    env: { ...heapSettings, ...environment, [marker]: "1" },
  });
  closeSync(log);
  const report = await reportOf(child, logFile);
  if (child.connected) child.disconnect();
  child.unref();
  if ("failed" in report) throw new CliFailure(report.failed.message, report.failed.exitCode, report.failed.hint);
  return { ready: report.ready, logFile };
}

function reportOf(child: ChildProcess, logFile: string): Promise<Report> {
  return new Promise((resolve, reject) => {
    const see = `Its log may tell more: ${logFile}`;
    const late = setTimeout(() => {
      child.kill("SIGTERM");
      reject(new CliFailure(`the daemon did not serve within ${readyMs / 1_000} s`, exitCodes.failure, see));
    }, readyMs);
    child.once("message", (report) => {
      clearTimeout(late);
      resolve(report as Report);
    });
    child.once("error", (error) => {
      clearTimeout(late);
      reject(new CliFailure(`the daemon could not be started: ${error.message}`));
    });
    child.once("exit", (code, signal) => {
      clearTimeout(late);
      reject(new CliFailure(`the daemon ended before it served (${signal ?? `code ${code}`})`, exitCodes.failure, see));
    });
  });
}

/** From source or emitted JavaScript a script follows the executable; in the single binary there is none. */
function selfArguments(): readonly string[] {
  return isSingleBinary() ? [] : [...process.execArgv, process.argv[1]!];
}

function serveArguments({ home, config, host, port }: ServeOptions): readonly string[] {
  const options: [string, string | undefined][] = [
    ["--home", home],
    ["--config", config],
    ["--host", host],
    ["--port", port?.toString()],
  ];
  return ["serve", ...options.flatMap(([name, value]) => (value === undefined ? [] : [name, value]))];
}
