/** The four ways to the same upstream: direct, nginx, bifrost bare, bifrost governed. Hides how each is started and stopped. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { requestFor, tryOnce } from "./client.ts";
import { nginxConf } from "./nginx.conf.ts";

export type TargetName = "direct" | "nginx" | "bare" | "governed";

export type Target = {
  readonly name: TargetName;
  readonly port: number;
  /** Whose CPU and memory count; undefined for the direct way. */
  readonly pid: number | undefined;
  /** A request of 1 KB for this model; `stream`: passed on frame by frame. */
  readonly request: (model: string, stream?: boolean) => Buffer;
};

export type Bench = {
  readonly targets: readonly Target[];
  /** Words on what is missing: nginx, the daemon. */
  readonly missing: readonly string[];
  /** Milliseconds from spawn to the first 200 of a model; a new process each time. */
  readonly firstRequestMs: () => Promise<number | undefined>;
  /** Milliseconds from spawn to the end of `bifrost --version`. */
  readonly versionMs: () => Promise<number | undefined>;
  readonly main: string;
  readonly close: () => Promise<void>;
};

const repository = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);
const startMsMax = 15_000;
const stopMsMax = 5_000;

/** `main`: the entry point of another build to measure. */
export async function openBench(main: string = daemonMain()): Promise<Bench> {
  const directory = mkdtempSync(join(tmpdir(), "bifrost-bench-"));
  const children: ChildProcess[] = [];
  const close = async () => {
    await Promise.all(children.map(stop));
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const upstreamPort = await startUpstream(children);
    const missing: string[] = [];
    const targets: Target[] = [directTarget(upstreamPort)];
    const nginx = await startNginx(directory, upstreamPort, children);
    if (nginx === undefined) missing.push("nginx is not installed: no ratios");
    else targets.push(nginx);
    try {
      targets.push(await startBare(main, directory, upstreamPort, children));
      targets.push(await startGoverned(main, directory, upstreamPort, children));
    } catch (error) {
      missing.push(`bifrost does not start: ${error instanceof Error ? error.message : String(error)}`);
    }
    return {
      ...{ targets, missing, main, close },
      firstRequestMs: () => firstRequestMs(main, directory, upstreamPort, children),
      versionMs: () => versionMs(main),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What is shipped if it was built, else the source. */
export function daemonMain(): string {
  const built = join(repository, "dist/cli/main.js");
  return existsSync(built) ? built : join(repository, "cli/main.ts");
}

async function startUpstream(children: ChildProcess[]): Promise<number> {
  const child = spawn(process.execPath, [join(repository, "bench/upstream.ts")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  children.push(child);
  for await (const line of child.stdout) return Number(String(line).trim());
  throw new Error("the upstream of the benchmark does not start");
}

function directTarget(port: number): Target {
  return {
    ...{ name: "direct", port, pid: undefined },
    request: (model, stream = false) => requestFor(port, "/v1/chat/completions", model, { stream }),
  };
}

export async function startNginx(
  directory: string,
  upstreamPort: number,
  children: ChildProcess[],
): Promise<Target | undefined> {
  const binary = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx", "/opt/homebrew/bin/nginx"].find(
    existsSync,
  );
  if (binary === undefined) return undefined;
  const prefix = join(directory, "nginx");
  mkdirSync(prefix);
  const port = await freePort();
  const config = join(prefix, "nginx.conf");
  writeFileSync(config, nginxConf({ prefix, port, upstreamPort, root: process.getuid?.() === 0 }));
  const child = spawn(binary, ["-p", prefix, "-c", config, "-e", join(prefix, "error.log")], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  children.push(child);
  const request = (model: string, stream = false) =>
    requestFor(port, stream ? "/unbuffered/v1/chat/completions" : "/v1/chat/completions", model, { stream });
  await firstAnswer(child, port, request("bench"));
  return { name: "nginx", port, pid: child.pid, request };
}

async function startBare(
  main: string,
  directory: string,
  upstreamPort: number,
  children: ChildProcess[],
): Promise<Target> {
  const { child, port } = await startDaemon(main, join(directory, "bare"), upstreamPort, bareConfig, children);
  const request = (model: string, stream = false) =>
    requestFor(port, "/v1/chat/completions", `bench/${model}`, { stream });
  await firstAnswer(child, port, request("bench"));
  return { name: "bare", port, pid: child.pid, request };
}

async function startGoverned(
  main: string,
  directory: string,
  upstreamPort: number,
  children: ChildProcess[],
): Promise<Target> {
  const home = join(directory, "governed");
  const { child, port } = await startDaemon(main, home, upstreamPort, governedConfig, children);
  await firstAnswer(child, port, Buffer.from(`GET /health/ready HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`));
  const key = await createKey(main, home);
  const request = (model: string, stream = false) =>
    requestFor(port, "/v1/chat/completions", `bench/${model}`, { key, stream });
  await firstAnswer(child, port, request("bench"));
  return { name: "governed", port, pid: child.pid, request };
}

/** A budget and two limits that are counted on every request and never reached. */
async function createKey(main: string, home: string): Promise<string> {
  const limits = ["--budget", "1000000/1d", "--rpm", "10000000", "--tpm", "10000000000"];
  const { stdout } = await run(
    process.execPath,
    [main, "keys", "create", "--json", "--name", "bench", ...limits, "--home", home],
    {
      env: environment(home),
    },
  );
  const secret = /"secret":\s*"(sk-bf-[^"]+)"/.exec(stdout)?.[1];
  if (secret === undefined) throw new Error(`keys create printed no secret: ${stdout.slice(0, 200)}`);
  return secret;
}

/** JSON is YAML. The upstream is a custom host with a price, so that budgets have something to count. */
function governedConfig(port: number, upstreamPort: number): object {
  return {
    server: { host: "127.0.0.1", port, workers: 1 },
    echo: false,
    providers: {
      bench: { base_url: `http://127.0.0.1:${upstreamPort}/v1`, api_key: "env.BENCH_UPSTREAM_KEY", models: ["bench"] },
    },
    prices: { "bench/*": { input: 1, output: 5 } },
    log: { level: "warn" },
  };
}

function bareConfig(port: number, upstreamPort: number): object {
  return {
    ...governedConfig(port, upstreamPort),
    auth: { inference: "open" },
    record: { requests: false, audit: false },
  };
}

export async function startDaemon(
  main: string,
  home: string,
  upstreamPort: number,
  config: (port: number, upstreamPort: number) => object,
  children: ChildProcess[],
): Promise<{ child: ChildProcess; port: number }> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const port = await freePort();
  const file = join(home, "bench.yaml");
  writeFileSync(file, JSON.stringify(config(port, upstreamPort)), { mode: 0o600 });
  const child = spawn(process.execPath, [main, "serve", "--config", file, "--home", home], {
    stdio: ["ignore", "ignore", "inherit"],
    env: environment(home),
  });
  children.push(child);
  return { child, port };
}

async function firstRequestMs(
  main: string,
  directory: string,
  upstreamPort: number,
  children: ChildProcess[],
): Promise<number | undefined> {
  const started = performance.now();
  const { child, port } = await startDaemon(main, join(directory, "restarted"), upstreamPort, bareConfig, children);
  try {
    await firstAnswer(child, port, requestFor(port, "/v1/chat/completions", "bench/bench"));
    return performance.now() - started;
  } catch {
    return undefined;
  } finally {
    await stop(child);
  }
}

async function versionMs(main: string): Promise<number | undefined> {
  const started = performance.now();
  try {
    await run(process.execPath, [main, "--version"], { env: environment(tmpdir()) });
    return performance.now() - started;
  } catch {
    return undefined;
  }
}

/** Asks until the answer is a 200; a port that refuses costs next to nothing, so it is asked often. */
export async function firstAnswer(child: ChildProcess, port: number, request: Buffer): Promise<void> {
  const deadline = performance.now() + startMsMax;
  let status: number | undefined;
  while (performance.now() < deadline) {
    status = await tryOnce(port, request);
    if (status === 200) return;
    if (child.exitCode !== null)
      throw new Error(`${child.spawnargs.slice(0, 3).join(" ")} ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error(`${child.spawnargs.slice(0, 3).join(" ")}: no 200 within ${startMsMax} ms, last status ${status}`);
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.stdin?.destroy();
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopMsMax);
  await ended;
  clearTimeout(timer);
}

/** Nothing of the caller's: no keys, no proxies, no home. */
function environment(home: string): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"] ?? "", HOME: home, LANG: "C.UTF-8", BENCH_UPSTREAM_KEY: "unused" };
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === "object" ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
