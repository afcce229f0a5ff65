/** Conditions of alert rules, in CEL: which names each subject has, and that a condition is checked before it is used. */
import { Environment } from "@marcbachmann/cel-js/evaluator";
import type { AlertRuleData } from "../../config/telemetry-data.ts";

export type Subject = AlertRuleData["on"];
export type Facts = Readonly<Record<string, number | string | boolean>>;

/** What a condition can ask of each subject. docs/alerts.md is held against it. Numbers are doubles. */
export const factTypes = {
  traffic: {
    subject: "string",
    requests: "double",
    errors: "double",
    error_rate: "double",
    tokens: "double",
    cost: "double",
    latency_mean: "double",
    latency_p50: "double",
    latency_p95: "double",
    latency_p99: "double",
    ttft_p50: "double",
    ttft_p99: "double",
    overhead_mean: "double",
  },
  budget: {
    subject: "string",
    kind: "string",
    used: "double",
    spent: "double",
    held: "double",
    limit: "double",
    remaining: "double",
    resets_in_hours: "double",
  },
  credential: {
    subject: "string",
    provider: "string",
    up: "bool",
    requests: "double",
    errors: "double",
    error_rate: "double",
  },
  daemon: {
    subject: "string",
    store_up: "bool",
    log_up: "bool",
    commit_lag_ms: "double",
    dropped: "double",
    in_flight: "double",
    holds_open: "double",
    memory_mb: "double",
  },
} as const satisfies Readonly<Record<Subject, Readonly<Record<string, string>>>>;

export type AlertCondition = (facts: Facts) => boolean;

const limits = { maxAstNodes: 200, maxDepth: 16, maxListElements: 100, maxMapEntries: 20, maxCallArguments: 8 };

/** Throws an Error that says what is wrong. */
export function compileAlert(on: Subject, when: string): AlertCondition {
  const environment = Object.entries(factTypes[on]).reduce(
    (made, [name, type]) => made.registerVariable(name, type),
    new Environment({ limits }),
  );
  // The library's own `matches` backtracks, and walks multiply; neither is of use in a sum.
  const refused = /\.\s*(matches|map|filter|all|exists|exists_one)\s*\(/.exec(when);
  if (refused !== null) throw new Error(`${refused[1]}() is not for alerts`);
  const parsed = environment.parse(when);
  const { valid, type, error } = parsed.check();
  if (!valid) throw new Error(firstLine(error));
  if (String(type) !== "bool") throw new Error(`says ${String(type)}, but a condition is true or false`);
  return (facts) => parsed(facts) === true;
}

/** What is wrong with a condition; undefined: nothing. */
export function checkAlert(on: Subject, when: string): string | undefined {
  try {
    compileAlert(on, when);
    return undefined;
  } catch (error) {
    return `is no condition on ${on}: ${firstLine(error)}`;
  }
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split("\n")[0]!;
}
