/** How long something is left alone, and what counts as its coming back: the ends of breakers, rests and ramps. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { adaptiveWeights } from "../../../daemon/routing/adaptive.ts";
import { backoffMs } from "../../../daemon/routing/retry-budget.ts";
import { createSharedRouting } from "../../../daemon/routing/routing.ts";
import {
  dice,
  entering,
  failure,
  key,
  provider,
  type RoutingLab,
  routingLab,
  type Upstreams,
} from "../../support/routing-lab.ts";

const breaker = { failures: 1, open: "1s", open_max: "4s", ramp: "10s" };
const one = { providers: { p: provider(key) }, routing: { breaker } };
const broken: Upstreams = () => ({ ms: 1, error: failure("upstream_error", { upstreamStatus: 500 }) });
const hourMs = 3_600_000;
/** The table counts in hundredths of a second. */
const tickMs = 20;

/** How long it is left alone after a probe that failed. */
function failedProbe({ routing, ...lab }: RoutingLab, row: number, nowMs: number): number {
  assert.equal(entering(routing, row, nowMs), "probe", `at ${nowMs - lab.nowMs} ms`);
  routing.breaker.failed(row, nowMs);
  return routing.breaker.waitMs(row, nowMs);
}

test("R4 succeeded() is old news where the request was sent before the breaker opened", async () => {
  const lab = await routingLab(one);
  lab.go({ model: "p/m" }, broken);
  const row = lab.row("p/m");
  lab.routing.breaker.succeeded(row, lab.nowMs);
  assert.equal(lab.routing.breaker.state(row, lab.nowMs), "open");
});

test("R4 failed() leaves a target alone twice as long each time, never longer than open_max, and anew after a calm", async () => {
  const lab = await routingLab(one);
  const { breaker: own } = lab.routing;
  lab.go({ model: "p/m" }, broken);
  const row = lab.row("p/m");
  let nowMs = lab.nowMs + own.waitMs(row, lab.nowMs) + tickMs;
  for (const wanted of [2_000, 4_000, 4_000, 4_000]) {
    const waitMs = failedProbe(lab, row, nowMs);
    assert.ok(Math.abs(waitMs - wanted) <= tickMs, `${waitMs} ms, not ${wanted}`);
    nowMs += waitMs + tickMs;
  }
  assert.equal(entering({ breaker: own }, row, nowMs), "probe");
  own.succeeded(row, nowMs);
  own.failed(row, nowMs + 1_000);
  assert.ok(own.waitMs(row, nowMs + 1_000) > 3_900, "it came back for a second only");
  nowMs += 1_000 + own.waitMs(row, nowMs + 1_000) + tickMs;
  assert.equal(entering({ breaker: own }, row, nowMs), "probe");
  own.succeeded(row, nowMs);
  own.failed(row, nowMs + 5_000);
  assert.ok(Math.abs(own.waitMs(row, nowMs + 5_000) - 1_000) <= tickMs, "it was well for longer than open_max");
});

test("rest() believes no wait beyond an hour: a credential told to wait a day is asked again", async () => {
  const lab = await routingLab(one);
  const told: Upstreams = () => ({
    ms: 1,
    error: failure("rate_limit_exceeded", { upstreamStatus: 429, retryAfterMs: 24 * hourMs }),
  });
  lab.go({ model: "p/m" }, told);
  const target = lab.plan({ model: "p/m" }).hops[0]!.target;
  const restingMs = (nowMs: number) => lab.routing.credentials.restingMs(target.provider, lab.row("p/m"), nowMs);
  const left = restingMs(lab.nowMs);
  assert.ok(left > hourMs - 1_000 && left <= hourMs + tickMs, `${left} ms`);
  assert.equal(restingMs(lab.nowMs + hourMs + tickMs), 0);
});

test("R5 withdraw() lets no more be saved up for a burst than twenty retries, and five more be owed", async () => {
  const lab = await routingLab(one);
  const row = lab.routing.table.find("p/");
  for (let index = 0; index < 10_000; index++) lab.routing.budget.deposit(row);
  let paid = 0;
  while (paid < 1_000 && lab.routing.budget.withdraw(row)) paid++;
  assert.equal(paid, 25);
});

test("R5 backoffMs() doubles up to its longest, of which anything may be drawn", () => {
  const { retries } = { retries: { max: 5, backoffMs: 100, backoffMaxMs: 1_000, budget: 0.2, waitMaxMs: 1 } };
  const longest = [0, 1, 2, 3, 4, 20].map((retry) => Math.ceil(backoffMs(retries, retry, () => 0.999_999)));
  assert.deepEqual(longest, [99, 199, 399, 799, 999, 999]);
  assert.equal(
    backoffMs(retries, 3, () => 0),
    0,
  );
});

