import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";
import { openState, openStateWriter, prepareTraffic, trafficFile } from "../../../daemon/store/boot.ts";
import { columnsOf } from "../../../daemon/store/columns.ts";
import { type Database, openDatabase } from "../../../daemon/store/database.ts";
import type { LogFilter } from "../../../daemon/store/log-filter.ts";
import { type LogPage, type LogTail, readPage, readTail } from "../../../daemon/store/request-log.ts";
import { createQueryClient, type QueryClient } from "../../../daemon/store/requests.ts";
import { requestWidth, settlementWidth } from "../../../daemon/store/rows.ts";
import { TrafficWriter } from "../../../daemon/store/traffic-writer.ts";
import { createKey, message, requestRow, settlement, startMs, temporaryHome } from "./fixtures.ts";

/** The real reader thread over a home with `count` requests, one a second. */
async function reader(t: TestContext, count: number): Promise<{ client: QueryClient; home: string }> {
  const home = temporaryHome(t);
  openState(home);
  prepareTraffic(home);
  const writer = new TrafficWriter(openDatabase(trafficFile(home), { synchronous: "NORMAL" }), { retentionMs: 0 });
  const rows = Array.from({ length: count }, (_, row) =>
    requestRow(`req_${row}`, {
      at: startMs + row * 1_000,
      keyId: (row % 3) + 1,
      provider: row % 2 === 0 ? "echo" : "openai",
      ...(row % 10 === 0 ? { status: 429, error: "rate_limit_exceeded" } : {}),
    }),
  );
  writer.commit([{ type: "batch", sender: 1, number: 1, rows: columnsOf(requestWidth, rows.flat()) }]);
  writer.close();
  const worker = new Worker(new URL("../../../daemon/runtime/reader.ts", import.meta.url), { workerData: { home } });
  t.after(() => worker.terminate());
  await message(worker, "ready");
  return { client: createQueryClient(worker as never), home };
}

async function allIds(client: QueryClient, filter: LogFilter, limit: number): Promise<unknown[]> {
  const ids: unknown[] = [];
  for (let before: number | undefined, go = true; go; go = before !== undefined) {
    const page = await client.query({ kind: "log_page", filter, limit, before });
    assert.ok(page.rows.length <= limit);
    ids.push(...page.rows.map((row) => row.id));
    before = page.before;
  }
  return ids;
}

test("log_page walks the whole log newest first, each row once, whatever the page size", async (t) => {
  const { client } = await reader(t, 57);
  const expected = Array.from({ length: 57 }, (_, row) => `req_${56 - row}`);
  for (const limit of [1, 10, 57, 1_000]) assert.deepEqual(await allIds(client, {}, limit), expected);
});

test("log_page filters by key, provider, status, error, model and time", async (t) => {
  const { client } = await reader(t, 60);
  const count = async (filter: LogFilter) => (await allIds(client, filter, 7)).length;
  assert.deepEqual(
    [
      await count({ keyId: 2 }),
      await count({ provider: "openai" }),
      await count({ status: [[400, 499]] }),
      await count({ error: "*" }),
      await count({ error: "rate_limit_exceeded", keyId: 1 }),
      await count({ model: "echo/one" }),
      await count({ model: "none" }),
      await count({ sinceMs: startMs + 50_000 }),
      await count({ sinceMs: startMs + 10_000, untilMs: startMs + 20_000 }),
    ],
    [20, 30, 6, 6, 2, 60, 0, 10, 10],
  );
});

/** Sixty thousand rows of which the seventh is rare. */
function manyRows(t: TestContext): Database {
  const home = temporaryHome(t);
  openState(home);
  prepareTraffic(home);
  const database = openDatabase(trafficFile(home), { synchronous: "NORMAL" });
  t.after(() => database.close());
  database.exec(
    `INSERT INTO requests (id, at, provider) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) SELECT 'bulk', ${startMs} + i, CASE i WHEN 7 THEN 'rare' ELSE 'usual' END FROM n`,
  );
  return database;
}

test("readTail() stops when its time is up, and going on from there misses nothing", (t) => {
  const database = manyRows(t);
  const tails: LogTail[] = [];
  for (let after = 0; ; ) {
    const tail = readTail(database, { provider: "rare" }, 10, after, 0);
    tails.push(tail);
    after = tail.last;
    if (tail.lookedUntilMs === undefined) break;
  }
  assert.ok(tails.length > 10, `${tails.length} tails`);
  assert.deepEqual(
    tails.flatMap(({ rows }) => rows.map(({ row }) => row)),
    [7],
  );
  const [first, last] = [tails[0]!, tails.at(-1)!];
  assert.deepEqual([last.last, first.lookedUntilMs], [60_000, startMs + first.last + 1]);
  const full = readTail(database, { provider: "usual" }, 10, 3, 0);
  assert.deepEqual([full.rows.length, full.last, full.lookedUntilMs], [10, 14, undefined]);
});

test("readPage() stops when its time is up and says where to go on", (t) => {
  const database = manyRows(t);
  const pages: LogPage[] = [];
  // With no time at all each page still looks through one stride.
  for (let before: number | undefined; ; ) {
    const page = readPage(database, { provider: "rare" }, 10, before, 0);
    pages.push(page);
    before = page.before;
    if (before === undefined) break;
  }
  assert.ok(pages.length > 10, `${pages.length} pages`);
  assert.deepEqual(
    pages.flatMap(({ rows }) => rows.map(({ row }) => row)),
    [7],
  );
  const first = pages[0]!;
  assert.deepEqual(first.rows, []);
  assert.equal(first.lookedUntilMs, startMs + first.before!);
});

