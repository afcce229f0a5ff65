import assert from "node:assert/strict";
import { test } from "node:test";
import { verifyChain } from "../../../daemon/audit/verify.ts";
import { createRequestIds } from "../../../daemon/http/request-id.ts";
import { openState, openStateWriter } from "../../../daemon/store/boot.ts";
import { columnsOf } from "../../../daemon/store/columns.ts";
import type { BudgetInput } from "../../../daemon/store/commands/command.ts";
import { checkLedger } from "../../../daemon/store/ledger-check.ts";
import { holdWidth, settlementFlag, settlementWidth } from "../../../daemon/store/rows.ts";
import type { StateWriter } from "../../../daemon/store/state-writer.ts";
import { createKey, daily, hold, settlement, startMs, temporaryHome } from "./fixtures.ts";

const now = () => startMs;

function commit(
  writer: StateWriter,
  number: number,
  rows: unknown[][],
  holds: unknown[][] = [],
  sender = 1001,
): number {
  return writer.commit([
    {
      type: "batch",
      sender,
      number,
      rows: columnsOf(settlementWidth, rows.flat() as string[]),
      holds: columnsOf(holdWidth, holds.flat() as string[]),
    },
  ]);
}

function holdRows(writer: StateWriter): number {
  return writer.database.prepare("SELECT count(*) FROM holds").pluck().get() as number;
}

test("commit() applies a batch once, however often it is sent", (t) => {
  const writer = openStateWriter(temporaryHome(t), { now });
  assert.equal(commit(writer, 1, [settlement("a"), settlement("b")]), 2);
  assert.equal(commit(writer, 1, [settlement("a"), settlement("b")]), 0);
  assert.equal(commit(writer, 1, [settlement("a")], [], 1002), 1);
  assert.deepEqual(writer.database.prepare("SELECT seq, hold_id FROM records").raw().all(), [
    [1, "a"],
    [2, "b"],
    [3, "a"],
  ]);
  writer.close();
});

test("A13 commit() writes no hold that is settled in its own group, one row a group otherwise, and none at the end", (t) => {
  const writer = openStateWriter(temporaryHome(t), { now });
  commit(writer, 1, [settlement("a")], [hold("a")]);
  assert.equal(holdRows(writer), 0);
  commit(writer, 2, [], [hold("b"), hold("c"), hold("d")]);
  assert.equal(holdRows(writer), 1);
  commit(writer, 3, [settlement("b"), settlement("d")], [hold("e")]);
  assert.equal(holdRows(writer), 2);
  commit(writer, 4, [settlement("c"), settlement("e")]);
  assert.equal(holdRows(writer), 0);
  assert.equal(writer.database.prepare("SELECT count(*) FROM records").pluck().get(), 5);
  writer.close();
});

test("commit() drops a hold that its recovered settlement has overtaken", (t) => {
  const home = temporaryHome(t);
  const writer = openStateWriter(home, { now });
  commit(writer, 1, [settlement("a", startMs, 5, "1", settlementFlag.recovered)], [], 1000);
  commit(writer, 1, [], [hold("a")]);
  assert.equal(writer.holds.count, 0);
  writer.close();
  assert.equal(openState(home, { now }).recovered, 0);
});

test("commit() leaves nothing of a malformed batch and goes on", (t) => {
  const home = temporaryHome(t);
  const writer = openStateWriter(home, { now });
  commit(writer, 1, [settlement("a")]);
  assert.throws(() => commit(writer, 2, [settlement("b"), ["short"]]), TypeError);
  assert.throws(() => commit(writer, 2, [settlement("b"), settlement("c", "noon" as unknown as number)]));
  commit(writer, 2, [settlement("d")], [hold("e")]);
  commit(writer, 3, [settlement("e")]);
  assert.deepEqual(writer.database.prepare("SELECT hold_id FROM records").pluck().all(), ["a", "d", "e"]);
  assert.equal(verifyChain(writer.database).ok, true);
  writer.close();
});

