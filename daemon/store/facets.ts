/**
 * The values that sums are kept by, each with a number. Hides the look-up, and that a flood of new values (models that
 * do not exist, a user for every request) ends up under one name instead of filling the disk.
 */
import type { Database, Statement } from "./database.ts";

/** Characters of a value that are told apart. */
export const facetCharactersMax = 200;
/** New values of one dimension in a day; further ones count as `(other)`. */
export const newFacetsPerDayMax = 20_000;
export const otherFacet = "(other)";

const dayMs = 86_400_000;
/** When a value was last seen is written down this coarsely. */
const seenMs = 60_000;
/** Values kept in memory; at the bound the memory begins anew. */
const knownMax = 50_000;

export type Facets = {
  /** The number of a value that was seen at this time. In the writer's transaction. */
  number(dimension: number, value: string, at: number): number;
  /** After a transaction that did not commit. */
  forget(): void;
};

export function openFacets(database: Database, now: () => number, newPerDayMax = newFacetsPerDayMax): Facets {
  const find: Statement = database.prepare("SELECT id, last_at FROM facets WHERE dimension = ? AND value = ?");
  const insert: Statement = database.prepare(
    "INSERT INTO facets (dimension, value, last_at) VALUES (?, ?, ?) RETURNING id",
  );
  const see: Statement = database.prepare("UPDATE facets SET last_at = ? WHERE id = ? AND last_at < ?");
  type Known = { readonly id: number; lastAt: number };
  const known = new Map<string, Known>();
  const made = new Map<number, number>();
  let day = 0;

  function number(dimension: number, given: string, at: number): number {
    const value = given.length > facetCharactersMax ? given.slice(0, facetCharactersMax) : given;
    const name = `${dimension}|${value}`;
    let facet = known.get(name) ?? look(dimension, value, name);
    facet ??= mayMake(dimension) || value === otherFacet ? make(dimension, value, at, name) : undefined;
    if (facet === undefined) return number(dimension, otherFacet, at);
    if (at - facet.lastAt >= seenMs) {
      facet.lastAt = at;
      see.run(at, facet.id, at);
    }
    return facet.id;
  }

  function look(dimension: number, value: string, name: string): Known | undefined {
    const row = find.get(dimension, value) as { id: number; last_at: number } | undefined;
    return row === undefined ? undefined : remember(name, { id: row.id, lastAt: row.last_at });
  }

  function make(dimension: number, value: string, at: number, name: string): Known {
    made.set(dimension, (made.get(dimension) ?? 0) + 1);
    const { id } = insert.get(dimension, value, at) as { id: number };
    return remember(name, { id, lastAt: at });
  }

  function remember(name: string, facet: Known): Known {
    if (known.size >= knownMax) known.clear();
    known.set(name, facet);
    return facet;
  }

  function mayMake(dimension: number): boolean {
    const today = Math.floor(now() / dayMs);
    if (today !== day) made.clear();
    day = today;
    return (made.get(dimension) ?? 0) < newPerDayMax;
  }

  return { number, forget: () => known.clear() };
}