test("request finds one by its id, with every column, or nothing", async (t) => {
  const { client } = await reader(t, 5);
  const found = await client.query({ kind: "request", id: "req_3" });
  assert.deepEqual(Object.values(found ?? {}), [
    4,
    ...requestRow("req_3", { at: startMs + 3_000, keyId: 1, provider: "openai" }),
  ]);
  assert.equal(await client.query({ kind: "request", id: "' OR 1=1 --" }), undefined);
});

test("log_tail gives what came after, oldest first, and where to go on", async (t) => {
  const { client, home } = await reader(t, 5);
  const end = await client.query({ kind: "log_tail", filter: {}, limit: 10 });
  assert.deepEqual(end, { rows: [], last: 5 });
  const writer = new TrafficWriter(openDatabase(trafficFile(home)), { retentionMs: 0 });
  writer.commit([
    {
      type: "batch",
      sender: 1,
      number: 2,
      rows: columnsOf(requestWidth, [...requestRow("new_1"), ...requestRow("new_2", { keyId: 2 })]),
    },
  ]);
  writer.close();
  const news = await client.query({ kind: "log_tail", filter: { keyId: 2 }, limit: 10, after: end.last });
  assert.deepEqual([news.rows.map((row) => row.id), news.last], [["new_2"], 7]);
  const first = await client.query({ kind: "log_tail", filter: {}, limit: 1, after: end.last });
  assert.deepEqual([first.rows.map((row) => row.id), first.last], [["new_1"], 6]);
});

test("audit_verify, audit_export, ledger_check, spend and definitions are answered while a writer writes", async (t) => {
  const { client, home } = await reader(t, 1);
  const writer = openStateWriter(home, { now: () => startMs });
  writer.execute(createKey(1), "cli");
  const rows = Array.from({ length: 12_000 }, (_, row) => settlement(`r${row}`, startMs + row, 2)).flat();
  writer.commit([{ type: "batch", sender: 1001, number: 1, rows: columnsOf(settlementWidth, rows) }]);
  const told: number[][] = [];
  const tell = (done: number, total: number) => void told.push([done, total]);
  const verifying = client.query({ kind: "audit_verify", expected: writer.head }, tell);
  const checking = client.query({ kind: "ledger_check", live: writer.cells.balances(1) });
  writer.commit([{ type: "batch", sender: 1001, number: 2, rows: columnsOf(settlementWidth, settlement("last")) }]);
  const verified = await verifying;
  assert.ok(verified.ok && verified.records >= 12_001);
  assert.deepEqual(
    told.map(([done]) => done),
    [5_000, 10_000],
  );
  assert.ok(told.every(([, total]) => total! >= 12_001));
  const checked = await checking;
  assert.equal(checked.openHolds, 0);
  assert.deepEqual(await client.query({ kind: "spend" }), [
    { keyId: 1, costNano: 24_007, tokens: 36_003, records: 12_001 },
  ]);
  assert.deepEqual(await client.query({ kind: "spend", sinceMs: startMs + 11_999 }), [
    { keyId: 1, costNano: 2, tokens: 3, records: 1 },
  ]);
  assert.equal((await client.query({ kind: "definitions", since: 0 })).keys[0]?.publicId, "key_1");
  assert.equal((await client.query({ kind: "audit_export", after: 0, limit: 5 })).lines.length, 6);
  const page = await client.query({ kind: "audit_page", limit: 2, changes: false });
  assert.deepEqual([page.rows.map(({ seq }) => seq), page.before], [[12_002, 12_001], 12_001]);
  const older = await client.query({ kind: "audit_page", limit: 2, before: 12_001, changes: false });
  assert.deepEqual(
    older.rows.map(({ seq }) => seq),
    [12_000, 11_999],
  );
  const changes = await client.query({ kind: "audit_page", limit: 50, changes: true });
  assert.deepEqual([changes.rows.map(({ seq }) => seq), changes.before], [[1], undefined]);
  writer.close();
});

test("file_check names the tables whose pages are damaged, and finds the other file sound", async (t) => {
  const { client, home } = await reader(t, 3_000);
  const sound = await client.query({ kind: "file_check" });
  assert.deepEqual(
    sound.map(({ file, faults }) => [file, faults]),
    [
      ["state.db", []],
      ["traffic.db", []],
    ],
  );
  assert.ok(sound.every(({ tables }) => tables > 5));
  const bytes = readFileSync(trafficFile(home));
  writeFileSync(trafficFile(home), bytes.fill(0xff, bytes.length / 2, bytes.length / 2 + 40_960));
  const told: number[][] = [];
  const [state, traffic] = await client.query({ kind: "file_check" }, (done, total) => void told.push([done, total]));
  assert.deepEqual(state!.faults, []);
  assert.match(traffic!.faults.join("\n"), /^requests: .*page/m);
  assert.ok(told.length > 10 && told.every(([done, total]) => done! < total!));
  writeFileSync(trafficFile(home), bytes.fill(0, 0, 4_096));
  assert.match((await client.query({ kind: "file_check" }))[1]!.faults.join(), /not a database/);
});

test("A55 a query to a database that cannot be read fails with 503, and the thread lives on", async (t) => {
  const home = temporaryHome(t);
  const worker = new Worker(new URL("../../../daemon/runtime/reader.ts", import.meta.url), { workerData: { home } });
  t.after(() => worker.terminate());
  const client = createQueryClient(worker as never);
  await assert.rejects(client.query({ kind: "log_page", filter: {}, limit: 1 }), {
    code: "database_unavailable",
    status: 503,
  });
  prepareTraffic(home);
  assert.deepEqual(await client.query({ kind: "log_page", filter: {}, limit: 1 }), { rows: [] });
});
