/** What SQLite does for each question to the log: no table of rows, contents or sums is ever looked through whole. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { prepareTraffic, trafficFile } from "../../../daemon/store/boot.ts";
import { columnsOf } from "../../../daemon/store/columns.ts";
import { type Database, openDatabase } from "../../../daemon/store/database.ts";
import type { LogFilter } from "../../../daemon/store/log-filter.ts";
import { readSums, type SumsQuestion } from "../../../daemon/store/log-sums.ts";
import {
  readContent,
  readOffload,
  readPage,
  readRequest,
  readSession,
  readTail,
} from "../../../daemon/store/request-log.ts";
import { dimensionNumber, dimensions, listed } from "../../../daemon/store/rollup-groups.ts";
import { readFacets } from "../../../daemon/store/rollups.ts";
import { requestColumn as column, requestWidth } from "../../../daemon/store/rows.ts";
import { readSorted } from "../../../daemon/store/sorted-page.ts";
import { TrafficWriter } from "../../../daemon/store/traffic-writer.ts";
import { requestRow, startMs, temporaryHome } from "./fixtures.ts";

const dayMs = 86_400_000;

/** Every filter there is, with what it is asked for. */
const filters: { readonly [name in keyof LogFilter]-?: NonNullable<LogFilter[name]> } = {
  ...{ id: "req_1", parent: "req_1", keyId: 1, team: "t", customer: "c", user: "u", session: "s", tag: "env=prod" },
  ...{ model: "fast", provider: "echo", target: "echo/one", credential: "main", route: "chat", status: [[500, 599]] },
  ...{ error: "upstream_error", rule: "night", engine: "rule", stop: "stop", tool: "search", flag: 64, stream: true },
  ...{ latencyMinMs: 1, latencyMaxMs: 9, tokensMin: 1, tokensMax: 9, costMinNano: 1, costMaxNano: 9 },
  ...{ trace: "4bf9", text: "word", sinceMs: startMs - 2 * dayMs, untilMs: startMs },
};
/** Found by an index of their own; the others by stretches of rows, for as long as there is time. */
const indexed = ["id", "parent", "keyId", "user", "session", "model", "target", "error", "trace"];

/** A log of three days, whose statements are noted. */
function open(t: TestContext): { database: Database; plans(): readonly string[] } {
  const home = temporaryHome(t);
  prepareTraffic(home);
  const database = openDatabase(trafficFile(home), { synchronous: "NORMAL" });
  t.after(() => database.close());
  const writer = new TrafficWriter(database, { retentionMs: 0, now: () => startMs });
  const rows = Array.from({ length: 60 }, (_, index) => {
    const row = requestRow(`req_${index}`);
    row[column.at] = startMs - 3 * dayMs + index * 3_600_000;
    return row;
  });
  writer.commit([{ type: "batch", sender: 1, number: 1, rows: columnsOf(requestWidth, rows.flat()) }]);
  const asked = new Set<string>();
  const prepare = database.prepare.bind(database);
  Object.defineProperty(database, "prepare", {
    value: (sql: string) => {
      asked.add(sql);
      return prepare(sql);
    },
  });
  return {
    database,
    plans: () => {
      const lines = [...asked].flatMap((sql) => {
        const places = sql.match(/\?/g)?.length ?? 0;
        const plan = prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...new Array<number>(places).fill(1));
        return (plan as { detail: string }[]).map(({ detail }) => detail);
      });
      asked.clear();
      return lines;
    },
  };
}

/** A table is walked whole; a list of values that came with the question is not a table. */
const isWhole = (line: string): boolean => line.startsWith("SCAN ") && !line.startsWith("SCAN json_each ");

const question: SumsQuestion = {
  ...{ filter: {}, sinceMs: startMs - 3 * dayMs, untilMs: startMs, top: 20, order: "cost" },
};

test("pages, tails and sorted pages by every filter read an index of it or a stretch of rows, newest or oldest first", (t) => {
  const { database, plans } = open(t);
  const found: string[] = [];
  for (const [name, value] of Object.entries(filters)) {
    const filter = { [name]: value } as LogFilter;
    readPage(database, filter, 50);
    readTail(database, filter, 50, 0);
    const listed = plans();
    assert.deepEqual(listed.filter(isWhole), [], name);
    // A page is in the order of its index: only where a model is what was asked or what answered, two are merged.
    if (name !== "model")
      assert.deepEqual(
        listed.filter((line) => line.includes("TEMP B-TREE")),
        [],
        name,
      );
    const stretch =
      /^SEARCH requests USING (INDEX (\w+) \(.*rowid>\? AND rowid<\?\)|INTEGER PRIMARY KEY \(rowid>\? AND rowid<\?\))$/;
    const used = listed.map((line) => stretch.exec(line)).filter((match) => match !== null);
    assert.ok(used.length >= 2, `${name}: ${listed.join("; ")}`);
    if (used.every(([, , index]) => index !== undefined)) found.push(name);
    readSorted(database, filter, 50, { by: "cost", order: "desc" });
    assert.deepEqual(plans().filter(isWhole), [], `${name}, sorted`);
  }
  assert.deepEqual(found, indexed);
});

test("sums by every filter and of every dimension, and lists of values, look through no table whole", (t) => {
  const { database, plans } = open(t);
  for (const [name, value] of Object.entries(filters)) {
    const filter = { [name]: value } as LogFilter;
    readSums(database, { ...question, filter });
    readSums(database, { ...question, filter, grain: "hour", by: "model" });
    assert.deepEqual(plans().filter(isWhole), [], name);
  }
  for (const by of [...dimensions, ...listed]) {
    for (const grain of ["minute", "hour", "day"] as const) readSums(database, { ...question, by, grain });
    readFacets(database, dimensionNumber[by], undefined, 100);
    readFacets(database, dimensionNumber[by], "a", 100);
    assert.deepEqual(plans().filter(isWhole), [], by);
  }
});

test("one request, its content, its session and what is to be offloaded are looked up", (t) => {
  const { database, plans } = open(t);
  readRequest(database, "req_1");
  readContent(database, "req_1");
  readSession(database, "s", 10);
  readOffload(database, 10, 10);
  // Each holds what is still to be done and nothing else; the first of them are taken.
  assert.deepEqual(plans().filter(isWhole), ["SCAN contents USING INDEX contents_to_offload", "SCAN objects_gone"]);
});
