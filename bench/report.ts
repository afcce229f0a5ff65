/** What the benchmark says: a table for people, JSON for keeping, one figure a line for scripts. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import type { FirstFrameRound, Results, Round, StreamRound, TargetResults } from "./run.ts";
import { median, paired, type Spread, spread } from "./statistics.ts";
import type { TargetName } from "./targets.ts";

export function machine(main: string): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? "unknown processor";
  return `${processors.length} × ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.versions.node}, ${nginxVersion()}, ${main}`;
}

/** Said before the first load: what else runs here is in all figures, and in those of two cores most. */
export function busyWarning(): string | undefined {
  const load = loadavg()[0] ?? 0;
  if (load < cpus().length / 4) return undefined;
  return `load average ${load.toFixed(1)} before the start: other work shares this machine, and only wide ranges will show it`;
}

export function report(results: Results): string {
  const names = Object.keys(results.targets) as TargetName[];
  const lines = [
    row(["", ...names]),
    ...requestLines(results, names),
    ...streamLines(results, names),
    ...memoryLines(results, names),
  ];
  const starts = [
    ["first request, ms", spread(results.firstRequestMs)],
    ["--version, ms", spread(results.versionMs)],
  ] as const;
  for (const [label, values] of starts) if (values !== undefined) lines.push(row([label, "", "", show(values)]));
  const failed = results.failures === 0 ? "" : `\n${results.failures} FAILED, the first: ${results.firstFailure}\n`;
  return `\nmedian (low–high) of the rounds, which are interleaved\n\n${lines.join("\n")}\n${failed}`;
}

