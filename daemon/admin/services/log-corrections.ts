/** What batches and films came to. Hides that it stands in the trail, by the hold that it corrects, and not in the log. */
import type { ChargeCorrection, LogRow } from "../contract/logs.ts";
import type { StoreAccess } from "./store-access.ts";

const corrections =
  "SELECT batch_charges.hold_id AS id, record FROM batch_charges JOIN records ON records.seq = corrected_seq WHERE batch_charges.hold_id";

type Found = { readonly id: string; readonly record: string };
type Said = Readonly<
  Record<"from" | "to" | "served" | "results" | "input" | "output", number> & { route: ChargeCorrection["of"] }
>;

export function findCorrection(access: StoreAccess, id: string): ChargeCorrection | null {
  const found = access.database().prepare(`${corrections} = ?`).get(id) as Found | undefined;
  if (found === undefined) return null;
  const said = JSON.parse(found.record) as Said;
  return {
    of: said.route,
    ...{ from_nano: said.from, to_nano: said.to, served: said.served, results: said.results },
    ...{ tokens_in: said.input, tokens_out: said.output },
  };
}

/** Costs nothing where no row is of a batch or a film. */
export function corrected(access: StoreAccess, rows: readonly LogRow[]): readonly LogRow[] {
  const ids = rows.filter(({ corrected_nano: nano }) => nano === null).map(({ id }) => id);
  if (ids.length === 0) return rows;
  const found = access
    .database()
    .prepare(`${corrections} IN (SELECT value FROM json_each(?))`)
    .all(JSON.stringify(ids)) as Found[];
  const came = new Map(found.map(({ id, record }) => [id, (JSON.parse(record) as Said).to]));
  return rows.map((row) => (came.has(row.id) ? { ...row, corrected_nano: came.get(row.id) } : row));
}
