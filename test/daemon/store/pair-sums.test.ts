/** Sums for two dimensions at once are what the rows add up to, wherever they come from. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { prepareTraffic, trafficFile } from "../../../daemon/store/boot.ts";
import { columnsOf } from "../../../daemon/store/columns.ts";
import { type Database, openDatabase } from "../../../daemon/store/database.ts";
import { readSums, type SumsQuestion } from "../../../daemon/store/log-sums.ts";
import { readPairs } from "../../../daemon/store/pair-sums.ts";
import { sumColumn } from "../../../daemon/store/rollup-groups.ts";
import { addRows, type Found } from "../../../daemon/store/row-sums.ts";
import { requestColumn as column, requestWidth } from "../../../daemon/store/rows.ts";
import type { RowValue } from "../../../daemon/store/sender.ts";
import { TrafficWriter } from "../../../daemon/store/traffic-writer.ts";
import { requestRow, startMs, temporaryHome } from "./fixtures.ts";

const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];
const targets = ["echo/one", "openai/two", "openai/three", "else/openai/four"];

/** Two thousand requests over a hundred days, most of them late. */
function filled(t: TestContext): { database: Database; writer: TrafficWriter; rows: readonly RowValue[][] } {
  const home = temporaryHome(t);
  prepareTraffic(home);
  const database = openDatabase(trafficFile(home), { synchronous: "NORMAL" });
  t.after(() => database.close());
  const writer = new TrafficWriter(database, { retentionMs: 0, now: () => startMs });
  const rows = Array.from({ length: 2_000 }, (_, index) => {
    const values = requestRow(`req_${index}`);
    const set = (name: keyof typeof column, value: RowValue): void => {
      values[column[name]] = value;
    };
    const target = targets[(index + Math.floor(index / 12)) % 4]!;
    set("at", startMs - Math.floor(100 * dayMs * (1 - index / 2_000) ** 3));
    set("key_id", (index % 12) + 1);
    set("team", index % 12 < 6 ? "team_1" : "team_12");
    set("target", index % 50 === 0 ? null : target);
    set("provider", index % 50 === 0 ? null : target.slice(0, target.indexOf("/")));
    set("latency_ms", (index % 90) + 1);
    set("cost_nano", index);
    return values;
  });
  for (let at = 0; at < rows.length; at += 61) {
    const batch = columnsOf(requestWidth, rows.slice(at, at + 61).flat());
    writer.commit([{ type: "batch", sender: 1, number: at + 1, rows: batch }]);
  }
  return { database, writer, rows };
}

const ranges = [
  [200 * dayMs, 0],
  [90 * dayMs, 0],
  [7.3 * dayMs, 1.7 * dayMs],
  [3 * dayMs + 17 * minuteMs, 2 * dayMs + 3 * minuteMs],
  [2.2 * hourMs, 0],
] as const;
const questions: readonly Pick<SumsQuestion, "filter" | "by">[] = [
  { filter: { keyId: 2, provider: "openai" } },
  { filter: { keyId: 1, target: "echo/one" } },
  { filter: { keyId: 2 }, by: "target" },
  { filter: { keyId: 12 }, by: "provider" },
  { filter: { team: "team_1" }, by: "provider" },
  { filter: { provider: "openai" }, by: "key" },
  { filter: { provider: "else" }, by: "team" },
  { filter: { model: "openai/two" }, by: "team" },
  { filter: { team: "team_12", provider: "openai" }, by: "target" },
  { filter: { keyId: 2, target: "nobody/none" } },
  { filter: { keyId: [1, 2, 12, 2], provider: "openai" } },
  { filter: { keyId: [1, 11], provider: ["openai", "echo", "nobody"] }, by: "target" },
  { filter: { keyId: [3, 4] }, by: "provider" },
  { filter: { team: ["team_1", "team_12"], target: ["echo/one", "openai/two"] }, by: "team" },
  { filter: { provider: ["openai", "else"] }, by: "key" },
  { filter: { team: ["team_1"], model: ["openai/two"] } },
];

