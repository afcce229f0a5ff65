/**
 * Ends a test file that takes longer than it may, with every process that it has started, and says what it was at.
 * Node's runner bounds a test and no file: it waits for ever for one whose event loop is blocked, that keeps something
 * open, or whose child has kept its standard output. This runs in the runner's own process, where no test does.
 */
import type { ChildProcess } from "node:child_process";
import { subscribe } from "node:diagnostics_channel";
import { resolve } from "node:path";
import type { TestEvent } from "node:test/reporters";
import { setTimeout as delay } from "node:timers/promises";
import { argumentsOf, outputsOf, type Process, processes, threadsOf, ticksPerSecond } from "./processes.ts";

/** The environment variable with the bound of a file, in milliseconds. */
export const fileMsMaxName = "BIFROST_TEST_FILE_MS_MAX";

/** `at`: what it was at, in lines. */
export type EndedFile = { readonly name: string; readonly path: string; readonly at: string };

export type Watchdog = {
  /** To be told of every event, as soon as it comes. */
  see(event: TestEvent): void;
  readonly ended: readonly EndedFile[];
};

/** The process of a file. */
type Own = {
  readonly pid: number;
  readonly startedAt: string;
  readonly outputs: readonly string[];
  readonly words: readonly string[];
};

type Running = {
  readonly name: string;
  readonly path: string;
  readonly own: Own;
  /** Tests that have begun and not ended, outer ones first. */
  readonly tests: Map<string, string>;
  /** Its process and all that came of it, by number; the value tells it from a later one of that number. */
  readonly family: Map<number, string>;
  complete: boolean;
};

/** A process that was started between two looks and whose parent ended before the second is found by its outputs only. */
const lookMs = 1_000;
/** Its threads are watched for so long before it is ended. */
const watchedMs = 1_000;
/** To take along what it has made. */
const graceMs = 3_000;
const askedMs = 200;
const busyShare = 0.1;
/** The runner gives a test's process every flag there is. */
const argumentsShown = 300;

/** To be called before the first file is begun. */
export function watchFiles(fileMsMax: number): Watchdog {
  const files = new Map<string, Running>();
  const ended: EndedFile[] = [];
  const spawned: Own[] = [];
  setInterval(() => look(files.values()), lookMs).unref();
  subscribe("child_process", (message) => {
    // It is being made and has no number yet. A short one may be gone by the next look, and leave others behind.
    queueMicrotask(() => note((message as { process: ChildProcess }).process));
  });

  function note({ pid, spawnargs }: ChildProcess): void {
    const startedAt = pid === undefined ? undefined : processes().get(pid)?.startedAt;
    if (pid === undefined || startedAt === undefined) return;
    // A file or a terminal would be anybody's.
    const outputs = outputsOf(pid).filter((output) => /^(?:pipe|socket):/.test(output));
    spawned.push({ pid, startedAt, outputs, words: spawnargs });
  }

  function see({ type, data }: TestEvent): void {
    if (type !== "test:dequeue" && type !== "test:complete") return;
    const { name, nesting, file, line, column } = data;
    if (file === undefined) return;
    const isFile = nesting === 0 && resolve(name) === file;
    if (isFile && type === "test:dequeue") begin(name, file);
    const running = files.get(file);
    if (running === undefined) return;
    if (isFile && type === "test:complete") {
      running.complete = true;
      files.delete(file);
    } else if (!isFile) {
      const key = `${nesting} ${line}:${column} ${name}`;
      if (type === "test:dequeue") running.tests.set(key, name);
      else running.tests.delete(key);
    }
  }

  function begin(name: string, path: string): void {
    const own = spawned.find(({ words }) => words.includes(name));
    if (own === undefined) return; // it could not be started, which node tells
    const family = new Map([[own.pid, own.startedAt]]);
    const running: Running = { name, path, own, tests: new Map(), family, complete: false };
    files.set(path, running);
    setTimeout(() => {
      if (!running.complete) void end(running);
    }, fileMsMax).unref();
  }

  async function end(running: Running): Promise<void> {
    const { name, path, own } = running;
    const before = cpuTicks(running);
    await delay(watchedMs);
    look([running]);
    const at = told(running, before);
    ended.push({ name, path, at });
    console.error(`\n✖ ${name} took longer than ${fileMsMax / 1000} s and is ended\n${at}`);
    const isThere = () => alive(running).some(({ pid }) => pid === own.pid);
    if (isThere()) signal(own.pid, "SIGTERM");
    for (let waited = 0; waited < graceMs && isThere(); waited += askedMs) await delay(askedMs);
    for (;;) {
      look([running]);
      const left = alive(running);
      if (left.length === 0 && running.complete) return;
      for (const { pid } of left) signal(pid, "SIGKILL");
      await delay(askedMs);
    }
  }

  return { see, ended };
}

/** Notes what has come of these files since the last look. */
function look(files: Iterable<Running>): void {
  const now = processes();
  const children = Map.groupBy(now.values(), ({ parent }) => parent);
  for (const { family } of files) {
    const grown = [...family].filter(([pid, startedAt]) => now.get(pid)?.startedAt === startedAt);
    for (let at = 0; at < grown.length; at++) {
      for (const { pid, startedAt } of children.get(grown[at]![0]) ?? []) {
        if (family.get(pid) === startedAt) continue;
        family.set(pid, startedAt);
        grown.push([pid, startedAt]);
      }
    }
  }
}

/** Its processes that are there, and whoever else has its output. */
function alive({ family, own }: Running): readonly Process[] {
  const all = [...processes().values()].filter(({ pid, state }) => state !== "Z" && pid !== process.pid);
  return all.filter(
    ({ pid, startedAt }) =>
      family.get(pid) === startedAt || outputsOf(pid).some((output) => own.outputs.includes(output)),
  );
}

/** Processor time of each of its threads so far. */
function cpuTicks(running: Running): ReadonlyMap<number, number> {
  const threads = alive(running).flatMap(({ pid }) => threadsOf(pid));
  return new Map(threads.map(({ id, cpuTicks }) => [id, cpuTicks]));
}

/** What it is at: the tests, and its processes with those threads that do not wait. */
function told(running: Running, before: ReadonlyMap<number, number>): string {
  const tests = [...running.tests.values()];
  const lines = [
    tests.length === 0 ? "  no test is known to be under way: it may be a hook" : `  under way: ${tests.join("; ")}`,
  ];
  for (const { pid, state } of alive(running)) {
    lines.push(`  process ${pid} (${state}): ${shownArguments(pid)}`);
    for (const { id, name, cpuTicks } of threadsOf(pid)) {
      const share = (cpuTicks - (before.get(id) ?? 0)) / ticksPerSecond / (watchedMs / 1000);
      if (share >= busyShare) lines.push(`    its thread ${name} took ${Math.round(share * 100)} % of a processor`);
    }
  }
  return lines.join("\n");
}

function shownArguments(pid: number): string {
  const [program = "", ...rest] = argumentsOf(pid);
  return [program, ...rest.filter((argument) => !/^--[\w-]+=/.test(argument))].join(" ").slice(0, argumentsShown);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}
