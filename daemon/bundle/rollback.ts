/** Goes back to the release that was current before. Hides that its schema may be older than the files are by now. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Progress } from "../progress.ts";
import { lockHome } from "../store/lock.ts";
import { type TookBack, takeBackNewer } from "../store/take-back.ts";
import { BundleProblem } from "./create.ts";
import type { RunningDaemon } from "./install.ts";
import { historyOf, makeCurrent, needCurrent, type Release, releaseAt } from "./prefix.ts";

export type RollbackOptions = {
  readonly prefix: string;
  readonly home: string;
  /** A release's id or version; absent: the one before. */
  readonly to: string | undefined;
  readonly daemon: () => Promise<(RunningDaemon & { goBack(): Promise<string> }) | undefined>;
  readonly progress: Progress;
};

export type RolledBack = {
  readonly release: Release;
  readonly from: Release;
  readonly serving: string | undefined;
  readonly took: TookBack | undefined;
};

export async function rollBack({ prefix, home, to, daemon, progress }: RollbackOptions): Promise<RolledBack> {
  const from = needCurrent(prefix);
  const release = target(prefix, from, to);
  progress(`going back to ${release.manifest.version}`);
  makeCurrent(prefix, release.id);
  const running = await daemon();
  if (running === undefined) return { release, from, serving: undefined, took: takeBack(home, release) };
  let serving: string | undefined;
  try {
    serving = await running.goBack();
  } finally {
    if (serving !== release.manifest.version) makeCurrent(prefix, from.id);
  }
  if (serving !== release.manifest.version)
    throw new BundleProblem(`${release.manifest.version} did not take over; ${from.manifest.version} is current again`);
  return { release, from, serving, took: undefined };
}

function target(prefix: string, from: Release, to: string | undefined): Release {
  const past = historyOf(prefix)
    .toReversed()
    .filter((id) => id !== from.id)
    .flatMap((id) => releaseAt(prefix, id) ?? []);
  const found = to === undefined ? past[0] : past.find(({ id, manifest }) => id === to || manifest.version === to);
  if (found !== undefined && existsSync(join(found.folder, "bifrost"))) return found;
  throw new BundleProblem(
    to === undefined
      ? "no release was current before this one"
      : `${to} was never current here; see: bifrost bundle list`,
  );
}

function takeBack(home: string, { manifest }: Release): TookBack | undefined {
  if (!existsSync(join(home, "state.db"))) return undefined;
  const taken = lockHome(home);
  if (!("lock" in taken)) throw new BundleProblem(`another process uses ${home}`);
  try {
    return takeBackNewer(home, manifest.migrations);
  } finally {
    taken.lock.release();
  }
}
