/**
 * `npm run soak -- --minutes 10`: traffic of every kind for a while, and what stays of it. Streams, whole answers, a
 * provider with faults, clients that leave, a listener that comes and goes, scrapes, lists, reloads; then memory, handles,
 * descriptors, threads and rows are compared with those of the second quarter, and growth is exit code 1. `--seconds 20`
 * in CI, 10 minutes by default, `--minutes 1440` for a day.
 */
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { stateFile, trafficFile } from "../daemon/store/boot.ts";
import { openDatabase } from "../daemon/store/database.ts";
import { requestFor, runLoad } from "./client.ts";
import { startEcho, stopAll } from "./echo-daemon.ts";
import { ask, faultyRequests, leavers, listenBriefly, rewriteConfig, startFaultyProvider } from "./soak-load.ts";
import { median } from "./statistics.ts";

const { values } = parseArgs({ options: { seconds: { type: "string" }, minutes: { type: "string", default: "10" } } });
const seconds = Number(values.seconds ?? 60 * Number(values.minutes));
if (!(seconds >= 10)) throw new Error("give --minutes or --seconds, 10 seconds at least");
/** What may have come on top: young heap and the caches of SQLite, 16 MB a connection, fill during the first minutes. */
const grownMbMax = seconds < 120 ? 60 : 20;
const descriptorsMax = 12;
/** Closed loops, for so long in a round, then the rest of the round in peace: the load is the same at any speed. */
const loadMs = 150;
const roundMs = 1_000;
/** Rows go after this; retention looks once a minute, so twice as many may be there. */
const retentionSeconds = 60;
const reloadRounds = 3;

type Sample = {
  readonly memoryMb: number;
  readonly descriptors: number;
  /** Those of them that are sockets, pipes, timers and the like, not files. */
  readonly handles: number;
  readonly threads: number;
};

