/** What a full log adds to a request's latency: two daemons side by side, one over the filled home, one over an empty one. */
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requestFor, runLoad } from "./client.ts";
import { startEcho, stopAll } from "./echo-daemon.ts";
import type { Line } from "./rows.ts";
import { median, quantile } from "./statistics.ts";

export async function addedLatency(home: string, bound: number, rounds: number, roundMs: number): Promise<Line> {
  const empty = mkdtempSync(join(tmpdir(), "bf-empty-"));
  const children: ChildProcess[] = [];
  try {
    const config = { record: { retention: "3650d" } };
    const full = (await startEcho(home, config, children)).port;
    const bare = (await startEcho(empty, config, children)).port;
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
    await stopAll(children);
    rmSync(empty, { recursive: true, force: true });
  }
}
