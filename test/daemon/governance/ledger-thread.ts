/** A thread that spends: what the thread tests start, and end in mid-air. */
import { parentPort, workerData } from "node:worker_threads";
import { createKeyReader } from "../../../daemon/governance/key-table.ts";
import { createLedger } from "../../../daemon/governance/ledger.ts";
import { openTables, type SharedTables } from "../../../daemon/governance/tables.ts";

export type Task = {
  readonly shared: SharedTables;
  readonly owner: number;
  readonly now: number;
  readonly kind: "hold" | "each" | "churn" | "watch";
  readonly scopes?: readonly number[];
  readonly cost?: number;
  readonly costs?: readonly number[];
  readonly times?: number;
  readonly hash?: Uint8Array;
  /** [0] counts rounds, [1] is what `watch` saw last. */
  readonly signal: Int32Array;
};

const { shared, owner, now, kind, scopes = [], cost = 0, costs = [], times = 0, hash, signal } = workerData as Task;
const tables = openTables(shared, owner);

switch (kind) {
  case "hold": {
    const ledger = createLedger(tables);
    let held = 0;
    // All threads begin together.
    Atomics.add(signal, 0, 1);
    Atomics.wait(signal, 1, 0);
    for (let round = 0; round < times; round++)
      if (ledger.admit(scopes, now, cost, 1, 0, true, `t${owner}`) >= 0) held++;
    parentPort?.postMessage(held);
    break;
  }
  case "each": {
    const ledger = createLedger(tables);
    Atomics.add(signal, 0, 1);
    Atomics.wait(signal, 1, 0);
    parentPort?.postMessage(costs.map((each) => ledger.admit(scopes, now, each, 1, 0, true, `t${owner}`) >= 0));
    break;
  }
  case "churn": {
    const ledger = createLedger(tables);
    const open: number[] = [];
    for (let round = 0; ; round++) {
      Atomics.add(signal, 0, 1);
      const hold = ledger.admit(scopes, Date.now(), cost, 3, 1, true, `t${owner}-${round}`);
      if (hold >= 0) open.push(hold);
      if (open.length > 5) ledger.settle(open.splice(round % open.length, 1)[0] ?? -1, Date.now(), 1, 1);
    }
  }
  case "watch": {
    const keys = createKeyReader(tables);
    // Busy on purpose: it must see the word change, not be told.
    for (let seen = 0; seen < 2; ) {
      const row = keys.find(hash!);
      const state = row < 0 ? "none" : keys.state(row, now);
      if (seen === 0 && state === "ok") {
        parentPort?.postMessage({ scopes: keys.scopes(row), models: keys.policy(row).models });
        Atomics.store(signal, 1, ++seen);
      }
      if (seen === 1 && state === "revoked") Atomics.store(signal, 1, ++seen);
    }
  }
}
