/**
 * `npm run bench -- --pairs`: what an exchange of 1 KB and a frame of a stream cost for every client of every upstream,
 * against what they cost where both speak the same. A pair's ratio is to the mean of the two diagonals that it is between,
 * measured in the same rounds; of each the lowest round counts.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bodyFor, type Caller, headersFor, pathFor } from "../test/support/client.ts";
import { type Wire, wires } from "../test/support/wire-frames.ts";
import { requestFor, runLoad } from "./client.ts";
import { cpuMicroseconds } from "./process.ts";
import { spread } from "./statistics.ts";
import { daemonMain, firstAnswer, startDaemon, startNginx, stop } from "./targets.ts";

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

export type PairPlan = {
  readonly rounds: number;
  readonly frameRounds: number;
  readonly ms: number;
  readonly frameMs: number;
  readonly warmMs: number;
  readonly frameWarmMs: number;
};
/** A stream takes 500 ms, and CPU is told in ticks of 10 ms: of three streams after each other a tick is 0.5 µs a frame. */
export const pairPlan: PairPlan = {
  ...{ rounds: 3, frameRounds: 3, ms: 300, frameMs: 1_400 },
  ...{ warmMs: 200, frameWarmMs: 600 },
};
const concurrency = 16;
/** A frame every 10 ms each: no target is saturated, so what is measured is work, not waiting. */
const streamConcurrency = 128;
const streamFrames = 50;
const streamModel = `stream-${streamFrames}-10`;
/** Microseconds: a round in which the daemon got less of a busy machine is too few ticks to tell anything. */
const spentMin = 50_000;
/** What a translation may cost, times the diagonal. */
const exchangeBound = 2;
/** And a translated frame, times nginx's with `proxy_buffering off`. */
const frameBound = 2.5;

type Pair = { readonly client: Wire; readonly upstream: Wire; readonly exchange: number[]; readonly frame: number[] };

