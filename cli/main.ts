#!/usr/bin/env node
/** The way in. Hides how little is loaded: `--version` is answered before anything else is even looked for. */
import { version } from "./version.ts";

const nodeMajorMin = 24;

async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V")) {
    process.stdout.write(`${version}\n`);
    return;
  }
  if (Number.parseInt(process.versions.node, 10) < nodeMajorMin) {
    process.stderr.write(`bifrost needs Node ${nodeMajorMin} or later; this is ${process.versions.node}\n`);
    process.exitCode = 1;
    return;
  }
  const [{ run }, { processTerminal }] = await Promise.all([import("./program.ts"), import("./terminal.ts")]);
  const code = await run(argv, {
    terminal: processTerminal(),
    environment: process.env,
    loadDaemon: () => import("../daemon/main.ts"),
  });
  // A start that failed half-way may leave a thread or a timer; the command is over all the same. Nothing is lost:
  // writes to a pipe, a file or a terminal are done when they return.
  process.exit(code);
}

// `run` answers its own failures; what arrives here is a fault of the way in itself.
main().catch((error: unknown) => {
  process.stderr.write(`bifrost: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
