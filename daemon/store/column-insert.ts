/**
 * Inserts rows given by column. Hides that a value which all rows share is bound once for eight of them: binding is
 * most of what an insert costs here.
 */
import { type Column, isVaried, type RowValue, valueAt } from "./columns.ts";
import type { Database, Statement } from "./database.ts";

/** Rows inserted by one statement; more gain nothing. */
const rowsPerInsert = 8;
/** Statements kept, one for each set of shared columns that was met; at the bound they are made anew. */
const statementsMax = 64;

type Statements = { readonly one: Statement; readonly many: Statement };

export type ColumnInsert = {
  /** In the caller's transaction. `values`: one entry a column of the table; `onSlice`: called between statements. */
  run(values: readonly Column[], count: number, onSlice: () => void): void;
};

export function prepareColumnInsert(database: Database, table: string): ColumnInsert {
  const known = new Map<string, Statements>();

  function statements(values: readonly Column[]): Statements {
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

  function run(values: readonly Column[], count: number, onSlice: () => void): void {
    const { one, many } = statements(values);
    const varied = values.filter(isVaried);
    const shared: Record<string, RowValue> = {};
    for (const [index, column] of values.entries()) if (!isVaried(column)) shared[`c${index}`] = column;
    const bound: RowValue[] = [];
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
