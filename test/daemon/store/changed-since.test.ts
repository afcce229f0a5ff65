/** What has changed is found without reading what has not: each start, and each change of a key, asks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openStateWriter } from "../../../daemon/store/boot.ts";
import type { Database } from "../../../daemon/store/database.ts";
import { changedSince } from "../../../daemon/store/definitions.ts";
import { temporaryHome } from "./fixtures.ts";

test("changedSince() reads no table from end to end", (t) => {
  const writer = openStateWriter(temporaryHome(t));
  t.after(() => writer.close());
  const { database } = writer;
  const asked: string[] = [];
  const listening = {
    prepare(sql: string) {
      asked.push(sql);
      return database.prepare(sql);
    },
  } as unknown as Database;
  changedSince(listening, 5);
  const changes = asked.filter((sql) => sql.includes("change > ?"));
  assert.ok(changes.length >= 5, asked.join("\n"));
  for (const sql of changes) {
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(5) as { detail: string }[];
    for (const { detail } of plan) assert.doesNotMatch(detail, /^SCAN/, sql);
  }
});
