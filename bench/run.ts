/**
 * `npm run bench`: what a request, a frame, a start and an idle hour cost, side by side with nginx in one run.
 * `--ci` is a form of less than a minute; `--pairs` measures every pair of dialects; `--main FILE` another build. How to read the output: bench/README.md.
 */
import { parseArgs } from "node:util";
import { type LoadResult, runLoad } from "./client.ts";
import { benchPairs } from "./pairs.ts";
import { cpuMicroseconds, type Memory, memory } from "./process.ts";
import { busyWarning, figures, machine, report, writeResults } from "./report.ts";
import { quantile } from "./statistics.ts";
import { type Bench, openBench, type Target, type TargetName } from "./targets.ts";

/** One target in one round. Times in milliseconds, CPU in microseconds; undefined: not measured. */
export type Round = {
  readonly requestsPerSecond: number;
  readonly cpuPerRequest: number | undefined;
  readonly p50: number | undefined;
  readonly p99: number | undefined;
};
export type StreamRound = {
  readonly cpuPerFrame: number | undefined;
  readonly framesPerSecond: number;
  readonly gapP50: number | undefined;
  readonly gapP99: number | undefined;
};
export type FirstFrameRound = { readonly p50: number | undefined; readonly p99: number | undefined };

export type TargetResults = {
  readonly busy: Round[];
  readonly single: Round[];
  readonly streams: StreamRound[];
  readonly firstFrames: FirstFrameRound[];
};
export type MemoryResults = { idle?: Memory; warm?: Memory; loaded?: Memory; recovered?: Memory };

export type Results = {
  readonly plan: Plan;
  readonly targets: Partial<Record<TargetName, TargetResults>>;
  readonly memory: Partial<Record<TargetName, MemoryResults>>;
  readonly firstRequestMs: (number | undefined)[];
  readonly versionMs: (number | undefined)[];
  failures: number;
  firstFailure: string | undefined;
};

/** Durations in milliseconds. */
export type Plan = {
  readonly form: "full" | "ci";
  readonly warmMs: number;
  /** Of silence, before the idle figure (nothing but first answers so far) and again before the warm one: the daemon tidies up after 5 s. */
  readonly idleMs: number;
  readonly busyRounds: number;
  readonly busyMs: number;
  readonly singleRounds: number;
  readonly singleMs: number;
  readonly streamRounds: number;
  readonly streamMs: number;
  readonly firstFrameMs: number;
  /** From the last load to the recovered figure. */
  readonly recoverMs: number;
  readonly starts: number;
};

const plans: Readonly<Record<"full" | "ci", Plan>> = {
  full: {
    ...{ form: "full", warmMs: 6_000, idleMs: 8_000, busyRounds: 5, busyMs: 3_000, singleRounds: 7, singleMs: 2_000 },
    ...{ streamRounds: 3, streamMs: 3_000, firstFrameMs: 1_500, recoverMs: 30_000, starts: 7 },
  },
  ci: {
    ...{ form: "ci", warmMs: 1_800, idleMs: 6_600, busyRounds: 5, busyMs: 500, singleRounds: 5, singleMs: 250 },
    ...{ streamRounds: 3, streamMs: 400, firstFrameMs: 200, recoverMs: 6_600, starts: 3 },
  },
};

const busyConcurrency = 32;
/** 128 streams, a frame every 10 ms each, 50 frames: no target is saturated, so what is measured is work, not waiting. */
const streamConcurrency = 128;
const streamFrames = 50;
const streamModel = `stream-${streamFrames}-10`;
const shortStreamModel = "stream-2-1";

await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      ci: { type: "boolean", default: false },
      main: { type: "string" },
      pairs: { type: "boolean", default: false },
    },
  });
  if (values.pairs) {
    if (!(await benchPairs(values.main))) process.exitCode = 1;
    return;
  }
  const plan = plans[values.ci ? "ci" : "full"];
  const busy = busyWarning();
  const bench = await openBench(values.main);
  process.once("SIGINT", () => void bench.close().then(() => process.exit(130)));
  try {
    process.stdout.write(`${machine(bench.main)}\n`);
    if (busy !== undefined) process.stdout.write(`${busy}\n`);
    for (const words of bench.missing) process.stdout.write(`${words}\n`);
    const results = await measure(bench, plan);
    process.stdout.write(report(results));
    const file = writeResults(results, bench.main);
    process.stdout.write(`\n${file}\n\n${figures(results)}`);
    if (results.failures > 0) process.exitCode = 1;
    if (bench.missing.some((words) => words.startsWith("bifrost"))) process.exitCode = 1;
  } finally {
    await bench.close();
  }
}

