import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { hold, startDaemon } from "../support/daemon.ts";

const commandLine = join(import.meta.dirname, "../../cli/main.ts");
const rounds = 5;
const skip =
  spawnSync("script", ["--version"]).status === 0 ? false : "script, which makes a terminal, is not installed";

test("tui shows its first frame within 500 ms of its start from source, and the first rows soon after", {
  skip,
}, async (t) => {
  const daemon = await startDaemon();
  t.after(() => daemon.stop());
  const times: { readonly first: number; readonly rows: number }[] = [];
  for (let round = 0; round < rounds; round += 1) times.push(await opened(t, daemon.home));
  const median = (what: "first" | "rows") =>
    times.map((each) => each[what]).toSorted((a, b) => a - b)[Math.floor(rounds / 2)]!;
  t.diagnostic(`first frame ${Math.round(median("first"))} ms, answered ${Math.round(median("rows"))} ms`);
  assert.ok(median("first") <= 500, `first frame after ${median("first")} ms`);
  assert.ok(median("rows") <= 2_000, `answered after ${median("rows")} ms`);
});

/** `script` gives it a terminal; what it draws comes back as bytes. */
async function opened(t: TestContext, home: string): Promise<{ readonly first: number; readonly rows: number }> {
  const started = performance.now();
  const child = spawn(
    "script",
    ["-qec", `stty cols 120 rows 36; exec ${process.execPath} ${commandLine} tui`, "/dev/null"],
    {
      env: { PATH: process.env["PATH"], HOME: home, BIFROST_HOME: home, TERM: "xterm-256color" },
    },
  );
  hold(child, false);
  t.after(() => child.kill("SIGKILL"));
  let seen = "";
  let first: number | undefined;
  const rows = await new Promise<number>((resolve) => {
    child.stdout.on("data", (part) => {
      seen += String(part);
      if (seen.includes("bifrost")) first ??= performance.now() - started;
      if (seen.includes("No requests yet")) resolve(performance.now() - started);
    });
  });
  child.stdin.write("q");
  await once(child, "close");
  return { first: first ?? Number.POSITIVE_INFINITY, rows };
}
