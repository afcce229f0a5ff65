import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { LogRow } from "../../daemon/admin/contract/logs.ts";
import { runCommand, temporaryHome } from "../support/daemon.ts";
import { hasTmux, openTmux } from "../support/tmux.ts";
import { until } from "../support/until.ts";

test("demo fills a daemon of its own with traffic of several keys and models, good and bad, and stops it", async (t) => {
  const parent = temporaryHome();
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  const home = join(parent, "d");
  const ran = await runCommand(
    ["demo", "--no-tui", "--rate", "60", "--for", "4s", "--home", home],
    { OPENAI_API_KEY: "sk-canary" },
    parent,
  );
  assert.deepEqual([ran.code, ran.stdout], [0, ""], ran.stderr);
  assert.match(ran.stderr, /bifrost tui --home /);
  const logs = await runCommand(["logs", "--json", "--limit", "1000", "--home", home], {}, parent);
  const rows = logs.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as LogRow);
  const some = (what: (row: LogRow) => unknown) => new Set(rows.map(what)).size;
  assert.ok(rows.length > 60, `${rows.length} requests`);
  assert.ok(some((row) => row.key_name) >= 3 && some((row) => row.target) >= 4, "several keys and models");
  assert.ok(
    rows.some((row) => row.flags.includes("fallback")) &&
      rows.some((row) => row.status >= 400) &&
      rows.some((row) => row.stream),
  );
  assert.ok(!rows.some((row) => row.provider === "openai"), "no real provider");
  assert.equal((await runCommand(["status", "--home", home], {}, parent)).code, 4, "no daemon is left");
});

test("demo without --home leaves no folder behind, and does not touch a home that is in use", async (t) => {
  const parent = temporaryHome();
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  const temporary = join(parent, "t");
  mkdirSync(temporary);
  const ran = await runCommand(["demo", "--no-tui", "--for", "200ms"], { TMPDIR: temporary }, parent);
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual(readdirSync(temporary), []);
  const home = join(parent, "d");
  assert.equal((await runCommand(["keys", "create", "--name", "mine", "--home", home], {}, parent)).code, 0);
  const refused = await runCommand(["demo", "--no-tui", "--home", home], {}, parent);
  assert.deepEqual([refused.code, /somebody's home already/.test(refused.stderr)], [2, true]);
});

/** A daemon on a loaded machine takes its time to end. */
const goneMsMax = 20_000;

test("demo ends its daemon when its terminal is closed", {
  skip: hasTmux ? false : "tmux is not installed",
}, async (t) => {
  const folder = temporaryHome();
  const home = join(folder, "home");
  const tmux = openTmux({ width: 100, height: 30, cwd: folder, env: { HOME: folder } });
  t.after(() => {
    tmux.close();
    rmSync(folder, { recursive: true, force: true });
  });
  tmux.text(`${process.execPath} ${join(import.meta.dirname, "../../cli/main.ts")} demo --home ${home} --rate 5`);
  tmux.keys("Enter");
  await tmux.seeing(/Traffic \d+ /);
  await tmux.seeing(/gen 2 {2}.*● serving/, 20_000);
  const { pid } = JSON.parse(readFileSync(join(home, "admin.json"), "utf8")) as { pid: number };
  process.kill(pid, 0);
  t.after(() => {
    if (!isGone(pid)) process.kill(pid, "SIGKILL");
  });
  tmux.close();
  await until("the daemon to be gone", () => isGone(pid), goneMsMax);
});

function isGone(pid: number): boolean {
  try {
    return !process.kill(pid, 0);
  } catch {
    return true;
  }
}
