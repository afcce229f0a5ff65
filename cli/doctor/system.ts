/** The system: how much it lets one process have, and whether a hand-over of the port loses connections. */
import { readFileSync } from "node:fs";
import { type Check, type Finding, good, note, type Patient, warning } from "./check.ts";

const filesMin = 4_096;
const memoryMin = 256 * 1024 * 1024;

export const system: Check = {
  name: "system",
  isLocal: true,
  about: "open files, memory, tcp_migrate_req and core dumps",
  async run(patient) {
    if (process.platform !== "linux") return [note(`${process.platform}: one worker, and no hand-over of the port`)];
    const findings = [...files(patient), ...migration(patient), ...memory()];
    return findings.length > 0 ? findings : [good("limits of files and memory are wide enough")];
  },
};

/** Two sockets a request in flight, and some for the databases. */
function files({ status }: Patient): readonly Finding[] {
  const text = read(`/proc/${status?.pid ?? "self"}/limits`);
  const limit = Number(/^Max open files\s+(\d+)/m.exec(text ?? "")?.[1] ?? Number.POSITIVE_INFINITY);
  if (limit >= filesMin) return [];
  return [
    warning(
      `a process may have ${limit} files open: with some ${Math.floor(limit / 2)} requests at once it ends`,
      "ulimit -n 65536 before the start, or LimitNOFILE=65536 in the unit.",
    ),
  ];
}

/**
 * A worker that leaves takes the connections with it that the kernel had queued for it and nobody had accepted, unless
 * the kernel may hand them to another worker on the same port.
 */
function migration({ status }: Patient): readonly Finding[] {
  const value = read("/proc/sys/net/ipv4/tcp_migrate_req")?.trim();
  if (value !== "0") return [];
  const workers = status?.workers.length ?? 1;
  const remedy = "sysctl -w net.ipv4.tcp_migrate_req=1, and into /etc/sysctl.d/bifrost.conf to keep it.";
  const message =
    "net.ipv4.tcp_migrate_req is 0: a worker that is replaced may lose connections that wait to be accepted";
  return [workers > 1 ? warning(message, remedy) : note(message, remedy)];
}

function memory(): readonly Finding[] {
  const limit = Number(read("/sys/fs/cgroup/memory.max")?.trim());
  if (!Number.isFinite(limit) || limit >= memoryMin) return [];
  return [
    warning(
      `this group may use ${Math.round(limit / 1e6)} MB of memory`,
      "Give it 256 MB at least; 512 MB for prompts of megabytes.",
    ),
  ];
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
