/**
 * `npm run bench:telemetry`: what log, sums, metrics, live feed and sampled traces take from throughput together. Two
 * daemons in turn, one with all of it and a listener, one with none; bound: a tenth.
 */
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requestFor, runLoad } from "./client.ts";
import { startEcho, stopAll } from "./echo-daemon.ts";
import { cpuMicroseconds } from "./process.ts";
import { median, paired } from "./statistics.ts";

const rounds = Number(process.argv[2] ?? 7);
const roundMs = 2_000;
const shareMax = 0.1;

const directory = mkdtempSync(join(tmpdir(), "bf-telemetry-"));
const children: ChildProcess[] = [];
try {
  const tracing = { endpoint: "http://127.0.0.1:9/v1/traces", sample: 0.01 };
  const all = await startEcho(join(directory, "all"), { record: { audit: false }, tracing }, children);
  const none = await startEcho(join(directory, "none"), { record: { audit: false, requests: false } }, children);
  const { socket } = JSON.parse(readFileSync(join(all.home, "admin.json"), "utf8")) as { socket: string };
  request({ socketPath: socket, path: "/api/feed", headers: { host: "localhost" } }, (feed) => feed.resume()).end();
  const rates = { all: [] as number[], none: [] as number[] };
  const costs = { all: [] as number[], none: [] as number[] };
  for (let round = -1; round < rounds; round++) {
    for (const name of round % 2 === 0 ? (["all", "none"] as const) : (["none", "all"] as const)) {
      const { port, child } = name === "all" ? all : none;
      const before = cpuMicroseconds(child.pid!);
      const load = { port, request: requestFor(port, "/v1/chat/completions", "echo/echo"), concurrency: 32 };
      const { requests, seconds } = await runLoad({ ...load, durationMs: roundMs });
      if (round < 0) continue; // warms up
      rates[name].push(requests / seconds);
      costs[name].push((cpuMicroseconds(child.pid!) - before) / requests);
    }
  }
  const share = 1 - (median(paired(rates.all, rates.none, (one, other) => one / other)) ?? 0);
  const added = median(paired(costs.all, costs.none, (one, other) => one - other)) ?? 0;
  const verdict = share <= shareMax ? "" : "  OVER";
  process.stdout.write(
    `${median(rates.all)?.toFixed(0)} against ${median(rates.none)?.toFixed(0)} requests a second: ${(share * 100).toFixed(1)} % less  ≤ 10 %${verdict}\n` +
      `${median(costs.all)?.toFixed(0)} against ${median(costs.none)?.toFixed(0)} µs of CPU a request, ${added.toFixed(1)} µs more\n`,
  );
  if (verdict !== "") process.exitCode = 1;
} finally {
  await stopAll(children);
  rmSync(directory, { recursive: true, force: true });
}
process.exit();
