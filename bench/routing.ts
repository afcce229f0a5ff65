/**
 * What a decision costs, and what the state of many targets weighs: `npm run bench:routing`. CPU of this thread alone,
 * median of rounds; the plain look-up beside it is what a config without a choice pays.
 */
import { rowWords } from "../daemon/routing/health-table.ts";
import { plainPlan } from "../daemon/routing/planner.ts";
import { Trip } from "../daemon/routing/trip.ts";
import { key, provider, type RoutingLab, routingLab } from "../test/support/routing-lab.ts";
import { median } from "./statistics.ts";

const targets = 20;
const rules = 20;
const rounds = 15;
const decisions = 20_000;
const stateTargets = 1_000;

const names = Array.from({ length: targets }, (_, index) => `p${index}`);
/** As a client sends them; read and parsed by the stage before. */
const headers = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`x-header-${index}`, "value"]));
headers["x-tier"] = "silver";

/** Of each kind that configs have; none holds, so that all twenty are asked. */
const conditions = [
  (index: number) => `model == "other${index}" || model.startsWith("gpt-${index}")`,
  (index: number) => `"x-tier" in headers && headers["x-tier"] == "gold${index}"`,
  (index: number) => `tokens > ${1_000_000 + index} && !has_tools`,
  (index: number) => `team == "team${index}" && budget_used > 80.0`,
  (index: number) => `has(params.temperature) && params.temperature > ${index + 2}.5`,
  (index: number) => `model.matches("^claude-[0-9]+-${index}$") || (stream && hour > 30)`,
];
const group = (strategy: string) => ({
  providers: Object.fromEntries(names.map((name) => [name, provider(key)])),
  groups: { g: { targets: names.map((name) => `${name}/m`), strategy } },
  routing: {
    rules: Array.from({ length: rules }, (_, index) => ({
      name: `r${index}`,
      when: conditions[index % conditions.length]!(index),
      targets: [`p${index}/m`],
    })),
  },
});

for (const strategy of ["weighted", "adaptive", "lowest_latency", "price_weighted"]) {
  const lab = await routingLab(group(strategy));
  for (const name of names) lab.routing.outcomes.timed(lab.row(`${name}/m`), lab.nowMs, true, 100, 5);
  print(
    `decision_us_${strategy}`,
    cpuOf(() => decide(lab, "g")),
  );
}
/** Rules of one kind each, and what they come to: an error is asked for as often as an answer. */
const kinds: Readonly<Record<string, (index: number) => string>> = {
  all_rules_fail: (index) => `headers["x-absent"] == "${index}"`,
  all_rules_fail_typed: (index) => `params.temperature > "${index}"`,
  all_rules_walk: (index) => `["a", "b", "c", "d${index}"].exists(start, model.startsWith(start))`,
  all_rules_match: (index) => `model.matches("^claude-[0-9]+-${index}$")`,
  all_rules_look_up: (index) => `model in ["a", "b", "c", "d", "e", "f${index}"] || "x-${index}" in headers`,
  all_rules_fail_arithmetic: (index) => `tokens / 0 == ${index}`,
  all_rules_fail_dates: (index) =>
    `now - duration(headers["x-tier"]) > timestamp("2026-01-0${(index % 9) + 1}T00:00:00Z")`,
  all_rules_zones: (index) => `now.getHours("Europe/Berlin") > ${24 + index}`,
  all_rules_fail_bytes: (index) => `bytes(headers["x-tier"]).at(${9 + index}) == 1`,
  all_rules_fail_lists: (index) => `[model, headers["x-absent"], "${index}"] == ["a"]`,
  all_rules_fail_walks: (index) => `params.absent.filter(m, m != "${index}").size() > 0`,
  all_rules_make: (index) => `["a", model].map(m, m + "x").join("-") == "${index}"`,
};
for (const [kind, when] of Object.entries(kinds)) {
  const config = group("weighted");
  const lab = await routingLab({
    ...config,
    routing: { rules: config.routing.rules.map((rule, index) => ({ ...rule, when: when(index) })) },
  });
  print(
    `decision_us_${kind}`,
    cpuOf(() => decide(lab, "g")),
  );
}
const plain = await routingLab({ providers: { p: provider(key) } });
decide(plain, "p/m");
print(
  "decision_us_plain",
  cpuOf(() => {
    new Trip(plainPlan(plain.generation, "p/m", undefined)!, plain.routing).begin(plain.nowMs);
  }),
);
print("state_mb_1000_targets", (stateTargets * rowWords * 4) / 1e6);

function decide(lab: RoutingLab, model: string): void {
  const asked = { model, headers: () => headers, params: () => ({ temperature: 0.7, max_tokens: 100 }) };
  new Trip(lab.plan(asked), lab.routing).begin(lab.nowMs);
}

function cpuOf(step: () => void): number {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    for (let index = 0; index < decisions; index++) step();
    const { user, system } = process.cpuUsage(before);
    times.push((user + system) / decisions);
  }
  return median(times)!;
}

function print(name: string, value: number): void {
  console.log(`${name} ${value.toFixed(3)}`);
}
