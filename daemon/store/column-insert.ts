/**
 * Inserts rows given by column. Hides that a value which all rows share is bound once for eight of them: binding is
 * most of what an insert costs here.
 */
import { type BoundValue, type Columns, isVaried, valueAt } from "./columns.ts";
import type { Database, Statement } from "./database.ts";

/** Rows inserted by one statement; more gain nothing. */
const rowsPerInsert = 8;
/** Statements kept, one for each set of shared columns that was met; at the bound they are made anew. */
const statementsMax = 64;

type Statements = { readonly one: Statement; readonly many: Statement };

export type ColumnInsert = {
  /** In the caller's transaction. As many columns as the table has; `onSlice` is called between statements. */
  run(rows: Columns<BoundValue>, onSlice: () => void): void;
};

export function prepareColumnInsert(database: Database, table: string): ColumnInsert {
  const known = new Map<string, Statements>();

  function statements(values: Columns<BoundValue>["values"]): Statements {
    const name = values.map((column) => (isVaried(column) ? "v" : "s")).join("");
    let found = known.get(name);
    if (found === undefined) {
      if (known.size >= statementsMax) known.clear();
      const row = `(${values.map((column, index) => (isVaried(column) ? "?" : `@c${index}`)).join(", ")})`;
      found = {
        one: database.prepare(`INSERT INTO ${table} VALUES ${row}`),
        many: database.prepare(`INSERT INTO ${table} VALUES ${new Array(rowsPerInsert).fill(row).join(", ")}`),
      };
      known.set(name, found);
    }
    return found;
  }

  function run({ values, count }: Columns<BoundValue>, onSlice: () => void): void {
    if (count === 0) return;
    const { one, many } = statements(values);
    const varied = values.filter((column) => isVaried(column));
    const shared: Record<string, BoundValue> = {};
    for (const [index, column] of values.entries()) if (!isVaried(column)) shared[`c${index}`] = column;
    const bound: BoundValue[] = [];
    for (let row = 0; row < count; ) {
      const step = count - row >= rowsPerInsert ? rowsPerInsert : 1;
      bound.length = 0;
      for (let last = row + step; row < last; row += 1) for (const column of varied) bound.push(valueAt(column, row));
      (step === 1 ? one : many).run(bound, shared);
      onSlice();
    }
  }

  return { run };
}