test("checkpoint() keeps balances and open holds so that a boot has nothing to replay", (t) => {
  const home = temporaryHome(t);
  const writer = openStateWriter(home, { now });
  writer.execute(createKey(1), "cli");
  commit(writer, 1, [settlement("a", startMs, 30), settlement("b", startMs, 12)], [hold("c"), hold("d")]);
  writer.checkpoint();
  commit(writer, 2, [settlement("c", startMs, 8)]);
  writer.database.close(); // as a crash: no checkpoint at the end
  const state = openState(home, { now });
  assert.deepEqual(state.balances, [{ scopeId: 1, slot: 0, windowStartMs: startMs, spentNano: 30 + 12 + 8 + 50 }]);
  assert.equal(state.recovered, 1);
});

test("balances forget a window that has ended and ignore its late rows", (t) => {
  const writer = openStateWriter(temporaryHome(t), { now });
  writer.execute(createKey(1), "cli");
  const tomorrow = startMs + 86_400_000;
  commit(writer, 1, [settlement("a", startMs, 30), settlement("b", tomorrow, 5), settlement("c", tomorrow - 1, 100)]);
  assert.deepEqual(writer.cells.balances(1), [{ scopeId: 1, slot: 0, windowStartMs: tomorrow, spentNano: 5 }]);
  assert.deepEqual(checkLedger(writer.database).differences, []);
  writer.close();
});

test("execute() keeps what a budget has spent when only its limit changes, and starts afresh with another window", (t) => {
  const home = temporaryHome(t);
  const writer = openStateWriter(home, { now });
  writer.execute(createKey(1), "cli");
  commit(writer, 1, [settlement("a", startMs, 30)]);
  const weekly = { limitNano: 5, window: { kind: "rolling", lengthMs: 7 * 86_400_000 } } as const;
  const raised = writer.execute(
    { kind: "update_key", keyId: 1, budgets: [weekly, { ...daily, limitNano: 20 }] },
    "cli",
  );
  assert.deepEqual(
    raised.scopes[0]?.budgets,
    [
      { slot: 1, limitNano: 5, window: weekly.window, anchorMs: startMs },
      { slot: 0, limitNano: 20, window: daily.window, anchorMs: startMs },
    ].sort((one, other) => one.slot - other.slot),
  );
  assert.deepEqual(
    writer.cells.balances(1).map((balance) => balance.spentNano),
    [30, 0],
  );
  commit(writer, 2, [settlement("b", startMs + 1, 4)]);
  assert.deepEqual(
    writer.cells.balances(1).map((balance) => balance.spentNano),
    [34, 4],
  );
  writer.execute({ kind: "update_scope", scopeId: 1, budgets: [weekly] }, "cli");
  commit(writer, 3, [settlement("c", startMs + 2, 1)]);
  writer.database.close();
  assert.deepEqual(
    openState(home, { now }).balances.map(({ slot, spentNano }) => [slot, spentNano]),
    [[1, 5]],
  );
});

test("A17 execute() rotates with a grace for the old secret, and without one", (t) => {
  const writer = openStateWriter(temporaryHome(t), { now });
  writer.execute(createKey(1), "cli");
  const second = new Uint8Array(32).fill(2);
  const graced = writer.execute(
    { kind: "rotate_key", keyId: 1, prefix: "sk-bf-2", hash: second, graceUntilMs: startMs + 60_000 },
    "cli",
  );
  assert.deepEqual(graced.hashes.map((hash) => hash.expiresAtMs).sort(), [startMs + 60_000, undefined]);
  const third = new Uint8Array(32).fill(3);
  const cut = writer.execute({ kind: "rotate_key", keyId: 1, prefix: "sk-bf-3", hash: third }, "cli");
  assert.deepEqual(cut.hashes, [{ keyId: 1, hash: third }]);
  assert.equal(cut.key?.prefix, "sk-bf-3");
  assert.throws(() => writer.execute({ kind: "rotate_key", keyId: 1, prefix: "x", hash: third }, "cli"), {
    code: "conflict",
  });
  writer.close();
});