/** `name value`, `none` where it could not be measured. */
export function figures(results: Results): string {
  const { nginx, bare, governed } = results.targets;
  const { idle, warm, recovered } = results.memory.governed ?? {};
  const values: Readonly<Record<string, number | undefined>> = {
    cpu_ratio_bare: ratio(bare, nginx, busyCpu),
    cpu_ratio_governed: ratio(governed, nginx, busyCpu),
    governed_throughput_ratio: ratio(governed, bare, busyThroughput),
    added_p99_ms_c1: difference(governed, nginx, (target) => target.single.map((round) => round.p99)),
    ttft_added_p99_ms: difference(governed, nginx, (target) => target.firstFrames.map((round) => round.p99)),
    frame_cpu_us: governed === undefined ? undefined : median(governed.streams.map((round) => round.cpuPerFrame)),
    frame_cpu_ratio: ratio(governed, nginx, (target) => target.streams.map((round) => round.cpuPerFrame)),
    rss_idle_mb: idle?.residentMb,
    rss_idle_anon_mb: idle?.anonymousMb,
    rss_warm_mb: warm?.residentMb,
    rss_warm_anon_mb: warm?.anonymousMb,
    rss_recovered_ratio:
      warm === undefined || recovered === undefined ? undefined : recovered.residentMb / warm.residentMb,
    first_request_ms: median(results.firstRequestMs),
    version_ms: median(results.versionMs),
  };
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value === undefined ? "none" : Number(value.toPrecision(4))}\n`)
    .join("");
}

/** Returns the path of the file. */
export function writeResults(results: Results, main: string): string {
  const directory = fileURLToPath(new URL("./results/", import.meta.url));
  mkdirSync(directory, { recursive: true });
  const at = new Date().toISOString();
  const file = `${directory}${at.replaceAll(/[:.]/g, "-")}-${results.plan.form}.json`;
  const named = Object.fromEntries(
    figures(results)
      .trim()
      .split("\n")
      .map((line) => line.split(" "))
      .map(([name, value]) => [name, value === "none" ? null : Number(value)]),
  );
  writeFileSync(file, `${JSON.stringify({ at, machine: machine(main), figures: named, ...results }, undefined, 2)}\n`);
  return file;
}

function requestLines(results: Results, names: readonly TargetName[]): string[] {
  const lines: string[] = [];
  const add = (label: string, pick: (target: TargetResults) => (number | undefined)[]) => {
    lines.push(row([label, ...names.map((name) => show(spread(picked(results, name, pick))))]));
  };
  add("requests/s, c=32", busyThroughput);
  add("CPU µs a request, c=32", busyCpu);
  lines.push(ratioRow("  against nginx", results, names, busyCpu));
  for (const [label, kind] of [
    ["c=32", "busy"],
    ["c=1", "single"],
  ] as const) {
    for (const part of ["p50", "p99"] as const) {
      const pick = (target: TargetResults) => target[kind].map((round: Round) => round[part]);
      add(`${part} ms, ${label}`, pick);
      lines.push(addedRow("  added to direct", results, names, pick));
    }
  }
  return lines;
}

function streamLines(results: Results, names: readonly TargetName[]): string[] {
  const frame = (part: keyof StreamRound) => (target: TargetResults) => target.streams.map((round) => round[part]);
  const first = (part: keyof FirstFrameRound) => (target: TargetResults) =>
    target.firstFrames.map((round) => round[part]);
  const line = (label: string, pick: (target: TargetResults) => (number | undefined)[]) =>
    row([label, ...names.map((name) => show(spread(picked(results, name, pick))))]);
  return [
    line("first frame p50 ms, c=1", first("p50")),
    line("first frame p99 ms, c=1", first("p99")),
    addedRow("  added to direct", results, names, first("p99")),
    line("frames/s, 128 streams", frame("framesPerSecond")),
    line("CPU µs a frame", frame("cpuPerFrame")),
    ratioRow("  against nginx", results, names, frame("cpuPerFrame")),
    line("gap p50 ms (10 sent)", frame("gapP50")),
    line("gap p99 ms", frame("gapP99")),
  ];
}

function memoryLines(results: Results, names: readonly TargetName[]): string[] {
  const whens = ["idle", "warm", "loaded", "recovered"] as const;
  return whens.map((when) =>
    row([
      `RSS (anonymous) MB, ${when}`,
      ...names.map((name) => {
        const noted = results.memory[name]?.[when];
        return noted === undefined ? "–" : `${number(noted.residentMb)} (${number(noted.anonymousMb)})`;
      }),
    ]),
  );
}

function busyCpu(target: TargetResults): (number | undefined)[] {
  return target.busy.map((round) => round.cpuPerRequest);
}

function busyThroughput(target: TargetResults): (number | undefined)[] {
  return target.busy.map((round) => round.requestsPerSecond);
}

type Pick = (target: TargetResults) => (number | undefined)[];

function ratio(target: TargetResults | undefined, base: TargetResults | undefined, pick: Pick): number | undefined {
  if (target === undefined || base === undefined) return undefined;
  return median(paired(pick(target), pick(base), (left, right) => left / right));
}

function difference(
  target: TargetResults | undefined,
  base: TargetResults | undefined,
  pick: Pick,
): number | undefined {
  if (target === undefined || base === undefined) return undefined;
  return median(paired(pick(target), pick(base), (left, right) => left - right));
}

function ratioRow(label: string, results: Results, names: readonly TargetName[], pick: Pick): string {
  const { nginx } = results.targets;
  const cells = names.map((name) => {
    if (nginx === undefined || name === "direct") return "–";
    return show(spread(paired(picked(results, name, pick), pick(nginx), (left, right) => left / right)), "×");
  });
  return row([label, ...cells]);
}

function addedRow(label: string, results: Results, names: readonly TargetName[], pick: Pick): string {
  const { direct } = results.targets;
  const cells = names.map((name) => {
    if (direct === undefined || name === "direct") return "–";
    return show(spread(paired(picked(results, name, pick), pick(direct), (left, right) => left - right)));
  });
  return row([label, ...cells]);
}

function picked(results: Results, name: TargetName, pick: Pick): (number | undefined)[] {
  const target = results.targets[name];
  return target === undefined ? [] : pick(target);
}

function show(values: Spread | undefined, unit = ""): string {
  if (values === undefined) return "–";
  return `${number(values.median)}${unit} (${number(values.low)}–${number(values.high)})`;
}

function number(value: number): string {
  if (Math.abs(value) >= 1_000) return value.toFixed(0);
  return Number(value.toPrecision(3)).toString();
}

function row(cells: readonly string[]): string {
  return cells
    .map((cell, index) => (index === 0 ? cell.padEnd(32) : cell.padEnd(26)))
    .join("")
    .trimEnd();
}

function nginxVersion(): string {
  try {
    return execFileSync("/bin/sh", ["-c", "PATH=$PATH:/usr/sbin:/usr/local/sbin nginx -v 2>&1"], { encoding: "utf8" })
      .trim()
      .replace(/^nginx version: /, "");
  } catch {
    return "no nginx";
  }
}
