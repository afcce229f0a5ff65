/** The processes of this machine as Linux tells of them. Hides /proc; without it (other systems) there are none. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export type Process = {
  readonly pid: number;
  readonly parent: number;
  /** When it started, in ticks since boot: with the number it is one process only, since numbers come again. */
  readonly startedAt: string;
  /** `R` runs, `S` waits, `Z` has ended and nobody has asked how. */
  readonly state: string;
  readonly cpuTicks: number;
};

export type Thread = { readonly id: number; readonly name: string; readonly state: string; readonly cpuTicks: number };

/** Ticks a second, on every Linux that we run on. */
export const ticksPerSecond = 100;

export function processes(): ReadonlyMap<number, Process> {
  const found = new Map<number, Process>();
  for (const entry of listed("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const stat = readStat(`/proc/${pid}/stat`);
    if (stat !== undefined) found.set(pid, { pid, ...stat });
  }
  return found;
}

export function threadsOf(pid: number): readonly Thread[] {
  return listed(`/proc/${pid}/task`).flatMap((entry) => {
    const stat = readStat(`/proc/${pid}/task/${entry}/stat`);
    return stat === undefined ? [] : [{ id: Number(entry), ...stat }];
  });
}

/** What it was started as; empty for one that has ended. */
export function argumentsOf(pid: number): readonly string[] {
  return (readText(`/proc/${pid}/cmdline`) ?? "").split("\0").slice(0, -1);
}

/** What its standard output and error are: two processes that tell the same here have the same pipe. */
export function outputsOf(pid: number): readonly string[] {
  return [1, 2].flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${descriptor}`)];
    } catch {
      return []; // it has ended, or is another person's
    }
  });
}

/** The name stands in brackets and may have any character, so what follows is counted from the last bracket. */
function readStat(path: string): (Omit<Process, "pid"> & { readonly name: string }) | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  const nameEnd = text.lastIndexOf(")");
  const fields = text.slice(nameEnd + 2).split(" ");
  return {
    name: text.slice(text.indexOf("(") + 1, nameEnd),
    state: fields[0]!,
    parent: Number(fields[1]),
    cpuTicks: Number(fields[11]) + Number(fields[12]),
    startedAt: fields[19]!,
  };
}

function listed(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
