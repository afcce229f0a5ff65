import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { test } from "node:test";
import { prepareTraffic, trafficFile } from "../../../daemon/store/boot.ts";
import { columnsOf } from "../../../daemon/store/columns.ts";
import { openDatabase } from "../../../daemon/store/database.ts";
import { createPace, rowsPerSlice } from "../../../daemon/store/retention.ts";
import { dimensionNumber } from "../../../daemon/store/rollup-groups.ts";
import { seriesNumber } from "../../../daemon/store/rollup-writer.ts";
import { requestWidth } from "../../../daemon/store/rows.ts";
import { TrafficWriter } from "../../../daemon/store/traffic-writer.ts";
import { requestRow, startMs, temporaryHome } from "./fixtures.ts";

test("prune() deletes what is older than retention, a slice at a time, and nothing else", (t) => {
  const home = temporaryHome(t);
  prepareTraffic(home);
  const database = openDatabase(trafficFile(home), { synchronous: "NORMAL" });
  const writer = new TrafficWriter(database, { retentionMs: 1_000, now: () => startMs });
  const rows = Array.from({ length: 2_300 }, (_, row) =>
    requestRow(`req_${row}`, { at: startMs - (row < 2_100 ? 5_000 : 10) }),
  );
  writer.commit([{ type: "batch", sender: 1, number: 1, rows: columnsOf(requestWidth, rows.flat()) }]);
  const count = () => database.prepare("SELECT count(*) FROM requests").pluck().get();
  let slices = 1;
  for (let before = 2_300; writer.prune(); slices++) {
    const now = count() as number;
    assert.ok(before - now <= rowsPerSlice.max && now >= 200, `${before} → ${now}`);
    before = now;
  }
  assert.ok(slices > 2, `${slices}`);
  assert.deepEqual([count(), writer.prune(), count()], [200, false, 200]);
  writer.retention = { retentionMs: 0 };
  assert.equal(writer.prune(), false);
  writer.close();
});

test("A53 prune() gives back to the disk what is free, in slices, while rows come", (t) => {
  const home = temporaryHome(t);
  prepareTraffic(home);
  const database = openDatabase(trafficFile(home), { synchronous: "NORMAL" });
  const writer = new TrafficWriter(database, { retentionMs: 1_000, now: () => startMs });
  let number = 0;
  const add = (count: number, at: number) => {
    const rows = Array.from({ length: count }, (_, row) => requestRow(`req_${number}_${row}`, { at })).flat();
    writer.commit([{ type: "batch", sender: 1, number: ++number, rows: columnsOf(requestWidth, rows) }]);
  };
  for (let batch = 0; batch < 20; batch++) add(1_500, startMs - 5_000);
  add(100, startMs);
  database.pragma("wal_checkpoint(TRUNCATE)");
  const full = statSync(trafficFile(home)).size;
  let slices = 0;
  while (writer.prune()) {
    add(1, startMs);
    slices++;
  }
  database.pragma("wal_checkpoint(TRUNCATE)");
  const left = statSync(trafficFile(home)).size;
  assert.ok(left < full / 2 && slices > 10, `${full} → ${left} bytes, ${slices} slices`);
  assert.equal(database.prepare("SELECT count(*) FROM requests").pluck().get(), 100 + slices);
  assert.equal(database.pragma("integrity_check", { simple: true }), "ok");
  writer.close();
});

test("createPace() halves what takes long, and grows what does not, within its bounds", () => {
  let now = 0;
  const counts: number[] = [];
  const pace = createPace({ first: 100, min: 20, max: 150 }, () => now);
  const run = (took: number) =>
    pace.run((count) => {
      counts.push(count);
      now += took;
    });
  for (const took of [30, 30, 30, 30, 7, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]) run(took);
  assert.deepEqual(counts, [100, 50, 25, 20, 20, 20, 25, 32, 40, 50, 63, 79, 99, 124, 150]);
});

test("commit() goes on numbering rows after a restart", (t) => {
  const home = temporaryHome(t);
  prepareTraffic(home);
  for (const number of [1, 2, 2]) {
    const writer = new TrafficWriter(openDatabase(trafficFile(home)), { retentionMs: 0 });
    writer.commit([{ type: "batch", sender: 1, number, rows: columnsOf(requestWidth, requestRow(`req_${number}`)) }]);
    writer.close();
  }
  const database = openDatabase(trafficFile(home), { readonly: true });
  assert.deepEqual(database.prepare("SELECT row, id FROM requests").raw().all(), [
    [1, "req_1"],
    [2, "req_2"],
  ]);
  database.close();
});

test("A8 adjust() adds to the sums when the row comes, also after a restart, once, and without it when it has gone", (t) => {
  const home = temporaryHome(t);
  prepareTraffic(home);
  let now = startMs;
  const open = () => new TrafficWriter(openDatabase(trafficFile(home)), { retentionMs: 0, now: () => now });
  let writer = open();
  const summed = () =>
    writer.database
      .prepare("SELECT requests, cost_nano FROM rollups WHERE series = ?")
      .raw()
      .all(seriesNumber("day", dimensionNumber.total));
  const known = (at = now) => ({ at, key_id: 7, target: "p/m", provider: "p", model: "m", team: "team_1" });
  const come = (number: number, ...ids: string[]) => {
    const rows = columnsOf(
      requestWidth,
      ids.flatMap((id) => requestRow(id)),
    );
    writer.commit([{ type: "batch", sender: 1, number, rows }]);
  };
  come(1, "req_a");
  writer.adjust({
    number: 1,
    costs: ["req_a", "req_b", "req_c", "req_never"].map((id) => ({ id, nano: 5, known: known() })),
  });
  writer.adjust({ number: 2, costs: [{ id: "req_b", nano: 2, known: known() }] });
  assert.deepEqual(summed(), [[1, 99 + 5]]);
  come(2, "req_b", "req_d");
  assert.deepEqual(summed(), [[3, 3 * 99 + 5 + 7]]);
  writer.close();
  writer = open();
  come(3, "req_c");
  assert.deepEqual(summed(), [[4, 4 * 99 + 5 + 7 + 5]]);
  come(4, "req_b"); // a number that is used again is another request
  assert.deepEqual(summed(), [[5, 5 * 99 + 17]]);
  now += 2 * 3_600_000;
  while (writer.prune());
  assert.deepEqual(summed(), [[5, 5 * 99 + 17 + 5]], "it never came: what is known of it counts");
  come(5, "req_never");
  assert.deepEqual(summed(), [[6, 6 * 99 + 17 + 5]]);
  const old = startMs - 10 * 86_400_000;
  writer.adjust({ number: 3, costs: [{ id: "req_gone", nano: -3, known: known(old) }] });
  writer.adjust({ number: 3, costs: [{ id: "req_gone", nano: -3, known: known(old) }] });
  const of = (grain: "minute" | "hour" | "day", name: "total" | "key" | "team" | "target" | "model" | "provider") =>
    writer.database
      .prepare("SELECT requests, cost_nano FROM rollups WHERE series = ? AND at <= ?")
      .raw()
      .all(seriesNumber(grain, dimensionNumber[name]), old);
  for (const name of ["total", "key", "team", "target", "model", "provider"] as const)
    assert.deepEqual(of("day", name), [[0, -3]], name);
  assert.deepEqual([of("hour", "total"), of("minute", "total")], [[[0, -3]], []], "minutes are not kept that long");
  writer.close();
});
