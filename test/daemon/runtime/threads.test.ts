import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, realpathSync } from "node:fs";
import { test } from "node:test";
import { startThread } from "../../../daemon/runtime/threads.ts";

test("startThread() adds no copy of node's machine code", { skip: process.platform !== "linux" }, async () => {
  const before = copies();
  const worker = startThread("translator");
  await once(worker, "online");
  const after = copies();
  await worker.terminate();
  assert.equal(after, before);
});

/** Places where code of the executable is mapped to be run. */
function copies(): number {
  const executable = realpathSync(process.execPath);
  const maps = readFileSync("/proc/self/maps", "utf8").split("\n");
  return maps.filter((line) => line.includes(" r-xp ") && line.endsWith(executable)).length;
}