test("R7 adaptiveWeights() goes by utilisation, errors, the ramp and a target's own usual, each by itself", async () => {
  const config = {
    providers: { x: provider({ ...key, concurrency_max: 10 }), y: provider({ ...key, concurrency_max: 10 }) },
    groups: { g: { targets: ["x/m", "y/m"], strategy: "adaptive" } },
    routing: { breaker },
  };
  const shareOf = async (spoil: (lab: RoutingLab, row: number) => void): Promise<number> => {
    const lab = await routingLab(config);
    const { hops } = lab.plan({ model: "g" });
    for (const { target } of hops)
      for (let index = 0; index < 20; index++) {
        lab.routing.outcomes.counted(lab.row(target.name), lab.nowMs, false);
        lab.routing.outcomes.timed(lab.row(target.name), lab.nowMs, true, 100, 5);
      }
    spoil(lab, lab.row("x/m"));
    const { generation, routing, nowMs } = lab;
    const choice = { generation, routing, nowMs, streamed: true, inputTokens: 1, outputTokens: 1 };
    const sorted = ["x/m", "y/m"].map((name) => hops.find(({ target }) => target.name === name)!);
    const [x, y] = adaptiveWeights(sorted, choice);
    return x! / y!;
  };
  assert.equal(await shareOf(() => undefined), 1);
  const busy = await shareOf(({ routing }, row) => {
    for (let index = 0; index < 5; index++) routing.table.enter(row);
  });
  assert.equal(busy, 0.5, "half of its places are taken");
  const failing = await shareOf(({ routing, nowMs }, row) => {
    for (let index = 0; index < 20; index++) routing.outcomes.counted(row, nowMs, true);
  });
  assert.ok(Math.abs(failing - 0.5 ** 4) < 0.01, `half of its requests failed: ${failing}`);
  const back = await shareOf((lab, row) => {
    lab.routing.breaker.failed(row, lab.nowMs);
    lab.nowMs += 1_000 + tickMs;
    lab.routing.breaker.enter(row, lab.nowMs);
    lab.routing.breaker.succeeded(row, lab.nowMs);
    lab.nowMs += 5_000;
  });
  assert.ok(Math.abs(back - 0.5) < 0.02, `half way up the ramp: ${back}`);
  const slower = await shareOf((lab, row) => {
    const { outcomes } = lab.routing;
    const pass = (seconds: number, xMs: number): void => {
      for (let second = 0; second < seconds; second++) {
        lab.nowMs += 1_000;
        outcomes.timed(row, lab.nowMs, true, xMs, 5);
        outcomes.timed(lab.row("y/m"), lab.nowMs, true, 100, 5);
      }
    };
    pass(1_800, 25);
    pass(60, 100);
  });
  assert.ok(slower > 0.4 && slower < 0.9, `as fast as the other, and four times slower than it used to be: ${slower}`);
});

test("R7 adaptiveWeights() comes to the same in every worker, whichever of them has heard what", async () => {
  const names = ["x/m", "y/m", "z/m"];
  const config = {
    providers: Object.fromEntries(["x", "y", "z"].map((name) => [name, provider({ ...key, concurrency_max: 10 })])),
    groups: { g: { targets: names, strategy: "adaptive" } },
    routing: { breaker },
  };
  const shared = createSharedRouting(2);
  const labs = [await routingLab(config, 1, shared), await routingLab(config, 2, shared)];
  const random = dice(3);
  for (let step = 0; step < 300; step++) {
    const { routing } = labs[step % 2]!;
    const row = labs[0]!.row(names[Math.floor(random() * 3)]!);
    const nowMs = labs[0]!.nowMs + step * 200;
    routing.outcomes.counted(row, nowMs, random() < 0.2);
    routing.outcomes.timed(row, nowMs, true, random() * 1_000, 1 + random() * 50);
    if (random() < 0.05) routing.breaker.failed(row, nowMs);
    if (random() < 0.1) routing.table.enter(row);
    const [one, other] = labs.map((lab) => {
      const hops = names.map((name) => lab.plan({ model: name }).hops[0]!);
      return adaptiveWeights(hops, { ...lab, nowMs, streamed: true, inputTokens: 1, outputTokens: 1 });
    });
    assert.deepEqual(one, other, `step ${step}`);
    assert.equal(new Set(one).size > 1 || step < 3, true, `weights that never part show nothing: ${one}`);
  }
});
