/** The pace of a writer, with a database that is none. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { createWriterLoop, type WriterPort } from "../../../daemon/store/writer-loop.ts";
import { createStatus, reportStatus } from "../../../daemon/store/writer-status.ts";
import { until } from "../../support/until.ts";

const batch = { type: "batch", sender: 1, number: 1, rows: { count: 1, values: ["x"] } } as const;

function start(paceMs: number, commit: () => number) {
  const rests: number[] = [];
  const port = Object.assign(new EventEmitter(), { postMessage: (message: unknown) => told.push(message) });
  const told: unknown[] = [];
  const status = createStatus();
  const loop = createWriterLoop({
    ...{ commit, paceMs, status: reportStatus(status, "state"), onFault: () => {} },
    rest: (ms) => rests.push(ms),
  });
  loop.attach(port as WriterPort);
  return { loop, rests, told, send: () => port.emit("message", batch) };
}

test("a writer sleeps after a commit until the next may begin, having told of it, and is not woken by what comes", async () => {
  const { loop, rests, told, send } = start(1_000, () => 1);
  send();
  await until("the commit", () => told.length === 1);
  assert.equal(rests.length, 1);
  assert.ok(rests[0]! > 500 && rests[0]! <= 1_000, String(rests[0]));
  loop.stop();
});

test("a writer that commits whenever it is asked sleeps never, and one whose database fails looks again in time", async () => {
  const eager = start(0, () => 1);
  eager.send();
  await until("the commit", () => eager.told.length === 1);
  const failing = start(1_000, () => {
    throw Object.assign(new Error("full"), { code: "SQLITE_FULL" });
  });
  failing.send();
  await until("the failure", () => failing.told.length === 1);
  assert.deepEqual([eager.rests, failing.rests], [[], []]);
  eager.loop.stop();
  assert.throws(() => failing.loop.stop());
});
