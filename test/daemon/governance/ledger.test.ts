import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createLedger } from "../../../daemon/governance/ledger.ts";
import { settleDead } from "../../../daemon/governance/settle-dead.ts";
import { dailyBudget, dollar, noon, perMinute, refill, scenario, scope } from "./scenario.ts";

test("A1 admit() lets 200 parallel requests hold no more than the $1 they share", () => {
  const { ledger, peek } = scenario(scope(1, { budgets: [dailyBudget(dollar)] }));
  const cost = 17_000_000;
  const held = Array.from({ length: 200 }, (_, index) => ledger.admit([1], noon, cost, 0, 0, true, `r${index}`));
  assert.equal(held.filter((hold) => hold >= 0).length, Math.floor(dollar / cost));
  assert.deepEqual(ledger.refusal, {
    kind: "budget",
    scope: 1,
    label: 'key "k1"',
    slot: 0,
    limit: dollar,
    spent: 0,
    held: 58 * cost,
    resetsAtMs: noon + 86_400_000,
    retryAfterMs: Number.NaN,
  });
  for (const hold of held) if (hold >= 0) ledger.settle(hold, noon, cost, 0);
  assert.equal(peek(1, noon)?.budgets[0]?.spentNano, 58 * cost);
  assert.equal(peek(1, noon)?.heldNano, 0);
});

test("admit() holds in every scope or in none", () => {
  const { ledger, peek } = scenario(
    scope(1, { budgets: [dailyBudget(dollar)], limits: [perMinute("requests", 5), perMinute("tokens", 500, 1)] }),
    scope(2, { budgets: [dailyBudget(100)] }),
  );
  const before = peek(1, noon);
  assert.equal(ledger.admit([1, 2], noon, 101, 10, 0, true, "r"), -1);
  assert.equal(ledger.refusal.scope, 2);
  assert.deepEqual(peek(1, noon), before);
  assert.deepEqual(ledger.holdsOf(), []);
});

test("surveyHolds() counts all holds and shows the oldest, whatever rows they lie in", () => {
  const { ledger } = scenario(scope(1, { budgets: [dailyBudget(1_000)] }));
  const admit = (id: string, at: number) => ledger.admit([1], at, 10, 1, 0, true, id);
  admit("a", noon + 10);
  const gone = admit("gone", noon + 15);
  admit("b", noon + 20);
  ledger.settle(gone, noon + 25, 0, 0);
  admit("c", noon + 30); // in the row of the one that is gone
  const ids = (most: number) => ledger.surveyHolds(most).oldest.map(({ holdId }) => holdId);
  assert.deepEqual([ids(0), ids(1), ids(2), ids(9)], [[], ["a"], ["a", "b"], ["a", "b", "c"]]);
  const { total, costNano } = ledger.surveyHolds(2);
  assert.deepEqual([total, costNano], [3, 30]);
});

test("admit() judges rate limits before budgets and tells the longest wait", () => {
  const { ledger } = scenario(
    scope(1, { budgets: [dailyBudget(0)], limits: [{ slot: 0, metric: "requests", limit: 1, windowMs: 1_000 }] }),
    scope(2, { limits: [{ slot: 3, metric: "requests", limit: 1, windowMs: 5_000 }] }),
  );
  assert.ok(ledger.admit([1, 2], noon, 0, 0, 0, true, "a") >= 0);
  assert.equal(ledger.admit([1, 2], noon + 10, 1, 0, 0, true, "b"), -1);
  const { kind, scope: refusing, slot, retryAfterMs, limit, spent } = ledger.refusal;
  assert.deepEqual(
    { kind, refusing, slot, retryAfterMs, limit, spent },
    {
      kind: "requests",
      refusing: 2,
      slot: 3,
      retryAfterMs: 4_990,
      limit: 1,
      spent: 1,
    },
  );
});

