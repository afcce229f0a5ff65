import assert from "node:assert/strict";
import { test } from "node:test";
import { prepareTraffic, trafficFile } from "../../../daemon/store/boot.ts";
import { columnsOf } from "../../../daemon/store/columns.ts";
import { openDatabase } from "../../../daemon/store/database.ts";
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
  const steps = [1, 2, 3, 4].map(() => [writer.prune(), count()]);
  assert.deepEqual(steps, [
    [true, 1_300],
    [true, 300],
    [false, 200],
    [false, 200],
  ]);
  writer.retention = { retentionMs: 0 };
  assert.equal(writer.prune(), false);
  writer.close();
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
