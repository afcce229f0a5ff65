/**
 * Installs a bundle. Hides the order that makes an interruption harmless at any point: everything is prepared beside what
 * runs, tried on a copy of the data, and then one link is replaced. Doing it again goes on where it stopped.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { copyDatabase } from "../backup/copy-database.ts";
import type { Progress } from "../progress.ts";
import { stateFile } from "../store/boot.ts";
import { openLockDatabase } from "../store/database.ts";
import { makeFolder } from "../store/make-folder.ts";
import { BundleProblem } from "./create.ts";
import { compareReleases, type Manifest, releaseId } from "./manifest.ts";
import { type Bundle, openBundle } from "./open.ts";
import {
  currentId,
  executableOf,
  historyOf,
  makeCurrent,
  makeCurrentAgain,
  type Release,
  releaseAt,
  releaseFolder,
  trust,
  trustedKeys,
} from "./prefix.ts";
import { tryRelease } from "./trial.ts";

/** What serves over the home now, as the command line knows it. */
export type RunningDaemon = {
  /** Lets the program start anew; resolves with the version that serves afterwards. */
  restart(): Promise<string>;
  readonly version: string;
};

export type InstallOptions = {
  readonly file: string;
  readonly prefix: string;
  readonly home: string;
  readonly keys: readonly string[];
  readonly allowDowngrade: boolean;
  /** Looked for when it is needed: it may have started or ended meanwhile. */
  readonly daemon: () => Promise<RunningDaemon | undefined>;
  readonly environment: NodeJS.ProcessEnv;
  readonly progress: Progress;
};

export type Installed = {
  readonly release: Release;
  readonly before: string | undefined;
  /** Nothing was to be done. */
  readonly already: boolean;
  readonly backup: string | undefined;
  /** The version that serves, where a daemon runs. */
  readonly serving: string | undefined;
};

export async function installBundle(options: InstallOptions): Promise<Installed> {
  const { prefix, progress } = options;
  const bundle = openBundle(options.file, trustedKeys(prefix, options.keys), progress);
  try {
    const { manifest } = bundle;
    const id = releaseId(manifest);
    mayInstall(manifest, id, options);
    makeFolder(join(prefix, "versions"), 0o777); // as the user's mask has it
    return await underLock(prefix, async () => {
      const before = currentId(prefix);
      await unpack(bundle, prefix, id, progress);
      const backup = before === id ? undefined : await copyState(options, id);
      if (before !== id) {
        progress("trying the new version on a copy of the data");
        await tryRelease({
          executable: executableOf(prefix, id),
          version: manifest.version,
          folder: join(prefix, ".trial"),
          state: backup,
          environment: options.environment,
        });
      }
      trust(prefix, bundle.signer);
      progress("switching");
      makeCurrent(prefix, id);
      const serving = await startAnew(options, manifest, before, id);
      const release = releaseAt(prefix, id)!;
      return { release, before, already: before === id, backup, serving };
    });
  } finally {
    bundle.close();
  }
}

function mayInstall(manifest: Manifest, id: string, { prefix, allowDowngrade }: InstallOptions): void {
  const platform = `${process.platform}-${process.arch}`;
  if (manifest.platform !== platform)
    throw new BundleProblem(`the bundle is for ${manifest.platform}, this machine is ${platform}`);
  const current = currentId(prefix);
  const release = current === undefined || current === id ? undefined : releaseAt(prefix, current);
  if (release === undefined || allowDowngrade || compareReleases(manifest, release.manifest) >= 0) return;
  throw new BundleProblem(
    `the bundle holds ${manifest.version} of ${day(manifest)}, which is older than the installed ${release.manifest.version} of ${day(release.manifest)}; to go back use: bifrost bundle rollback, or say --allow-downgrade`,
  );
}

/** Into a folder of another name first: a release is there with all its parts or not at all. */
async function unpack(bundle: Bundle, prefix: string, id: string, progress: Progress): Promise<void> {
  const folder = releaseFolder(prefix, id);
  if (releaseAt(prefix, id) !== undefined && existsSync(join(folder, "bifrost"))) {
    progress("unpacked already");
    return;
  }
  const step = "unpacking";
  progress(step);
  const part = join(prefix, "versions", `.${id}`);
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  const descriptor = openSync(join(part, "bifrost"), "wx", 0o755);
  try {
    let bytes = 0;
    for await (const piece of bundle.executable()) {
      for (let at = 0; at < piece.length; ) at += writeSync(descriptor, piece, at);
      bytes += piece.length;
      progress(step, bytes / bundle.manifest.binary.bytes);
    }
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  for (const name of bundle.names) writeFile(join(part, name), bundle.read(name));
  rmSync(folder, { recursive: true, force: true });
  renameSync(part, folder);
  syncFolder(dirname(folder));
}

/** One copy for each release that is installed over data: what was before it. */
async function copyState({ home, progress }: InstallOptions, id: string): Promise<string | undefined> {
  const state = stateFile(home);
  if (!existsSync(state)) return undefined;
  progress("copying the data");
  const folder = join(home, "backups");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `state-before-${id}.db`);
  const part = `${file}.part`;
  await copyDatabase(state, part);
  renameSync(part, file);
  return file;
}

/** The version that serves afterwards. One that does not serve is not kept. */
async function startAnew(
  options: InstallOptions,
  manifest: Manifest,
  before: string | undefined,
  id: string,
): Promise<string | undefined> {
  const running = await options.daemon();
  if (running === undefined) return undefined;
  if (running.version === manifest.version && before === id) return running.version;
  options.progress("handing the daemon over to the new version");
  let serving: string | undefined;
  let cause: unknown;
  try {
    serving = await running.restart();
  } catch (error) {
    cause = error;
  }
  if (serving === manifest.version) return serving;
  const fallback = before === id ? historyOf(options.prefix).findLast((each) => each !== id) : before;
  if (fallback !== undefined) makeCurrentAgain(options.prefix, fallback);
  const words = cause instanceof Error ? `: ${cause.message}` : "";
  const now = serving === undefined ? "nothing serves" : `${serving} serves`;
  throw new BundleProblem(
    `the new version did not take over${words}; ${fallback ?? "nothing"} is current again and ${now}`,
  );
}

/** Freed by the kernel however its holder ends. */
async function underLock<Result>(prefix: string, work: () => Promise<Result>): Promise<Result> {
  const lock = openLockDatabase(join(prefix, "install.lock"));
  try {
    try {
      lock.exec("BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS held (at INTEGER)");
    } catch {
      throw new BundleProblem(`another installation into ${prefix} is under way`);
    }
    return await work();
  } finally {
    lock.close();
  }
}

function writeFile(file: string, content: Buffer): void {
  mkdirSync(dirname(file), { recursive: true });
  const descriptor = openSync(file, "wx", 0o644);
  try {
    for (let at = 0; at < content.length; ) at += writeSync(descriptor, content, at);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function day({ committedAt }: Manifest): string {
  return new Date(committedAt * 1_000).toISOString().slice(0, 10);
}
