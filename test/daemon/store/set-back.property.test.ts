/** Clocks that go anywhere, restarts at any time: the disk counts in the windows in which memory did. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Balance } from "../../../daemon/governance/definitions.ts";
import { createLedger } from "../../../daemon/governance/ledger.ts";
import { createPeek } from "../../../daemon/governance/peek.ts";
import { type Begun, createScopes } from "../../../daemon/governance/scopes.ts";
import { createTables, openTables } from "../../../daemon/governance/tables.ts";
import { openState, openStateWriter } from "../../../daemon/store/boot.ts";
import { columnsOf } from "../../../daemon/store/columns.ts";
import type { BudgetInput } from "../../../daemon/store/commands/command.ts";
import { findScope } from "../../../daemon/store/definitions.ts";
import { checkLedger } from "../../../daemon/store/ledger-check.ts";
import { holdWidth, settlementWidth } from "../../../daemon/store/rows.ts";
import type { StateWriter } from "../../../daemon/store/state-writer.ts";
import { createKey, startMs, temporaryHome } from "./fixtures.ts";

const hourMs = 3_600_000;
const limitNano = 150;
/** Of all that is ever spent, whatever is reset. */
const everNano = 400;
const heldNano = 20;
const budgetsOf: Readonly<Record<number, readonly BudgetInput[]>> = {
  1: [
    { limitNano, window: { kind: "calendar", unit: "day", count: 1, zone: "Europe/Berlin" } },
    { limitNano, window: { kind: "rolling", lengthMs: hourMs } },
  ],
  2: [
    { limitNano, window: { kind: "calendar", unit: "hour", count: 1, zone: "UTC" } },
    { limitNano: everNano, window: { kind: "forever" } },
  ],
};

type Step =
  | { readonly kind: "clock"; readonly byMs: number }
  /** To the last end of such windows, or to the next. */
  | { readonly kind: "end"; readonly everyMs: number; readonly byMs: number; readonly back: boolean }
  | { readonly kind: "spend"; readonly scopes: readonly number[]; readonly costNano: number }
  /** What is settled before the tables know of it, and after, before the disk knows of that; rows come late by so many. */
  | {
      readonly kind: "reset";
      readonly slot: number;
      readonly before: number;
      readonly after: number;
      readonly late: number;
    }
  | { readonly kind: "hold" | "settle" | "restart" | "crash" };

/** By seconds, minutes and days; half of the time it has come to where an hour ends, or a day in Berlin, or next to it. */
const jumps = fc.oneof(
  fc.integer({ min: -30 * hourMs, max: 30 * hourMs }),
  fc.integer({ min: -900, max: 900 }),
  fc.constantFrom(...[1_000, 60_000, hourMs, 24 * hourMs, 9 * 24 * hourMs].flatMap((ms) => [ms, -ms])),
);
const ends = fc.record({
  kind: fc.constant("end" as const),
  everyMs: fc.constantFrom(hourMs, 24 * hourMs),
  byMs: fc.constantFrom(-1_001, -1, 0, 1, 999),
  back: fc.boolean(),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  ends,
  fc.record({ kind: fc.constant("clock" as const), byMs: jumps }),
  fc.record({
    kind: fc.constant("spend" as const),
    scopes: fc.constantFrom([1], [2], [1, 2]),
    costNano: fc.integer({ min: 1, max: 20 }),
  }),
  fc.record({
    kind: fc.constant("reset" as const),
    slot: fc.constantFrom(0, 1),
    before: fc.integer({ min: 0, max: 3 }),
    after: fc.integer({ min: 0, max: 3 }),
    late: fc.integer({ min: 0, max: 4 }),
  }),
  fc.record({ kind: fc.constantFrom("hold" as const, "settle" as const, "restart" as const, "crash" as const) }),
);

test("A9 settle() and the boot count a settlement in one window, whatever the clock does", async (t) => {
  const tables = createTables({ keysMax: 8, scopesMax: 8, holdsMax: 64, workersMax: 2 });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 30 }), async (steps) => {
      const run = new Run(t, tables);
      try {
        for (const each of steps) run.take(each);
      } finally {
        run.end();
      }
    }),
    { numRuns: 60 },
  );
});

class Run {
  #now = startMs;
  readonly #home: string;
  #writer: StateWriter;
  readonly #tables: ReturnType<typeof openTables>;
  #held: { hold: number; id: string; scopes: readonly number[] }[] = [];
  #serial = 0;
  /** Of the second scope, whose budgets nobody resets. */
  #spentEver = 0;
  #before = new Map<string, Balance>();
  #batch = 0;

  constructor(t: Parameters<typeof temporaryHome>[0], shared: ReturnType<typeof createTables>) {
    this.#home = temporaryHome(t);
    this.#tables = openTables(shared, 0);
    this.#writer = this.#open();
    for (const id of [1, 2]) this.#writer.execute(createKey(id, budgetsOf[id]), "cli");
    this.#fillTables([]);
  }

