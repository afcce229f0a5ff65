/**
 * A home in one file, and back. Hides that the home may be in use while it is copied, and that a restore first makes
 * everything ready beside the home and then puts it in place.
 */
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Progress } from "../progress.ts";
import { stateFile, trafficFile } from "../store/boot.ts";
import { lockHome } from "../store/lock.ts";
import { makeFolder } from "../store/make-folder.ts";
import { snapshotPath } from "../store/snapshot-file.ts";
import { checkDatabase, copyDatabase } from "./copy-database.ts";
import { BackupProblem, type Head, readSealed, writeSealed } from "./sealed-file.ts";

export type BackupOptions = {
  readonly home: string;
  readonly out: string;
  readonly version: string;
  /** Requests and what else may be deleted; large, and money does not depend on it. */
  readonly withTraffic: boolean;
  readonly passphrase: string | undefined;
  readonly progress: Progress;
};

const plainFiles = ["config.yaml"];

export async function backUp(options: BackupOptions): Promise<Head> {
  const { home, out, progress } = options;
  if (!existsSync(stateFile(home))) throw new BackupProblem(`${home} has nothing to back up`);
  if (existsSync(out)) throw new BackupProblem(`${out} exists already`);
  const work = makeWork(dirname(out));
  try {
    const databases = [stateFile(home), ...(options.withTraffic ? [trafficFile(home)] : [])].filter((file) =>
      existsSync(file),
    );
    for (const file of databases) {
      const step = `copying ${basename(file)}`;
      progress(step);
      await copyDatabase(file, join(work, basename(file)), (part) => progress(step, part));
    }
    const files = [
      ...databases.map((file) => ({ name: basename(file), file: join(work, basename(file)) })),
      ...plainFiles.map((name) => ({ name, file: join(home, name) })).filter(({ file }) => existsSync(file)),
    ];
    const writing = options.passphrase === undefined ? "writing" : "sealing";
    progress(writing);
    const made = join(work, "out");
    const about = { version: options.version, made_at_ms: Date.now() };
    writeSealed(made, files, about, options.passphrase, (part) => progress(writing, part));
    const head = verifyBackup(made, options.passphrase, progress, "reading it back");
    renameSync(made, out);
    return head;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Beside the backup, so that it is put in place by renaming. */
function makeWork(folder: string): string {
  try {
    return mkdtempSync(join(folder, ".bifrost-backup-"));
  } catch (error) {
    throw Object.assign(error as Error, { path: folder });
  }
}

export type RestoreOptions = {
  readonly file: string;
  readonly home: string;
  readonly passphrase: string | undefined;
  /** There is data in the home already; it is set aside, not deleted. */
  readonly replace: boolean;
  readonly progress: Progress;
};

export type Restored = { readonly head: Head; readonly aside: string | undefined };

export function restore({ file, home, passphrase, replace, progress }: RestoreOptions): Restored {
  if (!existsSync(file)) throw new BackupProblem(`there is no file ${file}`);
  makeFolder(home);
  if (existsSync(stateFile(home)) && !replace)
    throw new BackupProblem(`${home} has data already; --replace sets it aside and puts the backup in its place`);
  const taken = lockHome(home);
  if (!("lock" in taken)) throw new BackupProblem(`a daemon uses ${home}; end it first: bifrost stop`);
  const work = mkdtempSync(join(home, ".restore-"));
  try {
    const head = unpack(file, passphrase, work, progress);
    progress("checking the data");
    for (const { name } of head.parts) if (name.endsWith(".db")) checkDatabase(join(work, name));
    progress("putting it in place");
    const aside = setAside(home, head);
    for (const { name } of head.parts) renameSync(join(work, name), join(home, name));
    return { head, aside };
  } finally {
    rmSync(work, { recursive: true, force: true });
    taken.lock.release();
  }
}

/** Reads all of it and keeps nothing. */
export function verifyBackup(
  file: string,
  passphrase: string | undefined,
  progress: Progress = () => undefined,
  step = "reading the backup",
): Head {
  progress(step);
  const keepNothing = (): void => undefined;
  return readSealed(file, passphrase, keepNothing, (part) => progress(step, part));
}

function unpack(file: string, passphrase: string | undefined, folder: string, progress: Progress): Head {
  const step = "reading the backup";
  progress(step);
  const allowed = new Set(["state.db", "traffic.db", ...plainFiles]);
  const put = (name: string, piece: Buffer): void => {
    if (!allowed.has(name)) throw new BackupProblem(`the backup holds ${JSON.stringify(name)}, which is not restored`);
    appendFileSync(join(folder, name), piece, { mode: 0o600 });
  };
  const head = readSealed(file, passphrase, put, (part) => progress(step, part));
  for (const { name } of head.parts) {
    const descriptor = openSync(join(folder, name), "a", 0o600); // an empty one has no piece
    fsyncSync(descriptor);
    closeSync(descriptor);
  }
  return head;
}

/**
 * What stands in the way of the backup, with its logs, goes into a folder of its own; so does a request log that belongs
 * to other keys.
 */
function setAside(home: string, head: Head): string | undefined {
  const taken = new Set(["traffic.db", ...head.parts.map(({ name }) => name)]);
  const names = readdirSync(home).filter((name) => taken.has(name.replace(/-(?:wal|shm)$/, "")));
  rmSync(snapshotPath(stateFile(home)), { force: true }); // it was made of other tables
  if (names.length === 0) return undefined;
  const aside = join(home, "backups", `before-restore-${Date.now()}`);
  mkdirSync(aside, { recursive: true, mode: 0o700 });
  for (const name of names) renameSync(join(home, name), join(aside, name));
  return aside;
}

/** From a file, or from the environment. A trailing newline is an editor's. */
export function readPassphrase(file: string | undefined, environment: NodeJS.ProcessEnv): string | undefined {
  const text = file === undefined ? environment["BIFROST_BACKUP_PASSPHRASE"] : readFileSync(file, "utf8");
  const passphrase = text?.replace(/\r?\n$/, "");
  return passphrase === "" ? undefined : passphrase;
}
