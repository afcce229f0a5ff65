/**
 * Accepted generations under the home, so that a broken file does not stop a start and a bad change can be taken back.
 * Hides the files they lie in. What is kept has references in place of secrets.
 */
import { mkdir, open, readdir, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { unifiedDiff } from "./diff.ts";
import type { LoadResult } from "./load.ts";
import type { ConfigFile } from "./schema.ts";
import { reason, redacted } from "./secrets.ts";
import { schemaFingerprint } from "./settings.ts";

export type HistoryEntry = {
  readonly number: number;
  readonly acceptedAtMs: number;
  /** SHA-256 of the text as it was in the file. */
  readonly hash: string;
  /** The config file it was read from. */
  readonly path: string;
  /** The text, with references only. */
  readonly source: string;
  /** False when the file had a secret written out, which is not kept: such a text cannot be put back. */
  readonly complete: boolean;
  /** The checked values, and the schema that checked them: a start may build from these without parsing. */
  readonly file?: ConfigFile;
  readonly schema: string;
};

export type History = {
  /** Newest first; a file that cannot be read is passed over. */
  list(): Promise<readonly HistoryEntry[]>;
  get(number: number): Promise<HistoryEntry | undefined>;
  /** The newest that can be read. */
  lastGood(): Promise<HistoryEntry | undefined>;
  /** What the next accepted config is called: one more than the newest kept, and than the one in use. */
  nextNumber(inUse?: number): number;
  /** Keeps an accepted config; one that is kept already is left as it is. */
  record(result: LoadResult & { ok: true }, path: string): Promise<void>;
  /** Unified diff of two generations; undefined when one of them is not there. */
  diff(from: number, to: number): Promise<string | undefined>;
  /** Writes a generation's text to the config file, in one step. The watcher then loads it like any other edit. */
  rollback(
    number: number,
    path: string,
  ): Promise<{ readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string }>;
};

/** The newest generations that are kept. */
export const generationsMax = 50;

export async function openHistory(home: string, now: () => number = Date.now): Promise<History> {
  const folder = join(home, "generations");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  let numbers = await readNumbers(folder);

  async function get(number: number): Promise<HistoryEntry | undefined> {
    try {
      return parseEntry(await readFile(fileOf(folder, number), "utf8"), number);
    } catch {
      return undefined;
    }
  }

  async function lastGood(): Promise<HistoryEntry | undefined> {
    for (const number of numbers.toReversed()) {
      const entry = await get(number);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  async function record(result: LoadResult & { ok: true }, path: string): Promise<void> {
    const { number, hash } = result.data;
    if (numbers.includes(number)) return;
    const { source, file } = result;
    const complete = !source.includes(redacted);
    const entry: HistoryEntry = {
      number,
      acceptedAtMs: now(),
      hash,
      path,
      source,
      complete,
      ...(file !== undefined && complete && { file }),
      schema: schemaFingerprint,
    };
    await writeWhole(fileOf(folder, number), `${JSON.stringify(entry)}\n`, 0o600);
    numbers = [...numbers, number].sort((a, b) => a - b);
    const old = numbers.slice(0, -generationsMax);
    numbers = numbers.slice(-generationsMax);
    for (const gone of old) await rm(fileOf(folder, gone), { force: true });
  }

  async function diff(from: number, to: number): Promise<string | undefined> {
    const [before, after] = [await get(from), await get(to)];
    if (before === undefined || after === undefined) return undefined;
    return unifiedDiff(before.source, after.source, { from: `generation ${from}`, to: `generation ${to}` });
  }

  return {
    list: async () => (await Promise.all(numbers.toReversed().map(get))).filter((entry) => entry !== undefined),
    get,
    lastGood,
    nextNumber: (inUse = 0) => Math.max(inUse, numbers.at(-1) ?? 0) + 1,
    record,
    diff,
    async rollback(number, path) {
      const entry = await get(number);
      if (entry === undefined) {
        return { ok: false, message: `generation ${number} is not kept; there are ${numbers.join(", ") || "none"}` };
      }
      if (!entry.complete) {
        const message = `generation ${number} had a secret written out, which history does not keep: use env.NAME or file.PATH`;
        return { ok: false, message };
      }
      try {
        await replaceConfig(path, entry.source);
      } catch (error) {
        return { ok: false, message: `cannot write ${path}: ${reason(error)}` };
      }
      return { ok: true, text: entry.source };
    },
  };
}

function fileOf(folder: string, number: number): string {
  return join(folder, `${String(number).padStart(8, "0")}.json`);
}

async function readNumbers(folder: string): Promise<readonly number[]> {
  const names = await readdir(folder);
  const numbers = names.map((name) => /^(\d{8,15})\.json$/.exec(name)?.[1]).filter((text) => text !== undefined);
  return numbers.map(Number).sort((a, b) => a - b);
}

/** A file of another shape (cut by a full disk, edited by hand) counts as not there. */
function parseEntry(text: string, number: number): HistoryEntry | undefined {
  const entry = JSON.parse(text) as Partial<HistoryEntry> | null;
  const whole =
    entry?.number === number &&
    typeof entry.acceptedAtMs === "number" &&
    typeof entry.hash === "string" &&
    typeof entry.path === "string" &&
    typeof entry.source === "string" &&
    typeof entry.complete === "boolean" &&
    typeof entry.schema === "string";
  return whole ? (entry as HistoryEntry) : undefined;
}

/** Through a symbolic link to the file behind it, which keeps its mode. */
async function replaceConfig(path: string, text: string): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const mode = await stat(target).then(
    (stats) => stats.mode & 0o777,
    () => 0o600,
  );
  await writeWhole(target, text, mode);
}

/** Readers see the old file or the new one, never a part, whatever happens in between. */
async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    const handle = await open(draft, "w", mode);
    try {
      await handle.chmod(mode);
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
