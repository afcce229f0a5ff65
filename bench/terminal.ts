/**
 * The screen as it is shipped, in a terminal: how long until the first frame, from the executable and from source, and
 * what it takes of a core and of memory over a real daemon at 60 requests a second and at as many as this machine
 * gives. `npm run bench:terminal`; `--seconds 60` to watch for longer, `--binary <file>` for another executable.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { binaryOf } from "../test/support/binary.ts";
import { requestFor, runLoad } from "./client.ts";
import { startEcho, stopAll } from "./echo-daemon.ts";
import { cpuMicroseconds, memory, withChildren } from "./process.ts";
import { median } from "./statistics.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "20" }, binary: { type: "string" }, starts: { type: "string" } },
});
const seconds = Number(values.seconds);
const starts = Number(values.starts ?? 7);
/** Until the 2,000 rows that are kept have come at 60 a second; from then on nothing may grow. */
const warmMs = 40_000;
const startMsMax = 20_000;
const bounds = { binaryMs: 250, sourceMs: 500, cpuPercent: 10, grownMb: 10 } as const;
const main = join(import.meta.dirname, "../cli/main.ts");
const manyAtOnce = 16;

type Screen = {
  readonly pid: number;
  /** Milliseconds from the moment its program was begun. */
  readonly firstMs: number;
  readonly barMs: number;
  readonly wholeMs: number;
  bytes(): number;
  close(): Promise<void>;
};

const children: ChildProcess[] = [];
const home = mkdtempSync(join(tmpdir(), "bifrost-terminal-"));
try {
  const binary = values.binary ?? (await binaryOf("first"));
  const daemon = await startEcho(home, {}, children);
  await firstFrames("executable", [binary], bounds.binaryMs);
  await firstFrames("from source", [process.execPath, main], bounds.sourceMs);
  for (const [width, height] of [
    [80, 24],
    [200, 60],
  ] as const)
    for (const rate of [60, Number.POSITIVE_INFINITY]) await running([binary], width, height, rate, daemon.port);
} finally {
  await stopAll(children);
  rmSync(home, { recursive: true, force: true });
}

/** `first`: our name on the other screen. `bar`: views and footer, and keys are heard. `whole`: the daemon has answered too. */
async function firstFrames(what: string, command: readonly string[], boundMs: number): Promise<void> {
  const firsts: number[] = [];
  const bars: number[] = [];
  const wholes: number[] = [];
  for (let start = 0; start < starts; start += 1) {
    const screen = await openScreen(command, 80, 24);
    firsts.push(screen.firstMs);
    bars.push(screen.barMs);
    wholes.push(screen.wholeMs);
    await screen.close();
  }
  const [first = 0, bar = 0, whole = 0] = [firsts, bars, wholes].map(median);
  const range = `${Math.round(Math.min(...firsts))} to ${Math.round(Math.max(...firsts))} of ${starts} starts`;
  tell(`first frame, ${what}`, `${Math.round(first)} ms`, `≤ ${boundMs} ms`, first <= boundMs);
  process.stdout.write(
    `${"".padEnd(36)}${range}; views ${Math.round(bar)} ms, the daemon's answer ${Math.round(whole)} ms\n`,
  );
}

async function running(
  command: readonly string[],
  width: number,
  height: number,
  rate: number,
  port: number,
): Promise<void> {
  const screen = await openScreen(command, width, height);
  const load = new AbortController();
  const asked = ask(port, rate, warmMs + seconds * 1_000, load.signal);
  await pause(warmMs);
  const before = { cpu: cpuMicroseconds(screen.pid), memory: memory(screen.pid).anonymousMb, bytes: screen.bytes() };
  await pause(seconds * 1_000);
  const cpu = (cpuMicroseconds(screen.pid) - before.cpu) / 1e4 / seconds;
  const grown = memory(screen.pid).anonymousMb - before.memory;
  const kilobytes = (screen.bytes() - before.bytes) / 1_000 / seconds;
  load.abort();
  const perSecond = await asked;
  await screen.close();
  const name = `${width}×${height}, ${Math.round(perSecond)} requests/s`;
  tell(`CPU at ${name}`, `${cpu.toFixed(1)} %`, `≤ ${bounds.cpuPercent} %`, cpu <= bounds.cpuPercent);
  tell(`memory at ${name}`, `${grown.toFixed(1)} MB`, `≤ ${bounds.grownMb} MB`, grown <= bounds.grownMb);
  process.stdout.write(`${"".padEnd(36)}in ${seconds} s; ${kilobytes.toFixed(0)} KB/s to the terminal\n`);
}

function tell(what: string, value: string, bound: string, holds: boolean): void {
  if (!holds) process.exitCode = 1;
  process.stdout.write(`${what.padEnd(36)}${value.padStart(9)}  ${bound}${holds ? "" : "  OVER"}\n`);
}

/** A pseudo-terminal of util-linux' `script`. Its clock starts when the shell in it hands over to the program. */
function openScreen(command: readonly string[], width: number, height: number): Promise<Screen> {
  const line = `stty cols ${width} rows ${height}; echo begins; exec ${[...command, "tui", "--home", home].join(" ")}`;
  const child = spawn("script", ["-qfec", line, "/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { PATH: process.env["PATH"] ?? "", HOME: home, TERM: "xterm-256color", LANG: "C.UTF-8" },
  });
  children.push(child);
  let bytes = 0;
  let text = "";
  let beganAt = 0;
  let firstAt = 0;
  let barAt = 0;
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no screen within ${startMsMax} ms:\n${text}`)), startMsMax);
    child.stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > 1e6) return;
      text += chunk.toString("latin1");
      const now = performance.now();
      if (beganAt === 0 && text.includes("begins")) beganAt = now;
      if (firstAt === 0 && text.includes(" bifrost")) firstAt = now;
      if (barAt === 0 && text.includes("models")) barAt = now;
      if (barAt === 0 || !/serving|warning/.test(text)) return;
      clearTimeout(late);
      bytes += 1e6; // no more text is kept
      const kept = bytes;
      const pid = withChildren(child.pid!).at(-1)!;
      const ended = new Promise<void>((settle) => child.once("exit", () => settle()));
      const close = (): Promise<void> => {
        child.stdin.write("q");
        return ended;
      };
      resolve({
        pid,
        firstMs: firstAt - beganAt,
        barMs: barAt - beganAt,
        wholeMs: now - beganAt,
        bytes: () => bytes - kept,
        close,
      });
    });
  });
}

/** Asks evenly, or as fast as it goes. Returns how many a second. */
async function ask(port: number, rate: number, forMs: number, signal: AbortSignal): Promise<number> {
  if (rate === Number.POSITIVE_INFINITY) {
    const request = requestFor(port, "/v1/chat/completions", "echo/echo", { bytes: 256 });
    const result = await runLoad({ port, request, concurrency: manyAtOnce, durationMs: forMs });
    return result.requests / result.seconds;
  }
  const agent = new Agent({ keepAlive: true });
  const body = JSON.stringify({ model: "echo/echo", messages: [{ role: "user", content: "hello" }] });
  const headers = { "content-type": "application/json", "content-length": body.length };
  const beganAt = performance.now();
  let sent = 0;
  while (!signal.aborted) {
    while (sent < ((performance.now() - beganAt) * rate) / 1_000) {
      const options = { agent, port, host: "127.0.0.1", method: "POST", path: "/v1/chat/completions", headers };
      httpRequest(options, (answer) => answer.resume()).end(body);
      sent += 1;
    }
    await pause(1_000 / rate);
  }
  agent.destroy();
  return (sent * 1_000) / (performance.now() - beganAt);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