const directory = mkdtempSync(join(tmpdir(), "bf-soak-"));
const children: ChildProcess[] = [];
const faulty = await startFaultyProvider();
try {
  const { port, home, child } = await startEcho(
    directory,
    {
      record: { content: "full", content_max: "4KB", retention: `${retentionSeconds}s` },
      providers: {
        faulty: {
          ...{ base_url: `http://127.0.0.1:${faulty.port}/v1`, dialect: "openai-chat", api_key: "env.FAULTY_KEY" },
          models: ["m"],
        },
      },
    },
    children,
  );
  const { socket } = JSON.parse(readFileSync(join(home, "admin.json"), "utf8")) as { socket: string };
  const samples: Sample[] = [];
  const statuses = new Map<string, number>();
  const endsAt = performance.now() + seconds * 1_000;
  let [requests, failures, rounds] = [0, 0, 0];
  const first = { ...sample(child.pid!), ...rows(home) };
  while (performance.now() < endsAt) {
    const startedAt = performance.now();
    const kinds = [
      requestFor(port, "/v1/chat/completions", "echo/echo"),
      requestFor(port, "/v1/chat/completions", "echo/echo", { stream: true }),
      requestFor(port, "/v1/messages", "echo/echo", { bytes: 20_000 }),
    ];
    for (const kind of kinds) {
      const load = await runLoad({ port, request: kind, concurrency: 8, durationMs: loadMs });
      requests += load.requests;
      failures += load.failures;
    }
    if (++rounds % reloadRounds === 0) rewriteConfig(join(home, "bench.yaml"), rounds);
    const [told] = await Promise.all([
      faultyRequests(port, 8),
      ...leavers(port),
      ask(socket, "/metrics"),
      ask(socket, "/api/logs/dashboard"),
      listenBriefly(socket),
    ]);
    for (const status of told) statuses.set(String(status), (statuses.get(String(status)) ?? 0) + 1);
    await new Promise((resolve) => setTimeout(resolve, Math.max(100, startedAt + roundMs - performance.now())));
    samples.push(sample(child.pid!));
  }
  const quarter = Math.max(1, Math.floor(samples.length / 4));
  const [early, late] = [samples.slice(quarter, 2 * quarter), samples.slice(-quarter)];
  const of = (part: readonly Sample[], name: keyof Sample): number => {
    const values = part.map((each) => each[name]);
    // Memory is at one of two levels, before a collection and after it: a median is one or the other, 30 MB apart.
    if (name === "memoryMb") return values.reduce((sum, value) => sum + value, 0) / values.length;
    return median(values) ?? 0;
  };
  const last = { ...sample(child.pid!), ...rows(home) };
  const generation = /^bifrost_config_generation (\d+)/m.exec(await ask(socket, "/metrics"))?.[1];
  const cell = (value: number | undefined, width: number): string =>
    (value === undefined ? "" : value.toFixed(0)).padStart(width);
  const line = (what: string, start: number, second: number | undefined, end: number, bound: string): string =>
    `${what.padEnd(20)} ${cell(start, 9)} ${cell(second, 15)} ${cell(end, 9)}  ${bound}\n`;
  const compared = (what: string, name: keyof Sample, bound: string): string =>
    line(what, first[name], of(early, name), of(late, name), bound);
  process.stdout.write(
    `${requests} requests in ${seconds} s, ${failures} failed; ${faulty.calls()} calls of a faulty provider, answered ` +
      `${[...statuses].map(([status, count]) => `${status}: ${count}`).join(", ")}; config generation ${generation}\n` +
      `${"".padEnd(20)}     start  second quarter       end\n` +
      compared("memory, MB", "memoryMb", `≤ +${grownMbMax}`) +
      compared("descriptors", "descriptors", `≤ +${descriptorsMax}`) +
      compared("handles", "handles", `≤ +${descriptorsMax}`) +
      compared("threads", "threads", "≤ +1") +
      line("log rows", first.log, undefined, last.log, `those of the last ${2 * retentionSeconds} s at most`) +
      line("texts", first.texts, undefined, last.texts, "as log rows") +
      line("audit records", first.audit, undefined, last.audit, "one a request") +
      line("holds", first.holds, undefined, last.holds, "none"),
  );
  const grown = (name: keyof Sample): number => of(late, name) - of(early, name);
  /** Half as many again, since load is not quite even. */
  const rowsMax = ((requests + 13 * rounds) / seconds) * (2 * retentionSeconds + 10) * 1.5;
  const wrong = [
    grown("memoryMb") > grownMbMax && "memory grew",
    grown("descriptors") > descriptorsMax && "descriptors grew",
    grown("handles") > descriptorsMax && "handles grew",
    grown("threads") > 1 && "threads grew",
    last.log > rowsMax && `more than ${rowsMax.toFixed(0)} rows are kept`,
    last.holds > 0 && "holds are left",
    failures > 0 && "requests failed that no fault was made for",
    statuses.has("undefined") && "requests had no answer",
    Number(generation) < rounds / reloadRounds / 2 && "reloads did not happen",
  ].filter((each) => each !== false);
  for (const each of wrong) process.stdout.write(`OVER: ${each}\n`);
  if (wrong.length > 0) process.exitCode = 1;
} finally {
  await stopAll(children);
  faulty.close();
  rmSync(directory, { recursive: true, force: true });
}
process.exit();

function sample(pid: number): Sample {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const figure = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
  const descriptors = readdirSync(`/proc/${pid}/fd`);
  return {
    memoryMb: figure("VmRSS") / 1_000,
    descriptors: descriptors.length,
    handles: descriptors.filter((name) => !leadsTo(pid, name).startsWith("/")).length,
    threads: figure("Threads"),
  };
}

/** A descriptor may have been closed since it was listed. */
function leadsTo(pid: number, descriptor: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
  } catch {
    return "/";
  }
}

function rows(home: string): {
  readonly log: number;
  readonly texts: number;
  readonly audit: number;
  readonly holds: number;
} {
  const count = (file: string, table: string): number => {
    const database = openDatabase(file, { readonly: true, busyMs: 5_000 });
    const rows = database.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
    database.close();
    return rows;
  };
  return {
    log: count(trafficFile(home), "requests"),
    texts: count(trafficFile(home), "contents"),
    audit: count(stateFile(home), "records"),
    holds: count(stateFile(home), "holds"),
  };
}
