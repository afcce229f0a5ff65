import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { scopeCell } from "../../../daemon/governance/cells.ts";
import { createKeyWriter } from "../../../daemon/governance/key-writer.ts";
import { createLock, LockTimeout, recoverOwner } from "../../../daemon/governance/lock.ts";
import { settleDead } from "../../../daemon/governance/settle-dead.ts";
import { controlWord } from "../../../daemon/governance/tables.ts";
import type { Task } from "./ledger-thread.ts";
import { dailyBudget, noon, perMinute, scenario, scope, smallTables } from "./scenario.ts";

const program = fileURLToPath(new URL("./ledger-thread.ts", import.meta.url));

function start(task: Omit<Task, "now" | "signal"> & { signal?: Int32Array }) {
  const signal = task.signal ?? new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(program, { workerData: { now: noon, ...task, signal } satisfies Task });
  const exit = once(worker, "exit");
  exit.catch(() => {}); // what it ended with is in `message`
  after(() => worker.terminate()); // one that spins would keep the process of a test that failed
  return { worker, signal, exit, message: once(worker, "message") };
}

/** Until the word is so much; a thread that ends before that will never say it. */
async function said(signal: Int32Array, word: number, least: number, ...threads: readonly Worker[]): Promise<void> {
  while (Atomics.load(signal, word) < least) {
    assert.ok(
      threads.every(({ threadId }) => threadId > 0),
      "a thread has ended",
    );
    await setTimeout(1);
  }
}

/** Another thread may have the lock for longer than the main one waits, where there are more threads than processors. */
async function patiently<Result>(work: () => Result): Promise<Result> {
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof LockTimeout)) throw error;
      await setTimeout(1);
    }
  }
}

test("admit() from several threads lets exactly as much through as the budget holds", async () => {
  const { tables, ledger, peek } = scenario(
    scope(1, { budgets: [dailyBudget(12_345_678)], limits: [perMinute("requests", 16_000)] }),
    scope(2, { limits: [perMinute("requests", 9_000), perMinute("tokens", 100_000, 1)] }),
  );
  for (const [scopes, cost, expected] of [
    [[1], 20_000, 617],
    [[2, 1], 1, 1_024 - 617],
  ] as const) {
    const signal = new Int32Array(new SharedArrayBuffer(8));
    const threads = [1, 2, 3].map((owner) =>
      start({ shared: tables.shared, owner, kind: "hold", scopes, cost, times: 5_000, signal }),
    );
    await said(signal, 0, 3, ...threads.map(({ worker }) => worker));
    Atomics.store(signal, 1, 1);
    Atomics.notify(signal, 1);
    const held = await Promise.all(threads.map(async ({ message }) => (await message)[0] as number));
    await Promise.all(threads.map(({ exit }) => exit));
    // The budget bounds the first round, the number of hold rows the second.
    assert.equal(
      held.reduce((sum, count) => sum + count),
      expected,
    );
  }
  assert.equal(peek(1, noon)?.heldNano, 617 * 20_000 + 407);
  for (const { handle } of ledger.holdsOf()) assert.equal(ledger.settle(handle, noon, 0, 0), true);
  assert.deepEqual([peek(1, noon)?.heldNano, peek(2, noon)?.inFlight], [0, 0]);
});

test("A1 admit() answers several threads as if they had come one after another", async () => {
  const costs = fc.array(fc.integer({ min: 0, max: 1_000 }), { minLength: 100, maxLength: 300 });
  await fc.assert(
    fc.asyncProperty(fc.tuple(costs, costs, costs), fc.integer({ min: 0, max: 200_000 }), async (lists, limit) => {
      const { tables } = scenario(
        scope(1, { budgets: [dailyBudget(limit)] }),
        scope(2, { budgets: [dailyBudget(1e12)] }),
      );
      const signal = new Int32Array(new SharedArrayBuffer(8));
      const threads = lists.map((each, index) =>
        start({ shared: tables.shared, owner: index + 1, kind: "each", scopes: [2, 1], costs: each, signal }),
      );
      await said(signal, 0, threads.length, ...threads.map(({ worker }) => worker));
      Atomics.store(signal, 1, 1);
      Atomics.notify(signal, 1);
      const answers = await Promise.all(threads.map(async ({ message }) => (await message)[0] as boolean[]));
      await Promise.all(threads.map(({ exit }) => exit));
      // Nothing is given back, so an order exists if and only if all that was admitted fits, and nothing refused would have.
      const all = lists.flatMap((each, thread) => each.map((cost, at) => ({ cost, admitted: answers[thread]![at]! })));
      const held = all.reduce((sum, { cost, admitted }) => sum + (admitted ? cost : 0), 0);
      assert.ok(held <= limit, `${held} held of ${limit}`);
      for (const { cost, admitted } of all) assert.ok(admitted || held + cost > limit, `${cost} refused at ${held}`);
    }),
    { numRuns: 10 },
  );
});

