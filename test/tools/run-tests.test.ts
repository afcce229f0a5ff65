import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, type TestContext, test } from "node:test";
import type { TestResult } from "../../tools/test-results.ts";
import { until } from "../support/until.ts";

const root = join(import.meta.dirname, "..", "..");

test("run-tests hides keys and proxies from tests, passes flags on, and keeps the results", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "bifrost-run-tests-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "sample.test.ts");
  const results = join(folder, "results.jsonl");
  writeFileSync(
    file,
    `import { test } from "node:test";
const seen = Object.keys(process.env).filter((name) => /key|proxy|ollama/i.test(name));
test("A1 sees " + JSON.stringify(seen), () => {});
test("A2 fails", () => { throw new Error("as it should"); });
test("A3 is skipped", { skip: true }, () => {});
test("left out", () => {});
`,
  );
  const secret = {
    OPENAI_API_KEY: "x",
    OLLAMA_HOST: "x",
    HTTPS_PROXY: "http://x",
    no_proxy: "x",
    npm_config_noproxy: "",
  };
  const { status } = spawnSync(
    process.execPath,
    [join(root, "tools", "run-tests.ts"), file, "--test-name-pattern=^A"],
    {
      env: { ...process.env, ...secret, BIFROST_TEST_RESULTS: results },
    },
  );
  assert.equal(status, 1);
  const lines = readFileSync(results, "utf8").trim().split("\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as unknown),
    [
      { name: "A1 sees []", file, outcome: "pass" },
      { name: "A2 fails", file, outcome: "fail" },
      { name: "A3 is skipped", file, outcome: "skip" },
    ],
  );
});

/** Runs test files of this text, beside one that passes, with so little time that each of them is ended. */
async function runShortly(t: TestContext, source: string) {
  const folder = mkdtempSync(join(tmpdir(), "bifrost-run-tests-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [late, good, results] = ["late.test.ts", "good.test.ts", "results.jsonl"].map((name) => join(folder, name));
  const pids = join(folder, "pids");
  writeFileSync(
    late!,
    `import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { describe, test } from "node:test";
/** A process that ends by itself long after the test. */
function begin(stdio) {
  const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 100_000)"], { stdio });
  appendFileSync(${JSON.stringify(pids)}, child.pid + " ");
  return child;
}
${source}`,
  );
  writeFileSync(good!, 'import { test } from "node:test";\ntest("passes", () => {});\n');
  const child = spawn(process.execPath, [join(root, "tools", "run-tests.ts"), late!, good!, "--file-seconds=8"], {
    env: { ...process.env, BIFROST_TEST_RESULTS: results },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise((resolve) => child.once("exit", resolve)),
  ]);
  const lines = readFileSync(results!, "utf8").trim().split("\n");
  const told = lines.map((line) => JSON.parse(line) as TestResult);
  assert.equal(code, 1, stdout + stderr);
  assert.deepEqual(
    told.filter(({ file }) => file === good),
    [{ name: "passes", file: good, outcome: "pass" }],
    "the others go on",
  );
  const ended = told.filter(({ ended }) => ended !== undefined);
  assert.deepEqual(
    ended.map(({ name, file, outcome }) => [name, file, outcome]),
    [[late, late, "fail"]],
    stdout + stderr,
  );
  const begun = readFileSync(pids, "utf8").trim().split(" ").map(Number);
  for (const pid of begun) await until("the processes that it began to be gone", () => !isThere(pid));
  assert.ok(
    stderr.trimEnd().endsWith(`✖ ${late} took longer than 8 s and was ended\n${ended[0]!.ended}`),
    "said at last",
  );
  return { at: ended[0]!.ended!, pids: begun, stdout };
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("what takes too long", { concurrency: 3 }, () => {
  test("run-tests ends a file that waits for ever, and says in which test", async (t) => {
    const { at, pids, stdout } = await runShortly(
      t,
      `describe("a suite", () => {
  test("is done", () => {});
  test("waits for ever", async () => { begin("ignore"); await new Promise(() => {}); });
});`,
    );
    assert.match(at, /^ {2}under way: a suite; waits for ever\n/);
    assert.match(at, new RegExp(`^  process ${pids[0]} \\(S\\): .* setTimeout`, "m"));
    assert.doesNotMatch(stdout, /✔ waits for ever/);
  });

  test("run-tests ends a file whose event loop is blocked, and what it began", async (t) => {
    const { at } = await runShortly(
      t,
      `test("is blocked", async () => {
  begin("ignore").unref();
  await new Promise((resolve) => setImmediate(resolve)); // its beginning is written,
  await new Promise((resolve) => process.stdout.write("\\n", resolve)); // and gone out to the runner
  for (;;);
});`,
    );
    assert.match(at, /^ {2}under way: is blocked\n/);
    assert.match(at, /^ {4}its thread \S+ took \d+ % of a processor$/m);
  });

  test("run-tests ends what has the output of a file that is over, which has then failed", async (t) => {
    const { at, pids, stdout } = await runShortly(
      t,
      `test("leaves a child behind", () => {
  const child = begin(["ignore", "inherit", "inherit"]);
  child.unref();
});
process.on("exit", () => begin(["ignore", "inherit", "inherit"]).unref());`,
    );
    assert.match(stdout, /✔ leaves a child behind/);
    assert.match(at, /^ {2}no test is known to be under way/);
    assert.deepEqual(
      [...at.matchAll(/^ {2}process (\d+) /gm)].map(([, pid]) => Number(pid)),
      pids,
    );
  });
});

test("run-tests refuses a time that is none", () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, "tools", "run-tests.ts"), "--file-seconds=soon"], {
    encoding: "utf8",
  });
  assert.equal(status, 2);
  assert.match(stderr, /--file-seconds= takes a number of seconds/);
});

test("acceptance refuses an id that is not listed", () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, "tools", "acceptance.ts"), "Z99"], {
    encoding: "utf8",
  });
  assert.equal(status, 2);
  assert.match(stderr, /Z99/);
});