function ask(fields: Partial<SumsQuestion>): SumsQuestion {
  return {
    filter: {},
    sinceMs: startMs - 200 * dayMs,
    untilMs: startMs + minuteMs,
    top: 100,
    order: "cost",
    ...fields,
  };
}

/** Requests, cost and how the latencies lie, by value and bucket. */
function told(found: Iterable<readonly [string, { total: { sums: number[]; latency: number[] } }]>): unknown {
  return [...found]
    .filter(([, { total }]) => total.sums[sumColumn.requests]! > 0)
    .map(([value, { total }]) => [
      value,
      total.sums[sumColumn.requests],
      total.sums[sumColumn.cost_nano],
      total.latency,
    ])
    .toSorted();
}

test("readPairs() tells for any who and what, over any range, what the rows add up to", (t) => {
  const { database } = filled(t);
  for (const [back, until] of ranges) {
    for (const { filter, by } of questions) {
      const question = ask({ filter, by, sinceMs: startMs - back, untilMs: startMs - until + minuteMs });
      const answer = readPairs(database, question);
      assert.ok(answer !== undefined && !answer.partial, JSON.stringify([filter, by]));
      const expected: Found = new Map();
      addRows(database, question, expected);
      assert.deepEqual(
        told(answer.series.map((each) => [each.value ?? "", each] as const)),
        told(expected),
        JSON.stringify([filter, by, back, until]),
      );
      for (const grain of ["hour", "day"] as const) {
        const { series } = readPairs(database, { ...question, grain })!;
        for (const { total, buckets } of series)
          assert.equal(
            buckets.reduce((sum, bucket) => sum + bucket.sums.sums[sumColumn.requests]!, 0),
            total.sums[sumColumn.requests],
          );
      }
    }
  }
});

test("readPairs() has the largest values where not all are asked for", (t) => {
  const { database } = filled(t);
  const all = readPairs(database, ask({ filter: { provider: "openai" }, by: "key", grain: "day" }))!;
  const most = readPairs(database, ask({ filter: { provider: "openai" }, by: "key", grain: "day", top: 2 }))!;
  assert.deepEqual(most.series, all.series.slice(0, 2));
  assert.equal(most.values, all.values);
});

test("readPairs() leaves alone what is older than its sums, and what has no name of its own", (t) => {
  const { database, writer } = filled(t);
  const question = ask({ filter: { keyId: 2 }, by: "target" });
  database.prepare("UPDATE kept_since SET at = ?").run(startMs - 50 * dayMs);
  assert.equal(readPairs(database, question), undefined);
  assert.ok(readPairs(database, { ...question, sinceMs: startMs - 49 * dayMs }));
  assert.equal(readSums(database, question).series.length, 4);
  database.prepare("INSERT INTO facets (dimension, value, last_at) VALUES (13, '(other)', 0)").run();
  assert.equal(readPairs(database, { ...question, sinceMs: startMs - 49 * dayMs }), undefined);
  writer.retention = { retentionMs: 0 };
  while (writer.prune());
  const hours = database.prepare("SELECT min(at) FROM rollups WHERE series = 16 + 13").pluck().get() as number;
  assert.ok(hours >= startMs - 8 * dayMs - hourMs, "sums of pairs by hour go after eight days");
});

test("addRows() stops when its time is up, and going on from there misses nothing and counts nothing twice", (t) => {
  const { database, rows } = filled(t);
  const question = ask({ filter: { stream: false, latencyMinMs: 3 } });
  const found: Found = new Map();
  let before = addRows(database, question, found, undefined, 0);
  let passes = 1;
  assert.notEqual(before, undefined);
  for (; before !== undefined; passes++) before = addRows(database, question, found, before, 0);
  assert.ok(passes > 2, `${passes}`);
  const expected = rows.filter((values) => Number(values[column.latency_ms]) >= 3);
  assert.equal(found.get("")?.total.sums[sumColumn.requests], expected.length);
});
