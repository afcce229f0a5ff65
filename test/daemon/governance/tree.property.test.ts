/** Properties of the ledger over a tree of scopes, under a clock of their own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Balance, ScopeDefinition } from "../../../daemon/governance/definitions.ts";
import { createLedger } from "../../../daemon/governance/ledger.ts";
import { createPeek } from "../../../daemon/governance/peek.ts";
import { createScopes } from "../../../daemon/governance/scopes.ts";
import { dumpTables, loadTables } from "../../../daemon/governance/snapshot.ts";
import { noon, refill, scenario, smallTables } from "./scenario.ts";

const hourMs = 3_600_000;
const ids = [1, 2, 3, 4, 5, 6] as const;
/** Key, user, team, customer, and two limits: what a request draws on is a part of them. */
const chains = [[1], [1, 2], [1, 2, 3, 4], [5], [1, 5], [1, 2, 3, 4, 5, 6], [3, 4, 6]] as const;

const budget = fc.record({
  limitNano: fc.integer({ min: 0, max: 2_000 }),
  window: fc.constantFrom(
    { kind: "forever" } as const,
    { kind: "rolling", lengthMs: hourMs } as const,
    { kind: "calendar", unit: "day", count: 1, zone: "Europe/Berlin" } as const,
    { kind: "calendar", unit: "month", count: 1, zone: "America/New_York" } as const,
  ),
  anchorMs: fc.constant(noon),
});
const limit = fc.record({
  metric: fc.constantFrom("requests", "tokens", "spend"),
  limit: fc.integer({ min: 1, max: 600 }),
  windowMs: fc.constantFrom(1_000, 60_000, hourMs),
});
const tree = fc.tuple(
  ...ids.map((id) =>
    fc.record(
      {
        id: fc.constant(id),
        kind: fc.constant("team"),
        name: fc.constant(`s${id}`),
        budgets: fc.array(budget, { maxLength: 3 }).map(placed),
        limits: fc.array(limit, { maxLength: 4 }).map(placed),
        concurrencyMax: fc.integer({ min: 0, max: 4 }),
      },
      { requiredKeys: ["id", "kind", "name", "budgets", "limits"] },
    ),
  ),
) as fc.Arbitrary<readonly ScopeDefinition[]>;

/** Several windows of one scope, each in a slot of its own. */
function placed<Row extends object>(rows: readonly Row[]): readonly (Row & { readonly slot: number })[] {
  return rows.map((row, slot) => ({ ...row, slot }));
}

const step = fc.record({
  chain: fc.constantFrom(...chains),
  cost: fc.integer({ min: 0, max: 300 }),
  tokens: fc.integer({ min: 0, max: 200 }),
  /** What it comes to, of what was held. */
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  settles: fc.boolean(),
  passesMs: fc.constantFrom(0, 1, 500, 30_000, hourMs, 30 * hourMs),
});

const shared = scenario(...ids.map((id): ScopeDefinition => ({ id, kind: "team", name: "", budgets: [], limits: [] })));

test("A15 admit() never lets a tree of scopes pass a budget, a place or a window", () => {
  fc.assert(
    fc.property(tree, fc.array(step, { minLength: 5, maxLength: 60 }), (definitions, steps) => {
      refill(shared, ...definitions);
      const { ledger, peek } = shared;
      const open: { readonly hold: number; readonly cost: number; readonly tokens: number }[] = [];
      let now = noon;
      for (const { chain, cost, tokens, share, settles, passesMs } of steps) {
        now += passesMs;
        const hold = ledger.admit(chain, now, cost, tokens, 0, true, "r");
        if (hold >= 0) open.push({ hold, cost: Math.floor(cost * share), tokens: Math.floor(tokens * share) });
        if (settles && open.length > 0) {
          const { hold: oldest, cost: came, tokens: used } = open.shift()!;
          assert.ok(ledger.settle(oldest, now, came, used));
        }
        for (const { id, budgets, concurrencyMax } of definitions) {
          const state = peek(id, now)!;
          // What is held may have been admitted in the window before; what is new must fit.
          for (const [index, { limitNano }] of budgets.entries())
            if (hold >= 0 && (chain as readonly number[]).includes(id))
              assert.ok(state.budgets[index]!.spentNano + state.heldNano <= limitNano);
          if (concurrencyMax !== undefined) assert.ok(state.inFlight <= concurrencyMax);
          for (const { used, limit: most } of state.limits) assert.ok(used <= most, `${used} of ${most}`);
        }
      }
      for (const { hold } of open) ledger.settle(hold, now, 0, 0);
      for (const id of ids) assert.deepEqual([peek(id, now)!.heldNano, peek(id, now)!.inFlight], [0, 0]);
    }),
    { numRuns: 150 },
  );
});