test("recoverOwner() leaves the lock free and Σ holds = held, wherever a thread was ended", async () => {
  const kills = Number(process.env["BIFROST_KILLS"] ?? 100);
  const { tables, ledger, peek } = scenario(
    scope(1, { budgets: [dailyBudget(1e15)], limits: [{ slot: 0, metric: "tokens", limit: 1e9, windowMs: 64 }] }),
    scope(2, { concurrencyMax: 1_000, limits: [{ slot: 0, metric: "requests", limit: 4_000, windowMs: 5 }] }),
  );
  const { cells, scopeRows } = tables;
  let lockHeld = 0;
  let settled = 0;
  for (let kill = 0; kill < kills; ) {
    const threads = [1, 2].map((owner) =>
      start({ shared: tables.shared, owner, kind: "churn", scopes: owner === 1 ? [1, 2] : [2, 1], cost: 10 }),
    );
    for (const { worker, signal, exit, message } of threads) {
      message.catch(() => {});
      await said(signal, 0, 50 + ((kill * 37) % 400), worker);
      await worker.terminate();
      await exit;
      const owner = threads.findIndex((thread) => thread.worker === worker) + 1;
      if (recoverOwner(tables, owner)) lockHeld++;
      settled += (await patiently(() => settleDead(ledger, owner, Date.now()))).length;
      kill++;
    }
    assert.equal(Atomics.load(tables.control, controlWord.lock), 0);
    assert.deepEqual(ledger.holdsOf(), []);
    for (const id of [1, 2]) {
      const block = scopeRows[id]!;
      assert.deepEqual([cells[block + scopeCell.held], cells[block + scopeCell.inFlight]], [0, 0]);
    }
    assert.equal(peek(1, Date.now())!.spentTotalNano, peek(2, Date.now())!.spentTotalNano);
  }
  assert.ok(settled > kills, "too few threads left holds: the test did not test");
  console.log(`# ${kills} threads ended, ${lockHeld} of them inside the lock, ${settled} holds settled for them`);
});

test("recoverOwner() puts back what a thread had changed and lets the next one in", () => {
  const tables = smallTables();
  const { cells } = tables;
  const dead = createLock({ ...tables, owner: 3 });
  dead.acquire();
  dead.set(1_000, 5);
  dead.set(1_001, 6);
  dead.set(1_000, 7);
  assert.equal(recoverOwner(tables, 2), false);
  assert.deepEqual([cells[1_000], cells[1_001]], [7, 6]);
  assert.equal(recoverOwner(tables, 3), true);
  assert.deepEqual([cells[1_000], cells[1_001]], [0, 0]);
  const next = createLock(tables);
  next.acquire();
  next.release();
});

test("acquire() gives up on a lock that nobody frees, without taking it", () => {
  const tables = smallTables();
  createLock({ ...tables, owner: 3 }).acquire();
  assert.throws(() => createLock(tables).acquire(), { name: "LockTimeout" });
  assert.equal(recoverOwner(tables, 3), true);
});

test("A17 put() and revoke() on one thread are seen by another at once", { timeout: 20_000 }, async () => {
  const tables = smallTables();
  const keys = createKeyWriter(tables);
  const hash = new Uint8Array(32).fill(7);
  const { worker, signal, message, exit } = start({ shared: tables.shared, owner: 1, kind: "watch", hash });
  const definition = { id: 4, publicId: "key_4", name: "ci", prefix: "sk-bf-aaa…", createdAtMs: noon, disabled: false };
  keys.put({ ...definition, policy: { models: ["openai/*"] }, scopes: [9, 8] }, [{ keyId: 4, hash }]);
  assert.deepEqual((await message)[0], { scopes: [9, 8], models: ["openai/*"] });
  await said(signal, 1, 1, worker);
  const before = performance.now();
  keys.revoke(4);
  while (Atomics.load(signal, 1) < 2) if (performance.now() - before > 5_000) assert.fail("never seen");
  await exit;
});
