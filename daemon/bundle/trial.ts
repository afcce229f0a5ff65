/**
 * Starts a release that nobody uses yet, over a copy of the data, and ends it again. Hides the child process: what a
 * new version would do to the real files it does to the copy first.
 */
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { heapSettings } from "../runtime/heap-settings.ts";
import { BundleProblem } from "./create.ts";

export type TrialOptions = {
  readonly executable: string;
  /** What `--version` must begin with. */
  readonly version: string;
  /** An empty folder of the trial's own. */
  readonly folder: string;
  /** A copy of state.db, if there is data. */
  readonly state: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
};

type Report = { readonly ready?: object; readonly failed?: { readonly message: string } };

const readyMsMax = 30_000;
const endMsMax = 20_000;

export async function tryRelease({ executable, version, folder, state, environment }: TrialOptions): Promise<void> {
  const said = spawnSync(executable, ["--version"], { encoding: "utf8", env: environment, timeout: readyMsMax });
  if (said.error !== undefined || !said.stdout.startsWith(`${version} `))
    throw new BundleProblem(
      `the new version cannot run here: ${said.error?.message ?? (said.stderr || said.stdout).trim()}`,
    );
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    if (state !== undefined) copyFileSync(state, join(folder, "state.db"));
    const config = join(folder, "config.yaml");
    // Providers, credentials and tool servers stay out of it.
    writeFileSync(config, "server: { host: 127.0.0.1, port: 0 }\n", { mode: 0o600 });
    await serveOnce(executable, ["serve", "--home", folder, "--config", config], environment);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function serveOnce(executable: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(executable, args, {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    env: { ...environment, BIFROST_DETACHED: "1", ...heapSettings },
  });
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (part: string) => {
    errors = (errors + part).slice(-2_000);
  });
  return new Promise((resolve, reject) => {
    let served = false;
    const fail = (words: string): void => {
      clearTimeout(late);
      child.kill("SIGKILL");
      reject(new BundleProblem(`the new version does not serve: ${words}`));
    };
    const late = setTimeout(() => fail(`it was not ready in time\n${errors}`), readyMsMax + endMsMax);
    child.once("error", (error) => fail(error.message));
    child.on("message", ({ ready, failed }: Report) => {
      if (failed !== undefined) return fail(failed.message);
      if (ready === undefined) return;
      served = true;
      child.kill("SIGTERM");
    });
    child.once("exit", (code, signal) => {
      clearTimeout(late);
      if (served && code === 0) resolve();
      else fail(`it ended with ${signal ?? `code ${code}`}\n${errors}`);
    });
  });
}
