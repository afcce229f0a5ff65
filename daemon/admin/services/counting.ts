/** How many rows a list has in all. Hides that they are counted again only after keys or owners changed: a client that reads page after page of 100,000 keys must not have them all counted with each. */
import type { Database } from "../../store/database.ts";
import { readChange } from "../../store/definitions.ts";

const rememberedMax = 64;

export function createCounting(database: () => Database): (sql: string, values: readonly unknown[]) => number {
  const counts = new Map<string, number>();
  let countedAt = -1;
  return (sql, values) => {
    const change = readChange(database());
    if (change !== countedAt || counts.size > rememberedMax) counts.clear();
    countedAt = change;
    const name = JSON.stringify([sql, values]);
    let count = counts.get(name);
    if (count === undefined) {
      count = database()
        .prepare(sql)
        .pluck()
        .get(...values) as number;
      counts.set(name, count);
    }
    return count;
  };
}
