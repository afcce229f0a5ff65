/**
 * Judges the rules now and then, remembers what holds, and says what is to be told. Hides cooldown, and that what no
 * longer holds is told once, if it was told that it did.
 */
import type { AlertFiring } from "../../admin/contract/alerts.ts";
import type { AlertRuleData } from "../../config/telemetry-data.ts";
import { type AlertCondition, compileAlert, type Facts } from "./conditions.ts";
import type { Remembered } from "./memory.ts";

/** Something that a rule is judged for: a key, a provider, a budget. */
export type Judged = { readonly subject: string; readonly name: string | null; readonly facts: Facts };

export type Notice = {
  readonly kind: "firing" | "resolved" | "test";
  readonly rule: string;
  readonly severity: AlertRuleData["severity"];
  readonly subject: string;
  readonly name: string | null;
  readonly summary: string;
  readonly sinceMs: number;
  readonly atMs: number;
  readonly facts: Facts;
};

export type RuleState = {
  readonly rule: AlertRuleData;
  readonly firing: readonly AlertFiring[];
  readonly evaluatedAtMs: number | null;
  readonly error: string | null;
};

export type AlertEngine = {
  /** @param read gives what a rule is judged for */
  evaluate(nowMs: number, read: (rule: AlertRuleData) => Promise<readonly Judged[]>): Promise<void>;
  states(): readonly RuleState[];
  /** For an engine that comes after this one. */
  remembered(): readonly Remembered[];
};

/** Subjects of one rule that can hold at once; with more, the rest is told when some have passed. */
const firingMax = 1_000;
/** New ones of one rule that are told in one round. */
const noticesPerRound = 20;

type Firing = {
  since: number;
  lastSent: number | undefined;
  summary: string;
  name: string | null;
  /** Remembered, and not judged since: nobody knows yet whether it is over. */
  unjudged?: boolean;
};
type Held = {
  readonly rule: AlertRuleData;
  readonly condition: AlertCondition | undefined;
  readonly firing: Map<string, Firing>;
  evaluatedAt: number | null;
  error: string | null;
};

export function createAlertEngine(
  rules: readonly AlertRuleData[],
  tell: (rule: AlertRuleData, notice: Notice) => void,
  before: readonly Remembered[] = [],
): AlertEngine {
  const held = rules.map((rule): Held => {
    const state = { rule, firing: recalled(rule, before), evaluatedAt: null };
    try {
      return { ...state, condition: compileAlert(rule.on, rule.when), error: null };
    } catch (error) {
      return { ...state, condition: undefined, error: String(error) };
    }
  });

  async function evaluate(nowMs: number, read: (rule: AlertRuleData) => Promise<readonly Judged[]>): Promise<void> {
    for (const state of held) {
      if (state.condition === undefined) continue;
      try {
        judge(state, state.condition, await read(state.rule), nowMs);
        state.error = null;
      } catch (error) {
        // What cannot be judged is left as it was: a database that is away is no reason to say that all is well.
        state.error = error instanceof Error ? error.message : String(error);
      }
      state.evaluatedAt = nowMs;
    }
  }

  function judge(state: Held, condition: AlertCondition, all: readonly Judged[], nowMs: number): void {
    const { rule, firing } = state;
    const holding = new Set<string>();
    let told = 0;
    for (const { subject, name, facts } of all) {
      if (!condition(facts)) continue;
      holding.add(subject);
      const summary = summarise(rule, name ?? subject, facts);
      let known = firing.get(subject);
      if (known === undefined) {
        if (firing.size >= firingMax) continue;
        known = { since: nowMs, lastSent: undefined, summary, name };
        firing.set(subject, known);
      }
      known.summary = summary;
      delete known.unjudged;
      if (known.lastSent !== undefined && nowMs - known.lastSent < rule.cooldownMs) continue;
      if (++told > noticesPerRound) continue;
      known.lastSent = nowMs;
      tell(rule, notice("firing", rule, subject, known, nowMs, facts));
    }
    for (const [subject, known] of firing) {
      if (holding.has(subject)) continue;
      // What is kept in memory alone has nothing to judge after a start: it is forgotten in time, and nothing is told.
      if (known.unjudged && !all.some((judged) => judged.subject === subject)) {
        if (nowMs - (known.lastSent ?? known.since) >= rule.cooldownMs) firing.delete(subject);
        continue;
      }
      firing.delete(subject);
      if (rule.resolved && known.lastSent !== undefined)
        tell(rule, notice("resolved", rule, subject, known, nowMs, {}));
    }
  }

  return {
    evaluate,
    remembered: () =>
      held.flatMap(({ rule, firing }) =>
        [...firing].map(([subject, { name, since, lastSent, summary }]) => ({
          ...{ rule: rule.name, condition: conditionOf(rule), subject, name, summary, since },
          lastSent: lastSent ?? null,
        })),
      ),
    states: () =>
      held.map(({ rule, firing, evaluatedAt, error }) => ({
        ...{ rule, evaluatedAtMs: evaluatedAt, error },
        firing: [...firing].map(([subject, { name, since, lastSent, summary }]) => ({
          ...{ subject, name, since_ms: since, last_sent_at_ms: lastSent ?? null, summary },
        })),
      })),
  };
}

function recalled(rule: AlertRuleData, before: readonly Remembered[]): Map<string, Firing> {
  const own = before.filter((each) => each.rule === rule.name && each.condition === conditionOf(rule));
  return new Map(
    own
      .slice(0, firingMax)
      .map(({ subject, name, since, lastSent, summary }) => [
        subject,
        { name, since, summary, lastSent: lastSent ?? undefined, unjudged: true },
      ]),
  );
}

function conditionOf({ on, by, windowMs, when }: AlertRuleData): string {
  return JSON.stringify([on, by, windowMs, when]);
}

function notice(
  kind: "firing" | "resolved",
  rule: AlertRuleData,
  subject: string,
  { name, since, summary }: Firing,
  nowMs: number,
  facts: Facts,
): Notice {
  const words = kind === "firing" ? summary : `${rule.name}: ${name ?? subject} is all right again`;
  const { name: ruleName, severity } = rule;
  return { kind, rule: ruleName, severity, subject, name, summary: words, sinceMs: since, atMs: nowMs, facts };
}

/** The numbers that the condition names. */
function summarise(rule: AlertRuleData, name: string, facts: Facts): string {
  const named = Object.entries(facts).filter(
    ([fact, value]) => typeof value !== "string" && new RegExp(`\\b${fact}\\b`).test(rule.when),
  );
  const values = named.map(([fact, value]) => `${fact} ${typeof value === "number" ? tidy(value) : value}`);
  return `${rule.name}: ${name}${values.length === 0 ? "" : ` (${values.join(", ")})`}`;
}

function tidy(value: number): string {
  return String(Number(value.toPrecision(4)));
}
