/** What a provider billed beside what the log has, by day and model. Hides when two names mean one model. */
import type { Billed } from "./read-export.ts";

export type Ours = {
  readonly day: string;
  readonly model: string;
  readonly nano: number;
  readonly requests: number;
  /** Requests that have no cost here: a difference is theirs. */
  readonly unpriced: number;
};

export type Line = {
  readonly day: string;
  /** As we name it; as they do where we have none. */
  readonly model: string;
  readonly theirs_nano: number;
  readonly ours_nano: number;
  readonly difference_nano: number;
  readonly requests: number;
  readonly unpriced: number;
  /** Of the difference, what neither the tolerance nor unpriced requests explain. */
  readonly unexplained_nano: number;
};

export type Comparison = {
  readonly lines: readonly Line[];
  readonly theirs_nano: number;
  readonly ours_nano: number;
  readonly difference_nano: number;
  readonly unexplained_nano: number;
};

/** A cent: what invoices are rounded to. */
const roundingNano = 10_000_000;

/** @param tolerance a share: 0.01 */
export function compare(
  theirs: readonly Billed[],
  ours: readonly Ours[],
  tolerance: number,
  synonyms: ReadonlyMap<string, string>,
): Comparison {
  const lines = new Map<
    string,
    { day: string; model: string; theirs: number; ours: number; requests: number; unpriced: number }
  >();
  const lineOf = (day: string, model: string) => {
    const name = `${day} ${bareName(model)}`;
    const found = lines.get(name) ?? { day, model, theirs: 0, ours: 0, requests: 0, unpriced: 0 };
    lines.set(name, found);
    return found;
  };
  for (const { day, model, nano, requests, unpriced } of ours) {
    const line = lineOf(day, model);
    line.ours += nano;
    line.requests += requests;
    line.unpriced += unpriced;
  }
  for (const { day, model, nano } of theirs) lineOf(day, synonyms.get(model) ?? model).theirs += nano;
  const all = [...lines.values()]
    .filter((line) => line.theirs !== 0 || line.ours !== 0 || line.unpriced !== 0)
    .toSorted((a, b) => (a.day === b.day ? compareText(a.model, b.model) : compareText(a.day, b.day)))
    .map(({ day, model, theirs: billed, ours: counted, requests, unpriced }): Line => {
      const difference = billed - counted;
      const isWithin = Math.abs(difference) <= Math.max(roundingNano, Math.abs(billed) * tolerance);
      const isExplained = isWithin || (unpriced > 0 && difference > 0);
      return {
        ...{ day, model, theirs_nano: billed, ours_nano: counted, difference_nano: difference, requests, unpriced },
        unexplained_nano: isExplained ? 0 : difference,
      };
    });
  const sum = (of: (line: Line) => number): number => all.reduce((total, line) => total + of(line), 0);
  return {
    lines: all,
    theirs_nano: sum((line) => line.theirs_nano),
    ours_nano: sum((line) => line.ours_nano),
    difference_nano: sum((line) => line.difference_nano),
    unexplained_nano: sum((line) => line.unexplained_nano),
  };
}

function compareText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** `Claude Sonnet 4.5`, `claude-sonnet-4-5-20250929` and `claude-sonnet-4-5` are one. */
export function bareName(model: string): string {
  const joined = model
    .trim()
    .toLowerCase()
    .replace(/[\s._]+/g, "-");
  return joined.replace(/-(?:20\d{6}|20\d\d-\d\d-\d\d)$/, "").replace(/-latest$/, "");
}
