/**
 * Inserts rows given by column. Hides that a value which all rows share is bound once for eight of them, and stands in
 * the statement itself when it comes again and again: binding is most of what an insert costs here.
 */
import { type BoundValue, type Columns, isVaried, valueAt } from "./columns.ts";
import type { Database, Statement } from "./database.ts";

/** Rows inserted by one statement; more gain nothing. */
const rowsPerInsert = 8;
/** Statements kept, one for each set of shared columns or values that was met; at the bound they are made anew. */
const statementsMax = 64;
/** From here on a statement with the values in it is worth being made, even for one use. */
const writtenRowsMin = 64;
/** Of a text that is written into a statement. */
const writtenCharactersMax = 64;
const plainText = /^[\x20-\x7e]*$/;

type Statements = { readonly one: Statement; readonly many: Statement };

export type ColumnInsert = {
  /** In the caller's transaction. As many columns as the table has; `onSlice` is called between statements. */
  run(rows: Columns<BoundValue>, onSlice: () => void): void;
};

export function prepareColumnInsert(database: Database, table: string): ColumnInsert {
  /** By the row's text in SQL. */
  const known = new Map<string, Statements>();
  /** Texts with values in them that came once: most never come again. */
  const met = new Set<string>();

  function make(row: string): Statements {
    if (known.size >= statementsMax) known.clear();
    const made = {
      one: database.prepare(`INSERT INTO ${table} VALUES ${row}`),
      many: database.prepare(`INSERT INTO ${table} VALUES ${new Array(rowsPerInsert).fill(row).join(", ")}`),
    };
    known.set(row, made);
    return made;
  }

  /** With the values in it, when they have come before. */
  function writtenRow({ values, count }: Columns<BoundValue>): string | undefined {
    if (count < writtenRowsMin) return undefined;
    const row = rowText(values, written);
    if (known.has(row)) return row;
    if (met.delete(row)) return row;
    if (met.size >= statementsMax) met.clear();
    met.add(row);
    return undefined;
  }

  function run(rows: Columns<BoundValue>, onSlice: () => void): void {
    const { values, count } = rows;
    if (count === 0) return;
    const inText = writtenRow(rows);
    const row = inText ?? rowText(values, () => undefined);
    const { one, many } = known.get(row) ?? make(row);
    const varied = values.filter((column) => isVaried(column));
    const shared: Record<string, BoundValue> = {};
    for (const [index, column] of values.entries()) {
      if (isVaried(column) || column === null || (inText !== undefined && written(column) !== undefined)) continue;
      shared[`c${index}`] = column;
    }
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

/** One row's place in `VALUES`: most columns of most rows are null, and the driver would look at each name for every value. */
function rowText(values: Columns<BoundValue>["values"], text: (value: BoundValue) => string | undefined): string {
  const places = values.map((column, index) => {
    if (isVaried(column)) return "?";
    return column === null ? "NULL" : (text(column) ?? `@c${index}`);
  });
  return `(${places.join(", ")})`;
}

/** As SQL; undefined: it has to be bound. */
function written(value: BoundValue): string | undefined {
  if (typeof value === "number") return isWhole(value) ? String(value) : undefined;
  if (typeof value !== "string" || value.length > writtenCharactersMax || !plainText.test(value)) return undefined;
  return `'${value.replaceAll("'", "''")}'`;
}

/** And not a zero below zero, which SQL has no word for. */
function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && !Object.is(value, -0);
}
