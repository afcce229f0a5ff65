/**
 * The rules of a generation, ready to be asked: the nearest scope first, then by priority, the first that holds
 * decides. Hides that an error in a rule passes it over and is counted, and how rules are chained.
 */
import type { RuleData, RuleScope } from "../config/routing-data.ts";
import type { Failure } from "./condition-value.ts";
import type { Facts } from "./facts.ts";
import type { Generation } from "./generation.ts";
import { type HealthTable, healthWord } from "./health-table.ts";
import { type Stage, stageOf, stagesFor } from "./resolve.ts";
import type { Condition } from "./rule-engine.ts";

export type Rule = {
  readonly name: string;
  readonly scope: RuleScope;
  readonly condition: Condition | undefined;
  readonly chain: boolean;
  /** What it chooses; undefined: what would be chosen anyway. */
  readonly stage: Stage | undefined;
  readonly fallbacks: readonly Stage[] | undefined;
  /** Where it is counted, once it has been: a look-up by name costs more than a condition. */
  counter: { readonly table: HealthTable; readonly row: number } | undefined;
};

export type Rules = { readonly list: readonly Rule[]; readonly chainMax: number };

export type Verdict = {
  /** Those that held, in order. */
  readonly rules: readonly Rule[];
  readonly stage: Stage | undefined;
  readonly fallbacks: readonly Stage[] | undefined;
  /** Those that could not be evaluated, and why. */
  readonly errors: readonly { readonly rule: string; readonly failure: Failure }[];
};

const nearest: Readonly<Record<RuleScope["kind"], number>> = { key: 0, user: 1, team: 2, customer: 3, global: 4 };

/** @param compile absent where no rule has a condition */
export function compileRules(
  generation: Generation,
  compile: ((when: string) => Condition) | undefined,
): Rules | undefined {
  const { rules, chainMax } = generation.data.routing;
  if (rules.length === 0) return undefined;
  const list = rules
    .toSorted((a, b) => nearest[a.scope.kind] - nearest[b.scope.kind] || a.priority - b.priority)
    .map((rule) => compileRule(generation, rule, compile));
  return { list, chainMax };
}

function compileRule(generation: Generation, data: RuleData, compile: ((when: string) => Condition) | undefined): Rule {
  if (data.when !== "" && compile === undefined) throw new Error("the rule engine was not loaded");
  return {
    name: data.name,
    scope: data.scope,
    condition: data.when === "" ? undefined : compile!(data.when),
    chain: data.chain,
    stage: data.targets.length === 0 ? undefined : stageOf(generation, data.targets, data.strategy),
    fallbacks: data.fallbacks === undefined ? undefined : stagesFor(generation, data.fallbacks),
    counter: undefined,
  };
}

export function applyRules({ list, chainMax }: Rules, facts: Facts, table: HealthTable | undefined): Verdict {
  const held: Rule[] = [];
  const errors: { rule: string; failure: Failure }[] = [];
  let stage: Stage | undefined;
  let fallbacks: readonly Stage[] | undefined;
  for (let depth = 0; depth < chainMax; depth++) {
    const rule = firstThatHolds(list, facts, held, errors, table);
    if (rule === undefined) break;
    held.push(rule);
    stage = rule.stage ?? stage;
    fallbacks = rule.fallbacks ?? fallbacks;
    if (!rule.chain) break;
    const target = stage?.hops[0]?.target;
    if (target === undefined) continue;
    facts.moveTo(target.model, target.provider.name);
  }
  return { rules: held, stage, fallbacks, errors };
}

/** A rule that has held once is not asked again: chains have no circles. */
function firstThatHolds(
  list: readonly Rule[],
  facts: Facts,
  held: readonly Rule[],
  errors: { rule: string; failure: Failure }[],
  table: HealthTable | undefined,
): Rule | undefined {
  for (let index = 0; index < list.length; index++) {
    const rule = list[index]!;
    const { scope } = rule;
    if (scope.kind !== "global" && !facts.isOf(scope.kind, scope.name)) continue;
    if (held.length > 0 && held.includes(rule)) continue;
    if (rule.condition === undefined) return counted(rule, table, healthWord.requests);
    const answer = rule.condition.test(facts);
    if (answer === true) return counted(rule, table, healthWord.requests);
    if (answer !== false) {
      counted(rule, table, healthWord.failures);
      errors.push({ rule: rule.name, failure: answer });
    }
  }
  return undefined;
}

/** Rules have rows of their own in the health table, where the main thread reads how often each held or failed. */
function counted(rule: Rule, table: HealthTable | undefined, word: number): Rule {
  if (table === undefined) return rule;
  if (rule.counter?.table !== table) rule.counter = { table, row: table.find(ruleRow(rule.name)) };
  const { row } = rule.counter;
  if (row !== 0) Atomics.add(table.words, row + word, 1);
  return rule;
}

export const rulePrefix = "rule:";

export function ruleRow(name: string): string {
  return rulePrefix + name;
}