test("admit() refuses a scope that is gone, one request too many in flight, and a hold too many", () => {
  const { ledger, scopes } = scenario(scope(1, { concurrencyMax: 2 }), scope(2));
  const first = ledger.admit([1], noon, 0, 0, 0, true, "a");
  ledger.admit([1], noon, 0, 0, 0, true, "b");
  assert.equal(ledger.admit([1], noon, 0, 0, 0, true, "c"), -1);
  assert.deepEqual([ledger.refusal.kind, ledger.refusal.limit, ledger.refusal.spent], ["concurrency", 2, 2]);
  ledger.settle(first, noon, 0, 0);
  assert.ok(ledger.admit([1], noon, 0, 0, 0, true, "d") >= 0);

  assert.equal(ledger.admit([2, 77], noon, 0, 0, 0, true, "e"), -1);
  assert.deepEqual([ledger.refusal.kind, ledger.refusal.scope], ["removed", 77]);
  scopes.removeScope(1);
  assert.equal(ledger.admit([1], noon, 0, 0, 0, true, "f"), -1);

  for (let index = 0; index < 1_022; index++) assert.ok(ledger.admit([2], noon, 0, 0, 0, true, "g") >= 0);
  assert.equal(ledger.admit([2], noon, 0, 0, 0, true, "h"), -1);
  assert.equal(ledger.refusal.kind, "holds_full");
});

test("admit() refuses numbers that are no amounts, and a scope named twice", () => {
  const { ledger } = scenario(scope(1));
  assert.throws(() => ledger.admit([1], noon, Number.NaN, 0, 0, true, "r"), RangeError);
  assert.throws(() => ledger.admit([1], noon, 0.5, 0, 0, true, "r"), RangeError);
  assert.throws(() => ledger.admit([1], noon, -1, 0, 0, true, "r"), RangeError);
  assert.throws(() => ledger.admit([1], noon, 0, Number.POSITIVE_INFINITY, 0, true, "r"), RangeError);
  assert.throws(() => ledger.admit([1, 1], noon, 0, 0, 0, true, "r"), RangeError);
  assert.throws(() => ledger.admit([1], noon, 0, 0, 0, true, "é"), RangeError);
});

test("settle() counts once, and never touches the hold that has its row now", () => {
  const { ledger, peek } = scenario(scope(1, { budgets: [dailyBudget(dollar)] }));
  const first = ledger.admit([1], noon, 100, 0, 0, true, "a");
  assert.equal(ledger.settle(first, noon, 40, 0), true);
  const second = ledger.admit([1], noon, 100, 0, 0, true, "b");
  assert.equal(ledger.settle(first, noon, 40, 0), false);
  assert.equal(ledger.settle(-1, noon, 40, 0), false);
  assert.deepEqual([peek(1, noon)?.heldNano, peek(1, noon)?.budgets[0]?.spentNano], [100, 40]);
  assert.equal(ledger.settle(second, noon, 250, 0), true);
  assert.deepEqual([peek(1, noon)?.heldNano, peek(1, noon)?.budgets[0]?.spentNano], [0, 290]);
});

test("settleDead() charges the input cost of one thread's holds and tells which they were", () => {
  const { tables, ledger, peek } = scenario(scope(1, { budgets: [dailyBudget(1_000)] }), scope(2));
  const worker = createLedger({ ...tables, owner: 2 });
  const kept = ledger.admit([1], noon, 100, 5, 10, true, "main");
  worker.admit([1, 2], noon + 1, 200, 7, 20, true, "req_1:2");
  worker.settle(worker.admit([1], noon, 300, 0, 30, true, "done"), noon, 1, 0);
  const [dead, ...others] = settleDead(ledger, 2, noon + 2);
  assert.deepEqual(others, []);
  assert.deepEqual(
    { ...dead, handle: 0 },
    {
      handle: 0,
      holdId: "req_1:2",
      owner: 2,
      scopes: [1, 2],
      costNano: 200,
      tokens: 7,
      inputCostNano: 20,
      admittedAtMs: noon + 1,
      settledAtMs: noon + 2,
    },
  );
  assert.deepEqual(
    [peek(1, noon)?.heldNano, peek(1, noon)?.budgets[0]?.spentNano, peek(2, noon)?.inFlight],
    [100, 21, 0],
  );
  assert.deepEqual(settleDead(ledger, 2, noon + 2), []);
  assert.equal(ledger.settle(kept, noon, 0, 0), true);
});

