/**
 * The config file and the secret and certificate files it names, watched. Hides how editors save, how Kubernetes swaps
 * links, files that are still being written, and events that never come; tells the outcome of each new version.
 */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { FSWatcher } from "chokidar";
import { hasEndMarker } from "./end-marker.ts";
import type { GenerationData } from "./generation.ts";
import { type LoadOptions, type LoadResult, loadConfig, unreadable } from "./load.ts";
import { reason } from "./secrets.ts";

export type WatchOptions = Pick<LoadOptions, "environment" | "knownModel"> & {
  readonly path: string;
  /** What is in use: its text, as read from the file, and the other files it depends on. */
  readonly text: string;
  readonly files: readonly string[];
  /**
   * A folder in which something changes with every request: the daemon's databases. Events of what lies beside them
   * cost more than a look at it four times a second.
   */
  readonly busyFolder?: string;
  /** The generation in use, to warn of what needs a restart. */
  readonly current: () => GenerationData | undefined;
  /** What the next generation is called; asked once per load. */
  readonly nextNumber: () => number;
  /** Told once per new version, one after the other; the next load waits for it. */
  readonly onOutcome: (result: LoadResult, text: string) => void | Promise<void>;
  /** The watch itself is impaired (no more inotify watches …); the regular look still finds changes. */
  readonly onError?: (error: unknown) => void;
  readonly settleMs?: number;
  readonly absentMs?: number;
  readonly lookMs?: number;
};

export type ConfigWatch = {
  /** Loads the file now, changed or not, as soon as it is at rest. */
  reload(): Promise<LoadResult>;
  close(): Promise<void>;
};

/** A version counts as written when nothing has changed for this long. */
const settleMsUsual = 100;
/** Editors and deployments remove a file before they write it anew; only then is it gone. */
const absentMsUsual = 1_000;
/** How often files in the busy folder are looked at. */
const pollMs = 250;
/** Network file systems send no events, and inotify runs out: so often everything is looked at anyway. */
const lookMsUsual = 5_000;
/** A file that never comes to rest is reported rather than waited for. */
const restMsMax = 30_000;
const fileBytesMax = 4 * 1024 * 1024;

/** What was seen at one moment. */
type Sample = {
  readonly text: string | undefined;
  /** Why there is no text. */
  readonly why: string;
  /** Changes with any touch of any file: the files are at rest while it stays equal. */
  readonly state: string;
  /** Changes only with what the files say. */
  readonly content: string;
};

export async function watchConfig(options: WatchOptions): Promise<ConfigWatch> {
  const { path, settleMs = settleMsUsual, absentMs = absentMsUsual, lookMs = lookMsUsual } = options;
  // Loaded late: the daemon listens before it watches.
  const { watch } = await import("chokidar");
  let files = options.files;
  let endRequired = hasEndMarker(options.text);
  let last = (await takeSample(path, files)).content;
  let stirred = false;
  let running: Promise<void> | undefined;
  let closed = false;
  let waiting: ((result: LoadResult) => void)[] = [];

  const usePolling = [path, ...files].some((file) => dirname(resolve(file)) === options.busyFolder);
  const watcher = watch([path, ...files], { ignoreInitial: true, atomic: false, usePolling, interval: pollMs });
  watcher.on("all", stir);
  watcher.on("error", (error) => options.onError?.(error));
  await new Promise<void>((done) => watcher.once("ready", done));
  const look = setInterval(stir, lookMs);
  look.unref();
  // Between the load before this call and the first event that could be seen, the file may have changed.
  if (fingerprint([options.text]) !== fingerprint([(await takeSample(path, [])).text ?? ""])) last = "";
  stir();

  function stir(): void {
    stirred = true;
    if (!closed) running ??= settle().finally(() => (running = undefined));
  }

  /** Runs until nothing stirs any more. */
  async function settle(): Promise<void> {
    while (stirred && !closed) {
      const sample = await rest();
      if (sample === undefined || (sample.content === last && waiting.length === 0)) continue;
      last = sample.content;
      const asked = waiting;
      waiting = [];
      const result = await load(sample);
      for (const tell of asked) tell(result);
    }
  }

  /** Waits until the files have not changed for a while; undefined when the watch is closed. */
  async function rest(): Promise<Sample | undefined> {
    let before = await takeSample(path, files);
    let quietMs = 0;
    for (let waitedMs = 0; !closed; waitedMs += settleMs) {
      stirred = false;
      if (waitedMs > restMsMax) {
        const why = `it has been changing for ${restMsMax / 1000} s`;
        return { ...before, text: undefined, why, content: fingerprint([why]) };
      }
      await new Promise((done) => setTimeout(done, settleMs));
      const after = await takeSample(path, files);
      quietMs = after.state === before.state && !stirred ? quietMs + settleMs : 0;
      before = after;
      if (quietMs >= (after.text === undefined ? absentMs : settleMs)) return after;
    }
    return undefined;
  }

  async function load({ text, why }: Sample): Promise<LoadResult> {
    const result =
      text === undefined
        ? unreadable(path, `${why}; the running config stays`)
        : await loadConfig({
            ...options,
            text,
            number: options.nextNumber(),
            previous: options.current(),
            requireEnd: endRequired,
          });
    if (closed) return result;
    if (result.ok && text !== undefined) endRequired = hasEndMarker(text);
    if (text !== undefined) await follow(watcher, result, text);
    try {
      await options.onOutcome(result, text ?? "");
    } catch (error) {
      options.onError?.(error);
    }
    return result;
  }

  /** Watches what this version names. A broken one may not have come as far as naming its files: then the old ones as well. */
  async function follow(watched: FSWatcher, result: LoadResult, text: string): Promise<void> {
    const next = result.ok ? result.files : [...new Set([...files, ...result.files])];
    watched.add(next.filter((file) => !files.includes(file)));
    watched.unwatch(files.filter((file) => !next.includes(file) && file !== path));
    if (next.join("\n") === files.join("\n")) return;
    files = next;
    // What counts as seen now includes other files; the config itself must still be the version just loaded.
    const sample = await takeSample(path, files);
    if (sample.text === text) last = sample.content;
  }

  return {
    reload() {
      return new Promise((done, fail) => {
        if (closed) return fail(new Error("the config is no longer watched"));
        waiting.push(done);
        stir();
      });
    },
    async close() {
      closed = true;
      clearInterval(look);
      await watcher.close();
      await running;
      for (const tell of waiting) tell(unreadable(path, "the daemon is stopping"));
      waiting = [];
    },
  };
}

async function takeSample(path: string, files: readonly string[]): Promise<Sample> {
  const [config, ...others] = await Promise.all([path, ...files].map(readState));
  const all = [config!, ...others];
  return {
    text: config?.text,
    why: config?.why ?? "",
    state: all.map(({ state }) => state).join("\n"),
    content: fingerprint(all.map(({ text, why }) => text ?? `\0${why}`)),
  };
}

async function readState(path: string): Promise<{ text?: string; why: string; state: string }> {
  try {
    const stats = await stat(path);
    if (!stats.isFile()) return { why: "it is no plain file", state: "other" };
    if (stats.size > fileBytesMax) return { why: `it is larger than ${fileBytesMax} bytes`, state: "large" };
    const text = await readFile(path, "utf8");
    return { text, why: "", state: `${stats.ino} ${stats.mtimeMs} ${fingerprint([text])}` };
  } catch (error) {
    return { why: reason(error), state: "absent" };
  }
}

function fingerprint(texts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(`${text.length} `).update(text);
  return hash.digest("base64");
}
