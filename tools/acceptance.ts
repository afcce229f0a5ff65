/**
 * `npm run acceptance`: one line for each id of `docs/acceptance.md` from the results of the last whole `npm test`, which
 * is run if there was none. `npm run acceptance -- A1 A2` runs the tests of those ids and prints only them.
 * Exit 1 when an id fails, or one that was named is not met.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { idsOf, listedIds, testFilesOf, type Verdict, verdictsOf } from "./acceptance-ids.ts";
import type { TestResult } from "./test-results.ts";

const root = resolve(import.meta.dirname, "..");
const whole = join(root, ".cache", "test-results.jsonl");
const part = join(root, ".cache", "test-results-acceptance.jsonl");

const markdown = readFileSync(join(root, "docs", "acceptance.md"), "utf8");
const listed = listedIds(markdown);
const named = process.argv.slice(2);
const unknown = named.filter((id) => !listed.includes(id));
if (unknown.length > 0) {
  console.error(`not in docs/acceptance.md: ${unknown.join(", ")}`);
  process.exit(2);
}
const verdicts = named.length > 0 ? runNamed(named) : readWhole();
let unmet = false;
for (const id of named.length > 0 ? named : listed) {
  const verdict: Verdict = verdicts.get(id) ?? "none";
  if (verdict === "fail" || (named.length > 0 && verdict === "none")) unmet = true;
  console.log(`${id} ${verdict}`);
}
process.exitCode = unmet ? 1 : 0;

function readWhole(): ReadonlyMap<string, Verdict> {
  if (!existsSync(whole)) run([], whole);
  console.error(`results of ${statSync(whole).mtime.toISOString()}`);
  return read(whole);
}

/** The list says which files to run; a test holds it to what the files claim. */
function runNamed(ids: readonly string[]): ReadonlyMap<string, Verdict> {
  const files = [...new Set(ids.flatMap((id) => testFilesOf(markdown, id)))];
  if (files.length === 0) return new Map();
  run([`--test-name-pattern=/^[A-Z0-9 ,]*\\b(${ids.join("|")})\\b/`, ...files], part);
  return existsSync(part) ? read(part) : new Map();
}

function run(args: readonly string[], results: string): void {
  rmSync(results, { force: true });
  // Data alone goes to standard output: the verdicts.
  spawnSync(process.execPath, [join(root, "tools", "run-tests.ts"), ...args], {
    cwd: root,
    stdio: ["ignore", process.stderr.fd, "inherit"],
    env: { ...process.env, BIFROST_TEST_RESULTS: results },
  });
}

function read(path: string): ReadonlyMap<string, Verdict> {
  const lines = readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "");
  const results = lines.map((line) => JSON.parse(line) as TestResult);
  return verdictsOf(results.flatMap(({ name, outcome }) => idsOf(name).map((id) => ({ id, outcome }))));
}
