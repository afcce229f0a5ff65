/**
 * Who a caller is by name, and how much of its limits is used: what routing rules may ask. Hides that names are read
 * from the labels of the scopes that a key draws on, so one that no scope has is not known here.
 */
import { budgetCells, limitCells, scopeCell, scopeHeadCells } from "./cells.ts";
import { createPeek } from "./peek.ts";
import type { Tables } from "./tables.ts";

export type CallerFacts = {
  /** By kind of scope: `key`, `user`, `team`, `customer`. */
  names(scopes: readonly number[]): Readonly<Record<string, string>>;
  /** Percent of the fullest budget, token limit and request limit. */
  usage(
    scopes: readonly number[],
    nowMs: number,
  ): {
    readonly budget: number;
    readonly tokens: number;
    readonly requests: number;
  };
};

export function createCallerFacts(tables: Tables): CallerFacts {
  const { cells, cellBytes, scopeRows } = tables;
  const peek = createPeek(tables);

  function labelOf(scope: number): string {
    const block = scopeRows[scope]!;
    if (!(block > 0)) return "";
    const rows = cells[block + scopeCell.budgets]! * budgetCells + cells[block + scopeCell.limits]! * limitCells;
    const start = (block + scopeHeadCells + rows) * 8;
    // A copy, since a decoder takes no shared memory.
    return decoder.decode(cellBytes.slice(start, start + cells[block + scopeCell.labelBytes]!));
  }

  function names(scopes: readonly number[]): Readonly<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const scope of scopes) {
      const [, kind, name] = /^(\w+) "(.*)"$/.exec(labelOf(scope)) ?? [];
      if (kind !== undefined && name !== undefined) found[kind] ??= name;
    }
    return found;
  }

  function usage(scopes: readonly number[], nowMs: number) {
    const fullest = { budget: 0, tokens: 0, requests: 0 };
    for (const scope of scopes) {
      const state = peek(scope, nowMs);
      for (const { spentNano, limitNano } of state?.budgets ?? [])
        fullest.budget = Math.max(fullest.budget, percent(spentNano + state!.heldNano, limitNano));
      for (const { metric, used, limit } of state?.limits ?? []) {
        if (metric === "tokens") fullest.tokens = Math.max(fullest.tokens, percent(used, limit));
        else if (metric === "requests") fullest.requests = Math.max(fullest.requests, percent(used, limit));
      }
    }
    return fullest;
  }

  return { names, usage };
}

const decoder = new TextDecoder();

function percent(used: number, limit: number): number {
  return limit === 0 ? 100 : (100 * used) / limit;
}
