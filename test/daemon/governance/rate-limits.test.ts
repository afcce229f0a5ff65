import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { RateLimit } from "../../../daemon/governance/definitions.ts";
import { clockSkewMsMax, ringMax } from "../../../daemon/governance/rate-limits.ts";
import { noon, perMinute, refill, scenario, scope } from "./scenario.ts";

const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 300 });

test("A15 admit() counts requests as the plain sliding window does: no false refusal, none too many", () => {
  const shared = scenario();
  const { ledger } = shared;
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9 }), gaps, (limit, steps) => {
      refill(shared, scope(1, { limits: [{ slot: 0, metric: "requests", limit, windowMs: 1_000 }] }));
      const admitted: number[] = [];
      let now = noon;
      for (const gap of steps) {
        now += gap;
        const expected = admitted.filter((at) => at > now - 1_000).length < limit;
        const hold = ledger.admit([1], now, 0, 0, 0, true, "r");
        assert.equal(hold >= 0, expected);
        if (hold < 0) continue;
        admitted.push(now);
        ledger.settle(hold, now, 0, 0);
      }
    }),
    { numRuns: 200 },
  );
});

test("A19 admit() tells the exact wait: refused one millisecond before, admitted at it", () => {
  const limit = fc.constantFrom(perMinute("requests", 3), perMinute("tokens", 100), perMinute("requests", ringMax + 1));
  const shared = scenario();
  const { ledger } = shared;
  fc.assert(
    fc.property(limit, gaps, (limited, steps) => {
      refill(shared, scope(1, { limits: [limited] }));
      let now = noon;
      // The third kind is filled in one go: its first refusal is what counts.
      for (let index = 0; limited.limit > ringMax && index < limited.limit; index++) {
        const hold = ledger.admit([1], now, 0, 0, 0, true, "r");
        ledger.settle(hold, now, 0, 0);
      }
      for (const gap of steps) {
        now += gap;
        const hold = ledger.admit([1], now, 0, 30, 0, true, "r");
        if (hold >= 0) {
          ledger.settle(hold, now, 0, 30);
          continue;
        }
        const { retryAfterMs } = ledger.refusal;
        assert.ok(retryAfterMs > 0 && retryAfterMs <= 61_000);
        assert.equal(ledger.admit([1], now + retryAfterMs - 1, 0, 30, 0, true, "r"), -1);
        const later = ledger.admit([1], now + retryAfterMs, 0, 30, 0, true, "r");
        assert.ok(later >= 0);
        ledger.settle(later, now + retryAfterMs, 0, 30);
        return;
      }
    }),
    { numRuns: 40 },
  );
});

test("A15 admit() never lets more tokens into a window than its limit, and forgets within a 64th of it", () => {
  const steps = fc.array(fc.record({ gap: fc.nat(300), tokens: fc.nat(60) }), { minLength: 1, maxLength: 200 });
  const shared = scenario();
  const { ledger, peek } = shared;
  fc.assert(
    fc.property(steps, (list) => {
      refill(shared, scope(1, { limits: [{ slot: 0, metric: "tokens", limit: 200, windowMs: 6_400 }] }));
      const admitted: { at: number; tokens: number }[] = [];
      const sum = (since: number) =>
        admitted.filter(({ at }) => at > since).reduce((all, { tokens }) => all + tokens, 0);
      let now = noon;
      for (const { gap, tokens } of list) {
        now += gap;
        const hold = ledger.admit([1], now, 0, tokens, 0, true, "r");
        if (hold >= 0) {
          ledger.settle(hold, now, 0, tokens);
          admitted.push({ at: now, tokens });
          assert.ok(sum(now - 6_400) <= 200);
        } else {
          assert.ok(sum(now - 6_500) + tokens > 200, "refused what even a longer window has room for");
        }
        assert.ok(peek(1, now)!.limits[0]!.used >= sum(now - 6_400));
      }
    }),
    { numRuns: 150 },
  );
});

test("settle() corrects the token reservation where it was made", () => {
  const { ledger, peek } = scenario(scope(1, { limits: [perMinute("tokens", 1_000)] }));
  const hold = ledger.admit([1], noon, 0, 900, 0, true, "a");
  assert.equal(ledger.admit([1], noon + 1, 0, 200, 0, true, "b"), -1);
  ledger.settle(hold, noon + 30_000, 0, 100);
  assert.equal(peek(1, noon + 30_000)?.limits[0]?.used, 100);
  assert.equal(peek(1, noon + 62_000)?.limits[0]?.used, 0);
  // Twice 65 buckets of 938 ms: the place of the old reservation is used again.
  const later = noon + 62_000 + 2 * 65 * 938;
  const late = ledger.admit([1], noon + 62_000, 0, 900, 0, true, "c");
  ledger.settle(ledger.admit([1], later, 0, 40, 0, true, "d"), later, 0, 40);
  ledger.settle(late, later, 0, 5);
  assert.equal(peek(1, later)?.limits[0]?.used, 40);
});

test("settle() does not give a token limit what was reserved before it was made", () => {
  const { ledger, scopes, peek } = scenario(scope(1));
  const hold = ledger.admit([1], noon, 0, 900, 0, true, "a");
  scopes.updateScope(scope(1, { limits: [perMinute("tokens", 1_000)] }), noon);
  ledger.settle(ledger.admit([1], noon, 0, 500, 0, true, "b"), noon, 0, 500);
  ledger.settle(hold, noon, 0, 100);
  assert.equal(peek(1, noon)?.limits[0]?.used, 500);
});

