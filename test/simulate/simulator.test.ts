/** Ten thousand seeds of trouble; one that breaks a promise is named by what it throws. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomScenario, scenarios } from "./scenarios.ts";
import { createSimulator } from "./simulator.ts";

const seeds = 10_000;

test(`the simulator keeps every promise over ${seeds} seeds of slow, cut, lying and refusing upstreams`, async () => {
  const simulator = await createSimulator();
  let answered = 0;
  let requests = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const report = simulator.run(seed, randomScenario(seed));
    answered += report.answered;
    requests += report.requests;
  }
  assert.ok(answered / requests > 0.75, `${answered} of ${requests} answered`);
});

test("the simulator plays a seed the same way twice", async () => {
  const [one, two] = [await createSimulator(), await createSimulator()];
  assert.deepEqual(one.run(7, randomScenario(7)), two.run(7, randomScenario(7)));
});

test("with one place in trouble and another well, at least 99 % are answered and load grows by at most a fifth", async () => {
  const simulator = await createSimulator();
  for (const scenario of scenarios) {
    const { requests, answered, refused, attempts, hedges } = simulator.run(1, scenario);
    assert.ok((answered + refused) / requests >= 0.99, `${scenario.name}: ${answered} answered, ${refused} refused`);
    // Second attempts have a share of their own, which each run holds them to.
    assert.ok(attempts - hedges <= 1.2 * requests, `${scenario.name}: ${attempts} attempts, ${hedges} of them hedges`);
  }
});

test("what is slow is waited for no longer than hedging says, and 95th percentiles hide a tail", async () => {
  const simulator = await createSimulator();
  const p99 = (name: string): number => {
    const { latenciesMs } = simulator.run(1, scenarios.find((scenario) => scenario.name === name)!);
    return latenciesMs.toSorted((a, b) => a - b)[Math.floor(0.99 * latenciesMs.length)]!;
  };
  assert.ok(p99("one provider slow") > 2_000);
  assert.ok(p99("one provider slow, hedged after 300 ms") < 500);
  assert.ok(p99("one answer in 30 slow") >= 2_000);
  assert.ok(p99("one answer in 30 slow, hedged after p95") < 500);
});
