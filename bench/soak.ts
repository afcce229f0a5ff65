/**
 * `npm run soak`: traffic of every kind for a while, and what stays of it. Streams, whole answers, clients that leave,
 * models that do not exist, a listener that comes and goes, scrapes, lists; then memory, descriptors and threads are
 * compared with those of the second quarter. `--seconds 20` in CI, 600 by default, 86400 for a day.
 */
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { requestFor, runLoad } from "./client.ts";
import { startEcho, stopAll } from "./echo-daemon.ts";
import { median } from "./statistics.ts";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "600" } } });
const seconds = Number(values.seconds);
/** What may have come on top: young heap and SQLite's cache fill during the first minutes. */
const grownMbMax = seconds < 120 ? 60 : 20;
const descriptorsMax = 12;
const roundMs = 250;

type Sample = { readonly memoryMb: number; readonly descriptors: number; readonly threads: number };

const directory = mkdtempSync(join(tmpdir(), "bf-soak-"));
const children: ChildProcess[] = [];
try {
  const { port, home, child } = await startEcho(
    directory,
    { record: { content: "full", content_max: "4KB" } },
    children,
  );
  const { socket } = JSON.parse(readFileSync(join(home, "admin.json"), "utf8")) as { socket: string };
  const samples: Sample[] = [];
  const endsAt = performance.now() + seconds * 1_000;
  let requests = 0;
  while (performance.now() < endsAt) {
    const kinds = [
      requestFor(port, "/v1/chat/completions", "echo/echo"),
      requestFor(port, "/v1/chat/completions", "echo/echo", { stream: true }),
      requestFor(port, "/v1/messages", "echo/echo", { bytes: 20_000 }),
    ];
    for (const kind of kinds)
      requests += (await runLoad({ port, request: kind, concurrency: 8, durationMs: roundMs })).requests;
    await Promise.all([
      ...leavers(port),
      ask(socket, "/metrics"),
      ask(socket, "/api/logs/dashboard"),
      listenBriefly(socket),
    ]);
    await new Promise((resolve) => setTimeout(resolve, 100)); // what was cut is closed
    samples.push(sample(child.pid!));
  }
  const quarter = Math.max(1, Math.floor(samples.length / 4));
  const [early, late] = [samples.slice(quarter, 2 * quarter), samples.slice(-quarter)];
  const of = (part: readonly Sample[], name: keyof Sample): number => median(part.map((each) => each[name])) ?? 0;
  const grown = (name: keyof Sample): number => of(late, name) - of(early, name);
  process.stdout.write(
    `${requests} requests in ${seconds} s: memory ${of(early, "memoryMb").toFixed(0)} → ${of(late, "memoryMb").toFixed(0)} MB (≤ +${grownMbMax}), ` +
      `descriptors ${of(early, "descriptors")} → ${of(late, "descriptors")}, threads ${of(early, "threads")} → ${of(late, "threads")}\n`,
  );
  if (grown("memoryMb") > grownMbMax || grown("descriptors") > descriptorsMax || grown("threads") > 1)
    process.exitCode = 1;
} finally {
  await stopAll(children);
  rmSync(directory, { recursive: true, force: true });
}
process.exit();

function sample(pid: number): Sample {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const figure = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
  return {
    memoryMb: figure("VmRSS") / 1_000,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: figure("Threads"),
  };
}

/** Clients that leave in the middle of a stream. */
function leavers(port: number): Promise<void>[] {
  return Array.from(
    { length: 5 },
    (_, index) =>
      new Promise<void>((resolve) => {
        const client = connect(port, "127.0.0.1", () => {
          client.write(requestFor(port, "/v1/chat/completions", "echo/echo", { stream: true, bytes: 4_000 }));
          setTimeout(() => client.destroy(), 5 * index);
        });
        client.on("error", () => undefined).on("close", () => resolve());
      }),
  );
}

function ask(socket: string, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: socket, path, headers: { host: "localhost" }, agent: false }, (answer) => {
      answer.resume().on("end", resolve);
    });
    call.on("error", reject).end();
  });
}

function listenBriefly(socket: string): Promise<void> {
  return new Promise((resolve) => {
    const call = request({ socketPath: socket, path: "/api/feed", headers: { host: "localhost" }, agent: false });
    call.on("response", (feed) => feed.once("data", () => call.destroy())).on("error", () => undefined);
    call.on("close", () => resolve()).end();
  });
}
