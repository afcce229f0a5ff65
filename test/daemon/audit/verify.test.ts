import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { exportPage } from "../../../daemon/audit/export.ts";
import { type Verification, verifyChain } from "../../../daemon/audit/verify.ts";
import { openStateWriter } from "../../../daemon/store/boot.ts";
import { columnsOf } from "../../../daemon/store/columns.ts";
import type { Database } from "../../../daemon/store/database.ts";
import { settlementWidth } from "../../../daemon/store/rows.ts";
import type { StateWriter } from "../../../daemon/store/state-writer.ts";
import { settlement, startMs, temporaryHome } from "../store/fixtures.ts";

const records = 20;

function chain(t: TestContext, count = records): StateWriter {
  const writer = openStateWriter(temporaryHome(t), { now: () => startMs });
  t.after(() => writer.database.close());
  const rows = Array.from({ length: count }, (_, row) =>
    settlement(`req_${row + 1}`, startMs + row, row % 5 === 0 ? null : row),
  ).flat();
  writer.commit([{ type: "batch", sender: 1001, number: 1, rows: columnsOf(settlementWidth, rows) }]);
  return writer;
}

/** What an attacker with the file does, and where it must be found. */
const attacks: readonly [name: string, sql: string, seq: number, reason: RegExp][] = [
  ["edit", "UPDATE records SET cost_nano = 0 WHERE seq = 7", 7, /edited/],
  ["an edit of the text", "UPDATE records SET record = record || ' ' WHERE seq = 20", 20, /edited/],
  ["an edit of a hash", "UPDATE records SET hash = zeroblob(32) WHERE seq = 3", 3, /edited/],
  ["unknown made zero", "UPDATE records SET cost_nano = 0 WHERE seq = 1", 1, /edited/],
  [
    "a byte moved between columns",
    "UPDATE records SET hold_id = hold_id || char(10) || at, at = key_id WHERE seq = 4",
    4,
    /line feed/,
  ],
  ["delete", "DELETE FROM records WHERE seq = 9", 9, /missing, and all before 10/],
  [
    "delete and close the gap",
    "DELETE FROM records WHERE seq = 9; UPDATE records SET seq = seq - 1 WHERE seq > 9",
    9,
    /edited, inserted or moved/,
  ],
  [
    "reorder",
    "UPDATE records SET seq = 99 WHERE seq = 5; UPDATE records SET seq = 5 WHERE seq = 6; UPDATE records SET seq = 6 WHERE seq = 99",
    5,
    /moved/,
  ],
  [
    "insert",
    "UPDATE records SET seq = -seq - 1 WHERE seq > 11; UPDATE records SET seq = -seq WHERE seq < 0; INSERT INTO records SELECT 12, hold_id, at, key_id, scopes, cost_nano, tokens, flags, record, hash FROM records WHERE seq = 11",
    12,
    /inserted/,
  ],
  [
    "a row appended",
    "INSERT INTO records SELECT 21, hold_id, at, key_id, scopes, cost_nano, tokens, flags, record, hash FROM records WHERE seq = 20",
    21,
    /inserted/,
  ],
  [
    "truncated head",
    "DELETE FROM records WHERE seq <= 5",
    1,
    /missing, and all before 6: deleted, or the beginning was cut off/,
  ],
  ["truncated head, renumbered", "DELETE FROM records WHERE seq <= 5; UPDATE records SET seq = seq - 5", 1, /moved/],
];

for (const [name, sql, seq, reason] of attacks) {
  test(`U1 verifyChain() finds ${name} and names the first bad record`, (t) => {
    const { database } = chain(t);
    database.exec(sql);
    const found = verifyChain(database);
    assert.equal(found.ok, false);
    assert.deepEqual([found.records, (found as { seq: number }).seq], [seq - 1, seq]);
    assert.match((found as { reason: string }).reason, reason);
  });
}

test("U1 verifyChain() finds a cut end up to the last checkpoint, and up to any head that was noted elsewhere", (t) => {
  const writer = chain(t);
  writer.checkpoint();
  writer.commit([{ type: "batch", sender: 1001, number: 2, rows: columnsOf(settlementWidth, settlement("after")) }]);
  const noted = writer.head;
  writer.database.exec("DELETE FROM records WHERE seq > 20");
  assert.equal(verifyChain(writer.database).ok, true);
  assert.deepEqual(verifyChain(writer.database, noted), cut(20, 21));
  writer.database.exec("DELETE FROM records WHERE seq > 18");
  assert.deepEqual(verifyChain(writer.database), cut(18, 20));
});

function cut(records: number, end: number): Verification {
  return { ok: false, records, seq: records + 1, reason: `is missing, and all up to ${end}: the end was cut off` };
}

test("U1 verifyChain() finds the splice of another chain", (t) => {
  const own = chain(t);
  const other = chain(t);
  const rows = other.database.prepare("SELECT * FROM records WHERE seq > 10").raw().all() as unknown[][];
  own.database.exec("DELETE FROM records WHERE seq > 10");
  const insert = own.database.prepare("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const row of rows) insert.run(...row);
  assert.deepEqual((verifyChain(own.database) as { seq: number }).seq, 11);
});

test("verifyChain() accepts a chain of several slices, and an empty one", (t) => {
  const long = chain(t, 25_000);
  assert.deepEqual(verifyChain(long.database, long.head), { ok: true, records: 25_000, head: long.head });
  const empty = chain(t, 0);
  assert.deepEqual(verifyChain(empty.database), { ok: true, records: 0, head: empty.head });
});

test("exportPage() gives the genesis and every record, and the verifier of docs/audit.md agrees with ours", (t) => {
  const { database } = chain(t);
  const lines = exportAll(database, 7);
  assert.deepEqual([lines.length, JSON.parse(lines[0] as string).format], [records + 1, "bifrost-audit-1"]);
  const script = /```python\n([\s\S]*?)```/.exec(
    readFileSync(new URL("../../../docs/audit.md", import.meta.url), "utf8"),
  )?.[1];
  assert.ok(script !== undefined);
  const verify = (input: readonly string[]) =>
    spawnSync("python3", ["-c", script], { input: `${input.join("\n")}\n`, encoding: "utf8" });
  const good = verify(lines);
  if (good.error !== undefined) {
    t.skip("needs python3");
    return;
  }
  assert.deepEqual([good.stdout, good.status], [`${records} records, the chain holds\n`, 0]);
  const edited = lines.map((line, index) => (index === 8 ? line.replace('"cost_nano":7', '"cost_nano":6') : line));
  assert.deepEqual([verify(edited).stdout, verify(edited).status], ["record 8 does not follow\n", 1]);
});

function exportAll(database: Database, limit: number): string[] {
  const lines: string[] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page = exportPage(database, after, limit);
    lines.push(...page.lines);
    after = page.after;
  }
  return lines;
}
