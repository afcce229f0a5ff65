/** What a process and its children have taken from the machine. Hides the layout of /proc; Linux only. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** Microseconds of user and system time of all threads, of the process and of its living children. */
export function cpuMicroseconds(pid: number): number {
  return withChildren(pid).reduce((sum, each) => sum + ownTicks(each), 0) * microsecondsPerTick();
}

export type Memory = { readonly residentMb: number; readonly anonymousMb: number };

/** Megabytes (10^6 bytes) resident, and of these the anonymous ones: what no file could give back. */
export function memory(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const resident = kilobytes(status, "VmRSS");
  // Some sandboxes do not split it; then all of it counts as anonymous, which never flatters.
  return { residentMb: resident, anonymousMb: /^RssAnon:/m.test(status) ? kilobytes(status, "RssAnon") : resident };
}

export function withChildren(pid: number): number[] {
  const parents = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = Number(statFields(Number(name))?.[1] ?? Number.NaN);
    if (!Number.isNaN(parent)) parents.set(parent, [...(parents.get(parent) ?? []), Number(name)]);
  }
  const found = [pid];
  for (const each of found) found.push(...(parents.get(each) ?? []));
  return found;
}

function ownTicks(pid: number): number {
  const fields = statFields(pid);
  return fields === undefined ? 0 : Number(fields[11]) + Number(fields[12]);
}

/** The fields after the name, which may itself hold blanks and brackets: state is 0, parent 1, utime 11, stime 12. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined; // it has ended
  }
}

function kilobytes(status: string, field: string): number {
  const kibibytes = new RegExp(`^${field}:\\s*(\\d+) kB`, "m").exec(status)?.[1];
  return (Number(kibibytes ?? Number.NaN) * 1024) / 1e6;
}

let tick: number | undefined;

function microsecondsPerTick(): number {
  tick ??= 1e6 / Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }).trim());
  return tick;
}
