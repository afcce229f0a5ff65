/**
 * Keeps what V8 has made of the sources, so that the screen's next start has not to strip and compile them again: half
 * of the time to its first frame. The executable brings its own. In a folder of the person's: one that others may write
 * to could bring any code.
 */
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { isSingleBinary } from "./single-binary.ts";

/** Nothing depends on it: where it cannot be kept, the start is as slow as the first. */
export function keepCompiled(environment: NodeJS.ProcessEnv): void {
  const { XDG_CACHE_HOME: caches, HOME: home } = environment;
  if (isSingleBinary() || (!caches && !home)) return;
  enableCompileCache(join(caches || join(home!, ".cache"), "bifrost", "compiled"));
}
