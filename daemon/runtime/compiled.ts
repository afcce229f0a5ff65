/**
 * What V8 has made of our code, kept in the home: a start that finds it there has a seventh less to do. The emitted
 * JavaScript alone is kept: the binary carries its own, and the sources are many small files that change. A folder that
 * cannot be written, or is of another version, costs nothing but that.
 */
import { existsSync } from "node:fs";
import { enableCompileCache, getCompileCacheDir } from "node:module";
import { dirname, join } from "node:path";
import { isCarried } from "../bundle/carrier.ts";
import { isBuilt } from "./version.ts";

/** Before most of the code is loaded. A home that is not there yet is not made here: it is nobody else's to read. */
export function keepCompiled(home: string): void {
  if (isBuilt && !isCarried() && existsSync(home)) enableCompileCache(join(home, "compiled"));
}

/** For the environment of a thread, which has its own cache in the same folder. */
export function compiledEnvironment(): NodeJS.ProcessEnv {
  const folder = getCompileCacheDir(); // one for this version, in the one that was named
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: dirname(folder) };
}