async function measure(bench: Bench, plan: Plan): Promise<Results> {
  const results: Results = {
    ...{ plan, targets: {}, memory: {}, firstRequestMs: [], versionMs: [], failures: 0, firstFailure: undefined },
  };
  for (const { name, pid } of bench.targets) {
    results.targets[name] = { busy: [], single: [], streams: [], firstFrames: [] };
    if (pid !== undefined) results.memory[name] = {};
  }
  await pause(plan.idleMs);
  noteMemory(results, bench.targets, "idle");
  for (const target of bench.targets) await load(results, target, "bench", busyConcurrency, plan.warmMs);
  for (const target of bench.targets) await load(results, target, shortStreamModel, 8, plan.warmMs / 2);
  await pause(plan.idleMs);
  noteMemory(results, bench.targets, "warm");
  for (let round = 0; round < plan.singleRounds; round++) {
    for (const target of inTurn(bench.targets, round)) {
      if (round < plan.busyRounds) await busyRound(results, target, plan);
      await singleRound(results, target, plan);
      if (round < plan.streamRounds) await streamRound(results, target, plan);
      await firstFrameRound(results, target, plan);
    }
  }
  const recoveredAt = performance.now() + plan.recoverMs;
  if (results.targets.bare !== undefined) {
    for (let start = 0; start < plan.starts; start++) {
      results.versionMs.push(await bench.versionMs());
      results.firstRequestMs.push(await bench.firstRequestMs());
    }
  }
  await pause(Math.max(0, recoveredAt - performance.now()));
  noteMemory(results, bench.targets, "recovered");
  return results;
}

async function busyRound(results: Results, target: Target, plan: Plan): Promise<void> {
  const before = cpu(target);
  const result = await load(results, target, "bench", busyConcurrency, plan.busyMs);
  results.targets[target.name]?.busy.push(round(result, spent(target, before, result.requests)));
  noteMemory(results, [target], "loaded");
}

async function singleRound(results: Results, target: Target, plan: Plan): Promise<void> {
  const result = await load(results, target, "bench", 1, plan.singleMs);
  results.targets[target.name]?.single.push(round(result, undefined));
}

async function streamRound(results: Results, target: Target, plan: Plan): Promise<void> {
  const before = cpu(target);
  const result = await load(results, target, streamModel, streamConcurrency, plan.streamMs);
  const frames = result.requests * streamFrames;
  results.targets[target.name]?.streams.push({
    cpuPerFrame: spent(target, before, frames),
    framesPerSecond: frames / result.seconds,
    gapP50: quantile(result.gaps, 0.5),
    gapP99: quantile(result.gaps, 0.99),
  });
}

async function firstFrameRound(results: Results, target: Target, plan: Plan): Promise<void> {
  const { firstFrames } = await load(results, target, shortStreamModel, 1, plan.firstFrameMs);
  results.targets[target.name]?.firstFrames.push({ p50: quantile(firstFrames, 0.5), p99: quantile(firstFrames, 0.99) });
}

async function load(
  results: Results,
  target: Target,
  model: string,
  concurrency: number,
  durationMs: number,
): Promise<LoadResult> {
  const request = target.request(model, model.startsWith("stream-"));
  const result = await runLoad({ port: target.port, request, concurrency, durationMs });
  results.failures += result.failures;
  if (result.firstFailure !== undefined) results.firstFailure ??= `${target.name}: ${result.firstFailure}`;
  return result;
}

function round(result: LoadResult, cpuPerRequest: number | undefined): Round {
  return {
    requestsPerSecond: result.requests / result.seconds,
    cpuPerRequest,
    p50: quantile(result.latencies, 0.5),
    p99: quantile(result.latencies, 0.99),
  };
}

function cpu(target: Target): number | undefined {
  return target.pid === undefined ? undefined : cpuMicroseconds(target.pid);
}

function spent(target: Target, before: number | undefined, count: number): number | undefined {
  if (target.pid === undefined || before === undefined || count === 0) return undefined;
  return (cpuMicroseconds(target.pid) - before) / count;
}

function noteMemory(results: Results, targets: readonly Target[], when: keyof MemoryResults): void {
  for (const { name, pid } of targets) {
    const noted = results.memory[name];
    if (pid === undefined || noted === undefined) continue;
    const now = memory(pid);
    if (when === "loaded" && noted.loaded !== undefined && noted.loaded.residentMb > now.residentMb) continue;
    noted[when] = now;
  }
}

/** Each round begins with another target, so that none always follows the same neighbour. */
function inTurn<Item>(items: readonly Item[], round: number): Item[] {
  return items.map((_, index) => items[(index + round) % items.length] as Item);
}

async function pause(milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}