  take(step: Step): void {
    switch (step.kind) {
      case "clock":
        this.#now += step.byMs;
        break;
      case "end": {
        const { everyMs, byMs, back } = step;
        // In Berlin it is an hour later.
        const end = Math.floor((this.#now + hourMs) / everyMs) * everyMs - hourMs;
        this.#now = (back ? end : end + everyMs) + byMs;
        break;
      }
      case "spend": {
        const hold = this.#admit(step.scopes, "x");
        if (hold >= 0) this.#settle(hold, step.scopes, step.costNano);
        break;
      }
      case "hold": {
        const id = `h${++this.#serial}`;
        const hold = this.#admit([1, 2], id);
        if (hold < 0) break;
        this.#held.push({ hold, id, scopes: [1, 2] });
        this.#commit([], [id, this.#now, "1,2", 20, 0, 5, 1, "echo/one"]);
        break;
      }
      case "settle": {
        const oldest = this.#held.shift();
        if (oldest !== undefined) this.#settle(oldest.hold, oldest.scopes, 7, oldest.id);
        break;
      }
      case "reset":
        this.#reset(step);
        break;
      case "restart":
      case "crash":
        this.#restart(step.kind === "restart");
    }
    this.#compare();
  }

  end(): void {
    this.#empty();
    this.#writer.close();
  }

  #reset({ slot, before, after, late }: Step & { readonly kind: "reset" }): void {
    const ledger = createLedger(this.#tables);
    const rows: (string | number)[][] = [];
    const spend = (): void => {
      const hold = this.#admit([1, 2], "x");
      if (hold < 0) return;
      assert.ok(ledger.settle(hold, this.#now, 3, 0));
      this.#spentEver += 3;
      rows.push([`r${++this.#serial}`, ledger.settled.atMs, 1, "1,2", 3, 0, 0, "{}"]);
    };
    const [changed] = this.#writer.execute({ kind: "reset_budget", scopeId: 1, slot }, "cli").scopes;
    for (let count = 0; count < before; count += 1) spend();
    const begun: Begun[] = [];
    createScopes(this.#tables, (each) => begun.push(each)).updateScope(changed!, this.#now);
    for (let count = 0; count < after; count += 1) spend();
    for (const row of rows.splice(0, rows.length - late)) this.#commit(row);
    for (const each of begun) this.#writer.execute({ kind: "begin_budgets", ...each }, "daemon");
    for (const row of rows) this.#commit(row);
    this.#before.delete(`1/${slot}`);
  }

  /** What is admitted fits into every budget, with all that is spent in its window and held. */
  #admit(scopes: readonly number[], id: string): number {
    const hold = createLedger(this.#tables).admit(scopes, this.#now, heldNano, 0, 5, true, id);
    if (hold < 0) return hold;
    for (const { scopeId, slot, spentNano, heldNano: held } of this.#live())
      if (scopes.includes(scopeId)) assert.ok(spentNano + held <= limitOf(scopeId, slot), `${scopeId}/${slot}`);
    assert.ok(!scopes.includes(2) || this.#spentEver + heldNano * (this.#held.length + 1) <= everNano);
    return hold;
  }

  #settle(hold: number, scopes: readonly number[], costNano: number, id = `s${++this.#serial}`): void {
    const ledger = createLedger(this.#tables);
    assert.ok(ledger.settle(hold, this.#now, costNano, 0));
    if (scopes.includes(2)) this.#spentEver += costNano;
    this.#commit([id, ledger.settled.atMs, 1, scopes.join(","), costNano, 0, 0, "{}"]);
  }

  #commit(row: (string | number)[], hold: (string | number)[] = []): void {
    const rows = columnsOf(settlementWidth, row);
    this.#writer.commit([
      { type: "batch", sender: 1_001, number: ++this.#batch, rows, holds: columnsOf(holdWidth, hold) },
    ]);
  }

  /** What was spent is what it was, and the estimates of what was open. */
  #restart(clean: boolean): void {
    const before = this.#live();
    const open = this.#held.length;
    this.#empty();
    this.#spentEver += 5 * open;
    if (clean) this.#writer.close();
    else this.#writer.database.close();
    const { balances } = openState(this.#home, { now: () => this.#now });
    this.#writer = this.#open();
    this.#fillTables(balances);
    for (const [index, { windowStartMs, spentNano }] of this.#live().entries()) {
      const old = before[index]!;
      if (windowStartMs === old.windowStartMs) assert.equal(spentNano, old.spentNano + 5 * open, `budget ${index}`);
    }
  }

  #open(): StateWriter {
    return openStateWriter(this.#home, { now: () => this.#now });
  }

  #empty(): void {
    const ledger = createLedger(this.#tables);
    for (const { handle } of ledger.holdsOf()) ledger.settle(handle, this.#now, 0, 0);
    this.#held = [];
    const scopes = createScopes(this.#tables);
    for (const id of [1, 2]) scopes.removeScope(id);
  }

  #fillTables(balances: readonly Balance[]): void {
    const scopes = createScopes(this.#tables);
    for (const id of [1, 2]) {
      scopes.defineScope(findScope(this.#writer.database, id)!, balances, this.#now);
    }
  }

  #live(): readonly (Balance & { readonly heldNano: number })[] {
    const peek = createPeek(this.#tables);
    return [1, 2].flatMap((scopeId) => {
      const { budgets, heldNano } = peek(scopeId, this.#now)!;
      return budgets.map(({ slot, windowStartMs, spentNano }) => ({
        scopeId,
        slot,
        windowStartMs,
        spentNano,
        heldNano,
      }));
    });
  }

  #compare(): void {
    const live = this.#live();
    assert.deepEqual(checkLedger(this.#writer.database, live).differences, []);
    for (const balance of live) {
      const name = `${balance.scopeId}/${balance.slot}`;
      const before = this.#before.get(name);
      this.#before.set(name, balance);
      if (before === undefined || before.spentNano === 0) continue;
      assert.ok(balance.windowStartMs >= before.windowStartMs, `window of ${name} went back`);
      if (balance.windowStartMs === before.windowStartMs) assert.ok(balance.spentNano >= before.spentNano, name);
    }
  }
}

function limitOf(scopeId: number, slot: number): number {
  return budgetsOf[scopeId]![slot]!.limitNano;
}
