/**
 * Steady as an upstream: it holds every request against OpenAI's own description of its API, refuses what is not in it
 * with a 400, and answers the rest with something made up that is. Hides its process, its port and its log.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { specFile } from "./openai-spec.ts";
import { until } from "./until.ts";

export type Judged = {
  /** `POST /embeddings` */
  readonly what: string;
  readonly status: number;
  /** What was wrong with it, in Steady's words. */
  readonly faults: readonly string[];
};

export type Steady = {
  readonly origin: string;
  /** Everything judged so far, in order. */
  readonly judged: () => readonly Judged[];
  readonly stop: () => Promise<void>;
};

const startsMax = 5;
/** It reads two megabytes of description first; on a busy machine that has taken half a minute. */
const startMsMax = 120_000;

export async function startSteady(): Promise<Steady> {
  for (let start = 1; ; start++) {
    const steady = await tryStart();
    if (steady !== undefined) return steady;
    if (start === startsMax) throw new Error(`Steady did not start, ${startsMax} times over`);
  }
}

/** Undefined: somebody else took the port between our finding it and its listening. */
async function tryStart(): Promise<Steady | undefined> {
  const port = await freePort();
  const program = fileURLToPath(new URL("../../node_modules/@stdy/cli/steady.js", import.meta.url));
  const args = [program, "-p", String(port), "--reject-on-sdk-error", "--no-color", specFile];
  // A group of its own, since the program starts another.
  // In an environment that says CI it speaks to that, in other words.
  const env = { PATH: process.env["PATH"], HOME: process.env["HOME"] };
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
  }
  const ended = once(child, "exit");
  let started: boolean | "ended";
  try {
    started = await until(
      "Steady to start",
      () => log.includes("Ready to accept requests") || (child.exitCode !== null ? "ended" : undefined),
      startMsMax,
    );
  } catch (error) {
    end(child); // or the test's process would wait for it
    throw error;
  }
  if (started === "ended") return undefined;
  return {
    origin: `http://127.0.0.1:${port}`,
    judged: () => judgedIn(log),
    stop: async () => {
      end(child);
      await ended;
    },
  };
}

function end(child: ChildProcess): void {
  if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGTERM");
}

/**
 * `[1:10:50 PM] POST /chat/completions → 400 Bad Request (5ms)`, and below it a line with a cross for each fault. What
 * Steady itself is in doubt of (it finds no variant for any list of contents in `input`, its own examples included) is
 * no fault here: `encode()`'s own test holds the same bodies against the same description.
 */
function judgedIn(log: string): readonly Judged[] {
  const found: { what: string; status: number; faults: string[] }[] = [];
  for (const line of log.split("\n")) {
    const request = /\] ([A-Z]+ \S+) → (\d{3})/.exec(line);
    if (request !== null) found.push({ what: request[1]!, status: Number(request[2]), faults: [] });
    const fault = /✗ (.*\[SDK Issue.*)/.exec(line);
    if (fault !== null) found.at(-1)?.faults.push(fault[1]!);
  }
  return found;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
