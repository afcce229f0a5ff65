/** What a full log adds to a request's latency: two daemons side by side, one over the filled home, one over an empty one. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { requestFor, runLoad, tryOnce } from "./client.ts";
import type { Line } from "./rows.ts";
import { median, quantile } from "./statistics.ts";

const main = fileURLToPath(new URL("../cli/main.ts", import.meta.url));
const roundMs = 1_500;
const rounds = 7;
const startMsMax = 30_000;

export async function addedLatency(home: string, bound: number): Promise<Line> {
  const empty = mkdtempSync(join(tmpdir(), "bf-empty-"));
  const children: ChildProcess[] = [];
  try {
    const full = await start(home, children);
    const bare = await start(empty, children);
    const p99 = new Map<number, number[]>([
      [full, []],
      [bare, []],
    ]);
    for (let round = 0; round < rounds; round++) {
      for (const port of round % 2 === 0 ? [full, bare] : [bare, full]) {
        const request = requestFor(port, "/v1/chat/completions", "echo/echo");
        const { latencies } = await runLoad({ port, request, concurrency: 1, durationMs: roundMs });
        p99.get(port)?.push(quantile(latencies, 0.99) ?? 0);
      }
    }
    const [with_, without] = [median(p99.get(full) ?? []) ?? 0, median(p99.get(bare) ?? []) ?? 0];
    return {
      what: "added p99 of a request, full log against empty",
      ms: Math.max(0, with_ - without),
      bound,
      note: `${with_.toFixed(2)} and ${without.toFixed(2)} ms`,
    };
  } finally {
    for (const child of children) child.kill("SIGTERM");
    await Promise.all(children.map((child) => child.exitCode ?? new Promise((resolve) => child.once("exit", resolve))));
    rmSync(empty, { recursive: true, force: true });
  }
}

async function start(home: string, children: ChildProcess[]): Promise<number> {
  mkdirSync(home, { recursive: true });
  const port = await freePort();
  const config = join(home, "rows.yaml");
  writeFileSync(
    config,
    JSON.stringify({
      server: { port },
      auth: { inference: "open" },
      record: { retention: "3650d" },
      log: { level: "warn" },
    }),
  );
  const child = spawn(process.execPath, [main, "serve", "--config", config, "--home", home], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { PATH: process.env["PATH"] ?? "", HOME: home },
  });
  children.push(child);
  const request = requestFor(port, "/v1/chat/completions", "echo/echo");
  const deadline = performance.now() + startMsMax;
  while ((await tryOnce(port, request)) !== 200) {
    if (performance.now() > deadline || child.exitCode !== null) throw new Error("a daemon does not start");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return port;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
