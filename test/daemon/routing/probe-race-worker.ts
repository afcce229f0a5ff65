/** One of two threads that ask for the same half-open breaker, and count at the same row, at the same moment. */
import { parentPort, workerData } from "node:worker_threads";
import { openRouting, type RoutingOptions } from "../../../daemon/routing/routing.ts";
import { entering } from "../../support/routing-lab.ts";

const { gate, rounds, nowMs, ...options } = workerData as Omit<RoutingOptions, "random"> & {
  readonly gate: Int32Array;
  readonly rounds: readonly string[];
  readonly nowMs: number;
};
const routing = openRouting(options);
const { breaker, budget, outcomes, table } = routing;
const rows = rounds.map((name) => table.find(name));
const entered: string[] = [];
for (const [round, row] of rows.entries()) {
  // Both are here, and neither goes before the other: a spin, since waking up takes longer than the race.
  Atomics.add(gate, round, 1);
  while (Atomics.load(gate, round) < 2);
  entered.push(entering(routing, row, nowMs));
  const busy = table.find("up/busy");
  outcomes.counted(busy, nowMs, round % 4 === 0);
  breaker.failed(busy, nowMs);
  budget.deposit(busy);
  if (round % 50 === 0) budget.withdraw(busy);
  table.enter(busy);
}
parentPort!.postMessage(entered);
