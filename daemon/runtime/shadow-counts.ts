/** What shadow budgets and limits would have refused, for metrics. Hides that which scopes have any is looked up again only after a change. */
import type { Peek, ScopeState } from "../governance/peek.ts";
import type { Database } from "../store/database.ts";
import { readChange } from "../store/definitions.ts";

/** Kind and name of the scope, and which of its limits: `budget 0`, `requests per 60s`. */
export type ShadowCount = readonly [readonly [kind: string, name: string, limit: string], number];

type Row = { readonly id: number; readonly kind: string; readonly name: string };

/** Trials are few; whoever tries more sees these alone here. What requests named is nobody's label. */
const scopesMax = 1_000;
const shadowed = `SELECT id, kind, name FROM scopes WHERE deleted_at IS NULL AND source <> 'runtime' AND id IN (
  SELECT scope_id FROM budgets WHERE shadow = 1 UNION SELECT scope_id FROM limits WHERE shadow = 1) ORDER BY id LIMIT ?`;

export function createShadowCounts(
  database: () => Database,
  peek: Peek,
  now: () => number,
): () => readonly ShadowCount[] {
  let rows: readonly Row[] = [];
  let change = -1;
  return () => {
    const changed = readChange(database());
    if (changed !== change) rows = database().prepare(shadowed).all(scopesMax) as Row[];
    change = changed;
    return rows.flatMap((row) => countsOf(row, peek(row.id, now())));
  };
}

function countsOf({ kind, name }: Row, state: ScopeState | undefined): readonly ShadowCount[] {
  const { budgets = [], limits = [] } = state ?? {};
  const count = (limit: string, wouldRefuse: number | undefined): ShadowCount[] =>
    wouldRefuse === undefined ? [] : [[[kind, name, limit], wouldRefuse]];
  return [
    ...budgets.flatMap(({ slot, wouldRefuse }) => count(`budget ${slot}`, wouldRefuse)),
    ...limits.flatMap(({ metric, windowMs, wouldRefuse }) => count(`${metric} per ${windowMs / 1_000}s`, wouldRefuse)),
  ];
}
