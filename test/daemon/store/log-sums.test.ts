import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { prepareTraffic, trafficFile } from "../../../daemon/store/boot.ts";
import { columnsOf } from "../../../daemon/store/columns.ts";
import { type Database, openDatabase } from "../../../daemon/store/database.ts";
import { addPacked, bucketCount, bucketOf, packCounts, quantileOf } from "../../../daemon/store/histogram.ts";
import { readSums, type SumsQuestion } from "../../../daemon/store/log-sums.ts";
import { openMigrated } from "../../../daemon/store/migrate.ts";
import { initialTraffic } from "../../../daemon/store/migrations/20261123-0701-traffic.ts";
import { sumColumn } from "../../../daemon/store/rollup-groups.ts";
import { readFacets } from "../../../daemon/store/rollups.ts";
import { requestColumn as column, requestWidth } from "../../../daemon/store/rows.ts";
import type { RowValue } from "../../../daemon/store/sender.ts";
import { TrafficWriter } from "../../../daemon/store/traffic-writer.ts";
import { requestRow, startMs, temporaryHome } from "./fixtures.ts";

const dayMs = 86_400_000;
const minuteMs = 60_000;

function row(id: string, fields: Partial<Record<keyof typeof column, RowValue>>): RowValue[] {
  const values = requestRow(id);
  for (const [name, value] of Object.entries(fields)) values[column[name as keyof typeof column]] = value;
  return values;
}

function open(t: TestContext): { writer: TrafficWriter; database: Database } {
  const home = temporaryHome(t);
  prepareTraffic(home);
  const database = openDatabase(trafficFile(home), { synchronous: "NORMAL" });
  t.after(() => database.close());
  return { database, writer: new TrafficWriter(database, { retentionMs: 0, now: () => startMs }) };
}

/** A hundred days with a few hundred requests, spread unevenly. */
function fill(writer: TrafficWriter): RowValue[][] {
  const rows = Array.from({ length: 600 }, (_, index) =>
    row(`req_${index}`, {
      at: startMs - Math.floor((index * index * 100 * dayMs) / 360_000),
      key_id: (index % 5) + 1,
      user: index % 7 === 0 ? `u${index % 3}` : null,
      target: index % 2 === 0 ? "echo/one" : "openai/two",
      provider: index % 2 === 0 ? "echo" : "openai",
      status: index % 10 === 0 ? 502 : 200,
      error: index % 10 === 0 ? "upstream_unavailable" : null,
      cost_nano: index * 1_000,
      latency_ms: index + 1,
      tags: index % 4 === 0 ? '{"env":"prod","unit":"a"}' : null,
    }),
  );
  for (let at = 0; at < rows.length; at += 37) {
    const batch = rows.slice(at, at + 37).flat();
    writer.commit([{ type: "batch", sender: 1, number: at + 1, rows: columnsOf(requestWidth, batch) }]);
  }
  return rows;
}

const ask = (fields: Partial<SumsQuestion>): SumsQuestion => ({
  ...{ filter: {}, sinceMs: startMs - 200 * dayMs, untilMs: startMs + minuteMs, top: 10, order: "cost" },
  ...fields,
});

test("readSums() of the roll-ups is what the rows add up to, for any range, by any dimension", (t) => {
  const { writer, database } = open(t);
  const rows = fill(writer);
  const of = (values: RowValue[], name: keyof typeof column): number => Number(values[column[name]]);
  for (const [fromDays, toDays] of [
    [200, 0],
    [90, 0],
    [10.3, 1.7],
    [2, 1.99],
    [0.5, 0],
  ] as const) {
    const sinceMs = Math.floor((startMs - fromDays * dayMs) / minuteMs) * minuteMs;
    const untilMs = Math.floor((startMs - toDays * dayMs) / minuteMs) * minuteMs + minuteMs;
    const within = rows.filter((values) => of(values, "at") >= sinceMs && of(values, "at") < untilMs);
    const total = readSums(database, ask({ sinceMs, untilMs }));
    const { sums, latency } = total.series[0]!.total;
    assert.equal(sums[sumColumn.requests], within.length);
    assert.equal(
      sums[sumColumn.cost_nano],
      within.reduce((sum, values) => sum + of(values, "cost_nano"), 0),
    );
    assert.equal(
      latency.reduce((sum, count) => sum + count, 0),
      within.length,
    );
    const byKey = readSums(database, ask({ sinceMs, untilMs, by: "key", grain: "day" }));
    for (const { value, total: each, buckets } of byKey.series) {
      const own = within.filter((values) => String(of(values, "key_id")) === value);
      assert.equal(each.sums[sumColumn.requests], own.length);
      assert.ok(buckets.reduce((sum, bucket) => sum + bucket.sums.sums[0]!, 0) >= own.length);
    }
  }
  const tag = readSums(database, ask({ filter: { tag: "env=prod" } }));
  assert.equal(tag.series[0]!.total.sums[sumColumn.requests], 150);
  assert.equal(tag.partial, false);
  const none = readSums(database, ask({ filter: { user: "nobody" } }));
  assert.equal(none.series[0]!.total.sums[sumColumn.requests], 0);
});

test("readSums() of two dimensions at once is counted from the rows", (t) => {
  const { writer, database } = open(t);
  const rows = fill(writer);
  const expected = rows.filter((values) => values[column.key_id] === 2 && values[column.status] === 502);
  const answer = readSums(database, ask({ filter: { keyId: 2, status: [[502, 502]] }, by: "target" }));
  assert.equal(answer.partial, false);
  assert.equal(
    answer.series.reduce((sum, { total }) => sum + total.sums[sumColumn.requests]!, 0),
    expected.length,
  );
  assert.deepEqual(
    answer.series.map(({ value }) => value).toSorted(),
    [...new Set(expected.map((values) => String(values[column.target])))].toSorted(),
  );
});

