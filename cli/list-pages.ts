/** Lists that come in pages: only what is shown is asked for. */
import type { Client } from "./client.ts";
import type { Context } from "./command.ts";

type Page = { readonly total_count: number; readonly next: string | null };
export type Listed<Row> = { readonly rows: readonly Row[]; readonly total: number };

/** Rows of a list when nobody says how many. */
export const rowsDefault = 1_000;
const pageRows = 1_000;

export async function readPages<Row, Answer extends Page>(
  client: Client,
  path: string,
  limit: number,
  query: Readonly<Record<string, string | boolean | undefined>>,
  rowsOf: (answer: Answer) => readonly Row[],
): Promise<Listed<Row>> {
  const rows: Row[] = [];
  let after: string | undefined;
  let total = 0;
  do {
    const wanted = Math.min(pageRows, limit - rows.length);
    const answer = await client.call<Answer>("GET", path, { query: { ...query, limit: wanted, after } });
    rows.push(...rowsOf(answer));
    total = answer.total_count;
    after = answer.next ?? undefined;
  } while (after !== undefined && rows.length < limit);
  return { rows, total };
}

/** On standard error, since it is no data: a list must not pass for whole that is not. */
export function sayRest({ rows, total }: Listed<unknown>, { terminal }: Context): void {
  if (total > rows.length) terminal.err(`${rows.length} of ${total}; see --limit and --search for the others.\n`);
}
