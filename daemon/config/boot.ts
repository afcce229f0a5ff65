/**
 * The config a daemon starts with: the file, or the last good generation when the file is broken, or the defaults
 * when there is none. Hides that a file accepted before is not parsed again.
 */
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { build } from "./build.ts";
import { loadDefaults } from "./defaults.ts";
import type { History, HistoryEntry } from "./history.ts";
import { hashOf, type LoadOptions, type LoadResult, loadConfig, unreadable } from "./load.ts";
import type { ConfigProblem } from "./problems.ts";
import { reason } from "./secrets.ts";
import { schemaFingerprint } from "./settings.ts";

export type BootOptions = Pick<LoadOptions, "environment" | "knownModel"> & {
  /** From `findConfig`. */
  readonly path: string | undefined;
  readonly history: History;
  readonly now?: number;
};

export type Boot =
  | {
      readonly ok: true;
      readonly from: "file" | "history" | "defaults";
      readonly result: LoadResult & { ok: true };
      /** The text that is in use, for the watcher; empty for the defaults. */
      readonly text: string;
      /** Why the file itself is not in use. */
      readonly problems: readonly ConfigProblem[];
    }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

export async function bootConfig(options: BootOptions): Promise<Boot> {
  const { path, environment, history } = options;
  if (path === undefined) {
    const result = loadDefaults({ environment, number: history.nextNumber(), ollama: false });
    return { ok: true, from: "defaults", result, text: "", problems: [] };
  }
  const last = await history.lastGood();
  const read = await readFile(path, "utf8").catch((error: unknown) => unreadable(path, reason(error)));
  const result = typeof read === "string" ? await loadText(read, path, last, options) : read;
  if (result.ok && typeof read === "string") {
    await history.record(result, path);
    return { ok: true, from: "file", result, text: read, problems: [] };
  }
  const problems = result.ok ? [] : result.problems;
  // Another file's history would start this one with settings that nobody asked for.
  if (last?.path !== path) return { ok: false, problems };
  const again = await loadConfig({ ...options, path, text: last.source, number: last.number });
  if (!again.ok) return { ok: false, problems };
  return { ok: true, from: "history", result: again, text: last.source, problems };
}

async function loadText(
  text: string,
  path: string,
  last: HistoryEntry | undefined,
  options: BootOptions,
): Promise<LoadResult> {
  const known = last?.path === path && last.hash === hashOf(text);
  const number = known ? last.number : options.history.nextNumber();
  if (known && last.file !== undefined && last.schema === schemaFingerprint) {
    const { environment, knownModel, now = Date.now() } = options;
    const built = build(last.file, { environment, directory: dirname(path), number, hash: last.hash, now, knownModel });
    // Anything to be said needs its line, and that only the parser knows.
    if (built.problems.length === 0 && built.warnings.length === 0) {
      return { ok: true, data: built.data, warnings: [], files: built.files, source: last.source, file: last.file };
    }
  }
  return loadConfig({ ...options, text, path, number });
}