test("A9 settle() tells when it counted, where the clock is behind a window that has begun", () => {
  const hour = { kind: "rolling", lengthMs: 3_600_000 } as const;
  const budget = { slot: 0, limitNano: 100, window: hour, anchorMs: noon };
  const { ledger, peek } = scenario(
    scope(1, { budgets: [{ ...budget, extraNano: 50, extraUntilMs: noon + 3_600_000 }] }),
    scope(2, { budgets: [{ ...budget, limitNano: 1_000 }] }),
  );
  const later = noon + 3_600_005;
  const early = ledger.admit([1, 2], noon, 10, 0, 0, true, "early");
  assert.ok(ledger.settle(ledger.admit([1], later, 90, 0, 0, true, "later"), later, 90, 0));
  assert.equal(ledger.settled.atMs, later);
  // Far enough back to be a clock that was set. Both scopes count it in the window that one of them had begun.
  assert.ok(ledger.settle(early, noon + 60_000, 10, 0));
  assert.equal(ledger.settled.atMs, noon + 3_600_000);
  const windows = [1, 2].map((id) => peek(id, noon + 60_000)?.budgets[0]);
  assert.deepEqual(
    windows.map((state) => [state?.windowStartMs, state?.spentNano]),
    [
      [noon + 3_600_000, 100],
      [noon + 3_600_000, 10],
    ],
  );
  assert.equal(ledger.admit([1], noon + 60_000, 1, 0, 0, true, "more"), -1, "the override ended with its window");
  assert.equal(windows[0]?.extraNano, undefined);
});

test("A9 settle() charges the window in which it happens, also across a calendar boundary", () => {
  const window = { kind: "calendar", unit: "day", count: 1, zone: "Europe/Berlin" } as const;
  const { ledger, peek } = scenario(scope(1, { budgets: [{ slot: 0, limitNano: 100, window, anchorMs: 0 }] }));
  const midnight = Date.UTC(2026, 10, 23, 23);
  const hold = ledger.admit([1], midnight - 1, 100, 0, 0, true, "a");
  assert.equal(ledger.admit([1], midnight - 1, 1, 0, 0, true, "b"), -1);
  assert.equal(ledger.refusal.resetsAtMs, midnight);
  assert.equal(ledger.settle(hold, midnight, 70, 0), true);
  assert.deepEqual(peek(1, midnight)?.budgets[0], {
    slot: 0,
    limitNano: 100,
    spentNano: 70,
    windowStartMs: midnight,
    resetsAtMs: midnight + 86_400_000,
  });
  assert.equal(peek(1, midnight + 86_400_000)?.budgets[0]?.spentNano, 0);
});

test("A11 updateScope() unblocks and blocks at once, keeps what was spent, and tells no limit from zero", () => {
  const { ledger, scopes, peek } = scenario(scope(1, { budgets: [dailyBudget(100)] }));
  const may = (cost: number) => {
    const hold = ledger.admit([1], noon, cost, 0, 0, true, "r");
    if (hold >= 0) ledger.settle(hold, noon, 0, 0);
    return hold >= 0;
  };
  ledger.charge([1], noon, 100, 0);
  assert.equal(may(1), false);
  scopes.updateScope(scope(1, { budgets: [dailyBudget(200)] }), noon);
  assert.deepEqual([may(100), may(101)], [true, false]);
  scopes.updateScope(scope(1, { budgets: [dailyBudget(50)] }), noon);
  assert.equal(may(1), false);
  scopes.updateScope(scope(1, { budgets: [dailyBudget(0)] }), noon);
  assert.equal(may(1), false);
  scopes.updateScope(scope(1), noon);
  assert.equal(may(dollar), true);
  assert.equal(ledger.hasLimits([1]), false);
  const hourly = { slot: 0, limitNano: 50, window: { kind: "rolling", lengthMs: 3_600_000 }, anchorMs: noon } as const;
  scopes.updateScope(scope(1, { budgets: [hourly] }), noon);
  assert.equal(peek(1, noon)?.budgets[0]?.spentNano, 0);
  assert.equal(ledger.hasBudgets([1]), true);
});

test("A11 updateScope() keeps what is in flight and the counts of a rate limit", () => {
  const limits = (limit: number) => [perMinute("requests", limit), perMinute("tokens", 1_000, 1)];
  const { ledger, scopes, peek } = scenario(scope(1, { budgets: [dailyBudget(100)], limits: limits(2) }));
  const holds = [ledger.admit([1], noon, 30, 100, 0, true, "a"), ledger.admit([1], noon + 1, 30, 100, 0, true, "b")];
  assert.equal(ledger.admit([1], noon + 2, 1, 1, 0, true, "c"), -1);
  scopes.updateScope(scope(1, { budgets: [dailyBudget(500)], limits: limits(3) }), noon + 2);
  holds.push(ledger.admit([1], noon + 2, 1, 1, 0, true, "c"));
  assert.equal(ledger.admit([1], noon + 3, 1, 1, 0, true, "d"), -1);
  assert.equal(ledger.refusal.retryAfterMs, 59_997);
  scopes.updateScope(scope(1, { budgets: [dailyBudget(500)], limits: limits(1) }), noon + 3);
  assert.equal(ledger.admit([1], noon + 60_001, 1, 1, 0, true, "d"), -1);
  assert.equal(ledger.refusal.retryAfterMs, 1);
  for (const hold of holds) ledger.settle(hold, noon + 60_001, 1, 10);
  const { heldNano, inFlight, limits: states } = peek(1, noon + 60_001)!;
  assert.deepEqual([heldNano, inFlight, states[1]?.used], [0, 0, 30]);
});

