import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, type TestContext, test } from "node:test";

const root = join(import.meta.dirname, "..", "..");
const cache = join(root, ".cache");
let out = "";

before(() => {
  mkdirSync(cache, { recursive: true });
  out = mkdtempSync(join(cache, "build-test-")); // inside the tree, where better-sqlite3 is found
  execFileSync(process.execPath, [join(root, "tools", "build.ts"), "--out", out]);
});
after(() => rmSync(out, { recursive: true, force: true }));

test("build makes a command that tells its version hardly slower than node starts", () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const [bareMs, versionMs]: [number[], number[]] = [[], []];
  const timed = (times: number[], args: readonly string[]): string => {
    const startedAt = performance.now();
    const said = execFileSync(process.execPath, args, { encoding: "utf8", env: {} });
    times.push(performance.now() - startedAt);
    return said;
  };
  // In turns, because other tests run beside this one; 60 ms on an idle machine are 30 for node and 30 for us.
  for (let i = 0; i < 8; i++) {
    timed(bareMs, ["-e", "0"]);
    assert.ok(timed(versionMs, [join(out, "cli", "main.js"), "--version"]).startsWith(`${version} commit `));
  }
  const addedMs = Math.min(...versionMs) - Math.min(...bareMs);
  assert.ok(addedMs <= 30, `${addedMs.toFixed(1)} ms`);
});

test("build makes a daemon whose threads are found, and that finds at its next start what was made of its code", async (t) => {
  const home = mkdtempSync(join(tmpdir(), "bifrost-build-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  await serveOnce(t, home, {});
  const said = await serveOnce(t, home, { NODE_DEBUG_NATIVE: "COMPILE_CACHE" });
  for (const file of ["daemon-main/daemon-\\w+", "data-plane", "state-writer", "traffic-writer"])
    assert.match(said, new RegExp(`${file}\\.js\\b.* was accepted`), file);
});

/** Starts it, asks whether it is ready and ends it; what it has said. */
async function serveOnce(t: TestContext, home: string, env: NodeJS.ProcessEnv): Promise<string> {
  const daemon = spawn(process.execPath, [join(out, "cli", "main.js"), "serve", "--port", "0", "--home", home], {
    cwd: home,
    env: { HOME: home, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => daemon.kill("SIGKILL"));
  const said: string[] = [];
  daemon.stderr.on("data", (chunk: Buffer) => said.push(chunk.toString()));
  let url: string | undefined;
  for await (const line of createInterface({ input: daemon.stdout })) {
    said.push(line);
    url = /listening on (http:\S+)/.exec(line)?.[1];
    if (url !== undefined) break;
  }
  assert.ok(url !== undefined, said.join("\n"));
  assert.equal((await fetch(`${url}/health/ready`)).status, 200);
  daemon.stdout.resume();
  const ended = once(daemon, "close");
  daemon.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
  return said.join("\n");
}
