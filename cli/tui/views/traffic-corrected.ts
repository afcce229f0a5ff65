/** What batches and films came to, of rows that are shown. Hides that a row of the feed never changes, and who asks again. */
import type { LogRow, LogsAnswer } from "../../../daemon/admin/contract/logs.ts";
import { money } from "../draw/format.ts";
import type { Span } from "../draw/line.ts";
import type { Source } from "../source.ts";

export type Corrections = { readonly at: number; readonly costs: ReadonlyMap<string, number> };

export const noCorrections: Corrections = { at: 0, costs: new Map() };
const everyMs = 5_000;
/** Asked for at once, the newest. */
const askedMax = 50;

/** Now and then, and only where something is not told yet. */
export async function corrections(
  source: Source,
  rows: readonly LogRow[],
  before: Corrections,
  now: number,
): Promise<Corrections> {
  if (now - before.at < everyMs) return before;
  const { costs } = before;
  const open = rows.filter(({ id, corrected_nano: nano }) => nano === null && !costs.has(id)).slice(0, askedMax);
  if (open.length === 0) return { at: now, costs };
  const query = { id: open.map(({ id }) => id), limit: askedMax };
  const answer = await source.get<LogsAnswer>("/api/logs", query).catch(() => undefined);
  const told = (answer?.rows ?? []).flatMap(({ id, corrected_nano: nano }) =>
    typeof nano === "number" ? [[id, nano] as const] : [],
  );
  return { at: now, costs: told.length === 0 ? costs : new Map([...costs, ...told]) };
}

/** The same list where none of it was corrected. */
export function withCorrections<Row extends LogRow>(rows: readonly Row[], { costs }: Corrections): readonly Row[] {
  if (costs.size === 0) return rows;
  return rows.map((row) => (costs.has(row.id) ? { ...row, corrected_nano: costs.get(row.id) } : row));
}

/** What it is charged, as far as that is known by now. */
export function charged({ cost_nano: cost, corrected_nano: came }: LogRow): number | null {
  return came ?? cost;
}

/** Nothing for what is neither a batch nor a film. */
export function correctionNote({ cost_nano: cost, corrected_nano: came }: LogRow): Span {
  if (came === undefined) return ["", "plain"];
  return came === null ? ["until its end is told", "dim"] : [`was ${money(cost)}`, "warn"];
}