/** Prints the tables; false when a pair is over a bound or an answer failed. */
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
      const load = { port, request, concurrency: streamed ? streamConcurrency : concurrency, durationMs: ms };
      const { requests, failures, firstFailure } = await runLoad(load);
      if (failures > 0) failure ??= `${pair.client} → ${pair.upstream}: ${firstFailure}`;
      const spent = cpuMicroseconds(pid) - before;
      return spent < spentMin ? Number.NaN : spent / requests / (streamed ? streamFrames : 1);
    };
    for (const pair of pairs) {
      await firstAnswer(child, port, requestOf(port, pair, false));
      await spend(pair, false, plan.warmMs);
      await spend(pair, true, plan.frameWarmMs);
    }
    const nginx = await startNginx(directory, upstreamPort, children);
    const yardstick: number[] = [];
    for (let round = 0; round < plan.rounds; round++) {
      if (nginx?.pid !== undefined) yardstick.push(await frameOf({ port: nginx.port, pid: nginx.pid }, plan.frameMs));
      for (const pair of pairs) {
        pair.exchange.push(await spend(pair, false, plan.ms));
        if (round < plan.frameRounds) pair.frame.push(await spend(pair, true, plan.frameMs));
      }
    }
    const within = [exchangeTable(pairs), frameTable(pairs, lowest(yardstick))];
    if (failure !== undefined) process.stdout.write(`\nFAILED ${failure}\n`);
    return failure === undefined && within.every((good) => good);
  } finally {
    await Promise.all(children.map(stop));
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What a frame costs nginx, which passes on chat completions as they are. */
async function frameOf({ port, pid }: { port: number; pid: number }, ms: number): Promise<number> {
  const request = requestFor(port, "/unbuffered/v1/chat/completions", streamModel, { stream: true });
  const before = cpuMicroseconds(pid);
  const { requests } = await runLoad({ port, request, concurrency: streamConcurrency, durationMs: ms });
  return (cpuMicroseconds(pid) - before) / requests / streamFrames;
}

/** Returns whether every translation is within the bound, times the mean of its two diagonals. */
function exchangeTable(pairs: readonly Pair[]): boolean {
  const ratio = (client: Wire, upstream: Wire): number => {
    const diagonals = costOf(pairs, client, client, "exchange") + costOf(pairs, upstream, upstream, "exchange");
    return costOf(pairs, client, upstream, "exchange") / (diagonals / 2);
  };
  table("an exchange of 1 KB: CPU in µs, and times the mean of the two diagonals", (client, upstream) => {
    const spent = costOf(pairs, client, upstream, "exchange");
    return `${spent.toFixed(1)} (${ratio(client, upstream).toFixed(2)})`;
  });
  return verdict("an exchange", ratio, exchangeBound);
}

/** And every translated frame, times nginx's; without nginx there is nothing to tell. */
function frameTable(pairs: readonly Pair[], nginx: number | undefined): boolean {
  const title = "a frame of a stream, one a packet: CPU in µs, and times nginx's with proxy_buffering off";
  const ratio = (client: Wire, upstream: Wire) => costOf(pairs, client, upstream, "frame") / (nginx ?? Number.NaN);
  table(title, (client, upstream) => {
    const spent = costOf(pairs, client, upstream, "frame");
    return `${spent.toFixed(1)} (${nginx === undefined ? "no nginx" : ratio(client, upstream).toFixed(2)})`;
  });
  if (nginx === undefined) {
    process.stdout.write("nginx is not installed: no ratios\n");
    return true;
  }
  process.stdout.write(`nginx: ${nginx.toFixed(1)} µs\n`);
  return verdict("a frame", ratio, frameBound);
}

/** Names every translation that is over the bound, and says how many could not be measured. */
function verdict(what: string, ratio: (client: Wire, upstream: Wire) => number, bound: number): boolean {
  const translated = wires.flatMap((client) =>
    wires.filter((upstream) => upstream !== client).map((upstream) => ({ client, upstream })),
  );
  const told = translated.map((pair) => ({ ...pair, times: ratio(pair.client, pair.upstream) }));
  const measured = told.filter(({ times }) => !Number.isNaN(times)).toSorted((a, b) => b.times - a.times);
  const missing = told.length - measured.length;
  const over = measured.filter(({ times }) => times > bound);
  for (const { client, upstream, times } of over) {
    process.stdout.write(`OVER ${client} ← ${upstream}: ${what} costs ${times.toFixed(2)} times, bound ${bound}\n`);
  }
  if (missing > 0) process.stdout.write(`FAILED ${missing} pairs were not measured: the daemon got too little CPU\n`);
  const [dearest] = measured;
  if (dearest !== undefined) {
    const pair = `${dearest.client} ← ${dearest.upstream}`;
    const word = over.length === 0 ? "ok  " : "OVER";
    process.stdout.write(
      `${word} the dearest for ${what}: ${pair}, ${dearest.times.toFixed(2)} times, bound ${bound}\n`,
    );
  }
  return over.length + missing === 0;
}

function costOf(pairs: readonly Pair[], client: Wire, upstream: Wire, what: "exchange" | "frame"): number {
  const pair = pairs.find((one) => one.client === client && one.upstream === upstream);
  return lowest(pair?.[what] ?? []) ?? Number.NaN;
}

/** What else runs on the machine only ever adds to the time of a processor. */
function lowest(values: readonly number[]): number | undefined {
  return spread(values)?.low;
}

function table(title: string, cell: (client: Wire, upstream: Wire) => string): void {
  process.stdout.write(`\n${title}\n${"client ↓  upstream →".padEnd(22)}`);
  process.stdout.write(`${wires.map((wire) => wire.padStart(18)).join("")}\n`);
  for (const client of wires) {
    process.stdout.write(`${client.padEnd(22)}${wires.map((wire) => cell(client, wire).padStart(18)).join("")}\n`);
  }
}

function requestOf(port: number, { client, upstream }: Pair, stream: boolean): Buffer {
  const dialect = callers[client];
  const model = `${upstream}/${stream ? streamModel : "bench"}`;
  const words = "the quick brown fox jumps over the lazy dog and ".repeat(19);
  // Keeping what was answered is the memory's work, and as dear as a translation: it is not what is measured here.
  const more = dialect === "responses" ? { body: { store: false } } : {};
  const question = { dialect, model, stream, prompt: words, maxTokens: 256, ...more };
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
