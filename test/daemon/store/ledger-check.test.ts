import assert from "node:assert/strict";
import { test } from "node:test";
import { openStateWriter } from "../../../daemon/store/boot.ts";
import { columnsOf } from "../../../daemon/store/columns.ts";
import type { BudgetInput } from "../../../daemon/store/commands/command.ts";
import { checkLedger } from "../../../daemon/store/ledger-check.ts";
import { holdWidth, settlementWidth } from "../../../daemon/store/rows.ts";
import { createKey, daily, hold, settlement, startMs, temporaryHome } from "./fixtures.ts";

const forever: BudgetInput = { limitNano: 1_000, window: { kind: "forever" } };
const monthly: BudgetInput = {
  limitNano: 1_000,
  window: { kind: "calendar", unit: "month", count: 1, zone: "Asia/Tokyo" },
};

test("checkLedger() finds balance = Σ records over windows, checkpoints and scopes, and holds while they are open", (t) => {
  const writer = openStateWriter(
    temporaryHome(t, () => writer.close()),
    { now: () => startMs },
  );
  writer.execute(createKey(1, [daily, forever, monthly]), "cli");
  writer.execute(createKey(2, [monthly]), "cli");
  let sum = 0;
  for (let day = 0; day < 60; day += 1) {
    const at = startMs + day * 40_000_000;
    const rows = [
      settlement(`a${day}`, at, day, "1,2"),
      settlement(`b${day}`, at + 5, null, "1"),
      settlement(`c${day}`, at - 90_000_000, 3, "1"),
    ];
    sum += day + (at - 90_000_000 >= startMs ? 3 : 0);
    writer.commit([
      {
        type: "batch",
        sender: 1001,
        number: day + 1,
        rows: columnsOf(settlementWidth, rows.flat()),
        holds: columnsOf(holdWidth, hold(`hold ${day}`)),
      },
    ]);
    if (day % 17 === 3) writer.checkpoint();
    const live = [...writer.cells.balances(1), ...writer.cells.balances(2)];
    assert.deepEqual(checkLedger(writer.database, live).differences, [], `day ${day}`);
  }
  assert.equal(writer.cells.balances(1)[1]?.spentNano, sum);
  const { budgets, openHolds, heldNano } = checkLedger(writer.database);
  assert.deepEqual([budgets, openHolds, heldNano], [4, 60, 6_000]);
});

test("checkLedger() names a balance that is not the sum of its records", (t) => {
  const writer = openStateWriter(
    temporaryHome(t, () => writer.close()),
    { now: () => startMs },
  );
  writer.execute(createKey(1), "cli");
  writer.commit([
    { type: "batch", sender: 1001, number: 1, rows: columnsOf(settlementWidth, settlement("a", startMs, 30)) },
  ]);
  writer.checkpoint();
  writer.database.exec("UPDATE balances SET spent_nano = 29");
  const wrong = { scopeId: 1, slot: 0, windowStartMs: startMs, balanceNano: 29, recordsNano: 30 };
  assert.deepEqual(checkLedger(writer.database).differences, [wrong]);
  writer.database.exec("UPDATE balances SET spent_nano = 30");
  const live = [{ scopeId: 1, slot: 0, windowStartMs: startMs, spentNano: 31 }];
  assert.deepEqual(checkLedger(writer.database, live).differences, [{ ...wrong, balanceNano: 30, liveNano: 31 }]);
});
