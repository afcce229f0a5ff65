import assert from "node:assert/strict";
import { test } from "node:test";
import { createBreather } from "../../../daemon/store/breather.ts";

test("createBreather() rests once a slice, not at every call", () => {
  const breather = createBreather();
  const rested = (workMs: number): number => {
    breather.begin();
    const from = process.cpuUsage();
    const started = performance.now();
    let calls = 0;
    while (performance.now() - started < workMs) {
      breather.breathe();
      calls += 1;
    }
    const { user, system } = process.cpuUsage(from);
    assert.ok(calls > 20, `${calls} calls`);
    return performance.now() - started - (user + system) / 1_000;
  };
  // A rest takes 0.02 ms and what the kernel adds; with 0.1 ms of work between two of them, 50 ms have hundreds.
  assert.ok(rested(50) > 3, "it rests");
});
