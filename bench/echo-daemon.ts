/** A daemon of its own for a measurement, over a home of its own, with the built-in echo for an upstream. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { requestFor, tryOnce } from "./client.ts";

export type EchoDaemon = { readonly port: number; readonly home: string; readonly child: ChildProcess };

const main = fileURLToPath(new URL("../cli/main.ts", import.meta.url));
const startMsMax = 30_000;

export async function startEcho(home: string, config: object, children: ChildProcess[]): Promise<EchoDaemon> {
  mkdirSync(home, { recursive: true });
  const port = await freePort();
  const file = join(home, "bench.yaml");
  const usual = { server: { port }, auth: { inference: "open" }, log: { level: "warn" } };
  writeFileSync(file, JSON.stringify({ ...usual, ...config }));
  const child = spawn(process.execPath, [main, "serve", "--config", file, "--home", home], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { PATH: process.env["PATH"] ?? "", HOME: home, FAULTY_KEY: "sk-none" },
  });
  children.push(child);
  const request = requestFor(port, "/v1/chat/completions", "echo/echo");
  const deadline = performance.now() + startMsMax;
  while ((await tryOnce(port, request)) !== 200) {
    if (performance.now() > deadline || child.exitCode !== null) throw new Error("a daemon does not start");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { port, home, child };
}

export async function stopAll(children: readonly ChildProcess[]): Promise<void> {
  for (const child of children) child.kill("SIGTERM");
  await Promise.all(children.map((child) => child.exitCode ?? new Promise((resolve) => child.once("exit", resolve))));
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
