import assert from "node:assert/strict";
import { test } from "node:test";
import { rowWords } from "../../../daemon/routing/health-table.ts";
import { createSharedRouting } from "../../../daemon/routing/routing.ts";
import { Trip } from "../../../daemon/routing/trip.ts";
import { key, provider, routingLab } from "../../support/routing-lab.ts";

const hedged = async () =>
  routingLab({
    providers: { a: provider(key), b: provider(key) },
    groups: { pair: { strategy: "ordered", targets: ["a/m", "b/m"] }, other: { targets: ["a/other", "b/m"] } },
    hedging: { "*": { after: "p95", min: "1ms", max_share: 1 } },
  });

test("hedgeAfterMs() goes by what streams take to their first event for streams, and by whole answers for those", async () => {
  const lab = await hedged();
  const afterMs = (model: string, streamed: boolean): number | undefined => {
    const trip = new Trip(lab.plan({ model, stream: streamed }), lab.routing);
    trip.begin(lab.nowMs);
    return trip.hedgeAfterMs(lab.nowMs, streamed);
  };
  const times = (streamed: boolean, ms: number): void => {
    for (let index = 0; index < 20; index++) lab.routing.outcomes.timed(lab.row("a/m"), lab.nowMs, streamed, ms, 5);
  };
  assert.deepEqual([afterMs("pair", true), afterMs("pair", false)], [undefined, undefined]);
  times(false, 8_000);
  assert.equal(afterMs("pair", true), undefined, "whole answers say nothing of streams");
  times(true, 200);
  const [stream, whole] = [afterMs("pair", true)!, afterMs("pair", false)!];
  // Steps are a third apart at most.
  assert.ok(stream >= 200 && stream < 270, `${stream}`);
  assert.ok(whole >= 8_000 && whole < 10_700, `${whole}`);
  assert.equal(afterMs("other", true), undefined, "another model of the same provider is another target");
});

test("percentileMs() forgets by the period, each kind for itself", async () => {
  const { routing, row, nowMs } = await hedged();
  const { outcomes } = routing;
  const fill = (atMs: number, streamed: boolean, ms: number): void => {
    for (let index = 0; index < 20; index++) outcomes.timed(row("a/m"), atMs, streamed, ms, undefined);
  };
  const period = 300_000;
  fill(nowMs, true, 100);
  fill(nowMs, false, 1_000);
  fill(nowMs + period, false, 1_000);
  const known = (atMs: number) =>
    (["streamed", "whole", "all"] as const).map(
      (kind) => outcomes.percentileMs([row("a/m")], atMs, 0.5, kind) !== undefined,
    );
  assert.deepEqual(known(nowMs + period), [true, true, true]);
  assert.deepEqual(known(nowMs + 2 * period), [false, true, true]);
  assert.deepEqual(known(nowMs + 3 * period), [false, false, false]);
});

test("the state of 1,000 targets, with four workers and all that is shared, stays below 5 MB", () => {
  const { health, affinity, issuers } = createSharedRouting(4);
  const perTarget = (health.buffer.byteLength + health.lines.byteLength) / health.rowsMax;
  assert.ok(perTarget >= rowWords * 4);
  assert.ok(1_000 * perTarget + affinity.byteLength + issuers.byteLength < 5e6);
});
