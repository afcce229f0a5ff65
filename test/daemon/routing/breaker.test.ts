/** When a target is left alone, and how it comes back: in one worker and over two. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSharedRouting } from "../../../daemon/routing/routing.ts";
import { Trip } from "../../../daemon/routing/trip.ts";
import type { ErrorCode } from "../../../providers/gateway-error.ts";
import { entering, failure, key, provider, routingLab, type Upstreams, well } from "../../support/routing-lab.ts";

const one = { providers: { p: provider(key), q: provider(key) } };
const broken: Upstreams = () => ({ ms: 1, error: failure("upstream_error", { upstreamStatus: 500 }) });

test("R4 failed() opens after faults of the provider only: client errors, credentials and long prompts move nothing", async () => {
  const lab = await routingLab(one);
  const innocent: readonly ErrorCode[] = [
    "upstream_rejected",
    "context_length_exceeded",
    "content_policy_violation",
    "upstream_credential",
    "rate_limit_exceeded",
    "client_closed_request",
    "budget_exceeded",
  ];
  for (const code of innocent)
    for (let index = 0; index < 30; index++) lab.go({ model: "p/m" }, () => ({ ms: 1, error: failure(code) }));
  lab.nowMs += 10_000; // a credential that was told to wait has rested
  assert.equal(lab.routing.breaker.state(lab.row("p/m"), lab.nowMs), "closed");
  for (let index = 0; index < 5; index++) lab.go({ model: "p/m" }, broken);
  assert.equal(lab.routing.breaker.state(lab.row("p/m"), lab.nowMs), "open");
  assert.equal(lab.routing.breaker.state(lab.row("q/m"), lab.nowMs), "closed", "of this target alone");
});

test("R4 enter() lets one probe through when the pause is over: it closes the breaker or opens it for longer", async () => {
  const lab = await routingLab(one);
  const { breaker } = lab.routing;
  for (let index = 0; index < 5; index++) lab.go({ model: "p/m" }, broken);
  const row = lab.row("p/m");
  assert.equal(entering(lab.routing, row, lab.nowMs), "open");
  lab.nowMs += 5_020;
  assert.deepEqual(
    [1, 2, 3].map(() => entering(lab.routing, row, lab.nowMs)),
    ["probe", "open", "open"],
  );
  breaker.failed(row, lab.nowMs);
  assert.ok(Math.abs(breaker.waitMs(row, lab.nowMs) - 10_000) <= 20, "twice as long");
  lab.nowMs += 10_020;
  const probe = breaker.enter(row, lab.nowMs);
  assert.ok(typeof probe === "object", "one goes ahead");
  breaker.abandoned(row, lab.nowMs, probe);
  assert.equal(entering(lab.routing, row, lab.nowMs), "probe", "one that told nothing makes room for the next");
  breaker.succeeded(row, lab.nowMs);
  assert.deepEqual([breaker.state(row, lab.nowMs), entering(lab.routing, row, lab.nowMs)], ["closed", "go"]);
  assert.equal(breaker.ramp(row, lab.nowMs), 0.1);
  assert.ok(Math.abs(breaker.ramp(row, lab.nowMs + 5_000) - 0.5) < 0.02);
  assert.equal(breaker.ramp(row, lab.nowMs + 10_000), 1);
});

test("R4 begin() answers 503 with the wait when every target is open, and asks none of them", async () => {
  const lab = await routingLab({ ...one, fallbacks: { "p/m": "q/m" } });
  for (let index = 0; index < 5; index++) lab.go({ model: "p/m" }, broken);
  let asked = 0;
  const counted: Upstreams = () => {
    asked++;
    return { ms: 1 };
  };
  const runs = Array.from({ length: 100 }, () => lab.go({ model: "p/m" }, counted));
  assert.equal(asked, 0, "no stampede");
  for (const { error } of runs) {
    assert.deepEqual([error?.code, error?.status], ["targets_unavailable", 503]);
    const wait = error?.details.retryAfterMs ?? 0;
    assert.ok(wait > 0 && wait <= 5_010, `${wait}`);
  }
  lab.nowMs += 5_020;
  assert.equal(lab.go({ model: "p/m" }, well).error, undefined);
});

test("R4 failed() opens at a share of errors too, though some requests are answered", async () => {
  const lab = await routingLab(one);
  let turn = 0;
  const mixed: Upstreams = (target, credential, now) =>
    turn++ % 3 === 0 ? { ms: 1 } : broken(target, credential, now);
  let requests = 0;
  while (lab.routing.breaker.state(lab.row("p/m"), lab.nowMs) === "closed" && requests < 100) {
    lab.go({ model: "p/m" }, mixed);
    requests++;
  }
  assert.ok(requests >= 20 && requests < 30, `${requests} requests`);
});

test("R4 the breaker is one over all workers: what one has seen the other obeys, and only one of them probes", async () => {
  const shared = createSharedRouting(2);
  const [left, right] = [await routingLab(one, 1, shared), await routingLab(one, 2, shared)];
  for (let index = 0; index < 3; index++) left.go({ model: "p/m" }, broken);
  for (let index = 0; index < 2; index++) right.go({ model: "p/m" }, broken);
  assert.equal(left.go({ model: "p/m" }, well).error?.code, "targets_unavailable");
  left.nowMs += 5_030;
  const row = left.row("p/m");
  assert.equal(row, right.row("p/m"));
  assert.deepEqual(
    [left, right, left].map((lab) => entering(lab.routing, row, left.nowMs)),
    ["probe", "open", "open"],
  );
});

test("R4 abandoned() leaves alone the probe that took the place of one given up for lost", async () => {
  const lab = await routingLab({ ...one, routing: { breaker: { failures: 1, open: "1s", probe: "2s" } } });
  const { breaker } = lab.routing;
  lab.go({ model: "p/m" }, broken);
  const row = lab.row("p/m");
  const begun = () => {
    const trip = new Trip(lab.plan({ model: "p/m" }), lab.routing);
    trip.begin(lab.nowMs);
    return trip;
  };
  lab.nowMs += 1_020;
  const lost = begun();
  lab.nowMs += 2_020;
  const second = begun();
  lost.abandoned(lab.nowMs);
  assert.throws(begun, { code: "targets_unavailable" }, "one probe at a time, whatever becomes of the lost one");
  assert.equal(breaker.state(row, lab.nowMs), "probing");
  second.abandoned(lab.nowMs);
  assert.equal(entering(lab.routing, row, lab.nowMs), "probe", "the place is the next one's");
});

test("forget() gives back what a dead worker had under way", async () => {
  const lab = await routingLab(one);
  const row = lab.row("p/m");
  lab.routing.table.enter(row);
  assert.equal(lab.routing.table.inFlight(row), 1);
  lab.routing.table.forget(1);
  assert.equal(lab.routing.table.inFlight(row), 0);
});
