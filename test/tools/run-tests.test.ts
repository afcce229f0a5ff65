import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

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

test("acceptance refuses an id that is not listed", () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, "tools", "acceptance.ts"), "Z99"], {
    encoding: "utf8",
  });
  assert.equal(status, 2);
  assert.match(stderr, /Z99/);
});
