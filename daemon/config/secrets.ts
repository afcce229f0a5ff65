/**
 * Secrets by reference: `env.NAME` and `file.PATH`. Hides where a secret comes from; what it says about one names the
 * place, never the value.
 */
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { nearest } from "./problems.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where references are looked up. */
export type SecretSources = {
  readonly environment: Environment;
  /** Folder of the config file; `file.` paths are relative to it. */
  readonly directory: string;
};

export type Secret =
  | { readonly ok: true; readonly value: string; readonly literal: boolean; readonly file?: string }
  | { readonly ok: false; readonly message: string; readonly suggestion?: string | undefined; readonly file?: string };

/** Larger files are no secrets but a wrong path. */
const secretBytesMax = 64 * 1024;

/** What history puts in place of a secret that was written out. */
export const redacted = "redacted.literal";

/** Stores that are named in the documentation of other gateways and expected by habit, but not part of this build. */
const unavailable = /^(vault|aws-sm|gcp-sm|azure-kv)\./;

/** Spellings of other tools; the group is the variable's name. */
const foreign = /^(?:os\.environ\/|\$\{\{?\s*(?:env[.:])?|\$|env:|ENV\.|env\/)([A-Za-z_][A-Za-z0-9_]*)\s*\}{0,2}$/;

export function resolveSecret(text: string, sources: SecretSources): Secret {
  if (text.startsWith("env.")) return fromEnvironment(text.slice(4), sources.environment);
  if (text.startsWith("file.")) return fromFile(text.slice(5), sources);
  if (text === redacted) {
    return { ok: false, message: "was written out in the file, and history keeps no secrets: put a reference here" };
  }
  const store = unavailable.exec(text)?.[1];
  if (store !== undefined) {
    return { ok: false, message: `${store}. references are not available in this build: use env.NAME or file.PATH` };
  }
  const name = foreign.exec(text)?.[1];
  if (name !== undefined) {
    return { ok: false, message: "is another tool's way to write a reference", suggestion: `env.${name}` };
  }
  return checked(text, "it", { literal: true });
}

function fromEnvironment(name: string, environment: Environment): Secret {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    return { ok: false, message: "env. must be followed by the name of an environment variable" };
  }
  const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
  if (value !== undefined && value !== "") return checked(value, `environment variable ${name}`, { literal: false });
  const set = Object.keys(environment).filter((other) => environment[other] !== undefined && environment[other] !== "");
  const near = nearest(name, set);
  return {
    ok: false,
    message: `environment variable ${name} is ${value === "" ? "empty" : "not set"}`,
    suggestion: near === undefined ? undefined : `env.${near}`,
  };
}

function fromFile(path: string, { environment, directory }: SecretSources): Secret {
  if (path === "") return { ok: false, message: "file. must be followed by a path" };
  const file = expandPath(path, { environment, directory });
  let value: string;
  try {
    value = readSmallFile(file, secretBytesMax);
  } catch (error) {
    return { ok: false, message: `cannot read ${file}: ${reason(error)}`, file };
  }
  return checked(value.replace(/\r?\n$/, ""), `file ${file}`, { literal: false, file });
}

/** What cannot stand in a header would fail at the first request; better said now. */
function checked(value: string, place: string, more: { literal: boolean; file?: string }): Secret {
  const fault = (what: string): Secret => ({
    ok: false,
    message: `${place} ${what}`,
    ...(more.file && { file: more.file }),
  });
  if (value.trim() === "") return fault("is empty");
  if (/[\r\n]/.test(value)) return fault("holds more than one line");
  if (/[^\t\x20-\xff]/.test(value)) return fault("holds characters that no HTTP header can carry");
  if (value.trim() !== value) return fault("begins or ends with a space");
  return { ok: true, value, ...more };
}

/** A path as written in the config: relative to its folder, or below the home of the user with `~/`. */
export function expandPath(path: string, { environment, directory }: SecretSources): string {
  const home = environment["HOME"];
  if (path.startsWith("~/") && home) return resolve(home, path.slice(2));
  return resolve(directory, path);
}

/** Throws when the file is larger than `bytesMax`, or no plain file at all (a pipe or device could block for ever). */
export function readSmallFile(file: string, bytesMax: number): string {
  const stats = statSync(file);
  if (!stats.isFile() && !stats.isDirectory()) throw new Error("it is no plain file");
  if (stats.size > bytesMax) throw new Error(`it is larger than ${bytesMax} bytes`);
  const bytes = readFileSync(file);
  if (bytes.length > bytesMax) throw new Error(`it is larger than ${bytesMax} bytes`);
  return bytes.toString("utf8");
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is no folder",
  ELOOP: "too many symbolic links",
};

export function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  return (code === undefined ? undefined : reasons[code]) ?? (error instanceof Error ? error.message : String(error));
}
