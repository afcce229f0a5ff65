/**
 * `npm run bench -- --pairs`: what an exchange of 1 KB and a frame of a stream cost for every client of every upstream,
 * against what they cost where both speak the same. A pair's ratio is to the mean of the two diagonals that it is between,
 * measured in the same rounds.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bodyFor, type Caller, headersFor, pathFor } from "../test/support/client.ts";
import { type Wire, wires } from "../test/support/wire-frames.ts";
import { runLoad } from "./client.ts";
import { cpuMicroseconds } from "./process.ts";
import { median } from "./statistics.ts";
import { daemonMain, firstAnswer, startDaemon, stop } from "./targets.ts";

/** Who speaks the language of each wire as a client, in the same order. */
const callers: Readonly<Record<Wire, Caller>> = {
  "openai-chat": "chat",
  anthropic: "messages",
  "openai-responses": "responses",
  gemini: "gemini",
  "bedrock-converse": "converse",
  cohere: "cohere",
};
const basePaths: Readonly<Record<Wire, string>> = {
  "openai-chat": "/v1",
  anthropic: "/v1",
  "openai-responses": "/v1",
  gemini: "/v1beta",
  "bedrock-converse": "",
  cohere: "/v2",
};

export type PairPlan = { readonly rounds: number; readonly ms: number; readonly warmMs: number };
export const pairPlan: PairPlan = { rounds: 3, ms: 300, warmMs: 200 };
const concurrency = 16;
const streamFrames = 200;
/** What the issue of this table is allowed: times the diagonal. */
const bound = 2;

type Pair = { readonly client: Wire; readonly upstream: Wire; readonly exchange: number[]; readonly frame: number[] };

/** Prints the tables; false when a pair is over the bound or an answer failed. */
export async function benchPairs(main: string | undefined, plan: PairPlan = pairPlan): Promise<boolean> {
  const directory = mkdtempSync(join(tmpdir(), "bifrost-pairs-"));
  const children: ChildProcess[] = [];
  try {
    const upstreamPort = await startUpstream(children);
    const { child, port } = await startDaemon(main ?? daemonMain(), directory, upstreamPort, config, children);
    const pid = child.pid;
    if (pid === undefined) throw new Error("the daemon has no process");
    const pairs = wires.flatMap((client) =>
      wires.map((upstream): Pair => ({ client, upstream, exchange: [], frame: [] })),
    );
    let failure: string | undefined;
    const spend = async (pair: Pair, streamed: boolean, ms: number): Promise<number> => {
      const request = requestOf(port, pair, streamed);
      const before = cpuMicroseconds(pid);
      const { requests, failures, firstFailure } = await runLoad({ port, request, concurrency, durationMs: ms });
      if (failures > 0) failure ??= `${pair.client} → ${pair.upstream}: ${firstFailure}`;
      return (cpuMicroseconds(pid) - before) / requests / (streamed ? streamFrames : 1);
    };
    for (const pair of pairs) {
      await firstAnswer(child, port, requestOf(port, pair, false));
      for (const streamed of [false, true]) await spend(pair, streamed, plan.warmMs);
    }
    for (let round = 0; round < plan.rounds; round++) {
      for (const pair of pairs) {
        pair.exchange.push(await spend(pair, false, plan.ms));
        pair.frame.push(await spend(pair, true, plan.ms));
      }
    }
    const over = [table("an exchange of 1 KB", pairs, "exchange"), table("a frame of a stream", pairs, "frame")];
    if (failure !== undefined) process.stdout.write(`\nFAILED ${failure}\n`);
    return failure === undefined && !over[0];
  } finally {
    await Promise.all(children.map(stop));
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Prints microseconds and ratios; true when one is over the bound. */
function table(title: string, pairs: readonly Pair[], what: "exchange" | "frame"): boolean {
  const cost = (client: Wire, upstream: Wire): number =>
    median(pairs.find((pair) => pair.client === client && pair.upstream === upstream)?.[what] ?? []) ?? Number.NaN;
  let worst = 0;
  process.stdout.write(`\n${title}: CPU in µs, and times the mean of the two diagonals\n`);
  process.stdout.write(`${"client ↓  upstream →".padEnd(22)}${wires.map((wire) => wire.padStart(18)).join("")}\n`);
  for (const client of wires) {
    const line = wires.map((upstream) => {
      const spent = cost(client, upstream);
      const ratio = spent / ((cost(client, client) + cost(upstream, upstream)) / 2);
      if (client !== upstream) worst = Math.max(worst, ratio);
      return `${spent.toFixed(1)} (${ratio.toFixed(2)})`.padStart(18);
    });
    process.stdout.write(`${client.padEnd(22)}${line.join("")}\n`);
  }
  process.stdout.write(`the dearest pair: ${worst.toFixed(2)} times\n`);
  return worst > bound;
}

function requestOf(port: number, { client, upstream }: Pair, stream: boolean): Buffer {
  const dialect = callers[client];
  const model = `${upstream}/${stream ? `stream-${streamFrames}` : "bench"}`;
  const words = "the quick brown fox jumps over the lazy dog and ".repeat(19);
  const question = { dialect, model, stream, prompt: words, maxTokens: 256 };
  const body = JSON.stringify(bodyFor(question));
  const headers = Object.entries(headersFor({ dialect })).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `POST ${pathFor(question)} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${headers.join("")}`;
  return Buffer.from(`${head}content-length: ${body.length}\r\n\r\n${body}`);
}

async function startUpstream(children: ChildProcess[]): Promise<number> {
  const file = fileURLToPath(new URL("pairs-upstream.ts", import.meta.url));
  const child = spawn(process.execPath, [file], { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  for await (const line of child.stdout) return Number(String(line).trim());
  throw new Error("the upstream of the benchmark does not start");
}

function config(port: number, upstreamPort: number): object {
  const providers = wires.map((wire) => [
    wire,
    {
      base_url: `http://127.0.0.1:${upstreamPort}${basePaths[wire]}`,
      dialect: wire,
      api_key: "env.BENCH_UPSTREAM_KEY",
      any_model: true,
    },
  ]);
  return {
    server: { host: "127.0.0.1", port, workers: 1 },
    echo: false,
    auth: { inference: "open" },
    record: { requests: false, audit: false },
    providers: Object.fromEntries(providers),
    log: { level: "warn" },
  };
}
