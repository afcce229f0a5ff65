import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const main = join(import.meta.dirname, "../../cli/main.ts");

test("keepCompiled() keeps what the screen's sources became in the person's own folder, of no other command, and nowhere where there is none", (t) => {
  const home = mkdtempSync(join(tmpdir(), "bf-cache-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const run = (environment: NodeJS.ProcessEnv, ...words: string[]) =>
    spawnSync(process.execPath, [main, ...words], { env: environment, encoding: "utf8", cwd: home });
  assert.match(run({ HOME: home }, "keys", "--help").stdout, /bifrost keys/);
  assert.deepEqual(readdirSync(home), []);
  const { status, stdout } = run({ HOME: home }, "tui", "--help");
  assert.deepEqual([status, /bifrost tui/.test(stdout)], [0, true]);
  assert.ok(existsSync(join(home, ".cache", "bifrost", "compiled")));
  const elsewhere = join(home, "caches");
  assert.equal(run({ HOME: home, XDG_CACHE_HOME: elsewhere }, "tui", "--help").status, 0);
  assert.ok(readdirSync(join(elsewhere, "bifrost", "compiled"), { recursive: true }).length > 5);
  assert.deepEqual([run({}, "tui", "--help").status, readdirSync(home).toSorted()], [0, [".cache", "caches"]]);
});
