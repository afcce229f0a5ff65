/** How one of several places is chosen: by load, time, price, what is left, and all of it together. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { failure, key, provider, type RoutingLab, routingLab, type Upstreams } from "../../support/routing-lab.ts";

const two = (strategy: string, more: object = {}) => ({
  providers: { x: provider(key), y: provider(key), ...more },
  groups: { g: { targets: ["x/m", "y/m"], strategy } },
  prices: { "x/*": { input: 1, output: 1 }, "y/*": { input: 3, output: 3 } },
});

function firsts(lab: RoutingLab, requests: number, upstreams: Upstreams, everyMs = 0): Record<string, number> {
  const shares: Record<string, number> = { "x/m": 0, "y/m": 0 };
  for (let index = 0; index < requests; index++) {
    const before = lab.nowMs;
    const name = lab.go({ model: "g", stream: true }, upstreams).attempts[0]!.split("#")[0]!;
    shares[name]! += 1 / requests;
    lab.nowMs = Math.max(before + everyMs, lab.nowMs - (everyMs > 0 ? 10_000 : 0));
  }
  return shares;
}

test("R7 adaptiveWeights() takes a target ten times slower below a tenth within ten seconds, and back within thirty", async () => {
  const lab = await routingLab(two("adaptive"));
  let slow = false;
  const upstreams: Upstreams = ({ name }) => ({ ms: name === "x/m" && slow ? 1_000 : 100 });
  // Twenty requests a second: their answers overlap, so the clock goes by arrivals.
  const second = () => firsts(lab, 20, upstreams, 50);
  for (let at = 0; at < 10; at++) second();
  slow = true;
  for (let at = 0; at < 10; at++) second();
  const during = Array.from({ length: 10 }, second).reduce((sum, shares) => sum + shares["x/m"]! / 10, 0);
  assert.ok(during < 0.1, `share while slow: ${during}`);
  assert.ok(during > 0, "it is still looked at");
  slow = false;
  for (let at = 0; at < 30; at++) second();
  const after = Array.from({ length: 20 }, second).reduce((sum, shares) => sum + shares["x/m"]! / 20, 0);
  assert.ok(after > 0.35, `share when healed: ${after}`);
});

test("orderHops() by errors: adaptive leaves a target that fails half of its requests", async () => {
  const lab = await routingLab({ ...two("adaptive"), routing: { breaker: { enabled: false } } });
  let turn = 0;
  const upstreams: Upstreams = ({ name }) =>
    name === "x/m" && turn++ % 2 === 0 ? { ms: 100, error: failure("upstream_error") } : { ms: 100 };
  firsts(lab, 200, upstreams, 50);
  assert.ok(firsts(lab, 200, upstreams, 50)["x/m"]! < 0.2);
});

test("orderHops() by lowest_latency draws two and takes the faster, with what is under way there", async () => {
  const lab = await routingLab(two("lowest_latency"));
  const upstreams: Upstreams = ({ name }) => ({ ms: name === "x/m" ? 20 : 200 });
  firsts(lab, 20, upstreams);
  assert.ok(firsts(lab, 100, upstreams)["x/m"]! > 0.95);
  for (let busy = 0; busy < 30; busy++) lab.routing.table.enter(lab.row("x/m"));
  assert.ok(firsts(lab, 50, upstreams)["y/m"]! > 0.9, "thirty under way are slower than one that is slow");
});

/** How often x is first, of so many plans. */
function shareOfX(lab: RoutingLab, plans = 400): number {
  const isX = () => lab.plan({ model: "g" }).hops[0]?.target.name === "x/m";
  return Array.from({ length: plans }, isX).filter((is) => is).length / plans;
}

test("orderHops() by least_busy takes whoever has the fewest under way for its weight, and equals in turn", async () => {
  const lab = await routingLab(two("least_busy"));
  assert.ok(Math.abs(shareOfX(lab) - 0.5) < 0.1, "both are idle");
  lab.routing.table.enter(lab.row("x/m"));
  assert.equal(shareOfX(lab), 0);
  for (let index = 0; index < 2; index++) lab.routing.table.enter(lab.row("y/m"));
  assert.equal(shareOfX(lab), 1);
  const targets = [{ target: "x/m", weight: 3 }, "y/m"];
  const weighed = await routingLab({ ...two("least_busy"), groups: { g: { targets, strategy: "least_busy" } } });
  for (let index = 0; index < 2; index++) weighed.routing.table.enter(weighed.row("x/m"));
  weighed.routing.table.enter(weighed.row("y/m"));
  assert.equal(shareOfX(weighed), 1, "two thirds of one are less than one");
});

test("orderHops() by headroom takes whoever has most left, of its provider's limits and of its places", async () => {
  const lab = await routingLab(two("headroom", { x: provider({ ...key, concurrency_max: 10 }) }));
  lab.routing.outcomes.limitsTold(lab.row("x/m"), lab.nowMs, 0.9);
  lab.routing.outcomes.limitsTold(lab.row("y/m"), lab.nowMs, 0.2);
  assert.equal(shareOfX(lab), 1);
  for (let index = 0; index < 9; index++) lab.routing.table.enter(lab.row("x/m"));
  assert.equal(shareOfX(lab), 0, "a tenth of its places");
  lab.nowMs += 61_000;
  assert.equal(shareOfX(lab), 0, "what it said a minute ago counts no more, its places do");
});

test("orderHops() by lowest_cost takes the cheaper, and price_weighted draws by one over price squared among the stable", async () => {
  const cheap = await routingLab(two("lowest_cost"));
  for (let index = 0; index < 20; index++) assert.equal(cheap.plan({ model: "g" }).hops[0]?.target.name, "x/m");
  const drawn = await routingLab({ ...two("price_weighted"), routing: { breaker: { enabled: false } } });
  const well: Upstreams = () => ({ ms: 0 });
  const share = firsts(drawn, 2_000, well)["x/m"]!;
  assert.ok(Math.abs(share - 0.9) < 0.03, `${share}: nine to one at a third of the price`);
  drawn.nowMs += 31_000;
  for (let index = 0; index < 20; index++) drawn.routing.outcomes.counted(drawn.row("x/m"), drawn.nowMs, true);
  assert.equal(firsts(drawn, 100, well)["x/m"], 0, "not while it has an outage");
  drawn.nowMs += 31_000;
  assert.ok(firsts(drawn, 200, well)["x/m"]! > 0.8, "again after thirty seconds");
});

test("take() leaves most of the traffic to others while a target that was open ramps up", async () => {
  const lab = await routingLab({ ...two("ordered"), fallbacks: {} });
  const broken: Upstreams = ({ name }) => (name === "x/m" ? { ms: 1, error: failure("upstream_error") } : { ms: 1 });
  for (let index = 0; index < 5; index++) lab.go({ model: "g" }, broken);
  lab.nowMs += 5_020;
  const well: Upstreams = () => ({ ms: 0 });
  assert.equal(lab.go({ model: "g" }, well).attempts[0], "x/m#x", "the probe");
  const share = firsts(lab, 300, well)["x/m"]!;
  assert.ok(share > 0.03 && share < 0.25, `${share} of the traffic right after`);
  lab.nowMs += 10_000;
  assert.ok(firsts(lab, 50, well)["x/m"]! > 0.99);
});
