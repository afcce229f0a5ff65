/**
 * What requests should have cost more, or less, that have no row: kept until it comes, or until it is known that none will,
 * since retention took it away or it never was. Then what the ledger knows of the request stands for its row, so that the
 * sums have it either way. Hides that most are never awaited: a row is written milliseconds after its answer.
 */
import { type Columns, valueAt } from "./columns.ts";
import type { Database } from "./database.ts";
import { costGroup, type Group } from "./rollup-groups.ts";
import { requestColumn, requestColumns } from "./rows.ts";
import type { RowValue } from "./sender.ts";

/** A row that has not come by then has gone, or never will: a request lasts no longer. */
const awaitedMsMax = 3_600_000;

/** What the ledger knows of a request: columns of its row. */
export type KnownRow = { readonly [name in (typeof requestColumns)[number]]?: string | number | null } & {
  readonly at: number;
};

export type AwaitedCosts = {
  /** As the disk has it. */
  load(): void;
  /** For the sums now, where no row can come any more. */
  keep(id: string, nano: number, nowMs: number, known: KnownRow): readonly Group[];
  /** What rows that are being written bring with them. */
  take(rows: Columns): readonly Group[];
  /** For the sums: what has been awaited for long enough. */
  prune(nowMs: number): readonly Group[];
};

export function openAwaitedCosts(database: Database): AwaitedCosts {
  const costs = new Map<string, number>();
  const write = database.prepare(
    "INSERT INTO awaited VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET nano = nano + excluded.nano",
  );
  const remove = database.prepare("DELETE FROM awaited WHERE id = ?");
  const forget = database.prepare("DELETE FROM awaited WHERE since < ? RETURNING id, nano, known").raw();

  function load(): void {
    costs.clear();
    for (const row of database.prepare("SELECT id, nano FROM awaited").raw().all())
      costs.set(...(row as [string, number]));
  }

  function keep(id: string, nano: number, nowMs: number, known: KnownRow): readonly Group[] {
    if (!costs.has(id) && known.at < nowMs - awaitedMsMax) return [costGroup(rowOf(known), nano)];
    write.run(id, nano, nowMs, JSON.stringify(known));
    costs.set(id, (costs.get(id) ?? 0) + nano);
    return [];
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

  function prune(nowMs: number): readonly Group[] {
    if (costs.size === 0) return [];
    const given = forget.all(nowMs - awaitedMsMax) as [string, number, string | null][];
    return given.flatMap(([id, nano, known]) => {
      costs.delete(id);
      return known === null ? [] : [costGroup(rowOf(JSON.parse(known) as KnownRow), nano)];
    });
  }

  return { load, keep, take, prune };
}

function rowOf(known: KnownRow): readonly RowValue[] {
  return requestColumns.map((name) => known[name] ?? null);
}
