/** What rate limits had counted is there after a start, clean or not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { RateLimit, ScopeDefinition } from "../../../daemon/governance/definitions.ts";
import { createLedger } from "../../../daemon/governance/ledger.ts";
import { createPeek } from "../../../daemon/governance/peek.ts";
import { createScopes } from "../../../daemon/governance/scopes.ts";
import { createTables, openTables } from "../../../daemon/governance/tables.ts";
import { openState, openStateWriter } from "../../../daemon/store/boot.ts";
import { columnsOf } from "../../../daemon/store/columns.ts";
import { findScope } from "../../../daemon/store/definitions.ts";
import { settlementFlag, settlementWidth } from "../../../daemon/store/rows.ts";
import { createKey, settlement, startMs, temporaryHome } from "./fixtures.ts";

const hourMs = 3_600_000;
const limits: readonly Omit<RateLimit, "slot">[] = [
  { metric: "requests", limit: 5, windowMs: hourMs },
  { metric: "requests", limit: 20_000, windowMs: 24 * hourMs },
  { metric: "tokens", limit: 60, windowMs: hourMs },
  { metric: "spend", limit: 100, windowMs: 90 * 24 * hourMs },
];
const shared = createTables({ keysMax: 8, scopesMax: 8, holdsMax: 64, workersMax: 2 });

const step = fc.record({
  passesMs: fc.constantFrom(0, 1, 60_000, hourMs / 2, 20 * hourMs),
  costNano: fc.integer({ min: 0, max: 9 }),
  tokens: fc.integer({ min: 0, max: 9 }),
  next: fc.constantFrom("nothing", "nothing", "nothing", "crash", "restart", "change"),
});

test("A15 a restart refills no rate limit, and what is counted again leaves a 64th of its window late at most", async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
      const home = temporaryHome(t);
      const tables = openTables(shared, 0);
      let now = startMs;
      const open = () => openStateWriter(home, { now: () => now });
      let writer = open();
      const change = (most: number) => {
        const changed = limits.map((limit, slot) => (slot === 1 ? { ...limit, limit: most } : limit));
        return writer.execute({ kind: "update_scope", scopeId: 1, limits: changed }, "cli").scopes[0]!;
      };
      writer.execute(createKey(1, []), "cli");
      let scope: ScopeDefinition = change(20_000);
      let scopes = createScopes(tables);
      scopes.removeScope(1);
      scopes.defineScope(scope, [], now);
      let batch = 0;
      const made: { readonly at: number; readonly amounts: readonly number[] }[] = [];
      for (const { passesMs, costNano, tokens, next } of steps) {
        now += passesMs;
        const ledger = createLedger(tables);
        const hold = ledger.admit([1], now, costNano, tokens, 0, true, "r");
        if (hold >= 0) {
          ledger.settle(hold, now, costNano, tokens);
          made.push({ at: now, amounts: [1, 1, tokens, costNano] });
          const rows = [
            ["r", now, 1, "1", costNano, tokens, 0, "{}"],
            ["r:1", now, 1, "1", 0, 0, 0, ""], // a second attempt is no second request
            [...settlement("adj", now, 9, "1", settlementFlag.adjusting)],
          ];
          const columns = columnsOf(settlementWidth, rows.flat() as string[]);
          writer.commit([{ type: "batch", sender: 1_001, number: ++batch, rows: columns }]);
        }
        if (next === "change") {
          scope = change(20_000 + made.length);
          scopes.updateScope(scope, now);
        }
        if (next === "crash" || next === "restart") {
          if (next === "crash") writer.database.close();
          else writer.close();
          const { counts } = openState(home, { now: () => now });
          writer = open();
          scopes.removeScope(1);
          scopes = createScopes(tables);
          scopes.defineScope(findScope(writer.database, 1)!, [], now);
          scopes.setCounts(counts, now);
        }
        for (const [index, { used, windowMs, limit }] of createPeek(tables)(1, now)!.limits.entries()) {
          const since = (ms: number) => made.reduce((sum, { at, amounts }) => sum + (at > ms ? amounts[index]! : 0), 0);
          const [least, most] = [since(now - windowMs), since(now - windowMs * (1 + 2 / 64) - 1)];
          assert.ok(used >= Math.min(least, limit) && used <= most, `limit ${index}: ${used}, not ${least} to ${most}`);
        }
      }
      writer.close();
    }),
    { numRuns: 25 },
  );
});