test("execute() writes who did what, before and after, and no hash, into the chain", (t) => {
  const writer = openStateWriter(temporaryHome(t), { now });
  writer.execute(createKey(1), "cli:root");
  writer.execute({ kind: "update_key", keyId: 1, disabled: true, name: "ci" }, "admin:ada");
  writer.execute({ kind: "delete_key", keyId: 1 }, "admin:ada");
  writer.execute({ kind: "audit", action: "config.reload", target: "config", after: { number: 2 } }, "admin:ada");
  const rows = writer.database.prepare("SELECT flags, record FROM records ORDER BY seq").all() as {
    flags: number;
    record: string;
  }[];
  const records = rows.map((row) => JSON.parse(row.record));
  assert.deepEqual(
    records.map(({ actor, action, target }) => [actor, action, target]),
    [
      ["cli:root", "key.create", "key_1"],
      ["admin:ada", "key.update", "key_1"],
      ["admin:ada", "key.delete", "key_1"],
      ["admin:ada", "config.reload", "config"],
    ],
  );
  assert.deepEqual(
    [records[1].before.key.disabled, records[1].after.key.disabled, records[2].after],
    [false, true, undefined],
  );
  assert.ok(rows.every((row) => (row.flags & settlementFlag.admin) !== 0 && !row.record.includes("hash")));
  assert.equal(verifyChain(writer.database).ok, true);
  writer.close();
});

test("execute() refuses an unknown key with 404 and changes nothing", (t) => {
  const writer = openStateWriter(temporaryHome(t), { now });
  assert.throws(() => writer.execute({ kind: "revoke_key", keyId: 9 }, "cli"), {
    code: "invalid_request",
    status: 404,
  });
  assert.deepEqual(writer.head.seq, 0);
  writer.close();
});

test("A39 commit() and execute() take SQL and line feeds for what they are: text", (t) => {
  const writer = openStateWriter(temporaryHome(t), { now });
  const evil = "x'); DROP TABLE records; --\n\u0000\ud800";
  writer.execute({ ...createKey(1), name: evil.slice(0, 20) } as never, evil);
  commit(writer, 1, [[evil, startMs, 1, "1", 7, 3, 0, evil]]);
  assert.equal(writer.database.prepare("SELECT count(*) FROM records").pluck().get(), 2);
  assert.deepEqual(verifyChain(writer.database), { ok: true, records: 2, head: writer.head });
  writer.close();
});

test("execute() of settle_lost closes a dead worker's holds up to its death, at the price of their input, and no others", (t) => {
  const writer = openStateWriter(temporaryHome(t), { now });
  const [dead, other] = [createRequestIds(1, now), createRequestIds(2, now)];
  const [lost, settled, heirs, foreign] = [dead(), dead(), dead(), other()];
  commit(writer, 1, [], [hold(lost), hold(settled), hold(heirs, startMs + 1), hold(foreign)]);
  commit(writer, 2, [settlement(settled)]);
  const command = { kind: "settle_lost", worker: 1, heldUntilMs: startMs } as const;
  for (let time = 0; time < 2; time += 1) writer.execute(command, "daemon");
  const rows = writer.database.prepare("SELECT hold_id, cost_nano, flags FROM records").raw().all();
  assert.deepEqual(rows, [
    [settled, 7, 0],
    [lost, 50, settlementFlag.estimated | settlementFlag.recovered],
  ]);
  assert.equal(writer.holds.count, 2);
  assert.equal(verifyChain(writer.database).ok, true);
  writer.close();
});

test("execute() resets all budgets of a key with whatever else changes, or none of them", (t) => {
  const writer = openStateWriter(
    temporaryHome(t, () => writer.close()),
    { now: () => startMs + 5 },
  );
  const forever: BudgetInput = { limitNano: 1_000, window: { kind: "forever" } };
  writer.execute(createKey(1, [daily, forever]), "cli");
  writer.execute({ kind: "top_up", scopeId: 1, amountNano: 50, note: "" }, "cli");
  const rows = columnsOf(settlementWidth, settlement("a", startMs + 5, 30));
  writer.commit([{ type: "batch", sender: 1001, number: 1, rows }]);
  const spent = () => writer.cells.balances(1).map(({ spentNano }) => spentNano);
  assert.deepEqual(spent(), [30, 30, 30]);
  const change = { kind: "update_key", keyId: 1, resetsBudgets: true } as const;
  assert.throws(() => writer.execute({ ...change, parentId: 99 }, "cli"));
  assert.throws(() => writer.execute({ ...change, budgets: [daily, daily, daily, daily, daily] }, "cli"));
  writer.execute({ kind: "probe" }, "cli");
  assert.deepEqual(spent(), [30, 30, 30], "nothing of it was done");
  writer.execute(change, "cli");
  assert.deepEqual(spent(), [0, 0, 30], "a wallet is spent once");
  assert.deepEqual(checkLedger(writer.database, writer.cells.balances(1)).differences, []);
});