test("A19 admit() admits whoever waits as long as it said, and nobody sooner", () => {
  fc.assert(
    fc.property(tree, fc.array(step, { minLength: 5, maxLength: 40 }), (definitions, steps) => {
      refill(shared, ...definitions.map(({ concurrencyMax: _places, ...scope }) => ({ ...scope, budgets: [] })));
      const { ledger } = shared;
      let now = noon;
      for (const { chain, cost, tokens, passesMs } of steps) {
        now += passesMs;
        const hold = ledger.admit(chain, now, cost, tokens, 0, true, "r");
        if (hold >= 0) {
          ledger.settle(hold, now, cost, tokens);
          continue;
        }
        const { retryAfterMs } = ledger.refusal;
        if (!Number.isFinite(retryAfterMs)) continue; // larger than the limit itself
        assert.ok(retryAfterMs > 0);
        assert.equal(ledger.admit(chain, now + retryAfterMs - 1, cost, tokens, 0, true, "r"), -1);
        now += retryAfterMs;
        const waited = ledger.admit(chain, now, cost, tokens, 0, true, "r");
        assert.ok(waited >= 0, `${retryAfterMs} ms were not enough`);
        ledger.settle(waited, now, cost, tokens);
      }
    }),
    { numRuns: 150 },
  );
});

test("A3 a restart refills no budget: what the balances say is spent stays spent", () => {
  fc.assert(
    fc.property(tree, fc.array(step, { minLength: 1, maxLength: 30 }), (definitions, steps) => {
      const numbers = definitions.map((scope) => ({ ...scope, limits: [] }));
      refill(shared, ...numbers);
      const { ledger, peek, tables } = shared;
      for (const { chain, cost } of steps)
        ledger.settle(ledger.admit(chain, noon, cost, 0, 0, true, "r"), noon, cost, 0);
      const balances = ids.flatMap((scopeId): Balance[] =>
        peek(scopeId, noon)!.budgets.map(({ slot, spentNano, windowStartMs }) => ({
          ...{ scopeId, slot, spentNano, windowStartMs },
        })),
      );
      const again = restarted;
      for (const id of ids) again.scopes.removeScope(id);
      for (const scope of numbers) again.scopes.defineScope(scope, [], noon);
      again.scopes.setBalances(balances, noon);
      for (const id of ids) assert.deepEqual(again.peek(id, noon)!.budgets, peek(id, noon)!.budgets);
      assert.ok(dumpTables(tables).length > 0);
    }),
    { numRuns: 60 },
  );
});

const restarted = scenario();

test("loadTables() brings shadow limits, overrides and spend limits back, with nothing counted", () => {
  const { tables, ledger } = scenario({
    ...{ id: 1, kind: "team", name: "t" },
    budgets: [
      { slot: 0, limitNano: 5, window: { kind: "forever" }, anchorMs: noon, extraNano: 7, extraUntilMs: noon + 1 },
      { slot: 1, limitNano: 0, window: { kind: "forever" }, anchorMs: noon, shadow: true },
    ],
    limits: [{ slot: 0, metric: "spend", limit: 100, windowMs: 1_000, shadow: true }],
  });
  assert.ok(ledger.admit([1], noon, 12, 0, 0, true, "within the override") >= 0);
  assert.equal(ledger.admit([1], noon + 1, 1, 0, 0, true, "after it"), -1);
  const fresh = smallTables();
  assert.ok(loadTables(fresh, dumpTables(tables)));
  createScopes(fresh);
  const state = createPeek(fresh)(1, noon)!;
  assert.deepEqual(
    state.budgets.map(({ extraNano, wouldRefuse, spentNano }) => [extraNano, wouldRefuse, spentNano]),
    [
      [7, undefined, 0],
      [undefined, 0, 0],
    ],
  );
  assert.deepEqual(state.limits, [
    { slot: 0, metric: "spend", limit: 100, windowMs: 1_000, used: 0, wholeInMs: 0, wouldRefuse: 0 },
  ]);
  assert.ok(createLedger(fresh).hasBudgets([1]), "spend matters");
});
