import assert from "node:assert/strict";
import { test } from "node:test";
import { requestWidth } from "../../../daemon/store/rows.ts";
import { createTap, type Tapped } from "../../../daemon/telemetry/tap.ts";
import { requestRow } from "../store/fixtures.ts";

const idsOf = (rows: readonly unknown[]) => rows.filter((_, index) => index % requestWidth === 0);

test("take() keeps an even sample of what matches and counts the rest", () => {
  const told: Tapped[] = [];
  const tap = createTap((message) => told.push(message));
  tap.use({ filters: [{ keyId: 2 }], rate: 100 });
  const hits = new Map<string, number>();
  const rounds = 400;
  for (let round = 0; round < rounds; round++) {
    for (let row = 0; row < 100; row++) tap.take(requestRow(`r${row}`, { keyId: row < 40 ? 2 : 1 }), undefined);
    tap.flush();
    tap.taken();
    const [message] = told.splice(0);
    assert.deepEqual([message?.ended, message?.matched, message?.traced, message?.lost], [100, 40, [], 0]);
    const ids = idsOf(message!.rows) as string[];
    assert.equal(ids.length, 10);
    for (const id of ids) hits.set(id, (hits.get(id) ?? 0) + 1);
  }
  assert.equal(hits.size, 40);
  // Each has a quarter of a chance: 100 of 400, with a deviation of 9.
  for (const [id, count] of hits) assert.ok(count > 50 && count < 150, `${id} in ${count} of ${rounds}`);
});

test("A57 flush() sends no more to a main thread that takes nothing, and counts what traces lose", () => {
  const told: Tapped[] = [];
  const tap = createTap((message) => told.push(message));
  for (let round = 0; round < 10; round++) {
    for (let row = 0; row < 3_000; row++) tap.take(requestRow(`r${row}`), `span ${row}`);
    tap.flush();
  }
  assert.equal(told.length, 4);
  assert.deepEqual(
    told.map(({ traced, lost }) => [traced.length / requestWidth, lost]),
    Array.from({ length: 4 }, () => [2_000, 1_000]),
  );
  tap.taken();
  tap.take(requestRow("last"), "span");
  tap.flush();
  const last = told.at(-1)!;
  assert.deepEqual([idsOf(last.traced), last.lost, last.ended], [["last"], 6 * 3_000, 6 * 3_000 + 1]);
});
