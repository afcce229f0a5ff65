/** How hard a model shall think, between dialects that name a level and those that give a budget in tokens. */
import type { Request } from "../exchange.ts";
import { lookup } from "../json.ts";

/** Budgets in tokens, as the effort they come nearest to: the next level's budget is above what was asked. */
const levels: readonly (readonly [least: number, effort: string])[] = [
  [16_384, "high"],
  [4_096, "medium"],
  [0, "low"],
];

export function effortOfBudget(budgetTokens: number): string {
  return levels.find(([least]) => budgetTokens >= least)?.[1] ?? "low";
}

const budgets: Readonly<Record<string, number>> = {
  minimal: 1_024,
  low: 2_048,
  medium: 8_192,
  high: 16_384,
  xhigh: 32_768,
  max: 32_768,
};

/** Undefined for a level that nobody here has heard of. */
export function budgetOfEffort(effort: string): number | undefined {
  return lookup(budgets, effort);
}

type Named = Pick<Request, "model" | "knownAs">;

/** OpenAI's models that can be told not to, by name: `none` is an effort of theirs. Their chat and coding models are not meant. */
export function takesNoEffort({ model, knownAs = model }: Named): boolean {
  return /(^|\/)gpt-5\.[1-9]\d*(-(mini|nano))?(-20\d\d|$)/.test(knownAs);
}

/** OpenAI's models that reason, by name: others refuse every word about it. */
export function isReasoningModel({ model, knownAs = model }: Named): boolean {
  return /(^|\/)(o\d|gpt-[5-9]|codex|gpt-oss)/.test(knownAs);
}

/** Those of them that refuse `max_tokens`. Who serves OpenAI's open models may know nothing else. */
export function refusesMaxTokens({ model, knownAs = model }: Named): boolean {
  return /(^|\/)(o\d|gpt-[5-9]|codex)/.test(knownAs);
}
