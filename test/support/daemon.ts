/**
 * A real daemon in a process of its own, over a home of its own, with nothing of the developer's environment in it.
 * Hides ports, waiting, the admin socket and the checks that every daemon must pass when it ends.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LedgerCheckAnswer } from "../../daemon/admin/contract/audit.ts";
import type { AdminAddress } from "../../daemon/admin/contract/calling.ts";
import type { KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import type { ExplainAnswer, LogRow, LogsAnswer } from "../../daemon/admin/contract/logs.ts";
import { send } from "./client.ts";
import { until } from "./until.ts";

export type StartOptions = {
  /** YAML text, or a value that is written as JSON, which YAML includes. Absent: no file, so the environment decides. */
  readonly config?: string | object | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly args?: readonly string[] | undefined;
  /** Kept when the daemon stops; absent: a new one, removed then. */
  readonly home?: string | undefined;
  /** The daemon is meant to log a fault of its own. */
  readonly expectInternalErrors?: boolean | undefined;
};

export type CommandResult = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

export type KeyOptions = {
  readonly name?: string;
  /** `1/1d` */
  readonly budget?: string;
  readonly rpm?: number;
  readonly tpm?: number;
  readonly models?: readonly string[];
  readonly expires?: string;
};

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type Daemon = {
  readonly url: string;
  readonly pid: number;
  readonly home: string;
  readonly configPath: string | undefined;
  /** Everything printed since the first start. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Milliseconds from spawn to the ready line, of the last start. */
  readonly readyMs: number;
  /** The command line against this home. */
  readonly cli: (...args: string[]) => Promise<CommandResult>;
  /** The same with `--json`, parsed; fails when the command does. */
  readonly json: <T>(...args: string[]) => Promise<T>;
  /** The management API over its socket: quicker than a command, for what is asked often. */
  readonly admin: <T>(method: string, path: string, body?: unknown) => Promise<T>;
  readonly createKey: (options?: KeyOptions) => Promise<string>;
  /** All rows, newest first, by the command line. */
  readonly logs: () => Promise<readonly LogRow[]>;
  /** Waits until the log has `count` rows for a model as asked, and returns them, newest first. */
  readonly rows: (model: string, count?: number) => Promise<readonly LogRow[]>;
  /** Waits until the log has this request, and returns what there is to tell of it. */
  readonly explained: (id: unknown) => Promise<ExplainAnswer>;
  readonly ledgerCheck: () => Promise<LedgerCheckAnswer>;
  /** Waits until no request and no hold is open, then demands a clean ledger. */
  readonly settled: () => Promise<LedgerCheckAnswer>;
  readonly writeConfig: (config: string | object) => void;
  readonly rssBytes: () => number;
  /** Sends the signal and waits for the end. */
  readonly kill: (signal: NodeJS.Signals) => Promise<Exit>;
  /** Starts again over the same home and port; ends a running process first, gently. */
  readonly restart: () => Promise<void>;
  /** SIGTERM; demands exit 0 and no sign of a fault, and removes the home. */
  readonly stop: () => Promise<void>;
};

/** For tests that are not about a slow disk: another test's fsync must not make a 503. */
export const patientLedger = { commit_lag_max: "10s" } as const;

const startMsMax = 90_000;
/** Longer than the default drain. */
const stopMsMax = 40_000;
/** A command that takes longer is ended, and has no code. */
const commandMsMax = 100_000;
const root = fileURLToPath(new URL("../..", import.meta.url));
const commandLine = join(root, "cli/main.ts");

/** What must never be on a daemon's standard error. */
const faultSigns =
  /internal_error|unhandled|uncaught|ExperimentalWarning|MaxListenersExceeded|(?:\n|\\n) {4}at .+:\d+:\d+/i;

