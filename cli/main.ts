#!/usr/bin/env node
/** The way in. Hides how little is loaded: `--version` is answered before anything else is even looked for. */
import { versionLine } from "./version.ts";

const nodeMajorMin = 24;

async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V")) {
    process.stdout.write(`${versionLine}\n`);
    return;
  }
  if (Number.parseInt(process.versions.node, 10) < nodeMajorMin) {
    process.stderr.write(`bifrost needs Node ${nodeMajorMin} or later; this is ${process.versions.node}\n`);
    process.exitCode = 1;
    return;
  }
  if (argv[0] === "serve") await restartWithFewerHeaps();
  if (argv[0] === "tui") (await import("./compile-cache.ts")).keepCompiled(process.env);
  const [{ run }, { processTerminal }] = await Promise.all([import("./program.ts"), import("./terminal.ts")]);
  const code = await run(argv, {
    terminal: processTerminal(),
    environment: process.env,
    loadDaemon: () => import("../daemon/main.ts"),
  });
  // A pipe takes 64 KB and then waits for its reader, and so do we.
  await Promise.all([process.stdout, process.stderr].map(written));
  // Not `process.exit`: it waits for V8's threads while this one still has its heap, and they may wait for that.
  process.exitCode = code;
  setTimeout(() => process.exit(code), leftoverMs).unref();
}

/** Whatever a command has left open after it said its last word keeps it no longer than this. */
const leftoverMs = 5_000;

function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write("", () => resolve()));
}

/**
 * glibc gives every thread a heap of its own and keeps there what was freed: with a dozen threads 10 MB at rest and
 * twice that after a burst. How many heaps there may be is read once, at the start of a process, so the daemon's
 * process replaces itself, which takes 20 ms and keeps its number, its streams and its terminal. A channel to a parent
 * would be lost; whoever opens one sets the variable.
 */
async function restartWithFewerHeaps(): Promise<void> {
  const { env, execArgv, execPath, argv, platform } = process;
  if (
    platform !== "linux" ||
    env["MALLOC_ARENA_MAX"] !== undefined ||
    typeof process.execve !== "function" ||
    process.send !== undefined
  )
    return;
  const { heapSettings } = await import("./heap-settings.ts");
  try {
    process.execve(execPath, [execPath, ...execArgv, ...argv.slice(1)], { ...env, ...heapSettings });
  } catch {
    // A sandbox may forbid it; then a little more memory is used.
  }
}

// `run` answers its own failures; what arrives here is a fault of the way in itself.
main().catch((error: unknown) => {
  process.stderr.write(`bifrost: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
