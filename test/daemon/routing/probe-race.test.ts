/** The half-open probe between threads that run at the same time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { createBreaker } from "../../../daemon/routing/breaker.ts";
import { healthWord } from "../../../daemon/routing/health-table.ts";
import { recentOutcomes } from "../../../daemon/routing/outcomes.ts";
import { createSharedRouting, openRouting } from "../../../daemon/routing/routing.ts";
import { entering, provider, routingLab } from "../../support/routing-lab.ts";

const count = 400;
const nowMs = 1_790_000_000_000;

test("R4 enter() lets exactly one of two racing threads probe, every time, and what both count is counted", async () => {
  const { generation } = await routingLab({
    providers: { up: provider() },
    // The thousandth of two threads' failures at one row would open it.
    routing: { breaker: { failures: 1000, open: "1s", error_rate: 1 }, retries: { budget: 0.02 } },
  });
  const settings = generation.data.routing;
  const shared = createSharedRouting(2);
  const { breaker, table } = openRouting({ shared, worker: 0, settings });
  const impatient = createBreaker(table, () => ({ ...settings.breaker, failures: 1 }));
  const rounds = Array.from({ length: count }, (_, index) => `up/m${index}`);
  for (const name of rounds) impatient.failed(table.find(name), nowMs - 5_000);
  const gate = new Int32Array(new SharedArrayBuffer(4 * count));
  const racers = [1, 2].map((worker) => {
    const workerData = { shared, worker, settings, gate, rounds, nowMs };
    const thread = new Worker(new URL("probe-race-worker.ts", import.meta.url), { workerData });
    return new Promise<readonly string[]>((resolve, reject) => {
      thread.on("message", resolve);
      thread.on("error", reject);
    });
  });
  const [one, other] = await Promise.all(racers);
  for (const [round, name] of rounds.entries())
    assert.deepEqual([one![round], other![round]].toSorted(), ["open", "probe"], name);
  const busy = table.find("up/busy");
  const both = 2 * count;
  assert.deepEqual(
    [table.words[busy + healthWord.requests], table.words[busy + healthWord.failures], table.inFlight(busy)],
    [both, both / 4, both],
  );
  assert.deepEqual(recentOutcomes(table.words, busy, nowMs, 1_000), { requests: both, failures: both / 4 });
  // Each pays a fiftieth of a retry, and every fiftieth takes one.
  assert.equal(table.words[busy + healthWord.retryTokens], 0);
  for (let left = 1000 - both; left > 0; left--) {
    assert.equal(breaker.state(busy, nowMs), "closed", `${left} failures before its time`);
    breaker.failed(busy, nowMs);
  }
  assert.equal(breaker.state(busy, nowMs), "open", "at the thousandth");
  // A race that the same thread always wins is none.
  const wins = one!.filter((entered) => entered === "probe").length;
  assert.ok(wins > 0 && wins < count, `${wins} of ${count}`);
});

test("R4 enter() leaves the pause alone that followed another's probe, where it lost the race to that one", async () => {
  const { generation } = await routingLab({
    providers: { up: provider() },
    routing: { breaker: { failures: 1, open: "1m", open_max: "10m", probe: "5s" } },
  });
  const settings = generation.data.routing;
  const shared = createSharedRouting(2);
  const [mine, theirs] = [1, 2].map((worker) => openRouting({ shared, worker, settings }));
  const row = mine!.table.find("up/m");
  mine!.breaker.failed(row, nowMs - 61_000);
  // Between what this one reads and what it writes, the other probes and fails.
  let reads = 0;
  let between: (() => void) | undefined = () => {
    assert.equal(entering(theirs!, row, nowMs), "probe");
    theirs!.breaker.failed(row, nowMs);
  };
  const late = createBreaker(mine!.table, () => {
    if (reads++ === 1) {
      between?.();
      between = undefined;
    }
    return settings.breaker;
  });
  assert.equal(late.enter(row, nowMs), "open");
  assert.equal(between, undefined, "it was in between");
  assert.ok(mine!.breaker.waitMs(row, nowMs) > 115_000, `${mine!.breaker.waitMs(row, nowMs)}`);
});