export async function startDaemon(options: StartOptions = {}): Promise<Daemon> {
  const home = options.home ?? temporaryHome();
  const configPath = options.config === undefined ? undefined : join(home, "config.yaml");
  if (configPath !== undefined) writeFileSync(configPath, configText(options.config ?? ""));
  let stdout = "";
  let stderr = "";
  let child: ChildProcess;
  let exit: Promise<Exit>;
  let url = "";
  let readyMs = 0;
  let killed = false;

  async function start(port: number): Promise<void> {
    const started = performance.now();
    const printedBefore = stdout.length;
    const config = configPath === undefined ? [] : ["--config", configPath];
    const args = [commandLine, "serve", "--home", home, ...config, "--port", String(port), ...(options.args ?? [])];
    killed = false;
    child = spawn(process.execPath, args, { cwd: home, env: cleanEnvironment(home, options.env) });
    running.add(child);
    hold(child, false);
    child.stdout?.setEncoding("utf8").on("data", (part: string) => {
      stdout += part;
    });
    child.stderr?.setEncoding("utf8").on("data", (part: string) => {
      stderr += part;
    });
    exit = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        running.delete(child);
        resolve({ code, signal });
      });
    });
    url = await until(
      "the ready line",
      () => {
        if (child.exitCode !== null) throw new Error(`serve ended with ${child.exitCode}:\n${stdout}\n${stderr}`);
        return /listening on (http:\/\/\S+:\d+)/.exec(stdout.slice(printedBefore))?.[1];
      },
      startMsMax,
    );
    readyMs = performance.now() - started;
    await until("GET /health/ready", async () => (await fetch(`${url}/health/ready`)).status === 200, startMsMax);
  }

  async function ended(signal: NodeJS.Signals): Promise<Exit> {
    hold(child, true);
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), stopMsMax);
    const result = await exit;
    clearTimeout(late);
    return result;
  }

  function checkFaults(): void {
    if (!options.expectInternalErrors) assert.equal(faultIn(stderr), undefined, "a fault on standard error");
  }

  async function admin<T>(method: string, path: string, body?: unknown): Promise<T> {
    const address = JSON.parse(readFileSync(join(home, "admin.json"), "utf8")) as AdminAddress;
    const opened = await send("http://127.0.0.1:1", {
      method,
      path,
      socketPath: address.socket,
      headers: { host: "localhost", "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const answer = await opened.answer();
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return JSON.parse(answer.text) as T;
  }

  const cli = (...args: string[]) => runCommand([...args, "--home", home], options.env, home);
  async function text(args: string[]): Promise<string> {
    const result = await cli(...args, "--json");
    assert.equal(result.code, 0, `${args.join(" ")} failed: ${result.stdout}${result.stderr}`);
    return result.stdout;
  }
  const json = async <T>(...args: string[]): Promise<T> => JSON.parse(await text(args)) as T;
  const ledgerCheck = () => json<LedgerCheckAnswer>("ledger", "check");

  await start(0).catch((error: unknown) => {
    child.kill("SIGKILL");
    throw error;
  });
  return {
    get url() {
      return url;
    },
    get pid() {
      return child.pid!;
    },
    get readyMs() {
      return readyMs;
    },
    home,
    configPath,
    stdout: () => stdout,
    stderr: () => stderr,
    cli,
    json,
    admin,
    createKey: async (key = {}) => {
      const printed = await text(["keys", "create", ...keyArguments(key)]);
      const { secret } = JSON.parse(printed) as KeySecretAnswer;
      assert.match(secret, /^sk-bf-/);
      return secret;
    },
    logs: async () => logRows(await text(["logs", "--limit", "1000"])),
    rows: (model, count = 1) =>
      until(`${count} log rows for ${model}`, async () => {
        const { rows } = await admin<LogsAnswer>("GET", `/api/logs?limit=100&model=${encodeURIComponent(model)}`);
        return rows.length >= count && rows;
      }),
    explained: (id) =>
      until(`request ${id} in the log`, async () => {
        const { rows } = await admin<LogsAnswer>("GET", `/api/logs?id=${id}`);
        return rows.length > 0 && admin<ExplainAnswer>("GET", `/api/logs/${id}/explain`);
      }),
    ledgerCheck,
    settled: async () => {
      const check = await until("every hold to be settled", async () => {
        const now = await admin<LedgerCheckAnswer>("GET", "/api/ledger/check");
        return now.holds_open === 0 && now;
      });
      assert.deepEqual(check.problems, []);
      assert.ok(check.ok);
      return check;
    },
    writeConfig: (config) => writeFileSync(configPath ?? join(home, "config.yaml"), configText(config)),
    rssBytes: () => rssBytes(child.pid!),
    kill: (signal) => {
      killed = true;
      return ended(signal);
    },
    restart: async () => {
      if (child.exitCode === null && child.signalCode === null)
        assert.deepEqual(await ended("SIGTERM"), { code: 0, signal: null });
      await start(Number(new URL(url).port));
    },
    stop: async () => {
      try {
        if (child.exitCode === null && child.signalCode === null) {
          assert.deepEqual(
            await ended("SIGTERM"),
            { code: 0, signal: null },
            `exit of the daemon: ${stderr.slice(-2000)}`,
          );
        } else {
          await exit;
          assert.ok(killed, `the daemon ended by itself: ${stderr.slice(-2000)}`);
        }
        checkFaults();
      } finally {
        if (options.home === undefined) rmSync(home, { recursive: true, force: true });
      }
    },
  };
}

/**
 * A daemon that nobody waits for must not keep the test process: a test that failed before `stop()` would never end.
 * Held again while its end is awaited.
 */
export function hold(child: ChildProcess, held: boolean): void {
  const handles = [child, child.stdin, child.stdout, child.stderr] as ({ ref(): void; unref(): void } | null)[];
  for (const handle of handles) held ? handle?.ref() : handle?.unref();
}

/** The first sign of a fault in what a daemon printed, with what stands around it. */
export function faultIn(text: string): string | undefined {
  const sign = faultSigns.exec(text);
  return sign === null ? undefined : text.slice(Math.max(0, sign.index - 400), sign.index + 1500);
}

/** The command line with a clean environment and no daemon of ours: for homes whose daemon is down. */
export function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  home: string = tmpdir(),
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [commandLine, ...args], {
      cwd: home,
      env: cleanEnvironment(home, env),
      timeout: commandMsMax,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      stdout += part;
    });
    child.stderr.setEncoding("utf8").on("data", (part: string) => {
      stderr += part;
    });
    child.stdin.end();
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** Short, because a Unix socket's path lies in it and may have 107 bytes. */
export function temporaryHome(): string {
  const home = mkdtempSync(join(tmpdir(), "bf-"));
  homes.add(home);
  return home;
}

/** Resident memory of a process. */
export function rssBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

/** A test process that is ended takes its daemons and their homes along. */
const running = new Set<ChildProcess>();
const homes = new Set<string>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
  for (const home of homes) rmSync(home, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

function configText(config: string | object): string {
  return typeof config === "string" ? config : `${JSON.stringify(config, null, 2)}\n`;
}

/** A list of what may pass, not of what may not: keys, proxies and Ollama's address stay out by being absent. */
function cleanEnvironment(home: string, extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const passed = ["PATH", "LANG", "TMPDIR", "NODE_COMPILE_CACHE"].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(passed), HOME: home, NO_COLOR: "1", ...extra };
}

function keyArguments(options: KeyOptions): string[] {
  const flags: [string, string | undefined][] = [
    ["--name", options.name ?? `test-${process.pid}-${++keysMade}`],
    ["--budget", options.budget],
    ["--rpm", options.rpm?.toString()],
    ["--tpm", options.tpm?.toString()],
    ["--models", options.models?.join(",")],
    ["--expires", options.expires],
  ];
  return flags.flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
}
let keysMade = 0;

/** One JSON text a line, or one answer with `rows`. */
function logRows(printed: string): readonly LogRow[] {
  const whole = printed.trim();
  if (whole === "") return [];
  try {
    const value = JSON.parse(whole) as LogsAnswer | LogRow[] | LogRow;
    return Array.isArray(value) ? value : "rows" in value ? value.rows : [value];
  } catch {
    return whole.split("\n").map((line) => JSON.parse(line) as LogRow);
  }
}
