/**
 * What a full log, and the deletion of old rows, add to a request's latency: two daemons side by side, one over the
 * filled home, one over an empty one.
 */
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { trafficFile } from "../daemon/store/boot.ts";
import { openDatabase } from "../daemon/store/database.ts";
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

/** How long the system may take to see the rows gone: a slice is a hundredth of a second, a pause two. */
const deletionMsMax = 900_000;
const deletionRoundMs = 500;

/** Lets a daemon delete all rows that began before `until`, and give their pages back, while requests come. */
export async function retentionUnderLoad(
  home: string,
  until: number,
  addedMsMax: number,
  stallMsMax: number,
): Promise<readonly Line[]> {
  const empty = mkdtempSync(join(tmpdir(), "bf-empty-"));
  const children: ChildProcess[] = [];
  const before = statSync(trafficFile(home)).size;
  const seconds = Math.floor((Date.now() - until) / 1_000);
  try {
    const busy = (await startEcho(home, { record: { retention: `${seconds}s` } }, children)).port;
    const idle = (await startEcho(empty, { record: { retention: "3650d" } }, children)).port;
    const found = { busy: [] as number[], idle: [] as number[], longest: 0, requests: 0 };
    const startedAt = performance.now();
    let rows = rowsBefore(home, until);
    const first = rows;
    while (rows > 0 && performance.now() - startedAt < deletionMsMax) {
      for (const name of ["busy", "idle"] as const) {
        const port = name === "busy" ? busy : idle;
        const request = requestFor(port, "/v1/chat/completions", "echo/echo");
        const { latencies } = await runLoad({ port, request, concurrency: 4, durationMs: deletionRoundMs });
        found[name].push(quantile(latencies, 0.99) ?? 0);
        if (name === "busy") found.longest = Math.max(found.longest, quantile(latencies, 1) ?? 0);
        found.requests += latencies.length;
      }
      rows = rowsBefore(home, until);
    }
    if (rows > 0) throw new Error(`${rows} of ${first} old rows are still there after ${deletionMsMax / 1_000} s`);
    const took = (performance.now() - startedAt) / 1_000;
    const [with_, without] = [median(found.busy) ?? 0, median(found.idle) ?? 0];
    const deleted = `${first} rows in ${took.toFixed(0)} s, ${found.requests} requests`;
    return [
      {
        what: "retention in a daemon: added p99 of a request",
        ms: Math.max(0, with_ - without),
        bound: addedMsMax,
        note: deleted,
      },
      {
        what: "retention in a daemon: longest request",
        ms: found.longest,
        bound: stallMsMax,
        note: await shrunk(home, before),
      },
    ];
  } finally {
    await stopAll(children);
    rmSync(empty, { recursive: true, force: true });
  }
}

function rowsBefore(home: string, until: number): number {
  const database = openDatabase(trafficFile(home), { readonly: true, busyMs: 1_000 });
  const oldest = database.prepare("SELECT row, at FROM requests ORDER BY row LIMIT 1").get() as {
    row: number;
    at: number;
  };
  // Rows are in the order of their time, and their numbers without a gap.
  const kept = database.prepare("SELECT row FROM requests WHERE row >= ? AND at >= ? ORDER BY row LIMIT 1").pluck();
  const rows = oldest.at >= until ? 0 : Number(kept.get(oldest.row, until)) - oldest.row;
  database.close();
  return rows;
}

/** Waits until the file no longer becomes smaller. */
async function shrunk(home: string, before: number): Promise<string> {
  const startedAt = performance.now();
  let size = statSync(trafficFile(home)).size;
  for (let quiet = 0; quiet < 5; ) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const now = statSync(trafficFile(home)).size;
    quiet = now < size ? 0 : quiet + 1;
    size = now;
  }
  const seconds = (performance.now() - startedAt) / 1_000 - 5;
  return `the file went from ${(before / 1e6).toFixed(0)} to ${(size / 1e6).toFixed(0)} MB, ${seconds.toFixed(0)} s after that`;
}
