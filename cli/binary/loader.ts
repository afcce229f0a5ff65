/**
 * How the single binary finds its own code. Hides that modules are assets of the executable, that V8's code cache for
 * them is written by the first run and read by the later ones, and that an addon must be a file before it can be loaded.
 *
 * Other files see it as `globalThis[Symbol.for("bifrost.binary")]`; in the sources and in emitted JavaScript it is absent.
 */
import type { Script as ScriptType } from "node:vm";

type Exports = Record<string, unknown>;

/** Shared by name, not by import: a thread has a copy of this file of its own. */
export type Binary = {
  /** The code that a thread which runs this module is started with. */
  thread(module: string): string;
  /** Loads an addon; the same object each time. */
  native(name: string): object;
  asset(name: string): Uint8Array;
};

const builtin = process.getBuiltinModule;
const { getRawAsset } = builtin("node:sea");
const { Script } = builtin("node:vm");
const fs = builtin("node:fs");
const { join, dirname, posix } = builtin("node:path");

/** A new module is compiled in full only after this; by then it is known which functions are used. */
const cacheAfterMs = 3_000;

const modules = new Map<string, { exports: Exports }>();
const natives = new Map<string, object>();
const uncached = new Map<string, ScriptType>();
let folder: string | null | undefined;
/** What the main thread found: a thread has no environment to look in. */
let given: string | undefined;

/** Runs the module, once. */
export function load(name: string): Exports {
  const known = modules.get(name);
  if (known !== undefined) return known.exports;
  const module = { exports: {} as Exports };
  modules.set(name, module);
  const wrapper = compile(name).runInThisContext() as (...values: unknown[]) => void;
  const requireHere = (wanted: string): unknown =>
    wanted.startsWith(".") ? load(posix.join(posix.dirname(name), wanted)) : requireBuiltin(wanted);
  // The terminal's layout engine is WebAssembly, which has to be ready before what needs it is given out.
  const importHere = async (wanted: string): Promise<unknown> => {
    const loaded = requireHere(wanted);
    await (globalThis as { __yogaReady?: () => Promise<void> }).__yogaReady?.();
    return loaded;
  };
  wrapper(requireHere, module, module.exports, importHere, thread, `file://${process.execPath}`);
  return module.exports;
}

function requireBuiltin(name: string): unknown {
  const found = builtin(name);
  if (found === undefined) throw new Error(`this program has no module ${name}`);
  return found;
}

export function install(place?: string): void {
  given = place;
  const binary: Binary = { thread, native, asset };
  (globalThis as Record<symbol, unknown>)[Symbol.for("bifrost.binary")] = binary;
}

/** Threads have no main of their own in an executable: they are given this file's text and the name of a module. */
function thread(module: string): string {
  const place = cacheFolder();
  const values = place === null ? "" : JSON.stringify(place);
  return `${text("loader.js")};__bifrostLoader.install(${values});__bifrostLoader.load(${JSON.stringify(module)});`;
}

function asset(name: string): Uint8Array {
  return new Uint8Array(getRawAsset(name) as ArrayBuffer);
}

function text(name: string): string {
  // Emitted code is ASCII, and so the engine keeps a byte a character.
  return Buffer.from(getRawAsset(name) as ArrayBuffer).toString("latin1");
}

function compile(name: string): ScriptType {
  const cachedData = readCache(name);
  const source = `(function(require,module,exports,__import,__thread,__moduleUrl){${text(name)}\n})`;
  const script = new Script(source, {
    filename: `bifrost:${name}`,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  if (cachedData === undefined || script.cachedDataRejected === true) later(name, script);
  return script;
}

function later(name: string, script: ScriptType): void {
  if (uncached.size === 0) {
    setTimeout(writeNext, cacheAfterMs).unref();
    process.once("exit", () => {
      for (const each of uncached.keys()) writeCache(each);
    });
  }
  uncached.set(name, script);
}

/** One at a time: a start that was the first must not stall its first requests. */
function writeNext(): void {
  const [name] = uncached.keys();
  if (name === undefined) return;
  writeCache(name);
  setImmediate(writeNext).unref();
}

function writeCache(name: string): void {
  const script = uncached.get(name);
  uncached.delete(name);
  const kept = cacheFolder();
  if (script === undefined || kept === null) return;
  try {
    writeWhole(join(kept, cacheName(name)), script.createCachedData(), 0o600);
  } catch {
    // A full or read-only disk: the next start compiles again.
  }
}

function readCache(name: string): Buffer | undefined {
  const kept = cacheFolder();
  if (kept === null) return undefined;
  try {
    return fs.readFileSync(join(kept, cacheName(name)));
  } catch {
    return undefined;
  }
}

function cacheName(name: string): string {
  return `${name.replaceAll("/", "+")}.${process.versions.v8}.cache`;
}

/**
 * What lies there is run as code, so the folder must be ours and nobody else's: named by the content it belongs to,
 * owned by this user, writable by no other.
 */
function cacheFolder(): string | null {
  folder ??= candidates().find(usable) ?? null;
  return folder;
}

function candidates(): string[] {
  const { env } = process;
  const user = `bifrost-${process.getuid?.() ?? "user"}`;
  const places = [
    env["BIFROST_CACHE"],
    env["CACHE_DIRECTORY"],
    env["XDG_CACHE_HOME"] && join(env["XDG_CACHE_HOME"], "bifrost"),
    env["HOME"] && join(env["HOME"], ".cache", "bifrost"),
    join(env["TMPDIR"] || "/tmp", user),
    join("/dev/shm", user),
  ];
  const found = places.filter((place): place is string => Boolean(place)).map((place) => join(place, text("build.id")));
  return given === undefined ? found : [given, ...found];
}

function usable(place: string): boolean {
  try {
    fs.mkdirSync(place, { recursive: true, mode: 0o700 });
    return [place, dirname(place)].every((each) => {
      const { uid, mode } = fs.lstatSync(each);
      return uid === (process.getuid?.() ?? uid) && (mode & 0o022) === 0;
    });
  } catch {
    return false;
  }
}

function native(name: string): object {
  const known = natives.get(name);
  if (known !== undefined) return known;
  const bytes = asset(name);
  const addon = { exports: {} };
  const tried: string[] = [];
  for (const place of candidates().filter(usable)) {
    try {
      const file = join(place, name);
      if (!holds(file, bytes)) writeWhole(file, bytes, 0o500);
      process.dlopen(addon, file);
      natives.set(name, addon.exports);
      return addon.exports;
    } catch (error) {
      tried.push(`${place}: ${error instanceof Error ? error.message : String(error)}`); // mounted noexec, or full
    }
  }
  const words = tried.length === 0 ? "" : ` (${tried.join("; ")})`;
  throw new Error(`no folder to unpack ${name} into${words}; name one with BIFROST_CACHE`);
}

/** Byte for byte: a file that was half written, or changed, is written anew. */
function holds(file: string, bytes: Uint8Array): boolean {
  try {
    return fs.readFileSync(file).equals(bytes);
  } catch {
    return false;
  }
}

function writeWhole(file: string, bytes: Uint8Array, mode: number): void {
  const part = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  try {
    fs.writeFileSync(part, bytes, { mode });
    fs.renameSync(part, file);
  } catch (error) {
    fs.rmSync(part, { force: true });
    throw error;
  }
}
