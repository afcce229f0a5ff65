/**
 * `npm test`: all tests, or the files that are named, in an environment without keys, proxies or colours. A test or a
 * file that takes too long is ended and has failed. `--file-seconds=900` gives files more time, `--test-timeout=900000`
 * tests. Further flags go to node (`npm test -- --test-name-pattern='^A1 '`). Results are kept for `npm run acceptance`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { TestResult } from "./test-results.ts";
import { fileMsMaxName } from "./test-watchdog.ts";

const root = resolve(import.meta.dirname, "..");
const cache = join(root, ".cache");
mkdirSync(cache, { recursive: true });

const given = process.argv.slice(2);
const files = given.filter((argument) => !argument.startsWith("-") && argument.endsWith(".ts"));
const fileSeconds = "--file-seconds=";
const flags = given.filter((argument) => !files.includes(argument) && !argument.startsWith(fileSeconds));
/** A part must not stand in for the whole when acceptance is read. */
const results =
  process.env["BIFROST_TEST_RESULTS"] ?? join(cache, `test-results${given.length > 0 ? "-part" : ""}.jsonl`);

/** Those that need more say so themselves. */
const testMsMax = 120_000;
/** The longest takes less than three minutes. */
const fileMsMax = readSeconds(given.findLast((argument) => argument.startsWith(fileSeconds))) ?? 300_000;

/** Tests that measure time have the machine to themselves, after the others. */
const timing = "test/timing/";
const [measured, others] =
  files.length > 0
    ? [files.filter((file) => file.includes(timing)), files.filter((file) => !file.includes(timing))]
    : [
        globSync(`${timing}**/*.test.ts`, { cwd: root }),
        globSync("test/**/*.test.ts", { cwd: root, exclude: [`${timing}**`] }),
      ];

/** One more than the two processors that CI has: most files wait for a process of theirs now and then. */
const filesAtOnce = 3;

writeFileSync(results, "");
const codes = [await run(others.toSorted(), filesAtOnce), await run(measured.toSorted(), 1)];
for (const line of readFileSync(results, "utf8").split("\n")) {
  if (line === "") continue;
  const { name, ended } = JSON.parse(line) as TestResult;
  if (ended === undefined) continue;
  // Said again, below what all others said. A file whose own process had ended well has not failed for node.
  console.error(`\n✖ ${name} took longer than ${fileMsMax / 1000} s and was ended\n${ended}`);
  codes.push(1);
}
process.exitCode = codes.find((code) => code !== 0) ?? 0;

async function run(chosen: readonly string[], concurrency: number): Promise<number> {
  if (chosen.length === 0) return 0;
  const part = `${results}.part`;
  const child = spawn(
    process.execPath,
    [
      "--test",
      `--test-concurrency=${concurrency}`,
      "--test-reporter=spec",
      "--test-reporter-destination=stdout",
      `--test-reporter=${pathToFileURL(join(root, "tools", "test-results.ts"))}`,
      `--test-reporter-destination=${part}`,
      ...(flags.some((flag) => flag.startsWith("--test-timeout")) ? [] : [`--test-timeout=${testMsMax}`]),
      ...flags,
      ...chosen,
    ],
    { cwd: root, stdio: "inherit", env: cleanEnvironment() },
  );
  const forward = (signal: NodeJS.Signals): boolean => child.kill(signal);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, forward);
  const [code] = (await once(child, "exit")) as [number | null];
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, forward);
  if (existsSync(part)) {
    appendFileSync(results, readFileSync(part));
    rmSync(part);
  }
  return code ?? 1;
}

/** A key or a proxy of the person at the terminal must neither be used nor change what a test sees. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (
      /_API_KEY$|_AUTH_TOKEN$|^OLLAMA_HOST$|^(npm_config_)?((https?|all)_?|no_?)?proxy$|^(AWS|GOOGLE|AZURE)_/i.test(
        name,
      )
    )
      continue;
    if (/^(BIFROST_HOME|BIFROST_CONFIG|BIFROST_TEST_RESULTS|NODE_.*|FORCE_COLOR)$/.test(name)) continue;
    environment[name] = value;
  }
  environment[fileMsMaxName] = String(fileMsMax);
  return { ...environment, NO_COLOR: "1", NODE_COMPILE_CACHE: join(cache, "compile") };
}

function readSeconds(argument: string | undefined): number | undefined {
  if (argument === undefined) return undefined;
  const seconds = Number(argument.slice(fileSeconds.length));
  if (seconds > 0 && seconds <= 86_400) return seconds * 1000;
  console.error(`${fileSeconds} takes a number of seconds, up to a day, not ${argument.slice(fileSeconds.length)}`);
  process.exit(2);
}
