import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { lockHome } from "../../../daemon/store/lock.ts";
import { temporaryHome } from "./fixtures.ts";

test("lockHome() lets one hold a home, tells the second who, and frees with release()", (t) => {
  const home = temporaryHome(t);
  const first = lockHome(home);
  assert.ok("lock" in first);
  const began = performance.now();
  const second = lockHome(home);
  assert.ok(performance.now() - began < 1_000);
  assert.ok("holder" in second);
  assert.equal(second.holder?.pid, process.pid);
  first.lock.release();
  first.lock.release();
  const third = lockHome(home);
  assert.ok("lock" in third);
  third.lock.release();
});

test("lockHome() holds although nobody keeps what it gave", async (t) => {
  const home = temporaryHome(t);
  const module = new URL("../../../daemon/store/lock.ts", import.meta.url).href;
  const script = `import { lockHome } from ${JSON.stringify(module)}; lockHome(${JSON.stringify(home)}); setTimeout(() => { gc(); setImmediate(() => console.log("collected")); }, 50); setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ["--expose-gc", "--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  assert.ok("holder" in lockHome(home));
});

test("lockHome() is free again after kill -9 of its holder", async (t) => {
  const home = temporaryHome(t);
  const module = new URL("../../../daemon/store/lock.ts", import.meta.url).href;
  const script = `import { lockHome } from ${JSON.stringify(module)}; console.log(Object.keys(lockHome(${JSON.stringify(home)}))); setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  const [told] = await once(child.stdout, "data");
  assert.match(String(told), /lock/);
  const refused = lockHome(home);
  assert.ok("holder" in refused);
  assert.equal(refused.holder?.pid, child.pid);
  child.kill("SIGKILL");
  await once(child, "exit");
  const mine = lockHome(home);
  assert.ok("lock" in mine);
  mine.lock.release();
});
