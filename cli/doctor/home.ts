/** The home: whose it is, and who else may read it. Keys are stored as hashes, but the log tells who asked what. */
import { readdirSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../failure.ts";
import { type Check, type Finding, good, note, problem, warning } from "./check.ts";

const othersBits = 0o077;

export const home: Check = {
  name: "home",
  isLocal: true,
  about: "the folder is this user's and nobody else may read it",
  async run({ home: path }) {
    const found = look(path);
    if (found === "missing") return [note(`${path} is not there yet`, "The first bifrost serve makes it.")];
    if (found === "denied")
      return [problem(`${path} may not be read by this user`, `Run as its owner, or name another with --home.`)];
    if (!found.isDirectory()) return [problem(`${path} is not a folder`, "Name another with --home <directory>.")];
    const findings: Finding[] = [];
    const user = process.getuid?.();
    if (user !== undefined && found.uid !== user)
      findings.push(
        warning(
          `${path} belongs to user ${found.uid}, and this is ${user}`,
          `Run as its owner, or: chown -R ${user} ${path}`,
        ),
      );
    if ((found.mode & othersBits) !== 0)
      findings.push(warning(`${path} may be entered by others (mode ${octal(found.mode)})`, `chmod 700 ${path}`));
    findings.push(...openFiles(path));
    return findings.length > 0 ? findings : [good(`${path}, mode ${octal(found.mode)}`)];
  },
};

/** Databases and what lies beside them; the socket is only as open as its folder. */
function openFiles(path: string): readonly Finding[] {
  const open = readdirSync(path).filter(
    (name) =>
      /\.db(-wal|-shm)?$|^admin\.json$|\.log$/.test(name) && (statSync(join(path, name)).mode & othersBits) !== 0,
  );
  if (open.length === 0) return [];
  return [warning(`others may read ${open.join(", ")}`, `chmod 600 ${open.map((name) => join(path, name)).join(" ")}`)];
}

function look(path: string): Stats | "missing" | "denied" {
  try {
    return statSync(path);
  } catch (error) {
    return codeOf(error) === "ENOENT" ? "missing" : "denied";
  }
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, "0");
}
