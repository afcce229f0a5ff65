/**
 * Where releases are installed. Hides the layout: one folder a release, and one link that says which is current; all
 * that a switch does is to put another link in its place, which the file system does at once or not at all.
 *
 *   <prefix>/versions/<id>/   one release, complete, never changed
 *   <prefix>/current          the link
 *   <prefix>/bin/bifrost      for PATH; leads through the link
 *   <prefix>/history.json     what was current before, newest last
 *   <prefix>/trusted.pub      keys whose bundles are accepted
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { BundleProblem } from "./create.ts";
import { type Manifest, parseManifest } from "./manifest.ts";
import { type PublicKey, readPublicKey } from "./minisign.ts";

export type Release = { readonly id: string; readonly folder: string; readonly manifest: Manifest };

const historyMax = 20;
const keyBytesMax = 4_096;

export function releaseFolder(prefix: string, id: string): string {
  return join(prefix, "versions", id);
}

export function executableOf(prefix: string, id: string): string {
  return join(releaseFolder(prefix, id), "bifrost");
}

/** Complete ones, by folder name. */
export function releasesIn(prefix: string): readonly Release[] {
  const folder = join(prefix, "versions");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => !name.startsWith("."))
    .toSorted()
    .flatMap((id) => releaseAt(prefix, id) ?? []);
}

export function releaseAt(prefix: string, id: string): Release | undefined {
  try {
    const folder = releaseFolder(prefix, id);
    return { id, folder, manifest: parseManifest(readFileSync(join(folder, "manifest.json"), "utf8")) };
  } catch {
    return undefined;
  }
}

export function currentId(prefix: string): string | undefined {
  try {
    return basename(readlinkSync(join(prefix, "current")));
  } catch {
    return undefined;
  }
}

export function makeCurrent(prefix: string, id: string): void {
  const before = currentId(prefix);
  if (before !== undefined && before !== id) {
    // First, so that an interruption cannot lose the way back; a release is never its own predecessor.
    const past = historyOf(prefix).filter((each) => each !== id && each !== before);
    writeWhole(join(prefix, "history.json"), `${JSON.stringify([...past, before].slice(-historyMax))}\n`);
  }
  link(prefix, "current", join("versions", id));
  mkdirSync(join(prefix, "bin"), { recursive: true });
  if (!existsSync(join(prefix, "bin", "bifrost")))
    link(join(prefix, "bin"), "bifrost", join("..", "current", "bifrost"));
}

/** After a release that did not serve: as if it had never been current. */
export function makeCurrentAgain(prefix: string, id: string): void {
  const failed = currentId(prefix);
  const past = historyOf(prefix).filter((each) => each !== id && each !== failed);
  link(prefix, "current", join("versions", id));
  writeWhole(join(prefix, "history.json"), `${JSON.stringify(past)}\n`);
}

/** Releases that were current, the last one last. */
export function historyOf(prefix: string): readonly string[] {
  try {
    return JSON.parse(readFileSync(join(prefix, "history.json"), "utf8")) as string[];
  } catch {
    return [];
  }
}

/** `given` is a key or a file that holds one; it comes before what was trusted earlier. */
export function trustedKeys(prefix: string, given: readonly string[]): readonly PublicKey[] {
  const kept = join(prefix, "trusted.pub");
  const lines = existsSync(kept)
    ? readFileSync(kept, "utf8")
        .split("\n")
        .filter((line) => line.startsWith("RW"))
    : [];
  const keys = given.map((text) =>
    readPublicKey(existsSync(text) ? readFileSync(text, "utf8").slice(0, keyBytesMax) : text),
  );
  return [...keys, ...lines.map(readPublicKey)];
}

/** What was installed once with a key may be upgraded with it. */
export function trust(prefix: string, key: PublicKey): void {
  const kept = join(prefix, "trusted.pub");
  const before = existsSync(kept) ? readFileSync(kept, "utf8") : "";
  if (!before.includes(key.text)) writeWhole(kept, `${before}${key.text}\n`);
}

function link(folder: string, name: string, target: string): void {
  const next = join(folder, `.${name}.next`);
  rmSync(next, { force: true });
  symlinkSync(target, next);
  renameSync(next, join(folder, name));
}

function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.next`, text, { mode: 0o644 });
  renameSync(`${file}.next`, file);
}

export function needCurrent(prefix: string): Release {
  const id = currentId(prefix);
  const release = id === undefined ? undefined : releaseAt(prefix, id);
  if (release === undefined) throw new BundleProblem(`nothing is installed in ${prefix}`);
  return release;
}