test("defineScope() takes the balances of the present window and no others", () => {
  const { scopes, peek } = scenario();
  const windowStartMs = noon;
  scopes.defineScope(
    scope(1, { budgets: [dailyBudget(100, 0), dailyBudget(100, 1)] }),
    [
      { scopeId: 1, slot: 0, windowStartMs, spentNano: 40 },
      { scopeId: 1, slot: 1, windowStartMs: windowStartMs - 86_400_000, spentNano: 99 },
    ],
    noon + 5,
  );
  assert.deepEqual(
    peek(1, noon + 5)?.budgets.map(({ spentNano }) => spentNano),
    [40, 0],
  );
  scopes.setBalances([{ scopeId: 1, slot: 1, windowStartMs: noon + 86_400_000, spentNano: 7 }], noon + 86_400_001);
  assert.deepEqual(
    peek(1, noon + 86_400_001)?.budgets.map(({ spentNano }) => spentNano),
    [0, 7],
  );
});

test("defineScope() refuses what the ledger could not hold exactly", () => {
  const { scopes } = scenario();
  const refuse = (parts: Parameters<typeof scope>[1]) =>
    assert.throws(() => scopes.defineScope(scope(1, parts), [], noon), RangeError);
  refuse({ budgets: [dailyBudget(9_000_001 * dollar)] });
  refuse({ budgets: [dailyBudget(0.5)] });
  refuse({ budgets: [dailyBudget(1), dailyBudget(1)] });
  refuse({ limits: [perMinute("requests", -1)] });
  refuse({ concurrencyMax: Number.NaN });
  refuse({
    budgets: [{ ...dailyBudget(1), window: { kind: "calendar", unit: "day", count: 1, zone: "Mars/Olympus" } }],
  });
  assert.equal(scopes.hasScope(1), false);
});

test("settle() in any order, with any cost, leaves nothing held and Σ charged = spent", () => {
  const step = fc.record({ cost: fc.nat(1_000), actual: fc.nat(1_500), tokens: fc.nat(50), wide: fc.boolean() });
  const shared = scenario();
  const { ledger, peek } = shared;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.infiniteStream(fc.nat(1_000)), (steps, picks) => {
      refill(
        shared,
        scope(1, { budgets: [dailyBudget(20_000)], limits: [perMinute("tokens", 2_000)] }),
        scope(2, { budgets: [dailyBudget(9_000)], concurrencyMax: 12 }),
      );
      const open: { hold: number; actual: number; wide: boolean }[] = [];
      const spent = [0, 0];
      const settleOne = () => {
        const [one] = open.splice(picks.next().value % open.length, 1);
        ledger.settle(one!.hold, noon, one!.actual, 1);
        spent[0]! += one!.actual;
        if (one!.wide) spent[1]! += one!.actual;
      };
      for (const { cost, actual, tokens, wide } of steps) {
        const hold = ledger.admit(wide ? [1, 2] : [1], noon, cost, tokens, 0, true, "r");
        if (hold >= 0) open.push({ hold, actual: Math.min(actual, cost), wide });
        if (open.length > 0 && picks.next().value % 3 === 0) settleOne();
        for (const state of [peek(1, noon)!, peek(2, noon)!]) {
          assert.ok(state.budgets[0]!.spentNano + state.heldNano <= state.budgets[0]!.limitNano);
        }
      }
      while (open.length > 0) settleOne();
      assert.deepEqual(
        [peek(1, noon)!, peek(2, noon)!].map((state) => [state.heldNano, state.inFlight]),
        [
          [0, 0],
          [0, 0],
        ],
      );
      assert.deepEqual(
        [peek(1, noon)!, peek(2, noon)!].map((state) => state.budgets[0]!.spentNano),
        spent,
      );
    }),
    { numRuns: 150 },
  );
});
