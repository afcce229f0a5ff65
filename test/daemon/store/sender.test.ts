import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { columnsOf } from "../../../daemon/store/columns.ts";
import type { Batch } from "../../../daemon/store/rows.ts";
import { createSender, type SenderOptions } from "../../../daemon/store/sender.ts";
import { until } from "./fixtures.ts";

const narrow = { width: 2, whenFull: "drop" } as const;

/** A sender and the far end of its port, which the test answers by hand. */
function connected(t: TestContext, options: SenderOptions) {
  const { port1, port2 } = new MessageChannel();
  const batches = received(port2);
  t.after(() => port1.close());
  return { sender: createSender(port1, 7001, options), far: port2, batches };
}

function received(port: MessagePort): Batch[] {
  const batches: Batch[] = [];
  port.on("message", (batch: Batch) => batches.push(batch));
  return batches;
}

test("createSender() sends rows of one turn together, the next when the last is acknowledged", async (t) => {
  const { sender, far, batches } = connected(t, narrow);
  sender.push("a", 1);
  sender.push("b", 2);
  await until(() => batches.length === 1, "first batch");
  sender.push("c", 3);
  sender.pushHold("h", 1, "1", 2, 3, 4, 5, "m");
  assert.equal(sender.pending, 4);
  far.postMessage({ type: "ack", number: 1 });
  await until(() => batches.length === 2, "second batch");
  assert.deepEqual(batches, [
    { type: "batch", sender: 7001, number: 1, rows: columnsOf(2, ["a", 1, "b", 2]) },
    {
      type: "batch",
      sender: 7001,
      number: 2,
      rows: columnsOf(2, ["c", 3]),
      holds: columnsOf(8, ["h", 1, "1", 2, 3, 4, 5, "m"]),
    },
  ]);
  assert.equal(sender.pending, 2);
});

test("pushHold() sends no hold that is settled before it leaves", async (t) => {
  const { sender, far, batches } = connected(t, narrow);
  sender.pushHold("kept", 1, "1", 2, 3, 4, 5, "m");
  sender.pushHold("settled", 1, "1", 2, 3, 4, 5, "m");
  sender.push("settled", 1);
  assert.equal(sender.pending, 2);
  await until(() => batches.length === 1, "the batch");
  assert.deepEqual(batches[0]?.holds, columnsOf(8, ["kept", 1, "1", 2, 3, 4, 5, "m"]));
  sender.pushHold("gone", 1, "1", 2, 3, 4, 5, "m");
  sender.push("gone", 1);
  sender.push("kept", 1);
  far.postMessage({ type: "ack", number: 1 });
  await until(() => batches.length === 2, "the next batch");
  assert.equal(batches[1]?.holds, undefined);
  assert.deepEqual(batches[1]?.rows, columnsOf(2, ["gone", 1, "kept", 1]));
  assert.equal(sender.pending, 2);
});

test("whenDurable() calls back when everything pushed before it is acknowledged, and not sooner", async (t) => {
  const { sender, far, batches } = connected(t, narrow);
  const order: string[] = [];
  sender.whenDurable(() => order.push("nothing to wait for"));
  sender.push("a", 1);
  await until(() => batches.length === 1, "first batch");
  sender.push("b", 2);
  sender.whenDurable(() => order.push("b"));
  far.postMessage({ type: "ack", number: 1 });
  await until(() => batches.length === 2, "second batch");
  assert.deepEqual(order, ["nothing to wait for"]);
  assert.ok(sender.lagMs() > 0);
  const durable = sender.durable();
  far.postMessage({ type: "ack", number: 2 });
  await durable;
  assert.deepEqual(order, ["nothing to wait for", "b"]);
  assert.deepEqual([sender.pending, sender.lagMs()], [0, 0]);
});

test("resend() gives a new writer what the old one did not acknowledge, unchanged", async (t) => {
  const { sender, far, batches } = connected(t, narrow);
  sender.push("a", 1);
  await until(() => batches.length === 1, "first batch");
  far.close();
  sender.push("b", 2);
  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  const again = received(port2);
  sender.resend(port1);
  await until(() => again.length === 1, "the batch again");
  port2.postMessage({ type: "ack", number: 1 });
  await until(() => again.length === 2, "the next batch");
  assert.deepEqual(
    again.map((batch) => [batch.number, batch.rows]),
    [
      [1, columnsOf(2, ["a", 1])],
      [2, columnsOf(2, ["b", 2])],
    ],
  );
});

test("push() drops and counts when full, and the writer is told", async (t) => {
  const { sender, far } = connected(t, { ...narrow, rowsMax: 3 });
  const results = [1, 2, 3, 4, 5].map((value) => sender.push("x", value));
  assert.deepEqual([results, sender.full, sender.dropped], [[true, true, true, false, false], true, 2]);
  const told = new Promise((resolve) => far.on("message", (value) => value.type === "dropped" && resolve(value)));
  assert.deepEqual(await told, { type: "dropped", rows: 2 });
});

test("push() keeps settlements beyond the bound, so that what was admitted can be settled", (t) => {
  const { sender } = connected(t, { width: 2, whenFull: "keep", rowsMax: 3 });
  for (let value = 0; value < 6; value += 1) assert.equal(sender.push("x", value), true);
  assert.deepEqual([sender.full, sender.push("x", 6)], [true, false]);
});

test("push() counts bytes as well as rows", (t) => {
  const { sender } = connected(t, { ...narrow, bytesMax: 1_000 });
  sender.push("x".repeat(2_000), 1);
  assert.deepEqual([sender.full, sender.push("y", 2)], [true, false]);
});

test("push() refuses a row of the wrong width at once", (t) => {
  const { sender } = connected(t, narrow);
  assert.throws(() => sender.push("a"), RangeError);
});

test("a failed acknowledgement is shown and leaves the batch; a rejected one forgets it", async (t) => {
  const { sender, far, batches } = connected(t, narrow);
  sender.push("a", 1);
  await until(() => batches.length === 1, "first batch");
  far.postMessage({ type: "ack", number: 1, failed: "full" });
  await until(() => sender.failing === "full", "failing");
  assert.equal(sender.pending, 1);
  far.postMessage({ type: "ack", number: 1, failed: "no such thing", rejected: true });
  await until(() => sender.pending === 0, "forgotten");
  assert.deepEqual([sender.failing, sender.rejected], [undefined, 1]);
});

test("createSender() posts a long queue in several batches", async (t) => {
  const { sender, far } = connected(t, narrow);
  const sizes: number[] = [];
  far.on("message", (batch: Batch) => {
    sizes.push(batch.rows.count);
    far.postMessage({ type: "ack", number: batch.number });
  });
  for (let value = 0; value < 1_200; value += 1) sender.push("x", value);
  await sender.durable();
  assert.deepEqual(sizes, [500, 500, 200]);
});

test("gatherMs lets rows wait for company, and flush() does not", async (t) => {
  const { sender, far, batches } = connected(t, { ...narrow, gatherMs: 60_000 });
  sender.push("a", 1);
  await until(() => batches.length === 1, "the first goes at once");
  far.postMessage({ type: "ack", number: 1 });
  await until(() => sender.pending === 0, "acknowledged");
  sender.push("b", 2);
  sender.push("c", 3);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  assert.equal(batches.length, 1);
  sender.flush();
  await once(far, "message");
  assert.deepEqual(batches[1]?.rows, columnsOf(2, ["b", 2, "c", 3]));
});
