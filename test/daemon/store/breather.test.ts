import assert from "node:assert/strict";
import { test } from "node:test";
import { openStateWriter, prepareTraffic, stateFile, trafficFile } from "../../../daemon/store/boot.ts";
import { type Breather, createBreather } from "../../../daemon/store/breather.ts";
import { columnsOf } from "../../../daemon/store/columns.ts";
import { openDatabase } from "../../../daemon/store/database.ts";
import { requestWidth, settlementWidth } from "../../../daemon/store/rows.ts";
import { StateWriter } from "../../../daemon/store/state-writer.ts";
import { TrafficWriter } from "../../../daemon/store/traffic-writer.ts";
import { requestRow, settlement, temporaryHome } from "./fixtures.ts";

test("createBreather() rests once for each slice of work, and begin() counts anew", () => {
  let now = 1_000;
  let rests = 0;
  const breather = createBreather({ now: () => now, rest: () => rests++ });
  const work = (ms: number): number => {
    now += ms;
    breather.breathe();
    return rests;
  };
  breather.begin();
  assert.deepEqual([work(0.04), work(0.04), work(0.04), work(0.04), work(0.08)], [0, 0, 1, 1, 2]);
  now += 50; // idle
  breather.begin();
  assert.equal(work(0.04), 2);
});

test("createBreather() really waits, and not for long", () => {
  const breather = createBreather();
  const rests: number[] = [];
  for (let rest = 0; rest < 20; rest += 1) {
    breather.begin();
    const worked = performance.now();
    while (performance.now() - worked < 0.2);
    const started = performance.now();
    breather.breathe();
    rests.push(performance.now() - started);
  }
  // Others may keep the core for a while after some of them, not after all.
  const shortest = Math.min(...rests);
  assert.ok(shortest >= 0.02 && shortest < 2, `the shortest rest took ${shortest} ms`);
});

test("both writers breathe all through a commit", (t) => {
  const home = temporaryHome(t);
  const count = 400;
  let breaths = 0;
  const breather: Breather = { begin: () => {}, breathe: () => breaths++ };
  openStateWriter(home).close();
  prepareTraffic(home);
  const traffic = new TrafficWriter(openDatabase(trafficFile(home)), { retentionMs: 0, breather });
  const rows = Array.from({ length: count }, (_, index) => requestRow(`req_${index}`)).flat();
  traffic.commit([{ type: "batch", sender: 1, number: 1, rows: columnsOf(requestWidth, rows) }]);
  traffic.close();
  assert.ok(breaths >= count / 8, `${breaths} in the log`);
  breaths = 0;
  const state = new StateWriter(openDatabase(stateFile(home)), { breather });
  const settled = Array.from({ length: count }, (_, index) => settlement(`req_${index}`)).flat();
  state.commit([{ type: "batch", sender: 1001, number: 1, rows: columnsOf(settlementWidth, settled) }]);
  state.close();
  assert.ok(breaths >= count, `${breaths} in the ledger`);
});
