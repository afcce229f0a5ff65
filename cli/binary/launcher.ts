/**
 * The main of the single binary: answers `--version` and otherwise loads the program. Hides that it is run anew with
 * fewer heaps for `serve`, before anything else is loaded.
 */
import { heapSettings } from "../heap-settings.ts";
import { install, load } from "./loader.ts";

declare const __BIFROST_VERSION_LINE__: string;

const [word, ...others] = process.argv.slice(2);
if (others.length === 0 && (word === "--version" || word === "-V")) {
  process.stdout.write(`${__BIFROST_VERSION_LINE__}\n`);
} else {
  if (word === "serve") restartWithFewerHeaps();
  install();
  load("cli/main.js");
}

/** As in `cli/main.ts`, where the reasons stand: here the executable comes without a script. */
function restartWithFewerHeaps(): void {
  const { env, execPath, argv } = process;
  if (env["MALLOC_ARENA_MAX"] !== undefined || process.execve === undefined || process.send !== undefined) return;
  try {
    process.execve(execPath, [execPath, ...argv.slice(2)], { ...env, ...heapSettings, UV_THREADPOOL_SIZE: "16" });
  } catch {
    // A sandbox may forbid it; then a little more memory is used.
  }
}
