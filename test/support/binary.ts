/**
 * The single binary, built once for all tests. Hides the cache, which is named by what goes into a build, and that
 * test files which want the same one at the same time wait for each other.
 */
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { makeBinary } from "../../tools/binary/make.ts";
import { type Origin, root } from "../../tools/emit.ts";
import { until } from "./until.ts";

/** `next` is the same program one version later, with one more migration. */
export type Release = "first" | "next" | "broken";

/** Fixed, so that a commit does not make another binary. */
export const origins: Readonly<Record<Release, Origin>> = {
  first: { version: "0.1.0", commit: "1".repeat(40), committedAt: 1_764_000_000, catalogDate: "2026-09-23" },
  next: { version: "0.2.0", commit: "2".repeat(40), committedAt: 1_764_100_000, catalogDate: "2026-10-23" },
  /** Later still, and it does not serve. */
  broken: { version: "0.3.0", commit: "3".repeat(40), committedAt: 1_764_200_000, catalogDate: "2026-11-23" },
};

const cache = join(root, ".cache", "test-binary");
const buildMsMax = 180_000;

export async function binaryOf(release: Release): Promise<string> {
  const file = join(cache, inputHash(), release, "bifrost");
  if (existsSync(file)) return file;
  mkdirSync(join(file, "..", ".."), { recursive: true });
  const lock = `${join(file, "..")}.lock`;
  if (!claim(lock)) {
    await until("another test's build", () => existsSync(file) || !existsSync(lock), buildMsMax);
    return binaryOf(release);
  }
  try {
    mkdirSync(join(file, ".."), { recursive: true });
    await makeBinary({ arch: hostArch(), out: file, origin: origins[release], overlay: overlayOf(release) });
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
  return file;
}

export function hostArch(): "x64" | "arm64" {
  return process.arch === "arm64" ? "arm64" : "x64";
}

/** A lock that a killed test left is of nobody after a while. */
function claim(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    const at = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (Date.now() - at < buildMsMax) return false;
    rmSync(lock, { recursive: true, force: true });
    return claim(lock);
  }
}

let known: string | undefined;

function inputHash(): string {
  known ??= hashInputs();
  return known;
}

function hashInputs(): string {
  const files = globSync("{cli,daemon,providers,tools/binary}/**/*.{ts,json}", { cwd: root }).sort();
  const hash = createHash("sha256");
  for (const file of [...files, "tools/emit.ts", "package-lock.json", "config.example.yaml", "test/support/binary.ts"])
    hash.update(`${file}\n`).update(readFileSync(join(root, file)));
  return hash.digest("hex").slice(0, 16);
}

function overlayOf(release: Release): Record<string, string> {
  if (release === "first") return {};
  const list = "daemon/store/migrations/list.ts";
  const text = readFileSync(join(root, list), "utf8");
  const extra = `{ name: "20991231-2359-later", sql: "CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT; ALTER TABLE keys ADD COLUMN later TEXT" }`;
  const migrated = text.replace(/(stateMigrations: readonly Migration\[\] = \[[^\]]*?),?\s*\]/, `$1, ${extra}]`);
  if (migrated === text) throw new Error("the list of migrations is written in another way now");
  if (release === "next") return { [list]: migrated };
  // It passes every trial, changes the schema, and then does not take over.
  const daemon = "daemon/runtime/daemon.ts";
  const healthy = readFileSync(join(root, daemon), "utf8");
  const mark = "  const status = createStatus();\n";
  const broken = healthy.replace(
    mark,
    `${mark}  if (options.inherited !== undefined) throw new Error("this release is broken");\n`,
  );
  if (broken === healthy) throw new Error("the start of the daemon is written in another way now");
  const more = `{ name: "20991231-2359-more", sql: "CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT" }`;
  return { [list]: migrated.replace(extra, `${extra}, ${more}`), [daemon]: broken };
}