test("commit() writes the sums with the rows or not at all, and a batch that comes twice counts once", (t) => {
  const { writer, database } = open(t);
  const batch = {
    type: "batch",
    sender: 1,
    number: 1,
    rows: columnsOf(requestWidth, [row("req_1", {}), row("req_2", {})].flat()),
  } as const;
  const bad = { type: "batch", sender: 2, number: 1, rows: columnsOf(3, [1, 2, 3]) } as const;
  assert.throws(() => writer.commit([batch, bad]), /wrong width/);
  const requests = () => readSums(database, ask({})).series[0]!.total.sums[sumColumn.requests];
  assert.equal(requests(), 0);
  writer.commit([batch]);
  writer.commit([batch]);
  assert.equal(requests(), 2);
  assert.equal(database.prepare("SELECT count(*) FROM requests").pluck().get(), 2);
});

test("readFacets() lists values last seen first, and a flood of new ones ends under one name", (t) => {
  const { writer, database } = open(t);
  const flood = Array.from({ length: 20_050 }, (_, index) => row(`req_${index}`, { model: `junk-${index}` }));
  writer.commit([{ type: "batch", sender: 1, number: 1, rows: columnsOf(requestWidth, flood.flat()) }]);
  writer.commit([
    {
      type: "batch",
      sender: 1,
      number: 2,
      rows: columnsOf(requestWidth, row("req_x", { model: "junk-7", at: startMs + 3 * minuteMs })),
    },
  ]);
  const [first] = readFacets(database, 5, undefined, 3);
  assert.equal(first?.value, "junk-7");
  assert.equal(database.prepare("SELECT count(*) FROM facets WHERE dimension = 5").pluck().get(), 20_001);
  const other = readSums(database, ask({ filter: { model: "(other)" } }));
  assert.equal(other.series[0]!.total.sums[sumColumn.requests], 50);
  assert.deepEqual(
    readFacets(database, 5, "unk-2004", 10).map(({ value }) => value),
    ["junk-2004"],
  );
});

test("prune() moves the rows of an older schema over, newest first, with their sums, and takes their table away", (t) => {
  const home = temporaryHome(t);
  const old = openMigrated(trafficFile(home), [initialTraffic]).database;
  const count = 2_500;
  old.exec(
    `INSERT INTO requests (row, id, at, key_id, status, latency_ms, cost_nano, flags) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) SELECT i, 'req_' || i, ${startMs} + i, 3, 200, 5, 10, 0 FROM n`,
  );
  old.close();
  prepareTraffic(home);
  const database = openDatabase(trafficFile(home), { synchronous: "NORMAL" });
  t.after(() => database.close());
  const writer = new TrafficWriter(database, { retentionMs: 0, now: () => startMs });
  writer.commit([{ type: "batch", sender: 9, number: 1, rows: columnsOf(requestWidth, requestRow("req_new")) }]);
  assert.equal(database.prepare("SELECT row FROM requests WHERE id = 'req_new'").pluck().get(), count + 1);
  const steps: boolean[] = [];
  while (steps.at(-1) !== false) steps.push(writer.prune());
  assert.deepEqual(steps, [true, true, true, false]);
  assert.equal(database.prepare("SELECT count(*) FROM requests").pluck().get(), count + 1);
  assert.deepEqual(database.prepare("SELECT id, cost_nano, team FROM requests WHERE row = 7").get(), {
    ...{ id: "req_7", cost_nano: 10, team: null },
  });
  assert.equal(database.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'requests_before'").pluck().get(), 0);
  const sums = readSums(database, ask({ filter: { keyId: 3 } })).series[0]!.total.sums;
  assert.deepEqual([sums[sumColumn.requests], sums[sumColumn.cost_nano]], [count, count * 10]);
});

test("prune() lets sums by minute go before those by hour and day", (t) => {
  const { writer, database } = open(t);
  fill(writer);
  writer.retention = {
    ...{ retentionMs: 0, rollups: { minute: dayMs, hour: 10 * dayMs, day: 50 * dayMs } },
  };
  while (writer.prune());
  const oldest = (series: number) =>
    (startMs - Number(database.prepare("SELECT min(at) FROM rollups WHERE series = ?").pluck().get(series))) / dayMs;
  assert.ok(oldest(0) <= 1 && oldest(16) <= 10 && oldest(16) > 1 && oldest(32) <= 51 && oldest(32) > 10);
  const asked = ask({ sinceMs: startMs - 40.3 * dayMs });
  const rows = database
    .prepare("SELECT count(*) FROM requests WHERE at >= ?")
    .pluck()
    .get(Math.floor((startMs - 40.3 * dayMs) / dayMs) * dayMs);
  assert.equal(readSums(database, asked).series[0]!.total.sums[sumColumn.requests], rows);
});

test("quantileOf() is right to within a tenth, also after packing", () => {
  const durations = Array.from({ length: 10_000 }, (_, index) => 0.3 * 1.001 ** index);
  const counts = new Uint32Array(bucketCount);
  for (const ms of durations) counts[bucketOf(ms)]!++;
  const unpacked = new Array<number>(bucketCount).fill(0);
  addPacked(unpacked, packCounts(counts));
  assert.deepEqual(unpacked, [...counts]);
  for (const share of [0.01, 0.5, 0.95, 0.99, 0.999]) {
    const exact = durations[Math.ceil(share * durations.length) - 1]!;
    const found = quantileOf(unpacked, share)!;
    assert.ok(Math.abs(found / exact - 1) < 0.1, `${share}: ${found} for ${exact}`);
  }
  assert.equal(quantileOf(new Uint32Array(bucketCount), 0.5), undefined);
});
