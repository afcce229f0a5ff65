/**
 * `npm run simulate`: what one place in trouble costs, in a table; with a number, so many seeds of random trouble
 * besides, and with `--seed N` that one alone.
 */
import { randomScenario, scenarios } from "../test/simulate/scenarios.ts";
import { createSimulator } from "../test/simulate/simulator.ts";

const simulator = await createSimulator();
const [first, second] = process.argv.slice(2);

if (first === "--seed") {
  const seed = Number(second);
  const scenario = randomScenario(seed);
  const { latenciesMs, ...report } = simulator.run(seed, scenario);
  console.log(scenario.name);
  console.log({ ...report, p50Ms: percentile(latenciesMs, 0.5), p99Ms: percentile(latenciesMs, 0.99) });
} else {
  const usual = playedTimes(scenarios[0]!);
  console.table(scenarios.map((scenario) => row(scenario, usual)));
  const seeds = Number(first ?? 0);
  const before = performance.now();
  for (let seed = 1; seed <= seeds; seed++) simulator.run(seed, randomScenario(seed));
  if (seeds > 0) console.log(`${seeds} seeds in ${Math.round(performance.now() - before)} ms: every promise kept`);
}

type Scenario = (typeof scenarios)[number];

function play(scenario: Scenario) {
  return Array.from({ length: 10 }, (_, index) => simulator.run(index + 1, scenario));
}

function playedTimes(scenario: Scenario): readonly number[] {
  return play(scenario).flatMap(({ latenciesMs }) => latenciesMs);
}

/** @param usual times where all is well, in ms: what is added to them is told */
function row(scenario: Scenario, usual: readonly number[]): Record<string, string | number> {
  const runs = play(scenario);
  const sum = (pick: (run: (typeof runs)[number]) => number): number =>
    runs.reduce((total, run) => total + pick(run), 0);
  const asked = sum(({ requests, refused }) => requests - refused);
  const latencies = runs.flatMap(({ latenciesMs }) => latenciesMs);
  return {
    scenario: scenario.name,
    "answered %": Number(((100 * sum(({ answered }) => answered)) / asked).toFixed(2)),
    "extra load %": Number((100 * (sum(({ attempts }) => attempts) / asked - 1)).toFixed(2)),
    "retries %": Number(((100 * sum(({ retries }) => retries)) / asked).toFixed(2)),
    "hedges %": Number(((100 * sum(({ hedges }) => hedges)) / asked).toFixed(2)),
    "p50 ms": Math.round(percentile(latencies, 0.5)),
    "added p50 ms": Math.round(percentile(latencies, 0.5) - percentile(usual, 0.5)),
    "p99 ms": Math.round(percentile(latencies, 0.99)),
    "added p99 ms": Math.round(percentile(latencies, 0.99) - percentile(usual, 0.99)),
  };
}

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;
}
