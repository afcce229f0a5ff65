/**
 * What requests should have cost more, or less, whose rows have not come yet: kept until they do, so that the sums have
 * it. Hides that most are never awaited, since a row is written milliseconds after its answer.
 */
import { type Columns, valueAt } from "./columns.ts";
import type { Database } from "./database.ts";
import { costGroup, type Group } from "./rollup-groups.ts";
import { requestColumn } from "./rows.ts";

/** A row that has not come by then has gone, or never will. */
const awaitedMsMax = 3_600_000;

export type AwaitedCosts = {
  /** As the disk has it. */
  load(): void;
  keep(id: string, nano: number, nowMs: number): void;
  /** What rows that are being written bring with them. */
  take(rows: Columns): readonly Group[];
  prune(nowMs: number): void;
};

export function openAwaitedCosts(database: Database): AwaitedCosts {
  const costs = new Map<string, number>();
  const write = database.prepare(
    "INSERT INTO awaited VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET nano = nano + excluded.nano",
  );
  const remove = database.prepare("DELETE FROM awaited WHERE id = ?");
  const forget = database.prepare("DELETE FROM awaited WHERE since < ? RETURNING id").pluck();

  function load(): void {
    costs.clear();
    for (const row of database.prepare("SELECT id, nano FROM awaited").raw().all())
      costs.set(...(row as [string, number]));
  }

  function keep(id: string, nano: number, nowMs: number): void {
    write.run(id, nano, nowMs);
    costs.set(id, (costs.get(id) ?? 0) + nano);
  }

  function take({ count, values }: Columns): readonly Group[] {
    const groups: Group[] = [];
    for (let row = 0; costs.size > 0 && row < count; row += 1) {
      const id = valueAt(values[requestColumn.id], row) as string;
      const nano = costs.get(id);
      if (nano === undefined) continue;
      costs.delete(id);
      remove.run(id);
      groups.push(
        costGroup(
          values.map((column) => valueAt(column, row)),
          nano,
        ),
      );
    }
    return groups;
  }

  function prune(nowMs: number): void {
    if (costs.size === 0) return;
    for (const id of forget.all(nowMs - awaitedMsMax)) costs.delete(id as string);
  }

  return { load, keep, take, prune };
}