test("admit() refuses for good what is larger than the limit itself", () => {
  const { ledger } = scenario(scope(1, { limits: [perMinute("tokens", 1_000)] }));
  assert.equal(ledger.admit([1], noon, 0, 1_001, 0, true, "a"), -1);
  assert.deepEqual([ledger.refusal.kind, ledger.refusal.retryAfterMs], ["tokens", Number.NaN]);
});

test("admit() counts a request once whatever its attempts", () => {
  const { ledger, peek } = scenario(scope(1, { limits: [perMinute("requests", 1)] }));
  ledger.admit([1], noon, 0, 0, 0, true, "a");
  assert.ok(ledger.admit([1], noon + 1, 0, 0, 0, false, "a:1") >= 0);
  assert.equal(peek(1, noon + 1)?.limits[0]?.used, 1);
});

test("A16 admit() and settle() return every place in a concurrency limit", () => {
  const { ledger, peek } = scenario(scope(1, { concurrencyMax: 10 }));
  for (let round = 0; round < 1_000; round++) {
    const hold = ledger.admit([1], noon, 0, 0, 0, true, "r");
    assert.equal(ledger.settle(hold, noon, 0, 0), true);
  }
  assert.equal(peek(1, noon)?.inFlight, 0);
});

test("admit() is not blocked by counts from before the clock was set back", () => {
  const { ledger } = scenario(scope(1, { limits: [perMinute("requests", 1), perMinute("tokens", 10, 1)] }));
  ledger.settle(ledger.admit([1], noon, 0, 10, 0, true, "a"), noon, 0, 10);
  assert.ok(ledger.admit([1], noon - 3_600_000, 0, 10, 0, true, "b") >= 0);
  assert.equal(ledger.admit([1], noon - 3_600_000, 0, 10, 0, true, "c"), -1);
});

test("A15 admit() refills nothing when the clock is set back by less than the window, and forgets none of it for good", () => {
  const limits = [perMinute("requests", 3), perMinute("tokens", 30, 1), perMinute("spend", 300, 2)];
  const { ledger, peek } = scenario(scope(1, { limits }));
  const call = (at: number) => {
    const hold = ledger.admit([1], at, 100, 10, 0, true, "r");
    if (hold >= 0) ledger.settle(hold, at, 50, 5);
    return hold >= 0;
  };
  assert.ok(call(noon) && call(noon));
  const back = noon - 20_000;
  assert.ok(call(back));
  assert.equal(call(back), false);
  const { retryAfterMs } = ledger.refusal;
  assert.equal(retryAfterMs, 80_000);
  assert.deepEqual(
    peek(1, back)!.limits.map(({ used }) => used),
    [3, 15, 150],
  );
  assert.equal(call(back + retryAfterMs - 1), false);
  assert.ok(call(back + retryAfterMs));
});

test("A15 admit() never lets too many into a window by the ledger's clock, set back by less than a window in all, and forward", () => {
  const windowMs = 10_000;
  const steps = fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 2_000 }) },
      { weight: 2, arbitrary: fc.integer({ min: -9_900, max: -1 }) },
      { weight: 1, arbitrary: fc.integer({ min: windowMs, max: 5 * windowMs }) },
    ),
    { minLength: 1, maxLength: 200 },
  );
  const metrics = fc.constantFrom<RateLimit["metric"]>("requests", "tokens", "spend");
  const shared = scenario();
  const { ledger, peek } = shared;
  fc.assert(
    fc.property(metrics, fc.integer({ min: 1, max: 9 }), steps, (metric, limit, list) => {
      refill(shared, scope(1, { limits: [{ slot: 0, metric, limit, windowMs }] }));
      const counted: number[] = [];
      let [now, clock, furthest] = [noon, 0, noon];
      for (const step of list) {
        now = Math.max(now + step, furthest - windowMs + 1);
        furthest = Math.max(furthest, now);
        // Of threads that differ a little the latest is right.
        if (now >= clock || clock - now > clockSkewMsMax) clock = now;
        const hold = ledger.admit([1], now, 1, 1, 0, true, "r");
        if (hold < 0) continue;
        counted.push(clock);
        ledger.settle(hold, now, 1, 1);
        // What was counted before the clock was set back lies ahead, and counts on; what had left a bucket does not come back.
        const since = (metric === "requests" ? clock : furthest) - windowMs;
        const within = counted.filter((at) => at > since).length;
        assert.ok(within <= limit, `${within} of ${limit} at ${clock - noon}`);
        assert.ok(peek(1, clock)!.limits[0]!.used >= within, "what is told is no less than what counts");
      }
    }),
    { numRuns: 300 },
  );
});

test("updateScope() carries request counts between exact times and buckets", () => {
  const { ledger, scopes, peek } = scenario(scope(1, { limits: [perMinute("requests", 5)] }));
  for (let index = 0; index < 3; index++) ledger.admit([1], noon + index, 0, 0, 0, true, "r");
  scopes.updateScope(scope(1, { limits: [perMinute("requests", ringMax + 1)] }), noon + 10);
  assert.equal(peek(1, noon + 10)?.limits[0]?.used, 3);
  ledger.admit([1], noon + 20, 0, 0, 0, true, "r");
  scopes.updateScope(scope(1, { limits: [perMinute("requests", 4)] }), noon + 30);
  assert.equal(peek(1, noon + 30)?.limits[0]?.used, 4);
  assert.equal(ledger.admit([1], noon + 40, 0, 0, 0, true, "r"), -1);
});
