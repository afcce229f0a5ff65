/** Lists that are longer than a screen loads. Hides that what the filter names is asked for as well, wherever it stands. */
import { soughtName } from "../filter.ts";

export type Listed<Row> = { readonly rows: readonly Row[]; readonly total: number | undefined; readonly more: boolean };

/** The first page, and where there are more, those beyond it with the filter's word in their name or id. */
export async function withSought<Row extends { readonly id: string }>(
  filter: string,
  ask: (search: string | undefined) => Promise<Listed<Row>>,
): Promise<Listed<Row>> {
  const first = await ask(undefined);
  const search = first.more ? soughtName(filter) : undefined;
  if (search === undefined) return first;
  const known = new Set(first.rows.map(({ id }) => id));
  const found = (await ask(search)).rows.filter(({ id }) => !known.has(id));
  return { ...first, rows: [...first.rows, ...found] };
}
