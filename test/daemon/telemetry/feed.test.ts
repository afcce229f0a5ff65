/** The live feed's bounds, with values for workers: nothing is sent for nobody, nobody is told more than they take. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FeedMessage } from "../../../daemon/admin/contract/feed.ts";
import type { LogRow } from "../../../daemon/admin/contract/logs.ts";
import { requestColumn } from "../../../daemon/store/rows.ts";
import { createFeed, listenersMax } from "../../../daemon/telemetry/feed.ts";
import type { TapSettings } from "../../../daemon/telemetry/tap.ts";
import { requestRow } from "../store/fixtures.ts";

function open() {
  const wanted: (TapSettings | undefined)[] = [];
  const feed = createFeed({
    want: (settings) => void wanted.push(settings),
    inFlight: () => 3,
    view: (rows, at) => ({ id: rows[at + requestColumn.id], status: rows[at + requestColumn.status] }) as LogRow,
  });
  return { feed, wanted };
}

const rows = (count: number, status = 200) =>
  Array.from({ length: count }, (_, index) => requestRow(`req_${index}`, { status })).flat();

async function next(iterator: AsyncIterator<string>): Promise<FeedMessage> {
  const { value } = await iterator.next();
  return JSON.parse(value as string) as FeedMessage;
}

test("createFeed() wants nothing of workers before the first listener comes and after the last has left", async () => {
  const { feed, wanted } = open();
  assert.equal(wanted.length, 0);
  const first = feed.listen({ filter: { status: [[500, 599]] }, rate: 5 })[Symbol.asyncIterator]();
  const second = feed.listen({ filter: {} })[Symbol.asyncIterator]();
  assert.deepEqual(
    wanted.map((settings) => [settings?.filters.length, settings?.rate]),
    [
      [1, 5],
      [2, 205],
    ],
  );
  await second.return?.();
  await first.return?.();
  assert.deepEqual([wanted.at(-1), feed.listeners], [undefined, 0]);
});

test("take() tells each listener what passes its filter, no more than its rate, and counts what it left out", async () => {
  const { feed } = open();
  const all = feed.listen({ filter: {}, rate: 10 })[Symbol.asyncIterator]();
  const failures = feed.listen({ filter: { status: [[500, 599]] } })[Symbol.asyncIterator]();
  assert.deepEqual([(await next(all)).type, (await next(failures)).type], ["hello", "hello"]);
  feed.take({ rows: rows(40), ended: 40, matched: 40, traced: [], lost: 0 } as never);
  feed.take({ rows: rows(1, 503), ended: 1, matched: 1, traced: [], lost: 0 } as never);
  const told = await next(all);
  assert.equal(told.type === "rows" && told.rows.length, 10);
  const failed = await next(failures);
  assert.deepEqual(failed.type === "rows" && failed.rows.map(({ status }) => status), [503]);
  feed.close();
  assert.equal((await next(all)).type, "bye");
  assert.equal((await all.next()).done, true);
});

test("take() keeps no more than a thousand rows for a listener that takes none", async () => {
  const { feed } = open();
  const slow = feed.listen({ filter: {}, rate: 100_000 })[Symbol.asyncIterator]();
  await next(slow);
  for (let batch = 0; batch < 50; batch += 1)
    feed.take({ rows: rows(100), ended: 100, matched: 100, traced: [], lost: 0 } as never);
  assert.equal(feed.dropped, 4_000, "counted, though nobody could be told yet");
  const told = await next(slow);
  assert.equal(told.type === "rows" && told.rows.length, 1_000);
  await slow.return?.();
  assert.equal(feed.dropped, 4_000);
});

test("listen() refuses one listener too many, and takes one again when one has left", async () => {
  const { feed } = open();
  const open32 = Array.from({ length: listenersMax }, () => feed.listen({ filter: {} })[Symbol.asyncIterator]());
  assert.throws(() => feed.listen({ filter: {} }), { code: "overloaded" });
  await open32[0]!.return?.();
  const again = feed.listen({ filter: {} })[Symbol.asyncIterator]();
  assert.equal((await next(again)).type, "hello");
  feed.close();
});
