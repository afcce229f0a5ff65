/** The disk under the home: room for what is written, and a file system that keeps what it was told. */
import { existsSync, readFileSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { type Check, type Finding, good, problem, warning } from "./check.ts";

const scarceBytes = 2e9;
const nearlyNoneBytes = 2e8;
/** Locks of files do not hold everywhere there, and SQLite relies on them. */
const remoteTypes = new Set(["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph", "glusterfs"]);
const lostAtReboot = new Set(["tmpfs", "ramfs"]);

export const disk: Check = {
  name: "disk",
  isLocal: true,
  about: "there is room, on a file system whose locks hold",
  async run({ home }) {
    const path = existing(home);
    const { bavail, blocks, bsize, files, ffree } = statfsSync(path);
    const free = bavail * bsize;
    const findings: Finding[] = [];
    const said = `${gigabytes(free)} GB free of ${gigabytes(blocks * bsize)} GB`;
    const remedy = "Make room, or shorten record.retention: docs/config.md";
    if (free < nearlyNoneBytes) findings.push(problem(said, remedy));
    else if (free < scarceBytes) findings.push(warning(said, remedy));
    if (files > 0 && ffree / files < 0.01)
      findings.push(warning("fewer than 1% of the inodes are free", "Remove small files from this file system."));
    const type = typeOf(path);
    if (remoteTypes.has(type))
      findings.push(
        problem(
          `the home lies on ${type}`,
          "SQLite's locks do not hold over a network: move the home to a local disk.",
        ),
      );
    if (lostAtReboot.has(type))
      findings.push(
        warning(
          `the home lies on ${type}: it is lost when the machine restarts`,
          "Move it to a disk: --home <directory>",
        ),
      );
    return findings.length > 0 ? findings : [good(said)];
  },
};

function existing(path: string): string {
  return existsSync(path) ? path : existing(dirname(path));
}

/** The longest mount point that the path lies under. */
function typeOf(path: string): string {
  try {
    const mounts = readFileSync("/proc/self/mounts", "utf8")
      .split("\n")
      .map((line) => line.split(" "));
    const under = mounts.filter(([, point = ""]) => point === "/" || path === point || path.startsWith(`${point}/`));
    return under.toSorted((one, other) => other[1]!.length - one[1]!.length)[0]?.[2] ?? "";
  } catch {
    return "";
  }
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0);
}
